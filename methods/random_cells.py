"""Random cells: a held-out condition looks like any other perturbed cell."""

from __future__ import annotations

import numpy as np

from methods.base import Method, Progress, Query, TrainingData
from methods.conditions import TaskKind
from methods.sampling import draw_rows


class RandomCells(Method):
    """Perturbed training cells of the condition's cell type, drawn at random.

    The cell-level counterpart of the perturbed mean. Each cell is equally likely, so a condition
    counts by its cells. Where the cell type has no perturbed training cell, those of all cell
    types are drawn from.
    """

    name = "random-cells"
    tasks = frozenset(TaskKind)
    output = "cells"
    role = "baseline"

    def fit(self, train: TrainingData, *, seed: int, device: str, progress: Progress) -> None:
        """Find the perturbed training cells of each cell type."""
        conditions = [train.conditions[key] for key in train.adata.obs["condition"].astype(str)]
        perturbed = np.array([not condition.is_control for condition in conditions])
        cell_types = np.array([condition.cell_type for condition in conditions])
        self._cells = train.adata.X
        self._all = np.flatnonzero(perturbed)
        self._of_type = {name: np.flatnonzero(perturbed & (cell_types == name)) for name in set(cell_types[perturbed])}

    def predict(self, query: Query, *, n_cells: int, seed: int) -> np.ndarray:
        """Draw perturbed training cells: (n_cells, n_genes), log-normalised."""
        rows = draw_rows(self._of_type.get(query.condition.cell_type, self._all), n_cells, seed=seed)
        cells: np.ndarray = self._cells[rows].toarray()
        return cells
