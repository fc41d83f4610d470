"""The sentences of a caption; how ranks are marked is added by each output format."""

from __future__ import annotations

import math

from reports.model import Cell, Comparison, Source, Table


def table_caption(table: Table) -> tuple[str, ...]:
    """What the numbers of a table are."""
    sentences = [_origin(table.source, table.n_conditions), _means(table), _spread(table)]
    if table.scale == "normalised":
        sentences.append("Normalised: 0 is the control, 1 the technical duplicate; nothing is clipped.")
    sentences += _unknown_ranges(table)
    return tuple(sentence for sentence in sentences if sentence)


def rank_legend(best: str, second: str) -> str:
    """How the ranks are marked."""
    return (
        f"{best}: best, {second}: second, among the methods scored on the same conditions; "
        "the bounds of the scale are not ranked."
    )


def comparison_caption(comparison: Comparison) -> tuple[str, ...]:
    """What the numbers of a comparison are."""
    percent = f"{comparison.confidence * 100:g} %"
    return (
        _origin(comparison.source, comparison.n_conditions),
        f"Mean paired difference per condition, method minus {comparison.reference}, with its {percent} interval "
        f"({comparison.replicates:,} bootstrap replicates over conditions and seeds).",
        "p: Wilcoxon signed-rank over conditions, Benjamini–Hochberg adjusted over all methods and metrics shown.",
        "Detectable: smallest true difference found with probability 0.8 at the 5 % level.",
        f"Seeds: of the method / of {comparison.reference}.",
        f"Verdict: given where the adjusted p is below {comparison.alpha:g} and the interval excludes zero.",
    )


def _origin(source: Source, n_conditions: int) -> str:
    return f"Task {source.task}, protocol {source.protocol}, {n_conditions} held-out conditions."


def _means(table: Table) -> str:
    seeds = sorted({cell.n_seeds for cell in _cells(table)})
    if not seeds:
        return ""
    return f"Mean over conditions of the mean over seeds ({_number_range(seeds)})."


def _spread(table: Table) -> str:
    shown = [cell for cell in _cells(table) if not math.isnan(cell.spread(table.spread))]
    if not shown:
        return "No spread: one seed each." if table.spread == "seeds" else "No spread: one condition each."
    if table.spread == "conditions":
        return "±: standard deviation over conditions of the mean over seeds."
    alone = any(cell.n_seeds < 2 for cell in _cells(table))
    return "±: standard deviation over seeds of the mean over conditions" + (
        "; none where there is one seed." if alone else "."
    )


def _unknown_ranges(table: Table) -> list[str]:
    unknown = [column for column in table.columns if math.isnan(column.dynamic_range) and not column.greyed]
    if not unknown:
        return []
    which = "" if len(unknown) == len(table.columns) else " of " + ", ".join(f"{c.label} ({c.group})" for c in unknown)
    return [f"Dynamic range{which} unknown: it needs a technical duplicate, a control and a perfect score."]


def _number_range(numbers: list[int]) -> str:
    low, high = numbers[0], numbers[-1]
    if low == high:
        return f"{low} seed" if low == 1 else f"{low} seeds"
    return f"{low} to {high} seeds"


def _cells(table: Table) -> list[Cell]:
    return [cell for row in table.rows for cell in row.cells if cell is not None]
