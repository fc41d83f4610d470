"""Control: the perturbation changes nothing."""

from __future__ import annotations

import numpy as np

from methods.base import Method, Progress, Query, TrainingData
from methods.conditions import TaskKind
from methods.sampling import draw_rows


class Control(Method):
    """Training control cells of the condition's cell type, drawn at random ("no change")."""

    name = "control"
    tasks = frozenset(TaskKind)
    output = "cells"
    role = "negative control"

    def fit(self, train: TrainingData, *, seed: int, device: str, progress: Progress) -> None:
        """Learn nothing: the controls come with the query."""

    def predict(self, query: Query, *, n_cells: int, seed: int) -> np.ndarray:
        """Draw control cells: (n_cells, n_genes), log-normalised."""
        rows = draw_rows(np.arange(query.controls.n_obs), n_cells, seed=seed)
        cells: np.ndarray = query.controls.X[rows].toarray()
        return cells
