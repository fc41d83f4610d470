"""Drawing real cells, for methods whose predictions are cells somebody measured."""

from __future__ import annotations

import numpy as np

from methods.base import Unsupported


def draw_rows(rows: np.ndarray, n_cells: int, *, seed: int) -> np.ndarray:
    """Draw row numbers uniformly, without replacement as long as there are enough of them.

    Parameters
    ----------
    rows
        Row numbers of the cells to draw from, (n_pool,).
    n_cells
        How many to draw; beyond ``n_pool`` they are drawn with replacement.
    seed
        Decides which.

    Returns
    -------
    (n_cells,)

    Raises
    ------
    Unsupported
        If there are no rows.
    """
    if rows.size == 0:
        raise Unsupported("there is no training cell to draw from")
    return np.random.default_rng(seed).choice(rows, size=n_cells, replace=n_cells > rows.size)
