"""Whether a metric can tell models apart on a task, and where between the bounds a score lies."""

from __future__ import annotations

import math

LEAST_DYNAMIC_RANGE = 0.1
"""Below this fraction a metric is greyed (specs: floor and ceiling)."""


def dynamic_range_fraction(negative: float, positive: float, optimum: float) -> float:
    """Share of the way from the negative control to a perfect score that the positive control covers.

    ``(negative - positive) / (negative - optimum)``; the same for scores where higher is better.

    Parameters
    ----------
    negative
        Score of the negative control (control cells).
    positive
        Score of the positive control (technical duplicate).
    optimum
        Perfect score.

    Returns
    -------
    float
        May exceed 1 (an unbiased distance may be below zero) or be negative; NaN if any input is
        NaN or the negative control already scores the optimum.
    """
    return _ratio(negative - positive, negative - optimum)


def normalised_score(score: float, negative: float, positive: float) -> float:
    """Position of a score between the controls: 0 is the negative control, 1 the technical duplicate.

    ``(negative - score) / (negative - positive)``, never clipped: a model worse than the control is
    negative. NaN if any input is NaN or the controls score the same.
    """
    return _ratio(negative - score, negative - positive)


def _ratio(numerator: float, denominator: float) -> float:
    if math.isnan(numerator) or math.isnan(denominator) or denominator == 0:
        return math.nan
    return numerator / denominator
