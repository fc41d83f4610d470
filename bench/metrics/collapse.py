"""Metrics that show a collapsed, over-smooth or over-sparse prediction."""

from __future__ import annotations

import numpy as np

from bench.metrics.declare import GeneScope, PairMetric
from bench.metrics.pair import CellPair

_CALIBRATED = frozenset({"calibrated"})


def variance_ratio(pair: CellPair) -> float:
    """Median over genes of Var(X_g) / Var(Y_g); genes that do not vary in the truth are left out.

    NaN if no gene varies.
    """
    varies = pair.true.variance > 0
    if not varies.any():
        return float("nan")
    return float(np.median(pair.predicted.variance[varies] / pair.true.variance[varies]))


def zero_fraction_error(pair: CellPair) -> float:
    """|z(X) − z(Y)|, z the fraction of all values that are exactly zero."""
    return abs(pair.predicted.zero_fraction - pair.true.zero_fraction)


def intra_distance(pair: CellPair) -> float:
    """Mean distance between two different predicted cells (Doloris, Fig. 2)."""
    return pair.predicted.intra_distance


def intra_distance_true(pair: CellPair) -> float:
    """Mean distance between two different true cells."""
    return pair.true.intra_distance


def clipped_fraction(pair: CellPair) -> float:
    """Fraction of predicted values that clipping at 0 changed when cells were made of a mean."""
    return pair.clipped


METRICS = (
    PairMetric(
        name="variance_ratio",
        label="Variance ratio",
        better="closer",
        perfect=1.0,
        scope=GeneScope.ALL,
        protocols=_CALIBRATED,
        description="Median over genes of predicted over true variance.",
        source="collapse shows as a value near 0",
        function=variance_ratio,
    ),
    PairMetric(
        name="zero_fraction_error",
        label="Zero fraction error",
        better="lower",
        perfect=0.0,
        scope=GeneScope.ALL,
        protocols=_CALIBRATED,
        description="Absolute difference of the fractions of exact zeros.",
        source="|z(X) − z(Y)|",
        function=zero_fraction_error,
    ),
    PairMetric(
        name="intra_distance",
        label="Intra-distance",
        better="closer",
        perfect=None,
        scope=GeneScope.ALL,
        protocols=_CALIBRATED,
        description="Mean distance between two predicted cells; compare with intra_distance_true.",
        source="Doloris (ICLR 2026), Fig. 2",
        function=intra_distance,
    ),
    PairMetric(
        name="intra_distance_true",
        label="Intra-distance (truth)",
        better="closer",
        perfect=None,
        scope=GeneScope.ALL,
        protocols=_CALIBRATED,
        description="Mean distance between two true cells.",
        source="Doloris (ICLR 2026), Fig. 2",
        function=intra_distance_true,
    ),
    PairMetric(
        name="clipped_fraction",
        label="Clipped",
        better="lower",
        perfect=0.0,
        scope=GeneScope.ALL,
        protocols=_CALIBRATED,
        description="Fraction of values that clipping at 0 changed when cells were made of a mean; 0 for cells.",
        source="bench/lift.py",
        function=clipped_fraction,
    ),
)
