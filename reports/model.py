"""What a report is made of: plain, frozen values, with no knowledge of where they came from.

Every number is kept in full; rounding happens where a report is laid out, to ``decimals`` of its column.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Better = Literal["lower", "higher", "closer"]
Spread = Literal["seeds", "conditions"]
RowKind = Literal["floor", "oracle", "method", "ceiling"]
Rank = Literal["best", "second"]
Scale = Literal["raw", "normalised", "rank"]
Verdict = Literal["better", "worse", "undecided"]


@dataclass(frozen=True)
class Note:
    """A footnote: its mark (``a``, ``b``, ...) and what it says."""

    mark: str
    text: str


@dataclass(frozen=True)
class Source:
    """Where a report's numbers come from.

    Parameters
    ----------
    task
        Task name.
    protocol
        Protocol with version, ``calibrated@1``.
    protocol_text
        What the protocol does, in one or two sentences; ``""`` if there is nothing to say.
    hash
        SHA-256 over the scores and everything else the report was built from.
    details
        Further (name, value) pairs for the provenance comment, such as the hash of the split.
    simulated
        Whether the scored cells come from a simulation; every output says so.
    """

    task: str
    protocol: str
    protocol_text: str
    hash: str
    details: tuple[tuple[str, str], ...] = ()
    simulated: bool = False

    @property
    def title(self) -> str:
        """Task and protocol, and whether the data are simulated."""
        return " · ".join([self.task, self.protocol, *(["simulated data"] if self.simulated else [])])


@dataclass(frozen=True)
class Column:
    """One metric on one set of genes.

    Parameters
    ----------
    metric, genes
        Names in the scores, such as ``rmse`` and ``de20``.
    label, group
        What the header shows, such as ``RMSE`` under ``DE20``.
    better
        Whether lower, higher or closer to ``perfect`` is better.
    perfect
        Perfect score; NaN if there is none.
    decimals
        Decimals shown.
    dynamic_range
        Dynamic range fraction on this task; NaN if unknown or undefined.
    greyed
        The metric cannot tell models apart on this task, so nothing in the column is ranked.
    notes
        Marks of the footnotes of the header.
    """

    metric: str
    genes: str
    label: str
    group: str
    better: Better
    perfect: float
    decimals: int
    dynamic_range: float = math.nan
    greyed: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cell:
    """One method under one metric, in the metric's unit.

    Parameters
    ----------
    mean
        Mean over ``n_conditions`` of the mean over ``n_seeds``; NaN if defined nowhere.
    seed_spread
        SD over seeds of the mean over conditions; NaN with fewer than two seeds.
    condition_spread
        SD over conditions of the mean over seeds; NaN with fewer than two conditions.
    n_conditions, n_seeds
        Conditions with a value in every seed; seeds run.
    n_undefined
        Conditions the method supports but has no value for in some seed.
    normalised
        0 at the negative control, 1 at the technical duplicate, not clipped; NaN if unknown.
    rank
        Place among the methods scored on the same conditions.
    notes
        Marks of the cell's footnotes.
    """

    mean: float
    seed_spread: float
    condition_spread: float
    n_conditions: int
    n_seeds: int
    n_undefined: int = 0
    normalised: float = math.nan
    rank: Rank | None = None
    notes: tuple[str, ...] = ()

    def spread(self, over: Spread) -> float:
        """The spread over seeds or over conditions."""
        return self.seed_spread if over == "seeds" else self.condition_spread


@dataclass(frozen=True)
class Row:
    """One method, or one bound of the scale.

    Parameters
    ----------
    name
        As in the scores.
    kind
        ``floor`` (technical duplicate), ``oracle``, ``method`` or ``ceiling`` (control); only methods are ranked.
    cells
        One per column; ``None`` where the method supports no condition.
    notes
        Marks of the row's footnotes.
    """

    name: str
    kind: RowKind
    cells: tuple[Cell | None, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """Methods by metrics.

    Parameters
    ----------
    source
        Where the numbers come from.
    n_conditions
        Conditions of the task.
    spread
        Which spread stands behind ± : the SD over seeds or over conditions.
    scale
        Whether the means are raw, normalised to the controls, or mean ranks.
    columns, rows
        In the order shown.
    notes
        Footnotes in the order of their marks.
    """

    source: Source
    n_conditions: int
    spread: Spread
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[Note, ...] = ()
    scale: Scale = "raw"


@dataclass(frozen=True)
class Difference:
    """A method against the reference under one metric: method minus reference, in the metric's unit.

    Under a metric where closer is better, the difference of the distances to the perfect value.

    Parameters
    ----------
    method
        Name of the method.
    difference, low, high, standard_error
        Mean paired difference, its confidence limits, and the SD of its bootstrap replicates.
    p, p_adjusted
        Wilcoxon signed-rank p-value, raw and after Benjamini-Hochberg over the whole comparison.
    detectable
        Minimum detectable effect; NaN where the test can show none.
    n_conditions
        Conditions compared: those with a value for both sides.
    seeds, reference_seeds
        Seeds of the method and of the reference.
    verdict
        Whether the method is shown to be better or worse.
    notes
        Marks of the footnotes.
    """

    method: str
    difference: float
    low: float
    high: float
    standard_error: float
    p: float
    p_adjusted: float
    detectable: float
    n_conditions: int
    seeds: int
    reference_seeds: int
    verdict: Verdict
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """All methods against the reference under one metric."""

    column: Column
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class Comparison:
    """Every method against one reference method.

    Parameters
    ----------
    source
        Where the numbers come from.
    reference
        The method the others are compared with.
    n_conditions
        Conditions of the task.
    confidence
        Coverage of the intervals.
    alpha
        Level of the adjusted p-value below which a difference counts as shown.
    replicates
        Bootstrap replicates.
    sections
        One per metric, in the order shown.
    notes
        Footnotes in the order of their marks.
    """

    source: Source
    reference: str
    n_conditions: int
    confidence: float
    alpha: float
    replicates: int
    sections: tuple[Section, ...]
    notes: tuple[Note, ...] = ()


Report = Table | Comparison
