"""Ranking of differentially expressed genes, as GEARS ranks them.

Scanpy's ``rank_genes_groups(method="t-test", rankby_abs=True)`` of the cells against the controls:
Welch's t, the largest absolute value first. Computed from means and variances, so that all
conditions of a task take seconds; a test holds it against scanpy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.errors import TooFewCells
from bench.metrics.moments import Moments


@dataclass(frozen=True)
class Ranking:
    """Genes by how differentially expressed they are.

    Parameters
    ----------
    genes
        Column indices, most differential first; ties in panel order: (g,), int64.
    scores
        Welch's t of every gene in panel order: (g,), float64.
    """

    genes: np.ndarray
    scores: np.ndarray

    def top(self, count: int, without: frozenset[int] = frozenset()) -> np.ndarray:
        """The first ``count`` genes of the ranking that are not among ``without``."""
        kept = self.genes[~np.isin(self.genes, list(without))] if without else self.genes
        return kept[:count]


def rank_genes(cells: Moments, controls: Moments) -> Ranking:
    """Rank genes by |Welch's t| of cells against controls.

    Genes that vary on neither side score 0 if their means agree and ±inf if not, as in scanpy.

    Raises
    ------
    TooFewCells
        If either side has fewer than two cells.
    """
    if min(cells.n, controls.n) < 2:
        raise TooFewCells(
            f"ranking differentially expressed genes needs 2 cells and 2 controls, there are {cells.n} and {controls.n}"
        )
    difference = cells.mean - controls.mean
    error = np.sqrt(cells.variance / cells.n + controls.variance / controls.n)
    scores = np.divide(difference, error, out=np.copysign(np.inf, difference), where=error > 0)
    scores[(error == 0) & (difference == 0)] = 0.0
    return Ranking(genes=np.argsort(-np.abs(scores), kind="stable"), scores=scores)


def gene_weights(scores: np.ndarray) -> np.ndarray:
    """Weights of the weighted squared error: ((|t| − min) / (max − min))², summing to 1: (g,).

    Infinite scores count as the largest finite one; equal weights where all scores are equal.
    """
    size = np.abs(scores)
    finite = size[np.isfinite(size)]
    size = np.minimum(size, finite.max() if finite.size else 1.0)
    spread = size.max() - size.min()
    if spread == 0:
        return np.full(size.size, 1.0 / size.size)
    weights = ((size - size.min()) / spread) ** 2
    return np.asarray(weights / weights.sum())
