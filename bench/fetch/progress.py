"""How far a download is, for a person: a bar on a terminal, a line every tenth in a file."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

from bench.fetch.disk import megabytes

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID


class DownloadProgress:
    """Tells a person how far a download is."""

    def __init__(self, name: str, console: Console) -> None:
        self._name = name
        self._console = console
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._told = -1

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

            columns = "{task.description}", BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()
            self._bar = Progress(*columns, console=self._console)
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def at(self, done: int, total: int | None) -> None:
        """``done`` of ``total`` bytes are there."""
        if self._bar is not None:
            if self._task is None:
                self._task = self._bar.add_task(self._name, total=total)
            self._bar.update(self._task, completed=done, total=total)
            return
        tenth = 10 * done // total if total else done // 100_000_000
        if tenth != self._told:
            self._told = tenth
            of = f" of {megabytes(total)}" if total else ""
            self._console.print(f"{self._name}: {megabytes(done)}{of}", markup=False)

    def say(self, text: str) -> None:
        """Something happened that a person may want to know."""
        self._console.print(text, markup=False)
