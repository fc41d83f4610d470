"""What a task kind holds out: which units can be tested, and what follows for every other condition.

A *unit* is what is held out as a whole: a gene, a pair of genes, a (perturbation, dose, cell type)
group, a cell type, a drug.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from bench.splitting.draws import dealt, share, shuffled
from bench.splitting.table import ConditionTable
from methods.conditions import TaskKind


@dataclass(frozen=True)
class Parts:
    """Every condition of a table, in one part or excluded with a reason.

    Parameters
    ----------
    train, validation, test
        Condition keys, in the table's order.
    excluded
        Reason by key of a condition in no part.
    notes
        What the user should know about this split.
    """

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    excluded: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Design(ABC):
    """One way of holding conditions out.

    Class attributes
    ----------------
    kind
        Task kind of the split.
    unit
        What a unit is called, for messages.
    """

    kind: ClassVar[TaskKind]
    unit: ClassVar[str]

    @abstractmethod
    def units(self, table: ConditionTable) -> Mapping[str, tuple[str, ...]]:
        """Condition keys to test, by unit that can be held out."""

    @abstractmethod
    def parts(self, table: ConditionTable, held_out: Collection[str], *, validation: float, seed: int) -> Parts:
        """Put every condition of the table in a part, given the units held out for the test.

        Parameters
        ----------
        held_out
            Units to test.
        validation
            Fraction of the units left for training that validate; 0 for none.
        seed
            Data seed.
        """

    def draw(self, table: ConditionTable, fraction: float, *, seed: int) -> tuple[str, ...]:
        """A fraction of the units, at random."""
        units = self.units(table)
        return tuple(shuffled(units, seed=seed, axis="test")[: share(fraction, len(units))])

    def deal(self, table: ConditionTable, folds: int, *, seed: int) -> tuple[tuple[str, ...], ...]:
        """All units, each in one of ``folds`` folds, at random."""
        return dealt(shuffled(self.units(table), seed=seed, axis="test"), folds)


def _assemble(
    table: ConditionTable,
    test: Collection[str],
    validation: Collection[str],
    excluded: Mapping[str, str],
    notes: Sequence[str] = (),
) -> Parts:
    taken = {*test, *validation, *excluded}
    return Parts(
        train=tuple(key for key in table.conditions if key not in taken),
        validation=tuple(key for key in table.conditions if key in validation),
        test=tuple(key for key in table.conditions if key in test),
        excluded=dict(excluded),
        notes=tuple(notes),
    )


def _keys(units: Mapping[str, tuple[str, ...]], names: Iterable[str]) -> set[str]:
    return {key for name in names for key in units[name]}


def _draw_validation(left: Collection[str], fraction: float, *, seed: int) -> list[str]:
    """A fraction of the units left, at least one of them kept for training."""
    if fraction == 0 or len(left) < 2:
        return []
    return shuffled(left, seed=seed, axis="validation")[: min(share(fraction, len(left)), len(left) - 1)]


def _no_validation(fraction: float, drawn: Collection[str], why: str) -> tuple[str, ...]:
    return () if fraction == 0 or drawn else (f"no validation conditions: {why}",)


@dataclass(frozen=True)
class UnseenGene(Design):
    """Genes whose perturbation is never trained on, tested alone.

    Parameters
    ----------
    among
        Genes that may be held out (the measured ones, say); ``None`` for every perturbed gene.
    """

    kind = TaskKind.UNSEEN_GENE
    unit = "perturbed gene"

    among: frozenset[str] | None = None

    def units(self, table: ConditionTable) -> Mapping[str, tuple[str, ...]]:
        """Single-gene conditions by gene."""
        singles = table.where(lambda c: len(c.perturbations) == 1).grouped(lambda c: c.perturbations[0])
        return {gene: keys for gene, keys in singles.items() if self.among is None or gene in self.among}

    def parts(self, table: ConditionTable, held_out: Collection[str], *, validation: float, seed: int) -> Parts:
        """Singles of held-out genes test; a multi-gene condition with a held-out gene is excluded.

        Validation is of the same nature: every condition left that has a validation gene.
        """
        units = self.units(table)
        test = _keys(units, held_out)
        excluded = {
            key: f"contains held-out gene {', '.join(sorted(set(condition.perturbations) & set(held_out)))}"
            for key, condition in table.conditions.items()
            if key not in test and set(condition.perturbations) & set(held_out)
        }
        drawn = set(_draw_validation([gene for gene in units if gene not in held_out], validation, seed=seed))
        validating = {
            key
            for key, condition in table.conditions.items()
            if key not in test and key not in excluded and drawn & set(condition.perturbations)
        }
        notes = _no_validation(validation, drawn, "fewer than two genes that could validate are left")
        return _assemble(table, test, validating, excluded, notes)


@dataclass(frozen=True)
class DoubleGene(Design):
    """Combinations of genes, their single perturbations trained on.

    Parameters
    ----------
    others
        What becomes of the combinations that are not tested: ``"unused"`` or ``"train"``.
    """

    kind = TaskKind.DOUBLE_GENE
    unit = "gene combination"

    others: Literal["unused", "train"] = "unused"

    def units(self, table: ConditionTable) -> Mapping[str, tuple[str, ...]]:
        """Multi-gene conditions by combination."""
        return table.where(lambda c: len(c.perturbations) > 1).grouped(lambda c: c.label)

    def parts(self, table: ConditionTable, held_out: Collection[str], *, validation: float, seed: int) -> Parts:
        """Held-out combinations test, all singles train.

        Validation is drawn from the combinations left where they train, else from the singles: those
        that take part in the fewest tested combinations, so that most of these keep both their singles.
        """
        units = self.units(table)
        test = _keys(units, held_out)
        left = [name for name in units if name not in held_out]
        if left and self.others == "train":
            validating = _keys(units, _draw_validation(left, validation, seed=seed))
            return _assemble(table, test, validating, {})
        excluded = dict.fromkeys(_keys(units, left), "a gene combination that is not tested")
        singles = table.where(lambda c: len(c.perturbations) == 1).grouped(lambda c: c.label)
        uses = Counter(gene for key in test for gene in table.conditions[key].perturbations)
        order = sorted(shuffled(singles, seed=seed, axis="validation"), key=lambda gene: uses[gene])
        wanted = min(share(validation, len(singles)), len(singles) - 1) if validation and singles else 0
        notes = _no_validation(validation, order[:wanted], "fewer than two single perturbations")
        absent = sorted({gene for gene in uses if gene not in singles})
        if absent:
            notes += (f"genes tested in combination that are never perturbed alone: {', '.join(absent)}",)
        return _assemble(table, test, _keys(singles, order[:wanted]), excluded, notes)


@dataclass(frozen=True)
class UnseenGroup(Design):
    """(Perturbation, dose, cell type) groups whose perturbation is trained on elsewhere.

    Parameters
    ----------
    cell_types
        Cell types whose groups may be held out; empty for all.
    """

    kind = TaskKind.UNSEEN_COVARIATE
    unit = "(perturbation, dose, cell type) group"

    cell_types: tuple[str, ...] = ()

    def units(self, table: ConditionTable) -> Mapping[str, tuple[str, ...]]:
        """Each group by itself, where its perturbation has another group."""
        groups = Counter(condition.label for condition in table)
        return {
            key: (key,)
            for key, condition in table.conditions.items()
            if groups[condition.label] > 1 and (not self.cell_types or condition.cell_type in self.cell_types)
        }

    def draw(self, table: ConditionTable, fraction: float, *, seed: int) -> tuple[str, ...]:
        """A fraction of the groups at random, every perturbation keeping at least one for training."""
        units = self.units(table)
        order = shuffled(units, seed=seed, axis="test")
        return tuple(
            _spared(table, order, Counter(condition.label for condition in table), share(fraction, len(units)))
        )

    def deal(self, table: ConditionTable, folds: int, *, seed: int) -> tuple[tuple[str, ...], ...]:
        """Every group in one fold; the groups of a perturbation go to folds in turn, so none takes them all."""
        rank = {key: position for position, key in enumerate(shuffled(self.units(table), seed=seed, axis="test"))}
        first: dict[str, int] = {}
        for key, position in rank.items():
            first.setdefault(table.conditions[key].label, position)
        return dealt(sorted(rank, key=lambda key: (first[table.conditions[key].label], rank[key])), folds)

    def parts(self, table: ConditionTable, held_out: Collection[str], *, validation: float, seed: int) -> Parts:
        """Held-out groups test, all others train; validation groups likewise leave their perturbation in training."""
        remaining = Counter(condition.label for key, condition in table.conditions.items() if key not in held_out)
        excluded = _untaught(table, held_out, remaining)
        left = [key for key in self.units(table) if key not in held_out]
        order = shuffled(left, seed=seed, axis="validation")
        wanted = share(validation, len(left)) if validation and left else 0
        drawn = set(_spared(table, order, remaining, wanted))
        notes = _no_validation(validation, drawn, "no perturbation has a second group left for training")
        return _assemble(table, set(held_out) - set(excluded), drawn, excluded, notes)


def _untaught(table: ConditionTable, asked: Collection[str], elsewhere: Collection[str]) -> dict[str, str]:
    """Conditions asked for whose perturbation is not among those seen elsewhere, with the reason."""
    why = "its perturbation is left in no other group, so nothing could learn it"
    return {key: why for key in table.conditions if key in asked and table.conditions[key].label not in elsewhere}


def _spared(table: ConditionTable, order: Iterable[str], remaining: Counter[str], wanted: int) -> list[str]:
    """The first ``wanted`` keys of ``order`` that leave at least one group of their perturbation behind."""
    left = Counter(remaining)
    chosen: list[str] = []
    for key in order:
        label = table.conditions[key].label
        if len(chosen) < wanted and left[label] > 1:
            left[label] -= 1
            chosen.append(key)
    return chosen


@dataclass(frozen=True)
class UnseenCellType(Design):
    """Whole cell types in which no perturbation is trained on; their controls are."""

    kind = TaskKind.UNSEEN_COVARIATE
    unit = "cell type"

    def units(self, table: ConditionTable) -> Mapping[str, tuple[str, ...]]:
        """Conditions by cell type."""
        return table.grouped(lambda c: c.cell_type)

    def parts(self, table: ConditionTable, held_out: Collection[str], *, validation: float, seed: int) -> Parts:
        """Every perturbation of the held-out cell types tests, if another cell type trains it.

        Validation is of the same nature, a cell type, where more than one is left.
        """
        units = self.units(table)
        left = [name for name in units if name not in held_out]
        elsewhere = {table.conditions[key].label for key in _keys(units, left)}
        asked = _keys(units, held_out)
        excluded = _untaught(table, asked, elsewhere)
        drawn = _draw_validation(left, validation, seed=seed)
        trained = {table.conditions[key].label for key in _keys(units, [name for name in left if name not in drawn])}
        validating = {key for key in _keys(units, drawn) if table.conditions[key].label in trained}
        notes = _no_validation(validation, validating, "no cell type can be spared from training")
        return _assemble(table, asked - set(excluded), validating, excluded, notes)


@dataclass(frozen=True)
class OodDrug(Design):
    """Drugs that are never trained on, at any dose, in any cell type.

    Parameters
    ----------
    structures
        Structure by drug name, equal for salts and stereoisomers of one compound; a drug that is not
        in it shares its structure with none.
    """

    kind = TaskKind.OOD_DRUG
    unit = "drug"

    structures: Mapping[str, str] = field(default_factory=dict)

    def units(self, table: ConditionTable) -> Mapping[str, tuple[str, ...]]:
        """Conditions by drug."""
        return table.grouped(lambda c: c.label)

    def _compounds(self, drugs: Collection[str]) -> dict[str, list[str]]:
        """Drugs by the first name of their compound."""
        first: dict[str, str] = {}
        compounds: dict[str, list[str]] = {}
        for drug in sorted(drugs):
            name = first.setdefault(self.structures.get(drug, f"name {drug}"), drug)
            compounds.setdefault(name, []).append(drug)
        return compounds

    def draw(self, table: ConditionTable, fraction: float, *, seed: int) -> tuple[str, ...]:
        """A fraction of the drugs at random, drugs of one compound together."""
        drugs = self.units(table)
        return tuple(self._whole_compounds(drugs, share(fraction, len(drugs)), seed=seed, axis="test"))

    def _whole_compounds(self, drugs: Collection[str], wanted: int, *, seed: int, axis: str) -> list[str]:
        compounds = self._compounds(drugs)
        chosen: list[str] = []
        for name in shuffled(compounds, seed=seed, axis=axis):
            if len(chosen) < wanted:
                chosen += compounds[name]
        return chosen

    def deal(self, table: ConditionTable, folds: int, *, seed: int) -> tuple[tuple[str, ...], ...]:
        """Every drug in one fold, drugs of one compound together."""
        compounds = self._compounds(self.units(table))
        hands = dealt(shuffled(compounds, seed=seed, axis="test"), folds)
        return tuple(tuple(drug for name in hand for drug in compounds[name]) for hand in hands)

    def parts(self, table: ConditionTable, held_out: Collection[str], *, validation: float, seed: int) -> Parts:
        """All conditions of the held-out drugs test; another drug of the same compound is excluded."""
        units = self.units(table)
        hidden = {self.structures[drug]: drug for drug in sorted(held_out) if drug in self.structures}
        twins = {
            drug: hidden[self.structures[drug]]
            for drug in units
            if drug not in held_out and self.structures.get(drug) in hidden
        }
        excluded = {
            key: f"same structure as held-out drug {twin}" for drug, twin in twins.items() for key in units[drug]
        }
        left = [drug for drug in units if drug not in held_out and drug not in twins]
        compounds = len(self._compounds(left))
        wanted = share(validation, len(left)) if validation and compounds > 1 else 0
        drawn = self._whole_compounds(left, wanted, seed=seed, axis="validation")
        if len(drawn) == len(left):
            drawn = []
        notes = _no_validation(validation, drawn, "fewer than two compounds are left for training")
        return _assemble(table, _keys(units, held_out), _keys(units, drawn), excluded, notes)
