"""Predictions that are control cells moved by a network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from methods.base import Query
from methods.conditions import Condition
from methods.training_cells import Panel

Move = Callable[[np.ndarray, Condition], np.ndarray]
"""Control cells, (n, n_genes) of sorted genes, and a condition to cells of it."""


def moved_controls(panel: Panel, query: Query, move: Move, *, n_cells: int, seed: int, device: str) -> np.ndarray:
    """Control cells drawn and moved under one seed, in the panel's order: (n_cells, n_genes), log-normalised.

    Raises
    ------
    Unsupported
        If the query has no control cells.
    """
    from methods.networks.seeding import seeded

    controls = panel.draw_cells(query.controls, n_cells, seed=seed)
    with seeded(seed, device):
        cells = move(controls, query.condition)
    return panel.restore_cells(cells)
