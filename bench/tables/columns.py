"""The columns of a table: which metric on which genes, with the values of every row and the range of the controls."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bench.statistics.arrays import Floats
from bench.statistics.dynamic_range import LEAST_DYNAMIC_RANGE, dynamic_range_fraction, normalised_score
from bench.statistics.summary import defined_conditions
from bench.tables.facts import Bounds, ColumnFacts
from bench.tables.frames import ScoreArrays
from reports.model import Scale

SCOPE_LABELS = {"all": "all genes", "de20": "DE20", "de40": "DE40", "de20_other": "DE20, others"}


@dataclass(frozen=True)
class ControlRange:
    """Where the controls lie under one metric, as losses (lower is better).

    Parameters
    ----------
    negative, positive
        Mean loss of the control and of the technical duplicate over the conditions both have; NaN if unknown.
    perfect
        Loss of a perfect score; NaN if there is none.
    """

    negative: float
    positive: float
    perfect: float

    @property
    def fraction(self) -> float:
        """Dynamic range fraction; NaN if unknown or undefined."""
        return dynamic_range_fraction(self.negative, self.positive, self.perfect)

    @property
    def known(self) -> bool:
        """Whether both controls and a perfect score are there."""
        return not math.isnan(self.negative + self.positive + self.perfect)

    @property
    def flat(self) -> bool:
        """The metric cannot tell models apart: too small a range, or the control already scores perfectly."""
        return self.known and (self.negative <= self.perfect or self.fraction < LEAST_DYNAMIC_RANGE)

    def normalised(self, loss: float) -> float:
        """Loss on the scale where 0 is the control and 1 the technical duplicate; NaN if unknown."""
        return normalised_score(loss, self.negative, self.positive)


@dataclass(frozen=True)
class MeasuredColumn:
    """One metric on one set of genes.

    Parameters
    ----------
    fact
        The metric; on the normalised scale, where higher is better, its facts say so.
    genes, group
        Gene set in the scores and its label.
    range
        Where the controls lie, on the raw scale.
    values
        (seeds, conditions) by row name, on the scale shown.
    scale
        Whether ``values`` are raw or normalised to the controls.
    """

    fact: ColumnFacts
    genes: str
    group: str
    range: ControlRange
    values: Mapping[str, Floats]
    scale: Scale

    @property
    def name(self) -> str:
        """Label with its gene set."""
        return f"{self.fact.label} ({self.group})"

    def losses(self, row: str) -> Floats:
        """Values of a row turned so that lower is better: (seeds, conditions)."""
        return self.fact.losses(self.values[row])

    def normalised(self, mean: float, mean_loss: float) -> float:
        """Normalised score of a row from its mean on the scale shown and its mean loss."""
        return mean if self.scale == "normalised" else self.range.normalised(mean_loss)


def measure_columns(
    arrays: ScoreArrays, facts: Sequence[ColumnFacts], bounds: Bounds, scale: Scale
) -> list[MeasuredColumn]:
    """Every scored column: all genes first, then DE20, DE40 and other gene sets; within them in the order of facts."""
    found = [(fact, genes) for fact in facts for genes in arrays.scopes.get(fact.metric, ())]
    scopes = dict.fromkeys([*SCOPE_LABELS, *(genes for _, genes in found)])
    return [_measure(arrays, fact, genes, bounds, scale) for scope in scopes for fact, genes in found if genes == scope]


def _measure(arrays: ScoreArrays, fact: ColumnFacts, genes: str, bounds: Bounds, scale: Scale) -> MeasuredColumn:
    span = _control_range(arrays, fact, genes, bounds)
    values = {name: arrays.array(name, fact.metric, genes) for name in arrays.methods}
    if scale == "normalised":
        width = span.negative - span.positive or math.nan
        values = {name: (span.negative - fact.losses(array)) / width for name, array in values.items()}
        fact = replace(fact, better="higher", perfect=math.nan)
    return MeasuredColumn(fact, genes, SCOPE_LABELS.get(genes, genes), span, values, scale)


def _control_range(arrays: ScoreArrays, fact: ColumnFacts, genes: str, bounds: Bounds) -> ControlRange:
    negative = fact.losses(arrays.array(bounds.ceiling, fact.metric, genes))
    positive = fact.losses(arrays.array(bounds.floor, fact.metric, genes))
    both = defined_conditions(negative) & defined_conditions(positive)
    if not both.any():
        return ControlRange(math.nan, math.nan, fact.perfect_loss)
    return ControlRange(float(negative[:, both].mean()), float(positive[:, both].mean()), fact.perfect_loss)
