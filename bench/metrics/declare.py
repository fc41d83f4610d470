"""How a metric is declared: a function and one row about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import numpy as np

from bench.metrics.centroids import Centroids
from bench.metrics.pair import CellPair

Better = Literal["lower", "higher", "closer"]


class GeneScope(StrEnum):
    """On which genes a metric has a meaning."""

    ANY = "any"
    ALL = "all"


@dataclass(frozen=True)
class Metric:
    """One metric; its function is in a subclass that says what it is given.

    Parameters
    ----------
    name
        Name in score tables and in protocols.
    label
        Name for people.
    better
        Whether lower or higher is better, or closer to ``perfect``.
    perfect
        Value of a perfect prediction; ``None`` where the truth's own value stands in a row beside it.
    scope
        Whether it may be restricted to some genes.
    protocols
        Names of the protocols that compute it.
    description
        What it measures, in one sentence.
    source
        Where its formula is from.
    scale_free
        Whether multiplying the predicted shifts by a positive number leaves it as it is.
    size_biased
        Whether its expectation depends on the cell numbers. Such a metric is computed at equal cell
        numbers where the protocol asks for that; the others are U-statistics or nearly so, and
        computed from all cells, which is the mean over all choices of equally many.
    """

    name: str
    label: str
    better: Better
    perfect: float | None
    scope: GeneScope
    protocols: frozenset[str]
    description: str
    source: str
    scale_free: bool = False
    size_biased: bool = False


@dataclass(frozen=True, kw_only=True)
class PairMetric(Metric):
    """A metric of one condition's predicted and true cells."""

    function: Callable[[CellPair], float]


@dataclass(frozen=True, kw_only=True)
class CentroidMetric(Metric):
    """A metric of all conditions at once: one value per predicted condition, (p,)."""

    function: Callable[[Centroids], np.ndarray]
