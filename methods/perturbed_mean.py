"""Perturbed mean: every held-out condition looks like the average training perturbation."""

from __future__ import annotations

import numpy as np

from methods.base import Method, Progress, Query, TrainingData
from methods.conditions import TaskKind
from methods.shifts import Shifts


class PerturbedMean(Method):
    """Mean over the training conditions of their mean profiles ("mean" of Ahlmann-Eltze et al. 2025).

    Every condition counts once, however many cells it has. In a screen with several cell types
    the mean is over the conditions of the query's cell type; where that has none, the average
    shift from control of all other conditions is added to its control mean.
    """

    name = "perturbed-mean"
    tasks = frozenset(TaskKind)
    output = "mean"
    role = "baseline"

    def fit(self, train: TrainingData, *, seed: int, device: str, progress: Progress) -> None:
        """Average the training conditions."""
        self._shifts = Shifts.of(train)

    def predict(self, query: Query, *, n_cells: int, seed: int) -> np.ndarray:
        """Repeat the mean profile: (n_cells, n_genes), log-normalised."""
        cell_type = query.condition.cell_type
        profile = self._shifts.control(cell_type) + self._shifts.systematic(cell_type)
        return np.broadcast_to(profile, (n_cells, profile.size))
