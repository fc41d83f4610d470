"""From drawn counts back to the scale of the training cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from methods.base import TrainingData

_TOLERANCE = 0.01


@dataclass(frozen=True)
class CountScale:
    """How the training cells were normalised.

    Parameters
    ----------
    target_sum
        Counts per cell before log1p.
    whole_cells
        Whether a cell's total was taken over genes beyond the panel. The total of a drawn cell is then
        not known, and that of its source cell stands in for it.
    """

    target_sum: float
    whole_cells: bool

    @classmethod
    def of(cls, train: TrainingData) -> CountScale:
        """Tell from the training cells: what was normalised over the panel adds up to ``target_sum``."""
        totals = np.asarray(train.adata.X.expm1().sum(axis=1)).ravel()
        deviation = np.abs(totals[totals > 0] / train.target_sum - 1)
        return cls(train.target_sum, bool(np.median(deviation) > _TOLERANCE))

    def normalise(self, drawn: np.ndarray, source_counts: csr_matrix, source_values: csr_matrix) -> np.ndarray:
        """Log-normalise drawn cells.

        Parameters
        ----------
        drawn
            Counts, (n, n_genes).
        source_counts, source_values
            Counts and log-normalised values of the control cells they were drawn from, (n, n_genes).

        Returns
        -------
        (n, n_genes), log1p of counts per ``target_sum``; a cell without counts is all 0.
        """
        if self.whole_cells:
            in_panel = np.asarray(source_counts.sum(axis=1)).ravel()
            normalised = np.asarray(source_values.expm1().sum(axis=1)).ravel()
            scale = np.divide(normalised, in_panel, out=np.zeros_like(normalised, dtype=float), where=in_panel > 0)
        else:
            total = drawn.sum(axis=1)
            scale = np.divide(self.target_sum, total, out=np.zeros(len(drawn)), where=total > 0)
        cells: np.ndarray = np.log1p(np.minimum(drawn * scale[:, None], self.target_sum))
        return cells
