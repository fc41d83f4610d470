"""Mean and variance of the columns of a sparse matrix, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

_CHUNK = 1 << 22  # stored values worked on at once: 32 MiB in float64


@dataclass(frozen=True)
class Moments:
    """Column moments of n cells.

    Parameters
    ----------
    n
        Number of cells.
    mean
        (g,), float64.
    variance
        Unbiased, (g,), float64; NaN for a single cell.
    """

    n: int
    mean: np.ndarray
    variance: np.ndarray

    def on(self, genes: np.ndarray) -> Moments:
        """The same on some genes."""
        return Moments(self.n, self.mean[genes], self.variance[genes])


def column_mean(matrix: csr_matrix) -> np.ndarray:
    """Mean of every gene over (n, g) cells without duplicate entries: (g,), accumulated in float64."""
    n, g = matrix.shape
    total = np.zeros(g)
    for chunk in _chunks(matrix):
        total += np.bincount(matrix.indices[chunk], weights=matrix.data[chunk], minlength=g)
    return total / n


def column_moments(matrix: csr_matrix) -> Moments:
    """Moments of every gene, accumulated in float64 in two passes (no cancellation).

    Parameters
    ----------
    matrix
        (n, g) cells, no duplicate entries.
    """
    n, g = matrix.shape
    mean = column_mean(matrix)
    squares, stored = np.zeros(g), np.zeros(g, dtype=np.int64)
    for chunk in _chunks(matrix):
        genes = matrix.indices[chunk]
        deviation = matrix.data[chunk] - mean[genes]
        squares += np.bincount(genes, weights=deviation * deviation, minlength=g)
        stored += np.bincount(genes, minlength=g)
    squares += (n - stored) * mean**2
    variance = squares / (n - 1) if n > 1 else np.full(g, np.nan)
    return Moments(n=n, mean=mean, variance=variance)


def _chunks(matrix: csr_matrix) -> list[slice]:
    """Stretches of the stored values, each small enough to work on in float64."""
    return [slice(start, start + _CHUNK) for start in range(0, matrix.indices.size, _CHUNK)]
