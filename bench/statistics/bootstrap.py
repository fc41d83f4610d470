"""Paired bootstrap of the mean difference between two methods."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from scipy.special import ndtr, ndtri

from bench.statistics.arrays import Floats

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
        SD of the replicates.
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
    """Bootstrap the mean of ``a - b`` over perturbations and, where there are several, over seeds.

    Each replicate draws seeds of either method and one set of conditions for both methods and all
    seeds. Conditions are crossed with seeds, not nested in them: drawing them afresh within every
    seed would count each perturbation once per seed and make the interval too narrow by up to the
    root of the number of seeds. (Owen 2007, "The pigeonhole bootstrap".) Seeds of the two methods are
    drawn apart, since model seeds of different methods have nothing in common. Of ``s`` seeds ``s - 1``
    are drawn: drawing ``s`` understates their variance by ``(s - 1) / s``, half of it with two seeds
    (Rao & Wu 1988).

    Parameters
    ----------
    a, b
        (seeds, conditions) with the same conditions in the same order; any number of seeds each.
    replicates
        Bootstrap replicates.
    confidence
        Coverage of the interval.
    interval
        ``bca`` corrects the percentile interval for bias and skewness (Efron 1987; acceleration for
        several samples as in Davison & Hinkley 1997, section 5.3).
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
    drawn = np.concatenate(list(_replicate_means(a, b, replicates, seed)))
    tail = (1 - confidence) / 2
    levels = np.array([tail, 1 - tail])
    if interval == "bca":
        levels = _bca_levels(levels, drawn, estimate, _acceleration(a, b))
    low, high = np.quantile(drawn, levels)
    return Bootstrap(estimate, float(low), float(high), float(drawn.std(ddof=1)))


def _replicate_means(a: Floats, b: Floats, replicates: int, seed: int) -> Iterator[Floats]:
    conditions = a.shape[1]
    chunk = max(1, _CHUNK_NUMBERS // conditions)
    for index, start in enumerate(range(0, replicates, chunk)):
        size = min(chunk, replicates - start)
        weights = _condition_weights(conditions, size, seed, index)
        yield _weighted_mean(a, weights, (seed, 2, index)) - _weighted_mean(b, weights, (seed, 3, index))


def _weighted_mean(values: Floats, weights: Floats, stream: tuple[int, int, int]) -> Floats:
    """Mean over drawn seeds and conditions: values (seeds, conditions), weights (size, conditions) -> (size,)."""
    seeds = values.shape[0]
    by_seed = weights @ values.T
    if seeds == 1:
        return np.asarray(by_seed[:, 0], dtype=np.float64)
    means: Floats = np.einsum("rs,rs->r", by_seed, _seed_weights(seeds, weights.shape[0], stream))
    return means


@lru_cache(maxsize=4)  # as for the conditions; two sides, with one or two numbers of seeds
def _seed_weights(seeds: int, size: int, stream: tuple[int, int, int]) -> Floats:
    """Share of each seed in each replicate, s - 1 of s drawn: (size, seeds), rows sum to 1."""
    drawn = np.random.default_rng(stream).multinomial(seeds - 1, np.full(seeds, 1 / seeds), size=size)
    weights: Floats = drawn / (seeds - 1)
    weights.setflags(write=False)
    return weights


@lru_cache(maxsize=4)  # a table compares many pairs of methods on few sets of conditions
def _condition_weights(conditions: int, size: int, seed: int, chunk: int) -> Floats:
    """Share of each condition in each replicate: (size, conditions), rows sum to 1."""
    picks = np.random.default_rng([seed, 1, chunk]).integers(0, conditions, size=(size, conditions))
    picks += np.arange(size)[:, None] * conditions
    weights = np.bincount(picks.ravel(), minlength=size * conditions).reshape(size, conditions) / conditions
    weights.setflags(write=False)
    return weights


def _acceleration(a: Floats, b: Floats) -> float:
    """Skewness constant of BCa from the empirical influence values of conditions and seeds."""
    samples = (a.mean(axis=0) - b.mean(axis=0), a.mean(axis=1), -b.mean(axis=1))
    cubes = squares = 0.0
    for values in samples:
        influence = (values - values.mean()) / values.size
        cubes += float((influence**3).sum())
        squares += float((influence**2).sum())
    return cubes / (6 * squares**1.5) if squares > 0 else 0.0


def _bca_levels(levels: Floats, drawn: Floats, estimate: float, acceleration: float) -> Floats:
    below = float(((drawn < estimate).mean() + (drawn <= estimate).mean()) / 2)
    if not 0 < below < 1:
        # Every replicate lies on one side: the bias cannot be estimated, so none is corrected.
        return levels
    bias = ndtri(below)
    shifted = bias + ndtri(levels)
    return np.asarray(ndtr(bias + shifted / (1 - acceleration * shifted)), dtype=np.float64)
