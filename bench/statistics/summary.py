"""Mean of a method under a metric, with the two spreads that must not be confused."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.statistics.arrays import Floats


@dataclass(frozen=True)
class Summary:
    """One method under one metric.

    Parameters
    ----------
    mean
        Mean over defined conditions of the mean over seeds; NaN if no condition is defined.
    seed_spread
        SD (n - 1) over seeds of the mean over conditions; NaN with fewer than two seeds.
    condition_spread
        SD (n - 1) over conditions of the mean over seeds; NaN with fewer than two conditions.
    n_conditions
        Defined conditions: those with a value in every seed.
    n_seeds
        Seeds, whether or not their values are defined.
    """

    mean: float
    seed_spread: float
    condition_spread: float
    n_conditions: int
    n_seeds: int


def defined_conditions(values: Floats) -> np.ndarray:
    """Conditions with a value in every seed: (seeds, conditions) -> bool (conditions,); none without seeds."""
    if values.shape[0] == 0:
        return np.zeros(values.shape[1], dtype=bool)
    return np.asarray(~np.isnan(values).any(axis=0))


def summarise(values: Floats) -> Summary:
    """Mean and spreads of one method under one metric.

    Parameters
    ----------
    values
        (seeds, conditions), in the metric's unit; NaN where undefined. A condition undefined in
        any seed is left out of every number and shows in ``n_conditions``.
    """
    n_seeds = values.shape[0]
    kept = values[:, defined_conditions(values)]
    n_conditions = kept.shape[1]
    if n_conditions == 0:
        return Summary(np.nan, np.nan, np.nan, 0, n_seeds)
    return Summary(
        mean=float(kept.mean()),
        seed_spread=float(kept.mean(axis=1).std(ddof=1)) if n_seeds > 1 else np.nan,
        condition_spread=float(kept.mean(axis=0).std(ddof=1)) if n_conditions > 1 else np.nan,
        n_conditions=n_conditions,
        n_seeds=n_seeds,
    )
