"""Centroids of all conditions of a cell type, for metrics that compare conditions with each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Centroids:
    """Predicted and true centroids of one cell type.

    Parameters
    ----------
    predicted
        Centroids from all predicted cells: (p, g), float64.
    own
        For each predicted condition, the row of its truth in ``true``: (p,).
    true
        True centroids of all scored conditions, each from the same number of cells: (q, g).
    predicted_equal
        Predicted centroids from that same number of cells: (p, g).
    source_control, reference_control
        As in :class:`bench.metrics.pair.Background`: (g,) each.
    """

    predicted: np.ndarray
    own: np.ndarray
    true: np.ndarray
    predicted_equal: np.ndarray
    source_control: np.ndarray
    reference_control: np.ndarray
