"""Tests on per-perturbation differences, and what they could have seen."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy import stats
from scipy.special import ndtri

from bench.statistics.arrays import Floats

_LARGEST_EXACT = 50
"""Differences up to which scipy computes the exact distribution."""


def wilcoxon_p(differences: Floats) -> float:
    """Two-sided Wilcoxon signed-rank p-value of differences (conditions,).

    Zero differences are dropped (Wilcoxon's rule); 1 if all are zero, NaN if there are none at all.
    """
    if differences.size == 0:
        return math.nan
    nonzero = differences[differences != 0]
    if nonzero.size == 0:
        return 1.0
    return float(stats.wilcoxon(nonzero).pvalue)


def adjust_p(p_values: Floats) -> Floats:
    """Benjamini-Hochberg adjusted p-values, of any shape; NaN stay NaN and do not count as tests."""
    adjusted = np.full(p_values.shape, np.nan)
    known = ~np.isnan(p_values)
    if known.any():
        adjusted[known] = stats.false_discovery_control(p_values[known], method="bh")
    return adjusted


def least_p(differences: Floats) -> float:
    """The smallest p-value that :func:`wilcoxon_p` can give for this many differences other than zero."""
    return min(1.0, 2.0 ** (1 - int(np.count_nonzero(differences))))


def minimum_detectable_effect(differences: Floats, *, alpha: float = 0.05, power: float = 0.8) -> float:
    r"""Mean difference that :func:`wilcoxon_p` finds with the given power, where differences are normal.

    :math:`\sqrt{\pi/3} \, (t_{1-a/2} + t_{power}) \, sd(d_p) / \sqrt{P}` over differences (conditions,), in the
    metric's unit, with P - 1 degrees of freedom. The test's p-values are discrete: :math:`a` is the largest not above
    ``alpha``. It needs :math:`\pi/3` times the conditions of a t-test. NaN where no p-value is that small.
    """
    if least_p(differences) > alpha:
        return math.nan
    n = differences.size
    spread = float(differences.std(ddof=1))
    level = _attained_level(n, alpha)
    if level == least_p(differences):
        # Only differences of one sign are significant; the tail of the t-distribution does not describe that.
        return float(ndtri(power ** (1 / n))) * spread
    quantiles = float(stats.t.ppf(1 - level / 2, n - 1) + stats.t.ppf(power, n - 1))
    return math.sqrt(math.pi / 3 / n) * quantiles * spread


@lru_cache
def _attained_level(n: int, alpha: float) -> float:
    """Largest p-value of the signed-rank test on ``n`` differences that is not above ``alpha``."""
    if n > _LARGEST_EXACT:
        return alpha
    counts = np.ones(1)  # of the sets of ranks 1 ... k with each sum
    for rank in range(1, n + 1):
        counts = np.pad(counts, (0, rank)) + np.pad(counts, (rank, 0))
    p_values = np.cumsum(counts) * 2.0 ** (1 - n)
    return float(p_values[p_values <= alpha].max())
