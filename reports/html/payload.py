"""A report as plain lists and dictionaries for the page's script."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from reports.html.model import Board, CellLook, HtmlReport, Perturbation, RunLine, TaskView
from reports.model import Cell, Comparison, Difference
from reports.wording import table_caption

_DIGITS = 7


def payload(report: HtmlReport) -> dict[str, Any]:
    """Everything the page shows; numbers to seven significant digits, undefined ones ``None``."""
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
    short = float(f"{value:.{_DIGITS}g}")
    return int(short) if short.is_integer() else short


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
                "range": _number(column.dynamic_range),
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
                "cells": [None if cell is None else _cell(cell) for cell in row.cells],
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


def _cell(cell: Cell) -> list[Any]:
    return [
        _number(cell.mean),
        _number(cell.condition_spread),
        _number(cell.seed_spread),
        cell.n_conditions,
        cell.n_seeds,
        _number(cell.normalised),
        cell.rank,
        list(cell.notes),
    ]


def _comparison(comparison: Comparison) -> dict[str, Any]:
    return {
        "reference": comparison.reference,
        "confidence": comparison.confidence,
        "notes": [[note.mark, note.text] for note in comparison.notes],
        "sections": [
            {
                "metric": section.column.metric,
                "genes": section.column.genes,
                "decimals": section.column.decimals,
                "rows": [_difference(one) for one in section.differences],
            }
            for section in comparison.sections
        ],
    }


def _difference(one: Difference) -> dict[str, Any]:
    return {
        "method": one.method,
        "difference": _number(one.difference),
        "low": _number(one.low),
        "high": _number(one.high),
        "p": _number(one.p_adjusted),
        "detectable": _number(one.detectable),
        "n": one.n_conditions,
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
