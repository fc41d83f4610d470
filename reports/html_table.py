"""One table as an HTML fragment to paste into a page: plain elements, no script, no style sheet."""

from __future__ import annotations

from html import escape
from itertools import groupby

from reports.grid import DASH, Grid, GridCell, GridColumn, GridRow, lay_out
from reports.model import Report
from reports.wording import rank_legend

_RANKS = {"best": "strong", "second": "u"}


def to_html(report: Report) -> str:
    """The report as a ``figure`` with caption, table, footnotes, and its provenance in a comment.

    Best in ``strong``, second in ``u``, greyed columns and bounds with the classes ``greyed`` and ``bound``.
    """
    grid = lay_out(report)
    caption = list(grid.caption)
    if grid.ranked:
        caption.append(rank_legend("Best in bold", "second underlined", grid.bounds))
    lines = [
        f"<!-- provenance {_comment(grid)} -->",
        '<figure class="bench">',
        f"<figcaption><b>{escape(grid.title)}.</b> {escape(' '.join(caption))}</figcaption>",
        "<table>",
        "<thead>",
        *_header(grid),
        "</thead>",
        "<tbody>",
        *(_row(row, grid) for row in grid.rows),
        "</tbody>",
        "</table>",
    ]
    if grid.protocol:
        lines.append(f"<p>{escape(grid.protocol)}</p>")
    if grid.notes:
        notes = "".join(f"<li><sup>{note.mark}</sup> {escape(note.text)}</li>" for note in grid.notes)
        lines.append(f'<ul class="notes">{notes}</ul>')
    return "\n".join([*lines, "</figure>", ""])


def _header(grid: Grid) -> list[str]:
    rows = []
    if any(column.group for column in grid.columns):
        groups = [(name, len(list(part))) for name, part in groupby(column.group for column in grid.columns)]
        spans = "".join(f'<th scope="colgroup" colspan="{span}">{escape(name)}</th>' for name, span in groups)
        rows.append(f"<tr><td></td>{spans}</tr>")
    labels = "".join(
        f'<th scope="col"{_class(column)}>{escape(column.label)}{_marks(column.notes)}</th>' for column in grid.columns
    )
    return [*rows, f'<tr><th scope="col">{escape(grid.stub)}</th>{labels}</tr>']


def _row(row: GridRow, grid: Grid) -> str:
    stub = f"{escape(row.label)}{_marks(row.notes)}"
    if row.is_heading:
        return f'<tr><th scope="rowgroup" colspan="{len(grid.columns) + 1}">{stub}</th></tr>'
    bound = ' class="bound"' if row.bound else ""
    cells = "".join(_cell(cell, column) for cell, column in zip(row.cells, grid.columns, strict=True))
    return f'<tr{bound}><th scope="row">{stub}</th>{cells}</tr>'


def _cell(cell: GridCell, column: GridColumn) -> str:
    value = escape(cell.value)
    if cell.rank is not None:
        value = f"<{_RANKS[cell.rank]}>{value}</{_RANKS[cell.rank]}>"
    spread = f" <small>{escape(cell.spread)}</small>" if cell.spread and cell.value != DASH else ""
    return f"<td{_class(column)}>{value}{spread}{_marks(cell.notes)}</td>"


def _class(column: GridColumn) -> str:
    return ' class="greyed"' if column.greyed else ""


def _marks(notes: tuple[str, ...]) -> str:
    return f"<sup>{','.join(notes)}</sup>" if notes else ""


def _comment(grid: Grid) -> str:
    pairs = [("hash", grid.source.hash), *grid.source.details]
    # Two hyphens, or a bracket after them, would end the comment early.
    return escape(" ".join("; ".join(f"{name} {value}" for name, value in pairs).replace("--", "- -").split()))
