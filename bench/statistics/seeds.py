"""How uncertain a difference of means is because each was taken over a few seeds."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.statistics.arrays import Floats


@dataclass(frozen=True)
class SeedError:
    """Uncertainty of a mean difference due to seeds.

    Parameters
    ----------
    standard_error
        Of the mean difference, in the metric's unit; 0 where there is one seed a side, or seeds make no difference.
    degrees_of_freedom
        Of Student's t that it follows.
    """

    standard_error: float
    degrees_of_freedom: float


def seed_error(a: Floats, b: Floats) -> SeedError:
    """Uncertainty, due to seeds alone, of the mean of ``a`` minus the mean of ``b``.

    Of each method the variance between its seeds' means, less the part that is only noise within conditions (resampling
    conditions accounts for that part already). Two methods share no seeds, so the variances add; their degrees of
    freedom are Welch's problem. Satterthwaite's solution errs to the wide side with two or three seeds, Welch's (1947,
    equation 28, first order) to the narrow one; the mean of the two is used.

    Parameters
    ----------
    a, b
        (seeds, conditions), at least two conditions. One seed tells nothing of the spread over seeds and adds none.
    """
    parts = [(*_between_seeds(values), values.shape[0] - 1) for values in (a, b) if values.shape[0] > 1]
    total = sum(between for between, _, _ in parts)
    beyond_noise = total - sum(noise for _, noise, _ in parts)
    # What is left of rounding is no spread: a deterministic method repeats itself under every seed.
    if not parts or beyond_noise <= 0 or total <= 1e-24 * max(float((values**2).mean()) for values in (a, b)):
        return SeedError(0.0, 1.0)
    satterthwaite = total**2 / sum(between**2 / freedom for between, _, freedom in parts)
    welch = total**2 / sum(between**2 / (freedom + 2) for between, _, freedom in parts) - 2
    return SeedError(math.sqrt(beyond_noise), (satterthwaite + welch) / 2)


def _between_seeds(values: Floats) -> tuple[float, float]:
    """Squared standard error of the mean over seeds, and how much of it noise within conditions would cause."""
    seeds, conditions = values.shape
    means = values.mean(axis=1, keepdims=True)
    residual = values - means - values.mean(axis=0, keepdims=True) + values.mean()
    noise = float((residual**2).sum()) / ((seeds - 1) * (conditions - 1))
    return float(means.var(ddof=1)) / seeds, noise / (seeds * conditions)
