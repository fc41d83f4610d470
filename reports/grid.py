"""A report laid out as a grid of words, before any output format is chosen.

Text here is Unicode (``−``, ``±``, ``↓``); each format escapes it in its own way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from reports.model import Better, Cell, Column, Comparison, Difference, Note, Rank, Report, Row, Source, Table
from reports.numbers import number, p_value
from reports.wording import comparison_caption, table_caption

DASH = "–"
_ARROWS: dict[Better, str] = {"lower": "↓", "higher": "↑", "closer": ""}


@dataclass(frozen=True)
class GridColumn:
    """Header of one column: its group (may be empty), label, footnote marks, and how it is set.

    ``has_spread`` says that body cells may have a ``spread`` part, to be aligned by itself.
    """

    group: str
    label: str
    notes: tuple[str, ...] = ()
    greyed: bool = False
    has_spread: bool = False
    is_text: bool = False


@dataclass(frozen=True)
class GridCell:
    """One body cell; ``spread`` is shown behind ``value`` with its ± sign."""

    value: str
    spread: str = ""
    rank: Rank | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class GridRow:
    """One body row; a section heading has no cells."""

    label: str
    cells: tuple[GridCell, ...]
    notes: tuple[str, ...] = ()
    bound: bool = False
    rule_above: bool = False

    @property
    def is_heading(self) -> bool:
        """Whether the row is a heading over the rows that follow."""
        return not self.cells


@dataclass(frozen=True)
class Grid:
    """A whole report in words."""

    title: str
    name: str
    caption: tuple[str, ...]
    stub: str
    columns: tuple[GridColumn, ...]
    rows: tuple[GridRow, ...]
    notes: tuple[Note, ...]
    source: Source
    ranked: bool

    @property
    def protocol(self) -> str:
        """The protocol and what it does; empty if there is nothing to say."""
        return f"{self.source.protocol}: {self.source.protocol_text}" if self.source.protocol_text else ""

    @property
    def bounds(self) -> tuple[str, ...]:
        """Rows that bound the scale."""
        return tuple(row.label for row in self.rows if row.bound)


def lay_out(report: Report) -> Grid:
    """Lay a report out."""
    return _table(report) if isinstance(report, Table) else _comparison(report)


def _table(table: Table) -> Grid:
    columns = tuple(
        GridColumn(column.group, _with_arrow(column), column.notes, column.greyed, has_spread=True)
        for column in table.columns
    )
    rows = []
    for index, row in enumerate(table.rows):
        cells = tuple(_cell(cell, column, table) for cell, column in zip(row.cells, table.columns, strict=True))
        bound = row.kind != "method"
        rows.append(GridRow(row.name, cells, row.notes, bound, _starts_part(table.rows, index)))
    return Grid(
        title=f"{table.source.title} · mean ranks" if table.scale == "rank" else table.source.title,
        name=f"{table.source.task} {table.source.protocol} {table.scale}",
        caption=table_caption(table),
        stub="method",
        columns=columns,
        rows=tuple(rows),
        notes=table.notes,
        source=table.source,
        ranked=any(cell is not None and cell.rank is not None for row in table.rows for cell in row.cells),
    )


def _cell(cell: Cell | None, column: Column, table: Table) -> GridCell:
    if cell is None:
        return GridCell(DASH)
    spread = cell.spread(table.spread)
    return GridCell(
        number(cell.mean, column.decimals),
        "" if math.isnan(cell.mean + spread) else f"±{number(spread, column.decimals)}",
        cell.rank,
        cell.notes,
    )


def _starts_part(rows: tuple[Row, ...], index: int) -> bool:
    if index == 0:
        return False
    return (rows[index].kind == "method") != (rows[index - 1].kind == "method")


def _comparison(comparison: Comparison) -> Grid:
    percent = f"{comparison.confidence * 100:g} %"
    labels = ("difference", f"{percent} interval", "adj. p", "MDE", "n", "seeds", "verdict")
    columns = tuple(GridColumn("", label, is_text=label == "verdict") for label in labels)
    rows: list[GridRow] = []
    for section in comparison.sections:
        column = section.column
        heading = f"{_with_arrow(column)} · {column.group}"
        rows.append(GridRow(heading, (), column.notes, rule_above=bool(rows)))
        rows += [GridRow(one.method, _difference(one, column.decimals), one.notes) for one in section.differences]
    return Grid(
        title=f"{comparison.source.title} · against {comparison.reference}",
        name=f"{comparison.source.task} {comparison.source.protocol} against {comparison.reference}",
        caption=comparison_caption(comparison),
        stub="method",
        columns=columns,
        rows=tuple(rows),
        notes=comparison.notes,
        source=comparison.source,
        ranked=False,
    )


def _difference(difference: Difference, decimals: int) -> tuple[GridCell, ...]:
    if difference.n_conditions == 0:
        return (GridCell(DASH),) * 7
    interval = f"[{number(difference.low, decimals)}, {number(difference.high, decimals)}]"
    return (
        GridCell(number(difference.difference, decimals)),
        GridCell(interval),
        GridCell(p_value(difference.p_adjusted)),
        GridCell(DASH if math.isnan(difference.detectable) else number(difference.detectable, decimals)),
        GridCell(str(difference.n_conditions)),
        GridCell(f"{difference.seeds} / {difference.reference_seeds}"),
        GridCell(difference.verdict),
    )


def _with_arrow(column: Column) -> str:
    arrow = _ARROWS[column.better] or f"→ {column.perfect:g}"
    return f"{column.label} {arrow}"
