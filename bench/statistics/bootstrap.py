"""Paired bootstrap of the mean difference between two methods."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from scipy import stats
from scipy.special import ndtr, ndtri

from bench.statistics.arrays import Floats
from bench.statistics.seeds import seed_error

Interval = Literal["percentile", "bca"]

REPLICATES = 10_000
_CHUNK_NUMBERS = 4_000_000  # 32 MB of float64 at a time


@dataclass(frozen=True)
class Bootstrap:
    """Mean difference with its bootstrap uncertainty, in the metric's unit.

    Parameters
    ----------
    estimate
        Mean over conditions of ``a - b``, each averaged over its seeds.
    low, high
        Confidence limits.
    standard_error
        Root of the sum of the variance of the resampled means and the squared standard error over seeds.
    """

    estimate: float
    low: float
    high: float
    standard_error: float


def paired_bootstrap(
    a: Floats,
    b: Floats,
    *,
    replicates: int = REPLICATES,
    confidence: float = 0.95,
    interval: Interval = "bca",
    seed: int = 0,
) -> Bootstrap:
    """Confidence interval of the mean of ``a - b`` over perturbations and, where there are several, over seeds.

    Two levels that are crossed, not nested (every seed is scored on the same conditions):

    - *Conditions* are resampled, one set for both methods and all seeds. Drawing them afresh within every seed would
      count each perturbation once per seed and make the interval too narrow by up to the root of the number of seeds
      (Owen 2007, "The pigeonhole bootstrap"). Resampling n conditions understates their spread by (n - 1) / n and knows
      nothing of the uncertainty of that spread; the replicates are stretched about the estimate to where Student's t
      would put the limits (Hesterberg 2015, "What teachers should know about the bootstrap", section 5.3).
    - *Seeds* are two to ten, too few to be resampled: two that differ strongly have but three resamples, which would
      cover the truth in 80 to 90 % of cases. The uncertainty of a mean over seeds is therefore drawn from Student's t
      (:mod:`bench.statistics.seeds`) and added to the resampled means.

    Parameters
    ----------
    a, b
        (seeds, conditions) with the same conditions in the same order; any number of seeds each.
    replicates
        Bootstrap replicates.
    confidence
        Coverage of the interval.
    interval
        How conditions are resampled: ``bca`` corrects the percentile interval for bias and skewness (Efron 1987).
    seed
        Seed of the draws; the same inputs and seed give the same numbers.

    Raises
    ------
    ValueError
        If the conditions differ in number, there are no seeds, or a value is not finite.

    Notes
    -----
    With fewer than two conditions there is nothing to resample and the limits and the standard error are NaN.
    """
    a = np.atleast_2d(np.asarray(a, dtype=np.float64))
    b = np.atleast_2d(np.asarray(b, dtype=np.float64))
    if a.shape[1] != b.shape[1] or not a.shape[0] or not b.shape[0]:
        raise ValueError(f"a {a.shape} and b {b.shape} must be (seeds, conditions) over the same conditions")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("values must be finite; leave out undefined conditions and count them")
    if a.shape[1] == 0:
        return Bootstrap(np.nan, np.nan, np.nan, np.nan)
    differences = a.mean(axis=0) - b.mean(axis=0)
    estimate = float(differences.mean())
    if a.shape[1] == 1:
        return Bootstrap(estimate, np.nan, np.nan, np.nan)
    drawn = np.concatenate(list(_replicate_means(differences, replicates, seed)))
    tail = (1 - confidence) / 2
    resampled_error = float(drawn.std(ddof=1))
    if interval == "bca":
        drawn = _bca_replicates(drawn, estimate, _acceleration(differences))
    drawn = estimate + _stretch(differences.size, tail) * (drawn - estimate)
    error = seed_error(a, b)
    if error.standard_error > 0:
        drawn = drawn + error.standard_error * _seed_draws(error.degrees_of_freedom, replicates, seed)
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Bootstrap(estimate, float(low), float(high), math.hypot(resampled_error, error.standard_error))


def _replicate_means(differences: Floats, replicates: int, seed: int) -> Iterator[Floats]:
    conditions = differences.size
    chunk = max(1, _CHUNK_NUMBERS // conditions)
    for index, start in enumerate(range(0, replicates, chunk)):
        yield _condition_weights(conditions, min(chunk, replicates - start), seed, index) @ differences


def _stretch(conditions: int, tail: float) -> float:
    """How much wider the limits must be than the spread of resampled means tells."""
    student: float = stats.t.ppf(1 - tail, conditions - 1)
    return math.sqrt(conditions / (conditions - 1)) * student / float(ndtri(1 - tail))


@lru_cache(maxsize=16)  # one side with seeds: the same degrees of freedom under every metric
def _seed_draws(degrees_of_freedom: float, size: int, seed: int) -> Floats:
    """Draws from Student's t, unrelated to those of the conditions: (size,)."""
    drawn = np.random.default_rng([seed, 2]).standard_t(degrees_of_freedom, size)
    drawn.setflags(write=False)
    return drawn


@lru_cache(maxsize=4)  # a table compares many pairs of methods on few sets of conditions
def _condition_weights(conditions: int, size: int, seed: int, chunk: int) -> Floats:
    """Share of each condition in each replicate: (size, conditions), rows sum to 1."""
    picks = np.random.default_rng([seed, 1, chunk]).integers(0, conditions, size=(size, conditions))
    picks += np.arange(size)[:, None] * conditions
    weights = np.bincount(picks.ravel(), minlength=size * conditions).reshape(size, conditions) / conditions
    weights.setflags(write=False)
    return weights


def _acceleration(differences: Floats) -> float:
    """Skewness constant of BCa: empirical influence values of the mean."""
    centred = differences - differences.mean()
    squares = float((centred**2).sum())
    return float((centred**3).sum()) / (6 * squares**1.5) if squares > 0 else 0.0


def _bca_replicates(drawn: Floats, estimate: float, acceleration: float) -> Floats:
    """Replicates whose plain percentiles are the BCa limits of the given ones, in the same order of size."""
    below = float(((drawn < estimate).mean() + (drawn <= estimate).mean()) / 2)
    if not 0 < below < 1:
        # Every replicate lies on one side: the bias cannot be estimated, so none is corrected.
        return drawn
    order = np.argsort(drawn, kind="stable")
    places = np.arange(drawn.size, dtype=np.float64)
    levels = np.clip(places / (drawn.size - 1), 0.5 / drawn.size, 1 - 0.5 / drawn.size)
    bias = ndtri(below)
    shifted = bias + ndtri(levels)
    level = ndtr(bias + shifted / (1 - acceleration * shifted))
    corrected = np.empty_like(drawn)
    corrected[order] = np.interp(level * (drawn.size - 1), places, drawn[order])
    return corrected
