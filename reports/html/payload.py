"""A report as plain lists and dictionaries for the page's script."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from reports.html.model import Board, CellLook, HtmlReport, Perturbation, RunLine, TaskView
from reports.model import Cell, Comparison, Difference
from reports.numbers import p_value, rounded
from reports.wording import comparison_caption, table_caption

_DIGITS = 7


def payload(report: HtmlReport) -> dict[str, Any]:
    """Everything the page shows; numbers as a printed table rounds them, undefined ones ``None``."""
    return {
        "title": report.title,
        "provenance": [list(pair) for pair in report.provenance],
        "tasks": [_task(task) for task in report.tasks],
        "boards": [_board(board) for board in report.boards],
        "runs": [_run(run) for run in report.runs],
    }


def _number(value: float) -> float | int | None:
    if not math.isfinite(value):
        return None
    return _whole(float(f"{value:.{_DIGITS}g}"))


def _whole(value: float) -> float | int:
    return int(value) if value.is_integer() else value


def _printed(value: float, decimals: int) -> float | int | None:
    # Rounded here, because a browser's `toFixed` rounds ties another way than the printed tables.
    return _whole(rounded(value, decimals)) if math.isfinite(value) else None


def _board(board: Board) -> dict[str, Any]:
    table = board.table
    headline = set(board.headline)
    return {
        "task": table.source.task,
        "protocol": table.source.protocol,
        "protocolText": table.source.protocol_text,
        "hash": table.source.hash,
        # The runs have a table of their own on the page.
        "details": [[name, value] for name, value in table.source.details if name != "runs"],
        "caption": " ".join(table_caption(table)[:1]),
        "notes": [[note.mark, note.text] for note in table.notes],
        "columns": [
            {
                "metric": column.metric,
                "genes": column.genes,
                "label": column.label,
                "group": column.group,
                "better": column.better,
                "perfect": _number(column.perfect),
                "decimals": column.decimals,
                "range": _printed(column.dynamic_range, 2),
                "greyed": column.greyed,
                "headline": (column.metric, column.genes) in headline,
                "notes": list(column.notes),
            }
            for column in table.columns
        ],
        "rows": [
            {
                "name": row.name,
                "kind": row.kind,
                "notes": list(row.notes),
                "cells": [
                    None if cell is None else _cell(cell, column.decimals)
                    for cell, column in zip(row.cells, table.columns, strict=True)
                ],
            }
            for row in table.rows
        ],
        "comparison": None if board.comparison is None else _comparison(board.comparison),
        "conditions": list(board.conditions),
        "values": [
            {
                "metric": metric,
                "genes": genes,
                "rows": {name: [_number(v) for v in line] for name, line in rows.items()},
            }
            for (metric, genes), rows in board.values.items()
        ],
    }


def _cell(cell: Cell, decimals: int) -> list[Any]:
    return [
        _printed(cell.mean, decimals),
        _printed(cell.condition_spread, decimals),
        _printed(cell.seed_spread, decimals),
        cell.n_conditions,
        cell.n_seeds,
        _printed(cell.normalised, 2),
        cell.rank,
        list(cell.notes),
    ]


def _comparison(comparison: Comparison) -> dict[str, Any]:
    return {
        "reference": comparison.reference,
        "confidence": comparison.confidence,
        "caption": " ".join(comparison_caption(comparison)[1:]),
        "notes": [[note.mark, note.text] for note in comparison.notes],
        "sections": [
            {
                "metric": section.column.metric,
                "genes": section.column.genes,
                "decimals": section.column.decimals,
                "rows": [_difference(one, section.column.decimals) for one in section.differences],
            }
            for section in comparison.sections
        ],
    }


def _difference(one: Difference, decimals: int) -> dict[str, Any]:
    return {
        "method": one.method,
        "difference": _printed(one.difference, decimals),
        "low": _printed(one.low, decimals),
        "high": _printed(one.high, decimals),
        "p": p_value(one.p_adjusted),
        "detectable": _printed(one.detectable, decimals),
        "n": one.n_conditions,
        "seeds": f"{one.seeds} / {one.reference_seeds}",
        "verdict": one.verdict,
        "notes": list(one.notes),
    }


def _task(task: TaskView) -> dict[str, Any]:
    return {
        "name": task.name,
        "summary": task.summary,
        "label": task.label,
        "binWidth": _number(task.bin_width),
        "perturbations": [_perturbation(one) for one in task.perturbations],
    }


def _perturbation(one: Perturbation) -> dict[str, Any]:
    return {
        "condition": one.condition,
        "cells": one.n_cells,
        "true": _look(one.true),
        "predicted": _looks(one.predicted),
        "genes": [
            {
                "gene": view.gene,
                "true": list(view.true),
                "control": list(view.control),
                "predicted": {name: list(histogram) for name, histogram in view.predicted.items()},
            }
            for view in one.genes
        ],
    }


def _looks(looks: Mapping[str, CellLook]) -> dict[str, Any]:
    return {name: _look(look) for name, look in looks.items()}


def _look(look: CellLook) -> list[float | int | None]:
    return [_number(look.zero_fraction), _number(look.intra_distance), _number(look.variance_ratio)]


def _run(run: RunLine) -> dict[str, Any]:
    return {
        "key": run.key,
        "task": run.task,
        "method": run.method,
        "seed": run.seed,
        "status": run.status,
        "seconds": _number(run.seconds),
        "gibibytes": _number(run.gibibytes),
        "note": run.note,
        "details": [list(pair) for pair in run.details],
    }
