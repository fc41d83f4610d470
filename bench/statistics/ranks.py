"""Mean ranks of methods over conditions, and how far apart two must be to count as different."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from bench.statistics.arrays import Floats


@dataclass(frozen=True)
class MeanRanks:
    """Friedman's test and Nemenyi's critical difference (Demšar 2006, "Statistical comparisons of classifiers").

    Parameters
    ----------
    ranks
        Mean rank by method, best (lowest) first; 1 is the best in every condition.
    by_condition
        Rank by method in every ranked condition, (n_conditions,).
    p
        Of Friedman's test, in the form of Iman and Davenport (1980), that all methods rank alike; NaN with one
        condition.
    critical_difference
        Two methods whose mean ranks differ by more are different, at ``alpha`` over all pairs together.
    groups
        Largest sets of methods, neighbours in rank, that no critical difference tells apart; every method is in one.
    n_conditions
        Conditions ranked: those with a loss of every method.
    n_left_out
        The others.
    alpha
        Level.
    """

    ranks: Mapping[str, float]
    by_condition: Mapping[str, Floats]
    p: float
    critical_difference: float
    groups: tuple[tuple[str, ...], ...]
    n_conditions: int
    n_left_out: int
    alpha: float


def mean_ranks(losses: Mapping[str, Floats], *, alpha: float = 0.05) -> MeanRanks:
    """Rank methods condition by condition.

    Ranks ask who is better, not by how much: a metric's unit, and conditions on which all losses are large, do not
    decide. Equal losses share the mean of their ranks.

    Parameters
    ----------
    losses
        Loss by method, (conditions,), the same conditions in the same order, lower is better; NaN where undefined. A
        condition without a loss of every method ranks nobody.
    alpha
        Level of the critical difference.

    Raises
    ------
    ValueError
        If there are fewer than two methods, or no condition with a loss of every method.
    """
    if len(losses) < 2:
        raise ValueError(f"{len(losses)} methods cannot be ranked; two are needed")
    table = np.column_stack(list(losses.values()))  # (conditions, methods)
    whole = ~np.isnan(table).any(axis=1)
    if not whole.any():
        raise ValueError("no condition has a loss of every method")
    ranked = stats.rankdata(table[whole], axis=1)
    means = ranked.mean(axis=0)
    n_conditions, n_methods = ranked.shape
    order = np.argsort(means, kind="stable")
    names = list(losses)
    sorted_means = {names[index]: float(means[index]) for index in order}
    difference = critical_difference(n_methods, n_conditions, alpha=alpha)
    return MeanRanks(
        ranks=sorted_means,
        by_condition={names[index]: ranked[:, index] for index in order},
        p=_friedman_p(ranked),
        critical_difference=difference,
        groups=_groups(sorted_means, difference),
        n_conditions=n_conditions,
        n_left_out=int((~whole).sum()),
        alpha=alpha,
    )


def critical_difference(n_methods: int, n_conditions: int, *, alpha: float = 0.05) -> float:
    r"""Nemenyi's critical difference of mean ranks.

    :math:`q_\alpha \sqrt{k(k+1)/(6n)}` for k methods and n conditions, with the studentized range's quantile over
    :math:`\sqrt 2`.
    """
    quantile = float(stats.studentized_range.ppf(1 - alpha, n_methods, np.inf)) / math.sqrt(2)
    return quantile * math.sqrt(n_methods * (n_methods + 1) / (6 * n_conditions))


def _friedman_p(ranked: Floats) -> float:
    n_conditions, n_methods = ranked.shape
    if n_conditions < 2:
        return math.nan
    middle = (n_methods + 1) / 2
    spread = float(((ranked - middle) ** 2).sum())
    if spread == 0:
        return 1.0  # every method loses the same everywhere
    between = n_conditions * float(((ranked.mean(axis=0) - middle) ** 2).sum())
    chi_squared = (n_methods - 1) * n_conditions * between / spread
    most = n_conditions * (n_methods - 1)
    if chi_squared >= most * (1 - 1e-12):
        return 0.0  # the same order in every condition: the statistic is infinite
    f = (n_conditions - 1) * chi_squared / (most - chi_squared)
    return float(stats.f.sf(f, n_methods - 1, (n_methods - 1) * (n_conditions - 1)))


def _groups(ranks: Mapping[str, float], difference: float) -> tuple[tuple[str, ...], ...]:
    names, means = list(ranks), list(ranks.values())
    found: list[tuple[int, int]] = []
    for first, mean in enumerate(means):
        last = max(index for index, other in enumerate(means) if other - mean <= difference)
        if not found or last > found[-1][1]:
            found.append((first, last))
    return tuple(tuple(names[first : last + 1]) for first, last in found)
