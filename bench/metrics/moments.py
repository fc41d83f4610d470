"""Mean, variance and zeros of the columns of a sparse matrix, in bounded memory."""

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
    zero_fraction
        Fraction of cells in which the gene is exactly zero: (g,), float64.
    """

    n: int
    mean: np.ndarray
    variance: np.ndarray
    zero_fraction: np.ndarray

    def on(self, genes: np.ndarray) -> Moments:
        """The same on some genes."""
        return Moments(self.n, self.mean[genes], self.variance[genes], self.zero_fraction[genes])


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
    squares, stored, nonzero = np.zeros(g), np.zeros(g, dtype=np.int64), np.zeros(g)
    for chunk in _chunks(matrix):
        genes, values = matrix.indices[chunk], matrix.data[chunk]
        deviation = values - mean[genes]
        squares += np.bincount(genes, weights=deviation * deviation, minlength=g)
        stored += np.bincount(genes, minlength=g)
        nonzero += np.bincount(genes, weights=values != 0, minlength=g)
    squares += (n - stored) * mean**2
    variance = squares / (n - 1) if n > 1 else np.full(g, np.nan)
    return Moments(n=n, mean=mean, variance=variance, zero_fraction=1.0 - nonzero / n)


def _chunks(matrix: csr_matrix) -> list[slice]:
    """Stretches of the stored values, each small enough to work on in float64."""
    return [slice(start, start + _CHUNK) for start in range(0, matrix.indices.size, _CHUNK)]
