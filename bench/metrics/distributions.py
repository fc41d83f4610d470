"""Metrics of the whole distribution of cells."""

from __future__ import annotations

import numpy as np

from bench.errors import TooFewCells
from bench.metrics.declare import GeneScope, PairMetric
from bench.metrics.pair import CellPair


def energy_distance(pair: CellPair) -> float:
    r"""Energy distance, V-statistic, Euclidean, no root.

    :math:`\frac{2}{nm}\sum\|x_i-y_j\| - \frac{1}{n^2}\sum\|x_i-x_{i'}\| - \frac{1}{m^2}\sum\|y_j-y_{j'}\|`
    (Doloris, Eq. 20). Biased upward by the cell numbers: two samples of one population do not score 0.
    """
    x, y = pair.predicted, pair.true
    within_x = x.intra_distance * (x.n - 1) / x.n if x.n > 1 else 0.0
    within_y = y.intra_distance * (y.n - 1) / y.n if y.n > 1 else 0.0
    return 2.0 * pair.cross_distance - within_x - within_y


def energy_distance_unbiased(pair: CellPair) -> float:
    r"""Energy distance, U-statistic, Euclidean, no root.

    :math:`2\,\overline{\|x_i-y_j\|} - \overline{\|x_i-x_{i'}\|}_{i\ne i'} - \overline{\|y_j-y_{j'}\|}_{j\ne j'}`;
    unbiased in both cell numbers, so it may be negative (Székely & Rizzo 2013).

    Raises
    ------
    TooFewCells
        If either side has fewer than two cells.
    """
    if min(pair.predicted.n, pair.true.n) < 2:
        raise TooFewCells(
            f"the unbiased energy distance needs 2 cells on either side, there are {pair.predicted.n} predicted "
            f"and {pair.true.n} true"
        )
    return 2.0 * pair.cross_distance - pair.predicted.intra_distance - pair.true.intra_distance


def energy_distance_root(pair: CellPair) -> float:
    """Root of the U-statistic, negative ones counted as 0: sqrt(max(U, 0)), as the release computes it."""
    return float(np.sqrt(max(energy_distance_unbiased(pair), 0.0)))


def earth_movers_distance(pair: CellPair) -> float:
    """Mean over genes of the Wasserstein-1 distance of the gene's values (Doloris, Eq. 21).

    Biased upward by few cells, and in samples lowered by shrinking the prediction.
    """
    return float(np.mean(pair.wasserstein))


def earth_movers_excess(pair: CellPair) -> float:
    """EMD(X, Y) − EMD(Y₁, Y₂), all at the same number of cells; 0 in expectation for the truth.

    Removes the truth's sampling noise but not the prediction's: cells less noisy than real ones
    (shrunk, or all equal in a sparse gene) can score below 0.
    """
    return float(np.mean(pair.halves.across - pair.halves.true))


def earth_movers_debiased(pair: CellPair) -> float:
    """EMD(X, Y) − ½ EMD(X₁, X₂) − ½ EMD(Y₁, Y₂), all at the same number of cells; may be negative.

    EMD is ∫|F(t) − G(t)|dt, and |a − b| is a conditionally negative definite kernel: at each t this is the
    energy distance between the laws of two empirical distribution functions. So its expectation is never
    negative, and 0 for the right distribution alone: no shrinking lowers it below the truth's.
    """
    halves = pair.halves
    return float(np.mean(halves.across - halves.predicted / 2.0 - halves.true / 2.0))


METRICS = (
    PairMetric(
        name="e_distance",
        label="E-distance",
        better="lower",
        perfect=0.0,
        scope=GeneScope.ANY,
        protocols=frozenset({"paper"}),
        description="Energy distance, V-statistic, Euclidean, no root.",
        source="Doloris (ICLR 2026), Eq. 20",
        size_biased=True,
        function=energy_distance,
    ),
    PairMetric(
        name="e_distance_root",
        label="E-distance",
        better="lower",
        perfect=0.0,
        scope=GeneScope.ANY,
        protocols=frozenset({"released"}),
        description="sqrt(max(U, 0)) of the energy distance's U-statistic.",
        source="released code of Doloris",
        size_biased=True,
        function=energy_distance_root,
    ),
    PairMetric(
        name="emd",
        label="EMD",
        better="lower",
        perfect=0.0,
        scope=GeneScope.ANY,
        protocols=frozenset({"paper", "released"}),
        description="Mean over genes of the Wasserstein-1 distance.",
        source="Doloris (ICLR 2026), Eq. 21",
        size_biased=True,
        function=earth_movers_distance,
    ),
    PairMetric(
        name="e_distance_u",
        label="E-distance (U)",
        better="lower",
        perfect=0.0,
        scope=GeneScope.ANY,
        protocols=frozenset({"calibrated"}),
        description="Energy distance, U-statistic, Euclidean: 0 in expectation for the truth at any cell number.",
        source="Székely & Rizzo 2013",
        function=energy_distance_unbiased,
    ),
    PairMetric(
        name="emd_excess",
        label="EMD, excess",
        better="lower",
        perfect=0.0,
        scope=GeneScope.ANY,
        protocols=frozenset({"calibrated"}),
        description="EMD to the truth less the EMD of the truth to itself, at equal cell numbers.",
        source="EMD(X, Y) − EMD(Y₁, Y₂)",
        size_biased=True,
        function=earth_movers_excess,
    ),
    PairMetric(
        name="emd_debiased",
        label="EMD, debiased",
        better="lower",
        perfect=0.0,
        scope=GeneScope.ANY,
        protocols=frozenset({"calibrated"}),
        description="EMD to the truth less half the EMD of either side to itself, at equal cell numbers.",
        source="energy distance of empirical distribution functions; |a − b| is negative definite",
        size_biased=True,
        function=earth_movers_debiased,
    ),
)
