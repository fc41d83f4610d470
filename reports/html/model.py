"""What an HTML report is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reports.model import Comparison, Table

Histogram = tuple[int, ...]
"""Cells per thousand: exact zeros first, then bins of equal width above zero; empty bins at the end are left out."""


@dataclass(frozen=True)
class Board:
    """One task under one protocol.

    Parameters
    ----------
    table
        Every metric on every gene set.
    headline
        The (metric, genes) to look at first.
    comparison
        Every method against the best baseline; ``None`` without one.
    conditions
        The scored test conditions.
    values
        (metric, genes) -> row name -> mean over seeds per condition; NaN where undefined. Headline metrics only.
    """

    table: Table
    headline: tuple[tuple[str, str], ...]
    comparison: Comparison | None
    conditions: tuple[str, ...]
    values: Mapping[tuple[str, str], Mapping[str, tuple[float, ...]]]


@dataclass(frozen=True)
class GeneView:
    """Expression of one gene in one perturbation: held-out cells, control cells, predicted cells by method."""

    gene: str
    true: Histogram
    control: Histogram
    predicted: Mapping[str, Histogram]


@dataclass(frozen=True)
class CellLook:
    """What a population of cells looks like.

    Parameters
    ----------
    zero_fraction
        Fraction of all values that are exactly zero.
    intra_distance
        Mean distance between two cells.
    variance_ratio
        Median over genes of predicted over true variance; 1 for the truth.
    """

    zero_fraction: float
    intra_distance: float
    variance_ratio: float


@dataclass(frozen=True)
class Perturbation:
    """One held-out perturbation.

    Parameters
    ----------
    condition
        Key.
    n_cells
        Held-out cells shown.
    genes
        Its most differential genes.
    true
        What the held-out cells look like.
    predicted
        What each method's cells look like.
    """

    condition: str
    n_cells: int
    genes: tuple[GeneView, ...]
    true: CellLook
    predicted: Mapping[str, CellLook]


@dataclass(frozen=True)
class TaskView:
    """One task: what it asks for and its perturbations.

    Parameters
    ----------
    name, summary
        Name and one sentence.
    label
        What must be said wherever its numbers are shown (``embedded simulation, ...``); ``""`` for real data.
    bin_width
        Width of a histogram's bins, log1p scale.
    perturbations
        The held-out ones.
    """

    name: str
    summary: str
    label: str
    bin_width: float
    perturbations: tuple[Perturbation, ...]


@dataclass(frozen=True)
class RunLine:
    """One run and where it comes from.

    Parameters
    ----------
    key, task, method, seed, status
        As recorded.
    seconds, gibibytes
        To fit and predict; peak of host memory. NaN if unknown.
    note
        Why it is unsupported, or ``""``.
    details
        (name, value) pairs of its record.
    """

    key: str
    task: str
    method: str
    seed: int
    status: str
    seconds: float
    gibibytes: float
    note: str = ""
    details: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class HtmlReport:
    """A whole report.

    Parameters
    ----------
    title
        Heading.
    tasks, boards, runs
        What is shown; at least one board, and a task for each.
    provenance
        (name, value) pairs of the report as a whole.
    """

    title: str
    tasks: tuple[TaskView, ...]
    boards: tuple[Board, ...]
    runs: tuple[RunLine, ...]
    provenance: tuple[tuple[str, str], ...] = field(default=())
