"""From what the user asks for to a design, and a kind proposed from the data where none is named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bench.errors import SplitError
from bench.splitting.designs import Design, DoubleGene, OodDrug, UnseenCellType, UnseenGene, UnseenGroup
from bench.splitting.draws import check_known
from bench.splitting.propose import Proposal, Recipe, by_folds, by_fraction, by_name
from bench.splitting.structure import compound_keys, smiles_by_drug
from bench.splitting.table import ConditionTable
from methods.conditions import Modality, TaskKind

_DEFAULT_TEST = 0.3
_GENE_KINDS = (TaskKind.UNSEEN_GENE, TaskKind.DOUBLE_GENE)


@dataclass(frozen=True)
class Wishes:
    """What the user asks to hold out; ``None`` and empty mean "not said".

    Parameters
    ----------
    kind
        Task kind.
    test
        Fraction of the units to hold out.
    folds
        Number of cross-validation folds.
    cell_types
        Cell types in which to hold out.
    cell_type_fraction
        Fraction of the cell types to hold out whole.
    drugs
        Drugs to hold out.
    other_doubles
        What becomes of combinations that are not tested.
    measured_only
        Whether only measured genes may be held out.
    """

    kind: TaskKind | None = None
    test: float | None = None
    folds: int | None = None
    cell_types: tuple[str, ...] = ()
    cell_type_fraction: float | None = None
    drugs: tuple[str, ...] = ()
    other_doubles: Literal["unused", "train"] | None = None
    measured_only: bool = False


def propose_kind(table: ConditionTable, wishes: Wishes) -> tuple[TaskKind, str]:
    """A kind that suits the data, and why: shown to the user, who may name another.

    Parameters
    ----------
    table
        Conditions of the data set.
    wishes
        ``kind`` is taken as it is; named drugs or cell types decide it too.
    """
    if wishes.kind is not None:
        return wishes.kind, "as asked"
    if wishes.drugs:
        return TaskKind.OOD_DRUG, "drugs to hold out are named"
    if wishes.cell_types or wishes.cell_type_fraction is not None:
        return TaskKind.UNSEEN_COVARIATE, "cell types to hold out are named"
    several = len(table.cell_types) > 1
    perturbations = {condition.label for condition in table}
    modality = next(iter(table)).modality
    doubles = [label for label in perturbations if modality == "gene" and "+" in label]
    if doubles:
        return TaskKind.DOUBLE_GENE, f"{len(doubles)} gene combinations are there"
    if several:
        return TaskKind.UNSEEN_COVARIATE, f"{len(table.cell_types)} cell types are there"
    if modality == "gene":
        return TaskKind.UNSEEN_GENE, f"{len(perturbations)} genes are perturbed, one at a time, in one cell type"
    if len(perturbations) < len(table) and len(perturbations) < 3:
        return TaskKind.UNSEEN_COVARIATE, f"{len(perturbations)} treatments at {len(table)} doses are there"
    return TaskKind.OOD_DRUG, f"{len(perturbations)} treatments in one cell type are there"


def propose_splits(table: ConditionTable, wishes: Wishes, recipe: Recipe) -> tuple[Proposal, ...]:
    """The split the user asks for, or one per fold.

    Raises
    ------
    SplitError
        If the wishes contradict each other or the data.
    """
    kind, _ = propose_kind(table, wishes)
    _check_wishes(kind, wishes, recipe.modality)
    design = _design(table, kind, wishes, recipe)
    if wishes.folds is not None:
        return by_folds(table, design, recipe, wishes.folds)
    if isinstance(design, UnseenCellType) and wishes.cell_types:
        return (by_name(table, design, recipe, wishes.cell_types, "--cell-type"),)
    if wishes.drugs:
        return (by_name(table, design, recipe, wishes.drugs, "--drugs"),)
    return (by_fraction(table, design, recipe, _fraction(kind, wishes)),)


def _fraction(kind: TaskKind, wishes: Wishes) -> float:
    if wishes.cell_type_fraction is not None:
        return wishes.cell_type_fraction
    if wishes.test is not None:
        return wishes.test
    return 1.0 if kind is TaskKind.DOUBLE_GENE else _DEFAULT_TEST


def _check_wishes(kind: TaskKind, wishes: Wishes, modality: Modality) -> None:
    if kind in _GENE_KINDS and modality != "gene":
        raise SplitError(
            f"--kind {kind.value}: the data set holds treatments, not gene perturbations; "
            "use --kind unseen_covariate or ood_drug"
        )
    if kind is TaskKind.OOD_DRUG and modality != "treatment":
        raise SplitError(
            f"--kind {kind.value}: the data set holds gene perturbations, not treatments; use --kind unseen_gene"
        )
    belongs = {
        "--drugs": (bool(wishes.drugs), TaskKind.OOD_DRUG),
        "--cell-type": (bool(wishes.cell_types), TaskKind.UNSEEN_COVARIATE),
        "--cell-type-fraction": (wishes.cell_type_fraction is not None, TaskKind.UNSEEN_COVARIATE),
        "--other-doubles": (wishes.other_doubles is not None, TaskKind.DOUBLE_GENE),
        "--measured-only": (wishes.measured_only, TaskKind.UNSEEN_GENE),
    }
    for option, (given, owner) in belongs.items():
        if given and kind is not owner:
            raise SplitError(f"{option}: only for --kind {owner.value}, not {kind.value}; leave it out")
    ways = {
        "--test": wishes.test is not None,
        "--folds": wishes.folds is not None,
        "--drugs": bool(wishes.drugs),
        "--cell-type-fraction": wishes.cell_type_fraction is not None,
    }
    chosen = [option for option, used in ways.items() if used]
    if len(chosen) > 1:
        raise SplitError(f"{' and '.join(chosen)}: each says by itself what is held out; give one of them")
    if wishes.cell_types and wishes.cell_type_fraction is not None:
        raise SplitError("--cell-type and --cell-type-fraction: give one of them")


def _design(table: ConditionTable, kind: TaskKind, wishes: Wishes, recipe: Recipe) -> Design:
    if kind is TaskKind.UNSEEN_GENE:
        return UnseenGene(recipe.panel if wishes.measured_only else None)
    if kind is TaskKind.DOUBLE_GENE:
        return DoubleGene(wishes.other_doubles or "unused")
    if kind is TaskKind.OOD_DRUG:
        return OodDrug(compound_keys(smiles_by_drug(table)))
    check_known(wishes.cell_types, table.cell_types, what="cell type", option="--cell-type")
    whole = wishes.cell_type_fraction is not None or (
        bool(wishes.cell_types) and wishes.test is None and wishes.folds is None
    )
    return UnseenCellType() if whole else UnseenGroup(wishes.cell_types)
