"""GitHub Markdown."""

from __future__ import annotations

import re

from reports.grid import Grid, GridCell, GridColumn, GridRow, lay_out
from reports.model import Report
from reports.wording import rank_legend

# What GitHub would read as markup inside a table cell or a paragraph.
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~#$&])")


def to_markdown(report: Report) -> str:
    """The report as a Markdown section with a table; best bold, second underlined, greyed columns in small print."""
    grid = lay_out(report)
    lines = [f"### {escape(grid.title)}", ""]
    header = [escape(grid.stub), *(_header(column) for column in grid.columns)]
    rule = [":---", *(":---" if column.is_text else "---:" for column in grid.columns)]
    body = [_row(row, grid) for row in grid.rows]
    lines += ["| " + " | ".join(line) + " |" for line in (header, rule, *body)]
    caption = list(grid.caption)
    if grid.ranked:
        caption.append(rank_legend("Best in bold", "second underlined", grid.bounds))
    lines += ["", escape(" ".join(caption)), ""]
    if grid.protocol:
        lines += [escape(grid.protocol), ""]
    lines += [f"<sup>{note.mark}</sup> {escape(note.text)}<br>" for note in grid.notes]
    lines += ["", f"<!-- provenance {_comment(grid)} -->", ""]
    return "\n".join(lines)


def escape(text: str) -> str:
    """Text that GitHub shows as it is."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _header(column: GridColumn) -> str:
    label = " ".join(part for part in (column.label, f"({column.group})" if column.group else "") if part)
    return _grey(escape(label), column) + _marks(column.notes)


def _row(row: GridRow, grid: Grid) -> list[str]:
    label = escape(row.label)
    if row.is_heading:
        return [f"**{label}**{_marks(row.notes)}", *("" for _ in grid.columns)]
    stub = (f"*{label}*" if row.bound else label) + _marks(row.notes)
    return [stub, *(_cell(cell, column) for cell, column in zip(row.cells, grid.columns, strict=True))]


def _cell(cell: GridCell, column: GridColumn) -> str:
    value = escape(cell.value)
    if cell.rank == "best":
        value = f"**{value}**"
    elif cell.rank == "second":
        value = f"<ins>{value}</ins>"
    spread = f" ± {escape(cell.spread[1:])}" if cell.spread else ""
    return _grey(value + spread, column) + _marks(cell.notes)


def _grey(text: str, column: GridColumn) -> str:
    return f"<sub>{text}</sub>" if column.greyed and text else text


def _marks(notes: tuple[str, ...]) -> str:
    return f"<sup>{','.join(notes)}</sup>" if notes else ""


def _comment(grid: Grid) -> str:
    pairs = [("hash", grid.source.hash), *grid.source.details]
    text = "; ".join(f"{name} {value}" for name, value in pairs)
    # Two hyphens would end an HTML comment early.
    return " ".join(text.replace("--", "- -").split())
