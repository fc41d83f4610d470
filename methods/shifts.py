"""Mean shifts away from control: what the mean baselines share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from methods.base import TrainingData, Unsupported
from methods.conditions import Condition


@dataclass(frozen=True)
class Shifts:
    """Mean profile of each training condition minus that of the controls of its cell type.

    A condition of a cell type without training controls has no shift and is left out.

    Parameters
    ----------
    controls
        Cell type -> mean of its training controls, (n_genes,).
    by_condition
        Training or validation condition -> its shift, (n_genes,).
    """

    controls: Mapping[str, np.ndarray]
    by_condition: Mapping[Condition, np.ndarray]

    @classmethod
    def of(cls, train: TrainingData) -> Shifts:
        """Shifts of all training and validation conditions."""
        profiles = train.condition_means(controls=True)
        conditions = [train.conditions[str(key)] for key in profiles.index]
        means = dict(zip(conditions, profiles.to_numpy(), strict=True))
        controls = {condition.cell_type: mean for condition, mean in means.items() if condition.is_control}
        shifts = {
            condition: mean - controls[condition.cell_type]
            for condition, mean in means.items()
            if not condition.is_control and condition.cell_type in controls
        }
        return cls(controls, shifts)

    def control(self, cell_type: str) -> np.ndarray:
        """Mean profile of a cell type's training controls, (n_genes,).

        Raises
        ------
        Unsupported
            If it has none.
        """
        if cell_type not in self.controls:
            raise Unsupported(f"no training control cells of cell type {cell_type!r}")
        return self.controls[cell_type]

    def average(self, conditions: Iterable[Condition]) -> np.ndarray:
        """Average shift of some training conditions, each counting once: (n_genes,).

        Raises
        ------
        Unsupported
            If there are none.
        """
        chosen = [self.by_condition[condition] for condition in conditions]
        if not chosen:
            raise Unsupported("no training condition has both perturbed and control cells of its cell type")
        mean: np.ndarray = np.mean(chosen, axis=0)
        return mean

    def systematic(self, cell_type: str) -> np.ndarray:
        """Average shift of all training conditions of a cell type; of all cell types where it has none: (n_genes,)."""
        own = [condition for condition in self.by_condition if condition.cell_type == cell_type]
        return self.average(own or self.by_condition)
