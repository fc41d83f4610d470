"""Tables for a terminal, and the same in plain text for a pipe or a file.

A table wider than the terminal is cut into blocks of columns, between groups where it can be.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rich.cells import cell_len

from reports.grid import DASH, Grid, GridCell, GridColumn, GridRow, lay_out
from reports.model import Report
from reports.wording import rank_legend

if TYPE_CHECKING:
    from rich.console import Console

PLAIN_WIDTH = 160
_GAP = 2
_CAPTION_WIDTH = 110
_SUPERSCRIPT = str.maketrans("abcdefghijklmnoprstuvwxyz", "ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ")

Segment = tuple[str, str]  # text and rich style
Line = list[Segment]


@dataclass(frozen=True)
class _Widths:
    """Widths of the parts of one column's cells, in character cells."""

    value: int
    spread: int
    marks: int
    total: int


def print_report(report: Report, console: Console) -> None:
    """Print a report: styled and fitted on a terminal, plain text elsewhere."""
    from rich.text import Text

    if not console.is_terminal:
        console.file.write(plain_text(report))
        return
    for line in _lines(lay_out(report), console.width):
        console.print(Text.assemble(*line), soft_wrap=True)


def plain_text(report: Report, width: int = PLAIN_WIDTH) -> str:
    """The report without styles: the best is marked ``*``, the second ``†``, greyed numbers stand in parentheses."""
    grid = _plain(lay_out(report))
    lines = ("".join(text for text, _ in line).rstrip() for line in _lines(grid, width, legend=("* best", "† second")))
    return "\n".join(lines) + "\n"


def _plain(grid: Grid) -> Grid:
    """Styles turned into signs."""
    sign = {"best": "*", "second": "†", None: ""}

    def cell(one: GridCell, column: GridColumn) -> GridCell:
        if not column.greyed or one.value == DASH:
            return replace(one, value=sign[one.rank] + one.value, rank=None)
        if one.spread:
            return replace(one, value=f"({one.value}", spread=f"{one.spread})")
        return replace(one, value=f"({one.value})")

    rows = tuple(
        replace(row, cells=tuple(cell(one, column) for one, column in zip(row.cells, grid.columns, strict=False)))
        for row in grid.rows
    )
    return replace(grid, rows=rows)


def _lines(grid: Grid, width: int, legend: tuple[str, str] = ("Best in bold", "second underlined")) -> Iterator[Line]:
    widths = [_column_widths(grid, index) for index in range(len(grid.columns))]
    stub = max(cell_len(row.label + _marks(row.notes)) for row in (*_body(grid), GridRow(grid.stub, ())))
    yield [(grid.title, "bold")]
    for block in _blocks(grid.columns, widths, width - stub):
        yield []
        yield from _block(grid, block, widths, stub)
    caption = list(grid.caption)
    if grid.ranked:
        caption.append(rank_legend(*legend, grid.bounds))
    text_width = min(width, _CAPTION_WIDTH)
    yield []
    for paragraph in (" ".join(caption), grid.protocol):
        for text in textwrap.wrap(paragraph, text_width, break_on_hyphens=False):
            yield [(text, "")]
    for note in grid.notes:
        mark = f"{_marks((note.mark,))} "
        for text in textwrap.wrap(note.text, text_width, initial_indent=mark, subsequent_indent=" " * len(mark)):
            yield [(text, "dim")]
    yield [(f"provenance {grid.source.hash[:12]}", "dim")]


def _body(grid: Grid) -> list[GridRow]:
    return [row for row in grid.rows if not row.is_heading]


def _column_widths(grid: Grid, index: int) -> _Widths:
    cells = [row.cells[index] for row in _body(grid)]
    value = max((cell_len(cell.value) for cell in cells), default=0)
    spread = max((cell_len(cell.spread) for cell in cells), default=0)
    marks = max((cell_len(_marks(cell.notes)) for cell in cells), default=0)
    content = value + spread + marks
    column = grid.columns[index]
    label = column.label + _marks(column.notes)
    return _Widths(value, spread, marks, max(content, cell_len(label), cell_len(column.group)))


def _blocks(columns: Sequence[GridColumn], widths: Sequence[_Widths], room: int) -> Iterator[list[int]]:
    """Indices of the columns of each block; a group stays whole where a block can hold it."""

    def size(indices: Sequence[int]) -> int:
        return sum(widths[i].total + _GAP for i in indices)

    block: list[int] = []
    for group in _runs(range(len(columns)), lambda i: columns[i].group):
        if block and size(block) + size(group) > room and (size(group) <= room or len(group) > 1):
            yield block
            block = []
        for index in group:
            if block and size([*block, index]) > room:
                yield block
                block = []
            block.append(index)
    if block:
        yield block


def _runs(indices: Sequence[int], key: Callable[[int], str]) -> Iterator[list[int]]:
    run: list[int] = []
    for index in indices:
        if run and key(run[-1]) != key(index):
            yield run
            run = []
        run.append(index)
    if run:
        yield run


def _block(grid: Grid, block: list[int], widths: Sequence[_Widths], stub: int) -> Iterator[Line]:
    gap = " " * _GAP
    groups = list(_runs(block, lambda i: grid.columns[i].group))
    total = stub + sum(widths[i].total + _GAP for i in block)
    if any(grid.columns[i].group for i in block):
        line: Line = [(" " * stub, "")]
        for group in groups:
            span = sum(widths[i].total for i in group) + _GAP * (len(group) - 1)
            name = grid.columns[group[0]].group
            line += [(gap, ""), (_centred_rule(name, span), "")]
        yield line
    header: Line = [(_left(grid.stub, stub), "bold")]
    for i in block:
        column = grid.columns[i]
        label = column.label + _marks(column.notes)
        align = _left if column.is_text else _right
        # The label ends where the numbers end, so footnote marks of cells hang out to the right.
        hang = widths[i].marks if cell_len(label) + widths[i].marks <= widths[i].total else 0
        header += [(gap, ""), (align(label, widths[i].total - hang) + " " * hang, "dim" if column.greyed else "bold")]
    yield header
    yield [("━" * total, "")]
    for row in grid.rows:
        if row.rule_above:
            yield [("─" * total, "dim")]
        if row.is_heading:
            yield [(row.label + _marks(row.notes), "bold")]
            continue
        line = [(_left(row.label + _marks(row.notes), stub), "italic" if row.bound else "")]
        for i in block:
            line += [(gap, ""), *_cell(row.cells[i], grid.columns[i], widths[i])]
        yield line
    yield [("━" * total, "")]


def _cell(cell: GridCell, column: GridColumn, widths: _Widths) -> Line:
    shade = "dim" if column.greyed else ""
    rank = {"best": "bold", "second": "underline", None: shade}[cell.rank]
    content = widths.value + widths.spread + widths.marks
    marks = _left(_marks(cell.notes), widths.marks)
    if column.is_text:
        return [(_left(cell.value, widths.total - widths.marks), rank), (marks, "dim")]
    padding = " " * (widths.total - content + widths.value - cell_len(cell.value))
    line: Line = [(padding, ""), (cell.value, rank)]
    if cell.spread:
        # Marks follow the number they belong to, not the column's edge.
        line.append((cell.spread, "dim"))
    tail = _marks(cell.notes)
    return [*line, (_left(tail, widths.spread + widths.marks - (cell_len(cell.spread))), "dim")]


def _marks(notes: tuple[str, ...]) -> str:
    return ",".join(notes).translate(_SUPERSCRIPT)


def _left(text: str, width: int) -> str:
    return text + " " * (width - cell_len(text))


def _right(text: str, width: int) -> str:
    return " " * (width - cell_len(text)) + text


def _centred_rule(name: str, width: int) -> str:
    """``──── name ────``, or the name alone where there is no room for a rule."""
    space = width - cell_len(name)
    edge, fill = (" ", "─") if name and space >= 4 else ("", " ")
    left = space // 2
    return fill * (left - len(edge)) + edge + name + edge + fill * (space - left - len(edge))
