"""Builds the HTML report of stored runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from bench import __version__
from bench.evaluator import Evaluator
from bench.figures.values import headline_columns
from bench.leaderboard import Leaderboard
from bench.protocols import Protocol
from bench.provenance import git_state, package_versions
from bench.report.perturbations import BIN_WIDTH, perturbation_views
from bench.report.runs import run_lines
from bench.store import RunRecord
from bench.tasks import Task
from reports.html.model import Board, HtmlReport, RunLine, TaskView

SIMULATED = "Embedded simulation: stands in for no screen, comparable with no published number"


def build_report(
    shown: Sequence[tuple[Evaluator, tuple[RunRecord, ...]]], protocols: Sequence[Protocol], title: str
) -> HtmlReport:
    """Gather everything the page shows.

    Parameters
    ----------
    shown
        A task's evaluator and the runs to show of it.
    protocols
        How they are scored, the one to show first first.
    title
        Heading.
    """
    tasks: list[TaskView] = []
    boards: list[Board] = []
    runs: list[RunLine] = []
    for evaluator, records in shown:
        tasks.append(_task_view(evaluator, records))
        boards += [_board(Leaderboard(evaluator, protocol, records)) for protocol in protocols]
        runs += run_lines(records)
    return HtmlReport(title, tuple(tasks), tuple(boards), tuple(runs), tuple(_provenance()))


def _board(board: Leaderboard) -> Board:
    values: dict[tuple[str, str], dict[str, tuple[float, ...]]] = {}
    for column in headline_columns(board):
        values[column.fact.metric, column.genes] = {
            name: tuple(float(value) for value in np.mean(rows, axis=0))
            for name, rows in column.values.items()
            if rows.shape[0]
        }
    return Board(
        table=board.table(every_metric=True),
        headline=board.protocol.headline,
        comparison=board.comparison(),
        conditions=tuple(board.conditions),
        values=values,
    )


def _task_view(evaluator: Evaluator, records: tuple[RunRecord, ...]) -> TaskView:
    task = evaluator.task
    return TaskView(
        name=task.name,
        summary=_summary(task),
        label=SIMULATED if task.dataset.simulated else "",
        bin_width=BIN_WIDTH,
        perturbations=perturbation_views(evaluator, records),
    )


def _summary(task: Task) -> str:
    parts = task.split.conditions
    return (
        f"{len(task.dataset.obs):,} cells × {len(task.dataset.genes):,} genes; {len(parts.train)} training, "
        f"{len(parts.validation)} validation, {len(parts.test)} test conditions "
        f"({task.split.kind.value.replace('_', ' ')}). {task.split.source}"
    )


def _provenance() -> Iterable[tuple[str, str]]:
    yield "doloris-bench", __version__
    git = git_state()
    if git:
        yield "report made by commit", f"{git['commit']}{' with uncommitted changes' if git['changed_files'] else ''}"
    yield from package_versions().items()
