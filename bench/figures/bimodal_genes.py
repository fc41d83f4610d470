"""Data of Fig. 4: histograms of the most differential genes, and how bimodal each is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bench.protocols import CALIBRATED

if TYPE_CHECKING:
    from bench.leaderboard import Leaderboard

LEAST_COEFFICIENT = 5 / 9
"""Bimodality coefficient of a uniform distribution."""
LEAST_MODE = 0.1
"""Share of cells that the smaller mode must hold: a few outliers are no mode."""
_BINS = 24


def bimodality_coefficient(values: np.ndarray) -> np.ndarray:
    """Sarle's coefficient of each column: (n, g) -> (g,), float64; NaN below four cells and for constant columns.

    ``(skewness² + 1) / (excess kurtosis + 3 (n − 1)² / ((n − 2)(n − 3)))`` with the unbiased sample skewness and excess
    kurtosis; 1/3 for a normal, 5/9 for a uniform distribution, 1 for two points. (SAS/STAT user's guide; Pfister et
    al. 2013.) A heavy skew raises it too, so it is read together with :func:`smaller_mode`.
    """
    n = values.shape[0]
    if n < 4:
        return np.full(values.shape[1], np.nan)
    centred = values - values.mean(axis=0)
    second, third, fourth = ((centred**power).mean(axis=0) for power in (2, 3, 4))
    varies = second > 1e-12
    safe = np.where(varies, second, 1.0)
    skewness = np.sqrt(n * (n - 1)) / (n - 2) * third / safe**1.5
    kurtosis = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * (fourth / safe**2 - 3) + 6)
    denominator = kurtosis + 3 * (n - 1) ** 2 / ((n - 2) * (n - 3))
    coefficient = np.full(values.shape[1], np.nan)
    np.divide(skewness**2 + 1, denominator, out=coefficient, where=varies)
    return coefficient


def smaller_mode(values: np.ndarray) -> np.ndarray:
    """Share of cells in the smaller part of each column, cut where the parts differ most: (n, g) -> (g,).

    The cut with the largest variance between the parts (Otsu 1979); 0 for constant columns.
    """
    n = values.shape[0]
    if n < 2:
        return np.zeros(values.shape[1])
    ordered = np.sort(values, axis=0)
    below = np.arange(1, n)[:, None]
    sums = np.cumsum(ordered, axis=0)
    gap = (sums[-1] - sums[:-1]) / (n - below) - sums[:-1] / below
    between = np.where(ordered[1:] > ordered[:-1], below * (n - below) * gap**2, 0.0)
    cut = between.argmax(axis=0) + 1
    return np.where(between.max(axis=0) > 0, np.minimum(cut, n - cut) / n, 0.0)


def is_bimodal(values: np.ndarray) -> np.ndarray:
    """Whether each column has two modes worth the name: (n, g) -> bool (g,)."""
    high = np.nan_to_num(bimodality_coefficient(values)) > LEAST_COEFFICIENT
    return np.asarray(high & (smaller_mode(values) >= LEAST_MODE))


def bimodal_frame(condition: str, genes: Sequence[str], groups: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Histograms of some genes in some groups of cells.

    Parameters
    ----------
    condition
        What the perturbed cells received.
    genes
        Names, most differential first.
    groups
        Group name -> values (n, genes), log-normalised.

    Returns
    -------
    Columns as :func:`reports.figures.bimodal_genes.bimodal_genes` draws them.
    """
    edges = np.linspace(0.0, max(float(values.max()) for values in groups.values()) or 1.0, _BINS + 1)
    rows = []
    for group, values in groups.items():
        coefficients, bimodal = bimodality_coefficient(values), is_bimodal(values)
        for place, gene in enumerate(genes):
            column = values[:, place]
            counts, _ = np.histogram(column[column > 0], bins=edges)
            shares = np.concatenate([[np.sum(column == 0)], counts]) / column.size
            lows, highs = np.concatenate([[0.0], edges[:-1]]), np.concatenate([[0.0], edges[1:]])
            coefficient = float(coefficients[place])
            rows += [
                (condition, gene, place, group, low, high, share, coefficient, bool(bimodal[place]))
                for low, high, share in zip(lows, highs, shares, strict=True)
            ]
    names = ["condition", "gene", "place", "group", "low", "high", "fraction", "coefficient", "bimodal"]
    return pd.DataFrame(rows, columns=names)


def build(boards: Sequence[Leaderboard]) -> pd.DataFrame:
    """The condition of a task with the most bimodal genes among its DE20, ranked and shown on different cells."""
    (board,) = boards
    reference, held_out = board.evaluator.reference(CALIBRATED), board.evaluator.held_out

    def perturbed(key: str) -> np.ndarray:
        truth = reference.truths[key]
        return np.asarray(truth.cells.matrix[:, truth.gene_sets["de20"]].toarray(), dtype=np.float64)

    def standing(key: str) -> tuple[int, int]:
        values = perturbed(key)
        return int(is_bimodal(values).sum()), len(values)

    chosen = max(reference.truths, key=standing)
    truth = reference.truths[chosen]
    genes = truth.gene_sets["de20"]
    controls = held_out.control_cells(truth.condition.cell_type, "scoring")[:, genes].toarray()
    groups = {"control": np.asarray(controls, dtype=np.float64), "perturbed": perturbed(chosen)}
    return bimodal_frame(chosen, [str(gene) for gene in reference.genes[genes]], groups)
