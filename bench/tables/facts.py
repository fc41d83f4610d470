"""What a table has to know about its metrics and its special rows."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from bench.statistics.arrays import Floats
from reports.model import Better, RowKind


@dataclass(frozen=True)
class ColumnFacts:
    """What a metric's numbers mean.

    Parameters
    ----------
    metric
        Name in the scores.
    label
        Name in the header.
    better
        Whether lower, higher or closer to ``perfect`` is better.
    perfect
        Perfect score; NaN if there is none.
    headline
        Whether the metric belongs in the short table.

    Raises
    ------
    ValueError
        If closer is better and there is nothing to be close to.
    """

    metric: str
    label: str
    better: Better
    perfect: float
    headline: bool = True

    def __post_init__(self) -> None:
        if self.better == "closer" and math.isnan(self.perfect):
            raise ValueError(f"metric {self.metric!r}: closer is better, so `perfect` must be a number")

    def comparable(self, values: Floats) -> Floats:
        """Values whose differences are gains or losses: distances to ``perfect`` where closer is better.

        The distance is taken per value, before any mean: too high here and too low there do not cancel.
        """
        return np.abs(values - self.perfect) if self.better == "closer" else values

    def losses(self, values: Floats) -> Floats:
        """Values turned so that lower is better."""
        comparable = self.comparable(values)
        return -comparable if self.better == "higher" else comparable

    @property
    def perfect_loss(self) -> float:
        """Loss of a perfect score; NaN if there is none."""
        if self.better == "closer":
            return 0.0
        return -self.perfect if self.better == "higher" else self.perfect


@dataclass(frozen=True)
class Bounds:
    """Names of the rows that bound the scale; each may be absent from the scores.

    Parameters
    ----------
    floor
        The technical duplicate: as good as a prediction can be shown to be.
    oracle
        Fresh cells from the true distribution (simulations only).
    ceiling
        The negative control: nothing was predicted.
    """

    floor: str = "technical duplicate"
    oracle: str = "oracle"
    ceiling: str = "control"

    def kind(self, name: str) -> RowKind:
        """What a row of this name is."""
        kinds: dict[str, RowKind] = {self.floor: "floor", self.oracle: "oracle", self.ceiling: "ceiling"}
        return kinds.get(name, "method")


def headline(facts: Iterable[ColumnFacts]) -> tuple[ColumnFacts, ...]:
    """The metrics of the short table."""
    return tuple(fact for fact in facts if fact.headline)
