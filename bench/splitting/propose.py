"""From a table of conditions and a design to a checked split, with a reason for everything left out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pydantic import ValidationError

from bench.errors import SplitError
from bench.splits import ControlFolds, Split, SplitConditions
from bench.splitting.designs import Design, Parts
from bench.splitting.draws import check_known, share
from bench.splitting.table import ConditionTable, usable
from methods.conditions import Modality


@dataclass(frozen=True)
class Recipe:
    """What a split is made with, besides the design and the units held out.

    Parameters
    ----------
    task, dataset, modality
        As in the split file.
    source
        Where the split comes from; ``""`` to have it described.
    seed
        Data seed of every draw.
    validation
        Fraction of the units left for training that validate; 0 for none.
    min_cells
        Fewest cells of a condition, and fewest control cells of its cell type.
    controls
        Fractions of the control folds.
    panel
        Measured genes, for a note on perturbed genes that are not among them; ``None`` if unknown.
    """

    task: str
    dataset: str
    modality: Modality
    source: str = ""
    seed: int = 0
    validation: float = 0.1
    min_cells: int = 30
    controls: ControlFolds = field(default_factory=ControlFolds)
    panel: frozenset[str] | None = None


@dataclass(frozen=True)
class Proposal:
    """A split, and what it leaves out.

    Parameters
    ----------
    split
        The split.
    excluded
        Reason by key of every condition of the table that is in no part.
    notes
        What the user should know.
    """

    split: Split
    excluded: Mapping[str, str]
    notes: tuple[str, ...]


def by_fraction(table: ConditionTable, design: Design, recipe: Recipe, fraction: float) -> Proposal:
    """Hold out a random fraction of the units.

    Raises
    ------
    SplitError
        If the fraction is not in (0, 1], no unit can be held out, or nothing is left to train on.
    """
    if not 0 < fraction <= 1:
        raise SplitError(f"--test {fraction:g}: must be above 0 and at most 1")
    kept, excluded = usable(table, recipe.min_cells)
    n_units = _count_units(kept, design)
    drawn = design.draw(kept, fraction, seed=recipe.seed)
    wanted = share(fraction, n_units)
    how = (
        f"{100 * fraction:.4g} % of the {n_units} {design.unit}s, drawn at random"
        if len(drawn) < n_units
        else f"all {n_units} {design.unit}s"
    )
    proposal = _propose(kept, excluded, design, recipe, drawn, how)
    if len(drawn) >= wanted:
        return proposal
    short = f"{wanted} of {n_units} {design.unit}s were asked for, {len(drawn)} can be held out"
    return replace(proposal, notes=(*proposal.notes, short))


def by_name(table: ConditionTable, design: Design, recipe: Recipe, names: Sequence[str], option: str) -> Proposal:
    """Hold out the named units.

    Parameters
    ----------
    option
        Command-line option or field the names came from, for messages.

    Raises
    ------
    SplitError
        If a name is no unit, or nothing is left to train on.
    """
    kept, excluded = usable(table, recipe.min_cells)
    _count_units(kept, design)
    check_known(names, design.units(kept), what=f"{design.unit} that can be held out", option=option)
    return _propose(kept, excluded, design, recipe, sorted(set(names)), f"{design.unit}s named: {', '.join(names)}")


def by_folds(table: ConditionTable, design: Design, recipe: Recipe, folds: int) -> tuple[Proposal, ...]:
    """Cross-validation: as many splits as folds, each unit tested in exactly one.

    Tasks are named ``<task>_fold1`` and so on; everything but the held-out units is equal.

    Raises
    ------
    SplitError
        If there are fewer units than folds, or fewer than two folds.
    """
    kept, excluded = usable(table, recipe.min_cells)
    n_units = _count_units(kept, design)
    if not 2 <= folds <= n_units:
        raise SplitError(f"--folds {folds}: must be from 2 to the number of units, {n_units} {design.unit}s")
    return tuple(
        _propose(
            kept,
            excluded,
            design,
            replace(recipe, task=f"{recipe.task}_fold{number}"),
            hand,
            f"fold {number} of {folds} over the {n_units} {design.unit}s",
        )
        for number, hand in enumerate(design.deal(kept, folds, seed=recipe.seed), start=1)
    )


def _count_units(table: ConditionTable, design: Design) -> int:
    units = design.units(table)
    if not units:
        raise SplitError(
            f"kind {design.kind.value}: no {design.unit} of this data set can be held out "
            f"({len(table)} usable conditions); choose another --kind"
        )
    return len(units)


def _propose(
    table: ConditionTable,
    excluded: Mapping[str, str],
    design: Design,
    recipe: Recipe,
    held_out: Collection[str],
    how: str,
) -> Proposal:
    if not 0 <= recipe.validation < 1:
        raise SplitError(f"--validation {recipe.validation:g}: must be at least 0 and below 1")
    parts = design.parts(table, held_out, validation=recipe.validation, seed=recipe.seed)
    _check_parts(parts, design)
    described = (
        f"bench split: {how}, tested; seed {recipe.seed}; validation {100 * recipe.validation:.4g} % of what is left; "
        f"conditions of at least {recipe.min_cells} cells"
    )
    try:
        split = Split(
            schema=1,
            task=recipe.task,
            kind=design.kind,
            dataset=recipe.dataset,
            modality=recipe.modality,
            source=recipe.source or described,
            seed=recipe.seed,
            controls=recipe.controls,
            conditions=SplitConditions(train=parts.train, validation=parts.validation, test=parts.test),
        )
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(step) for step in problem["loc"])
        raise SplitError(f"{where}: {problem['msg']} (found {problem['input']!r})") from error
    return Proposal(split, {**excluded, **parts.excluded}, (*parts.notes, *_panel_notes(table, recipe)))


def _check_parts(parts: Parts, design: Design) -> None:
    if not parts.test:
        why = next(iter(parts.excluded.values()), "nothing was held out")
        raise SplitError(f"kind {design.kind.value}: no condition is left to test ({why})")
    if not parts.train:
        raise SplitError(
            f"kind {design.kind.value}: no condition is left to train on; hold out fewer {design.unit}s "
            "(--test) or fewer for --validation"
        )


def _panel_notes(table: ConditionTable, recipe: Recipe) -> tuple[str, ...]:
    if recipe.panel is None or recipe.modality != "gene":
        return ()
    genes = sorted({gene for condition in table for gene in condition.perturbations})
    absent = [gene for gene in genes if gene not in recipe.panel]
    if not absent:
        return ()
    listed = ", ".join(absent[:10]) + (", …" if len(absent) > 10 else "")
    return (
        f"{len(absent)} of {len(genes)} perturbed genes are not among the measured genes ({listed}); their conditions "
        "stay in the split, and a method that needs the gene's own column says so instead of predicting",
    )
