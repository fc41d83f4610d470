"""Showing a task's tables on the terminal and writing them as files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from bench.atomic import write_text
from bench.console import console
from bench.leaderboard import Leaderboard
from reports.latex import latex_table
from reports.markdown import to_markdown
from reports.model import Report, Spread
from reports.terminal import plain_text, print_report
from reports.tidy import to_csv

FORMATS: Mapping[str, Callable[[Report], str]] = {
    "terminal": plain_text,
    "markdown": to_markdown,
    "csv": to_csv,
    "latex": latex_table,
}
ENDINGS: Mapping[str, str] = {"markdown": "md", "csv": "csv", "latex": "tex"}


def show(board: Leaderboard, *, spread: Spread, reference: str | None) -> None:
    """Print the score table and the comparison with the reference."""
    out = console()
    print_report(board.table(spread=spread), out)
    comparison = board.comparison(reference)
    if comparison is not None:
        out.print()
        print_report(comparison, out)


def write_files(board: Leaderboard, folder: Path, *, spread: Spread, reference: str | None) -> list[Path]:
    """Write the score table (headline columns; every metric in the CSV) and the comparison.

    Returns
    -------
    The files written, in ``folder``.
    """
    stem = f"{board.evaluator.task.name}.{board.protocol.name}"
    reports: dict[str, Report] = {stem: board.table(spread=spread)}
    comparison = board.comparison(reference)
    if comparison is not None:
        reports[f"{stem}.comparison"] = comparison
    written = []
    for name, report in reports.items():
        for form, ending in ENDINGS.items():
            path = folder / f"{name}.{ending}"
            whole = form == "csv" and name == stem
            write_text(path, FORMATS[form](board.table(spread=spread, every_metric=True) if whole else report))
            written.append(path)
    return written
