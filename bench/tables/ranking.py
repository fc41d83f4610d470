"""Who is best: only among methods scored on the same conditions, and never finer than what is printed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bench.statistics.arrays import Floats
from bench.statistics.summary import defined_conditions, summarise
from reports.model import Rank
from reports.numbers import rounded


@dataclass(frozen=True)
class Ranking:
    """Standing of the methods in one column.

    Parameters
    ----------
    ranks
        Best and second, by method.
    partial
        Methods that lack a condition which another method has: they are never ranked.
    """

    ranks: Mapping[str, Rank]
    partial: frozenset[str]


def rank_methods(losses: Mapping[str, Floats], decimals: int) -> Ranking:
    """Rank methods by mean loss.

    Parameters
    ----------
    losses
        (seeds, conditions) by method, lower is better, NaN where undefined.
    decimals
        Decimals shown; losses that print alike share a rank.

    Notes
    -----
    With fewer than two comparable methods nobody is best.
    """
    defined = {name: defined_conditions(values) for name, values in losses.items()}
    anyone = np.logical_or.reduce(list(defined.values())) if defined else np.zeros(0, dtype=bool)
    partial = frozenset(name for name, has in defined.items() if not has[anyone].all())
    means = {
        name: rounded(summarise(values).mean, decimals)
        for name, values in losses.items()
        if name not in partial and anyone.any()
    }
    if len(means) < 2:
        return Ranking({}, partial)
    places: tuple[Rank, ...] = ("best", "second")
    rank_of = dict(zip(sorted(set(means.values())), places, strict=False))
    return Ranking({name: rank_of[mean] for name, mean in means.items() if mean in rank_of}, partial)


def sorted_by_loss(losses: Mapping[str, Floats]) -> list[str]:
    """Names by how many conditions they lack, then by mean loss; names without a value last, in the order given."""
    summaries = {name: summarise(values) for name, values in losses.items()}

    def key(name: str) -> tuple[int, float]:
        summary = summaries[name]
        return -summary.n_conditions, math.inf if math.isnan(summary.mean) else summary.mean

    return sorted(losses, key=key)
