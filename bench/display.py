"""Progress of a benchmark on standard error: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from bench.console import console

if TYPE_CHECKING:
    from bench.store import RunRecord


class RunDisplay:
    """Shows how far a set of runs is; use it as a context manager."""

    def __init__(self, total: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._console = console(stderr=True)
        self._total = total
        self._ended = 0
        self._bar = Progress(
            MofNCompleteColumn(),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
            console=self._console,
            disable=not self._console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("starting", total=total)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def left_to_others(self, count: int) -> None:
        """Say how many runs another process is computing."""
        if count:
            self._console.print(f"{count} runs are being computed by another process; run again when it has ended")

    def progress(self, content: Mapping[str, Any]) -> None:
        """Show the progress of a running method."""
        figures = "  ".join(f"{name} {content[name]:.4g}" for name in content if name not in _NOT_FIGURES)
        run = content["key"].rpartition("-")[0]
        step = f"{content['stage']} {content['step']}/{content['total']}"
        self._bar.update(self._task, description=f"{run}: {step}  {figures}")

    def ended(self, record: RunRecord) -> None:
        """Say how a run ended."""
        self._ended += 1
        self._bar.update(self._task, completed=self._ended, description="")
        name = f"[{self._ended}/{self._total}] {record.task}  {record.method}  seed {record.seed}"
        self._console.print(f"{name}: {_outcome(record)}", markup=False)


_NOT_FIGURES = frozenset({"key", "stage", "step", "total"})


def _outcome(record: RunRecord) -> str:
    details = record.details
    if record.status == "failed":
        return f"FAILED, {details['error']}"
    if record.status == "unsupported":
        return f"unsupported, {details['reason']}"
    memory = details["peak_host_bytes"] / 2**30
    gpu = f", GPU {details['peak_gpu_bytes'] / 2**30:.2f} GiB" if "peak_gpu_bytes" in details else ""
    return f"fit {details['fit_seconds']:.1f} s, predict {details['predict_seconds']:.1f} s, {memory:.2f} GiB{gpu}"
