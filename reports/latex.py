r"""LaTeX with booktabs rules, to paste into a paper or to compile alone.

Needs the packages array, booktabs, adjustbox and xcolor. A table wider than the text is scaled down to fit;
a comparison longer than a page is set as several.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from reports.escape import escape_latex
from reports.grid import Grid, GridCell, GridColumn, GridRow, lay_out
from reports.model import Note, Report
from reports.numbers import MINUS
from reports.wording import rank_legend

PACKAGES = ("array", "booktabs", "adjustbox", "xcolor")
_LANDSCAPE_COLUMNS = 10
_WIDE_COLUMNS = 5
_PAGE_ROWS = 45


def latex_table(report: Report, *, placement: str = "tp") -> str:
    """The report as a float to paste: caption, label, table, footnotes, and the provenance in comments.

    Parameters
    ----------
    report
        Table or comparison.
    placement
        Where LaTeX may put it; ``H`` (exactly here) needs the package float.
    """
    grid = lay_out(report)
    parts = list(_pages(grid))
    lines = list(_comments(grid))
    for index, part in enumerate(parts):
        lines += _float(part, placement, continued=index > 0)
    return "\n".join(lines) + "\n"


def latex_document(report: Report) -> str:
    """The report as a document that compiles by itself."""
    columns = len(lay_out(report).columns)
    orientation = ",landscape" if columns > _LANDSCAPE_COLUMNS else ""
    return "\n".join(
        [
            r"\documentclass[10pt]{article}",
            rf"\usepackage[a4paper,margin=2cm{orientation}]{{geometry}}",
            *(rf"\usepackage{{{package}}}" for package in PACKAGES),
            r"\pagestyle{empty}",
            r"\makeatletter\setlength{\@fptop}{0pt}\makeatother",
            r"\begin{document}",
            latex_table(report).rstrip("\n"),
            r"\end{document}",
            "",
        ]
    )


def _float(grid: Grid, placement: str, *, continued: bool) -> Iterator[str]:
    # In a document of one column table* is the same as table; in one of two it spans both, but never stands "here".
    environment = "table*" if len(grid.columns) > _WIDE_COLUMNS and placement != "H" else "table"
    yield rf"\begin{{{environment}}}[{placement}]"
    yield r"\centering"
    if continued:
        yield r"\addtocounter{table}{-1}"
        yield rf"\caption{{{_title(grid)} (continued)}}"
    else:
        yield rf"\caption{{{_caption(grid)}}}"
        yield rf"\label{{tab:{_slug(grid.name)}}}"
    yield r"\medskip"
    yield r"\footnotesize"
    yield r"\setlength{\tabcolsep}{4pt}"
    yield r"\begin{adjustbox}{max width=\linewidth}"
    yield rf"\begin{{tabular}}{{@{{}}l{''.join(_spec(column) for column in grid.columns)}@{{}}}}"
    yield r"\toprule"
    yield from _header(grid)
    yield r"\midrule"
    sizes = [_Padding(grid, index) for index in range(len(grid.columns))]
    for row in grid.rows:
        yield from _row(row, grid, sizes)
    yield r"\bottomrule"
    yield r"\end{tabular}"
    yield r"\end{adjustbox}"
    yield from _notes(grid)
    yield rf"\end{{{environment}}}"


def _pages(grid: Grid) -> Iterator[Grid]:
    """The grid cut before section headings so that each part fits on a page, with the footnotes it needs."""
    sections: list[list[GridRow]] = []
    for row in grid.rows:
        if row.is_heading or not sections:
            sections.append([])
        sections[-1].append(row)
    pages: list[list[GridRow]] = [[]]
    for section in sections:
        if pages[-1] and len(pages[-1]) + len(section) > _PAGE_ROWS:
            pages.append([])
        pages[-1] += section if pages[-1] else [replace(section[0], rule_above=False), *section[1:]]
    header = {mark for column in grid.columns for mark in column.notes}
    for page in pages:
        used = header | {mark for row in page for mark in row.notes}
        used |= {mark for row in page for cell in row.cells for mark in cell.notes}
        yield replace(grid, rows=tuple(page), notes=tuple(note for note in grid.notes if note.mark in used))


def _comments(grid: Grid) -> Iterator[str]:
    packages = "".join(rf"\usepackage{{{package}}}" for package in PACKAGES)
    pairs = [("needs", packages), ("task", grid.source.task), ("protocol", grid.source.protocol)]
    pairs += [("provenance", grid.source.hash), *grid.source.details]
    for name, value in pairs:
        # A line break would end the comment.
        yield "% " + " ".join(f"{name}: {value}".split())


def _title(grid: Grid) -> str:
    return rf"\textbf{{{escape_latex(grid.title)}}}"


def _caption(grid: Grid) -> str:
    sentences = [escape_latex(sentence) for sentence in grid.caption]
    if grid.ranked:
        sentences.append(escape_latex(rank_legend("Best in bold", "second underlined", grid.bounds)))
    return " ".join([f"{_title(grid)}.", *sentences])


def _spec(column: GridColumn) -> str:
    grey = r">{\color{black!50}}" if column.greyed else ""
    return grey + ("c" if column.has_spread else "l" if column.is_text else "r")


def _header(grid: Grid) -> Iterator[str]:
    if any(column.group for column in grid.columns):
        groups, rules = [""], []
        for start, stop in _runs([column.group for column in grid.columns]):
            name = escape_latex(grid.columns[start].group)
            groups.append(rf"\multicolumn{{{stop - start}}}{{c}}{{{name}}}")
            rules.append(rf"\cmidrule(lr){{{start + 2}-{stop + 1}}}")
        yield " & ".join(groups) + r" \\"
        yield " ".join(rules)
    labels = (escape_latex(column.label) + _marks(column.notes) for column in grid.columns)
    yield " & ".join([escape_latex(grid.stub), *labels]) + r" \\"


class _Padding:
    """Widest value and spread of one column: shorter ones are padded, so the decimal points stand in line."""

    def __init__(self, grid: Grid, index: int) -> None:
        cells = [row.cells[index] for row in grid.rows if not row.is_heading]
        numbers = [cell for cell in cells if _is_number(cell)]
        self._digits = max((_whole(cell.value)[0] for cell in numbers), default=0)
        self._signs = max((_whole(cell.value)[1] for cell in numbers), default=0)
        self._spread = max((cell.spread for cell in numbers), key=len, default="")

    def left(self, value: str) -> str:
        """Space before a value."""
        digits, signs = _whole(value)
        missing = ("$-$" if self._signs > signs else "") + "0" * (self._digits - digits)
        return rf"\phantom{{{missing}}}" if missing else ""

    def right(self, spread: str) -> str:
        """Space behind a spread."""
        if not spread and self._spread:
            return rf"\phantom{{{_spread(self._spread)}}}"
        missing = "0" * (len(self._spread) - len(spread))
        return rf"{{\scriptsize\phantom{{{missing}}}}}" if missing else ""


def _whole(value: str) -> tuple[int, int]:
    """Digits before the decimal point, and whether there is a minus sign."""
    return len(value.removeprefix(MINUS).split(".")[0]), int(value.startswith(MINUS))


def _is_number(cell: GridCell) -> bool:
    return any(character.isdigit() for character in cell.value)


def _row(row: GridRow, grid: Grid, paddings: Sequence[_Padding]) -> Iterator[str]:
    if row.rule_above:
        yield r"\midrule"
    label = escape_latex(row.label)
    if row.is_heading:
        yield rf"\multicolumn{{{1 + len(grid.columns)}}}{{@{{}}l}}{{\textbf{{{label}}}{_marks(row.notes)}}} \\"
        return
    stub = (rf"\textit{{{label}}}" if row.bound else label) + _marks(row.notes)
    cells = (_cell(*each) for each in zip(row.cells, grid.columns, paddings, strict=True))
    yield " & ".join([stub, *cells]) + r" \\"


def _cell(cell: GridCell, column: GridColumn, padding: _Padding) -> str:
    value = _ranked(cell)
    if not column.has_spread or not _is_number(cell):
        return value + _marks(cell.notes)
    spread = _spread(cell.spread) if cell.spread else ""
    return padding.left(cell.value) + value + spread + _marks(cell.notes) + padding.right(cell.spread)


def _spread(spread: str) -> str:
    return rf"{{\scriptsize{escape_latex(spread)}}}"


def _ranked(cell: GridCell) -> str:
    value = escape_latex(cell.value)
    if cell.rank == "best":
        minus = escape_latex(MINUS)
        bold = value.replace(minus, rf"{{\boldmath{minus}}}")
        # Bold digits may be wider: they hang out to the left and leave the decimal point where it is.
        return rf"\hphantom{{{value}}}\llap{{\textbf{{{bold}}}}}"
    return rf"\underline{{{value}}}" if cell.rank == "second" else value


def _marks(notes: tuple[str, ...]) -> str:
    # Zero width, so that a mark moves no number out of its column.
    return rf"\rlap{{\textsuperscript{{{','.join(notes)}}}}}" if notes else ""


def _notes(grid: Grid) -> Iterator[str]:
    lines = [escape_latex(grid.protocol)] if grid.protocol else []
    lines += [_note(note) for note in grid.notes]
    if not lines:
        return
    yield r"\par\smallskip"
    yield r"\begin{minipage}{\linewidth}"
    yield r"\scriptsize\raggedright\setlength{\parskip}{1pt}"
    yield from (rf"{line}\par" for line in lines)
    yield r"\end{minipage}"


def _note(note: Note) -> str:
    return rf"\textsuperscript{{{note.mark}}}\,{escape_latex(note.text)}"


def _runs(names: Sequence[str]) -> Iterator[tuple[int, int]]:
    start = 0
    for index in range(1, len(names) + 1):
        if index == len(names) or names[index] != names[start]:
            yield start, index
            start = index


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
