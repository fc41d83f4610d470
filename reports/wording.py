"""The sentences of a caption; how ranks are marked is added by each output format."""

from __future__ import annotations

import math
from collections.abc import Sequence

from reports.model import Cell, Comparison, Table


def table_caption(table: Table) -> tuple[str, ...]:
    """What the numbers of a table are."""
    if table.scale == "rank":
        return (
            f"{table.n_conditions} held-out conditions.",
            "Mean over conditions of a method's rank by its mean over seeds ± standard deviation over conditions; 1 is "
            "the best in every condition.",
        )
    sentences = [f"{table.n_conditions} held-out conditions.", _means(table)]
    if table.scale == "normalised":
        sentences.append("Normalised: 0 is the control, 1 the technical duplicate; nothing is clipped.")
    sentences += _unknown_ranges(table)
    return tuple(sentences)


def rank_legend(best: str, second: str, bounds: Sequence[str]) -> str:
    """How the ranks are marked, and which rows have none."""
    legend = f"{best}, {second}, among the methods scored on the same conditions"
    if not bounds:
        return legend + "."
    return f"{legend}; not ranked: {', '.join(bounds)}."


def comparison_caption(comparison: Comparison) -> tuple[str, ...]:
    """What the numbers of a comparison are."""
    percent = f"{comparison.confidence * 100:g} %"
    return (
        f"{comparison.n_conditions} held-out conditions.",
        f"Mean paired difference per condition, method minus {comparison.reference}, with its {percent} interval "
        f"({comparison.replicates:,} bootstrap replicates over conditions, Student's t over seeds).",
        "Adj. p: Wilcoxon signed-rank over conditions, Benjamini–Hochberg adjusted over all methods and metrics shown.",
        "MDE: minimum detectable effect, the mean difference that this test finds with power 0.8 at the 5 % level "
        "before adjustment, if differences are normal.",
        f"n: conditions compared. Seeds: of the method / of {comparison.reference}.",
        f"Better or worse: adjusted p below {comparison.alpha:g} and an interval without zero.",
    )


def _means(table: Table) -> str:
    methods = [cell for row in table.rows if row.kind == "method" for cell in row.cells if cell is not None]
    seeds = sorted({cell.n_seeds for cell in methods or _cells(table)})
    mean = f"Mean over conditions of the mean over seeds ({_number_range(seeds)})"
    if all(math.isnan(cell.spread(table.spread)) for cell in _cells(table)):
        return f"{mean}; no spread over {table.spread}, there being but one."
    if table.spread == "conditions":
        return f"{mean} ± standard deviation over conditions of the mean over seeds."
    alone = "; none where there is one seed" if seeds[0] < 2 else ""
    return f"{mean} ± standard deviation over seeds of the mean over conditions{alone}."


def _unknown_ranges(table: Table) -> list[str]:
    unknown = [column for column in table.columns if math.isnan(column.dynamic_range) and not column.greyed]
    if not unknown:
        return []
    which = "" if len(unknown) == len(table.columns) else " of " + ", ".join(f"{c.label} ({c.group})" for c in unknown)
    return [f"Dynamic range{which} unknown: it needs a technical duplicate, a control and a perfect score."]


def _number_range(numbers: list[int]) -> str:
    if not numbers:
        return "none"
    low, high = numbers[0], numbers[-1]
    if low == high:
        return f"{low} seed" if low == 1 else f"{low} seeds"
    return f"{low} to {high} seeds"


def _cells(table: Table) -> list[Cell]:
    return [cell for row in table.rows for cell in row.cells if cell is not None]
