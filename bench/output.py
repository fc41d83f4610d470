"""Showing a task's tables on the terminal and writing them as files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.atomic import write_text
from bench.console import console
from bench.leaderboard import Leaderboard
from reports.html_table import to_html
from reports.latex import latex_table
from reports.markdown import to_markdown
from reports.model import Comparison, Report, Spread, Table
from reports.terminal import plain_text, print_report
from reports.tidy import to_csv

FORMATS: Mapping[str, Callable[[Report], str]] = {
    "terminal": plain_text,
    "markdown": to_markdown,
    "csv": to_csv,
    "latex": latex_table,
    "html": to_html,
}
ENDINGS: Mapping[str, str] = {"markdown": "md", "csv": "csv", "latex": "tex"}


@dataclass(frozen=True)
class TaskReports:
    """What is shown of one task under one protocol.

    Parameters
    ----------
    name
        Task and protocol; the stem of the files.
    table
        The headline columns.
    every_metric
        Every metric on every gene set.
    comparison
        Every method against the reference; ``None`` where there is no baseline.
    """

    name: str
    table: Table
    every_metric: Table
    comparison: Comparison | None

    @classmethod
    def of(cls, board: Leaderboard, *, spread: Spread, reference: str | None, suffix: str = "") -> TaskReports:
        """Build the reports of a leaderboard; ``suffix`` is added to their name."""
        return cls(
            name=f"{board.evaluator.task.name}.{board.protocol.name}{suffix}",
            table=board.table(spread=spread),
            every_metric=board.table(spread=spread, every_metric=True),
            comparison=board.comparison(reference),
        )

    def show(self) -> None:
        """Print the headline table and the comparison."""
        out = console()
        print_report(self.table, out)
        if self.comparison is not None:
            out.print()
            print_report(self.comparison, out)

    def write(self, folder: Path) -> list[Path]:
        """Write both in every form, the CSV of the table with every metric; returns the files.

        Where there is no comparison, one that was written beside an earlier table of this name is removed.
        """
        comparison = f"{self.name}.comparison"
        reports: dict[str, Report] = {self.name: self.table}
        if self.comparison is not None:
            reports[comparison] = self.comparison
        else:
            self._remove([folder / f"{comparison}.{ending}" for ending in ENDINGS.values()])
        written = []
        for name, report in reports.items():
            for form, ending in ENDINGS.items():
                path = folder / f"{name}.{ending}"
                write_text(path, FORMATS[form](self.every_metric if form == "csv" and name == self.name else report))
                written.append(path)
        return written

    @staticmethod
    def _remove(files: Sequence[Path]) -> None:
        stale = [file for file in files if file.exists()]
        for file in stale:
            file.unlink()
        if stale:
            names = " ".join(file.name for file in stale)
            console(stderr=True).print(f"removed, of an earlier table: {names}", markup=False)
