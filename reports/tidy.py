"""Tidy CSV: one line per number shown, in full precision, with everything that qualifies it."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence

from reports.model import Cell, Comparison, Note, Report, Source, Table

_SOURCE = ("task", "protocol", "simulated", "hash")
_TABLE = (
    *_SOURCE,
    "method",
    "kind",
    "metric",
    "genes",
    "better",
    "scale",
    "mean",
    "seed_sd",
    "condition_sd",
    "n_seeds",
    "n_conditions",
    "n_undefined",
    "n_task_conditions",
    "normalised",
    "dynamic_range",
    "greyed",
    "rank",
    "notes",
)
_COMPARISON = (
    *_SOURCE,
    "method",
    "reference",
    "metric",
    "genes",
    "better",
    "difference",
    "low",
    "high",
    "confidence",
    "standard_error",
    "p",
    "p_adjusted",
    "detectable",
    "n_conditions",
    "n_task_conditions",
    "seeds",
    "reference_seeds",
    "dynamic_range",
    "greyed",
    "verdict",
    "notes",
)
_NO_CELL = Cell(math.nan, math.nan, math.nan, 0, 0)


def to_csv(report: Report) -> str:
    """The report as CSV with a header; a number that does not exist is an empty field."""
    if isinstance(report, Table):
        return _write(_TABLE, _table_lines(report))
    return _write(_COMPARISON, _comparison_lines(report))


def _table_lines(table: Table) -> Iterable[Sequence[object]]:
    for row in table.rows:
        for column, cell in zip(table.columns, row.cells, strict=True):
            known = cell or _NO_CELL
            marks = (*column.notes, *row.notes, *known.notes)
            yield (
                *_source(table.source),
                row.name,
                row.kind,
                column.metric,
                column.genes,
                column.better,
                table.scale,
                known.mean,
                known.seed_spread,
                known.condition_spread,
                known.n_seeds,
                known.n_conditions,
                known.n_undefined,
                table.n_conditions,
                known.normalised,
                column.dynamic_range,
                column.greyed,
                known.rank or "",
                _texts(table.notes, marks),
            )


def _comparison_lines(comparison: Comparison) -> Iterable[Sequence[object]]:
    for section in comparison.sections:
        column = section.column
        for one in section.differences:
            yield (
                *_source(comparison.source),
                one.method,
                comparison.reference,
                column.metric,
                column.genes,
                column.better,
                one.difference,
                one.low,
                one.high,
                comparison.confidence,
                one.standard_error,
                one.p,
                one.p_adjusted,
                one.detectable,
                one.n_conditions,
                comparison.n_conditions,
                one.seeds,
                one.reference_seeds,
                column.dynamic_range,
                column.greyed,
                one.verdict,
                _texts(comparison.notes, (*column.notes, *one.notes)),
            )


def _source(source: Source) -> tuple[str, str, bool, str]:
    return source.task, source.protocol, source.simulated, source.hash


def _texts(notes: Sequence[Note], marks: Sequence[str]) -> str:
    return "; ".join(note.text for note in notes if note.mark in marks)


def _write(header: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_field(value) for value in line] for line in lines)
    return stream.getvalue()


def _field(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return "" if math.isnan(value) else repr(value)
    return value
