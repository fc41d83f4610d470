"""Draws figures and writes them: vector PDF, PNG, and the data beside them as CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.atomic import atomic_file, write_text
from bench.figures.declare import FigureSpec, FigureUnavailable

if TYPE_CHECKING:
    from bench.leaderboard import Leaderboard

SIMULATED = "embedded simulation, not a screen"


@dataclass(frozen=True)
class FigureOutcome:
    """One figure: its files, or why there are none.

    Parameters
    ----------
    spec
        Which.
    name
        Stem of the files: the figure, and the task where it is of one.
    task
        The task it is of; ``""`` where it is of several.
    files
        PDF, PNG, CSV; empty if it could not be made.
    reason
        Why it could not be made; ``""`` if it was.
    """

    spec: FigureSpec
    name: str
    task: str
    files: tuple[Path, ...]
    reason: str = ""


def make_figures(specs: Sequence[FigureSpec], boards: Sequence[Leaderboard], folder: Path) -> Iterator[FigureOutcome]:
    """Every figure of the boards, written into a folder; one that cannot be made stops no other.

    Parameters
    ----------
    specs
        Which figures.
    boards
        One per task, all of one protocol.
    folder
        Where to.
    """
    cast = sorted({record.method for board in boards for record in board.records})
    for spec in specs:
        if spec.per_task:
            for board in boards:
                yield _make(spec, [board], folder, board.evaluator.task.name, cast)
        else:
            yield _make(spec, boards, folder, "", cast)


def heading_of(boards: Sequence[Leaderboard]) -> str:
    """What a figure was made from, in one line."""
    tasks = [board.evaluator.task for board in boards]
    parts = [", ".join(task.name for task in tasks), boards[0].protocol.label]
    parts += [SIMULATED] if any(task.dataset.simulated for task in tasks) else []
    parts.append("data " + " ".join(dict.fromkeys(task.dataset.hash[:8] for task in tasks)))
    return " · ".join(parts)


def _make(spec: FigureSpec, boards: Sequence[Leaderboard], folder: Path, task: str, cast: list[str]) -> FigureOutcome:
    from reports.figures.style import save

    name = f"{spec.name}.{task}" if task else spec.name
    try:
        frame = spec.build(boards)
    except FigureUnavailable as error:
        return FigureOutcome(spec, name, task, (), str(error))
    frame.attrs["methods"] = cast
    figure = spec.draw(frame, heading_of(boards))
    files = []
    for form in ("pdf", "png"):
        path = folder / f"{name}.{form}"
        with atomic_file(path) as partial:
            save(figure, partial, form)
        files.append(path)
    table = folder / f"{name}.csv"
    write_text(table, frame.to_csv(index=False, lineterminator="\n"))
    return FigureOutcome(spec, name, task, (*files, table))
