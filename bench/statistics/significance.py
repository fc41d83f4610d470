"""Tests on per-perturbation differences, and what they could have seen."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats
from scipy.special import ndtri

from bench.statistics.arrays import Floats


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


def minimum_detectable_effect(differences: Floats, *, alpha: float = 0.05, power: float = 0.8) -> float:
    r"""Mean difference that a two-sided test would find with the given power.

    :math:`(z_{1-\alpha/2} + z_{power}) \, sd(d_p) / \sqrt{P}` over differences (conditions,), in the
    metric's unit; NaN with fewer than two conditions.
    """
    if differences.size < 2:
        return math.nan
    z = float(ndtri(1 - alpha / 2) + ndtri(power))
    return z * float(differences.std(ddof=1)) / math.sqrt(differences.size)
