"""The conditions of a data set and how many cells each has: all that a split is drawn from."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench.errors import SplitError
from methods.conditions import Condition

if TYPE_CHECKING:
    import pandas as pd

    from bench.data.dataset import Dataset


def reading_order(condition: Condition) -> tuple[tuple[str, ...], str, float]:
    """Sort key of a condition: perturbation, cell type, dose as a number."""
    return condition.perturbations, condition.cell_type, -1.0 if condition.dose is None else condition.dose


@dataclass(frozen=True)
class ConditionTable:
    """Perturbed conditions with their cells, and the control cells of every cell type.

    Parameters
    ----------
    conditions
        Perturbed conditions by key, in reading order.
    cells
        Number of cells by condition key; ``None`` where the table comes from a published list that
        does not say.
    control_cells
        Number of control cells by cell type; ``None`` where that is not known.
    """

    conditions: Mapping[str, Condition]
    cells: Mapping[str, int] | None = None
    control_cells: Mapping[str, int] | None = None

    @classmethod
    def of(
        cls,
        conditions: Iterable[Condition],
        cells: Mapping[str, int] | None = None,
        control_cells: Mapping[str, int] | None = None,
    ) -> ConditionTable:
        """Table of perturbed conditions; their order does not matter.

        Raises
        ------
        SplitError
            If a condition occurs twice, is a control, or there is none.
        """
        ordered = sorted(conditions, key=reading_order)
        for condition, following in itertools.pairwise(ordered):
            if condition == following:
                raise SplitError(f"condition {condition.key!r} is listed twice; merge its cells")
        for condition in ordered:
            if condition.is_control:
                raise SplitError(f"condition {condition.key!r} is a control; controls are folded, not split")
        if not ordered:
            raise SplitError("there is no perturbed condition to split; check which cells the import took for controls")
        by_key = {condition.key: condition for condition in ordered}
        return cls(by_key, None if cells is None else {key: int(cells[key]) for key in by_key}, control_cells)

    @classmethod
    def of_dataset(cls, dataset: Dataset) -> ConditionTable:
        """Table of a canonical data set."""
        return cls.of_frame(dataset.obs, dataset.conditions)

    @classmethod
    def of_frame(cls, obs: pd.DataFrame, conditions: Mapping[str, Condition]) -> ConditionTable:
        """Table of a canonical ``obs`` (column ``condition``) whose keys stand for ``conditions``."""
        counts = Counter(obs["condition"].astype(str))
        controls = {conditions[key].cell_type: n for key, n in counts.items() if conditions[key].is_control}
        return cls.of((conditions[key] for key in counts if not conditions[key].is_control), counts, controls)

    def __iter__(self) -> Iterator[Condition]:
        return iter(self.conditions.values())

    def __len__(self) -> int:
        return len(self.conditions)

    @property
    def cell_types(self) -> tuple[str, ...]:
        """Cell types that have a perturbed condition, sorted."""
        return tuple(sorted({condition.cell_type for condition in self}))

    def where(self, keep: Callable[[Condition], bool]) -> ConditionTable:
        """The conditions that ``keep`` accepts."""
        kept = {key: condition for key, condition in self.conditions.items() if keep(condition)}
        cells = None if self.cells is None else {key: self.cells[key] for key in kept}
        return replace(self, conditions=kept, cells=cells)

    def grouped(self, name: Callable[[Condition], str]) -> dict[str, tuple[str, ...]]:
        """Condition keys by the name given to each, names sorted."""
        groups: dict[str, list[str]] = {}
        for key, condition in self.conditions.items():
            groups.setdefault(name(condition), []).append(key)
        return {group: tuple(groups[group]) for group in sorted(groups)}


def usable(table: ConditionTable, min_cells: int) -> tuple[ConditionTable, dict[str, str]]:
    """Conditions with enough cells, in cell types with enough controls; and why the others are not.

    Parameters
    ----------
    min_cells
        Fewest cells of a condition, and fewest control cells of its cell type.

    Returns
    -------
    The table of usable conditions, and a reason by key of every other one.

    Raises
    ------
    SplitError
        If no condition is usable.
    """
    reasons: dict[str, str] = {}
    for key, condition in table.conditions.items():
        cells = min_cells if table.cells is None else table.cells[key]
        controls = min_cells if table.control_cells is None else table.control_cells.get(condition.cell_type, 0)
        if cells < min_cells:
            reasons[key] = f"{cells} cells, fewer than {min_cells}"
        elif controls < min_cells:
            reasons[key] = f"{controls} control cells of its cell type, fewer than {min_cells}"
    kept = table.where(lambda condition: condition.key not in reasons)
    if not kept.conditions:
        raise SplitError(
            f"--min-cells {min_cells}: none of the {len(table)} conditions qualifies "
            f"(the first: {next(iter(reasons.values()))}); lower it"
        )
    return kept, reasons
