"""Leaderboards of stored runs, for whatever shows them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from bench.devices import resolve_devices
from bench.errors import StoreError
from bench.evaluator import Evaluator
from bench.leaderboard import Leaderboard, shown_records
from bench.protocols import Protocol
from bench.store import RunRecord, Store
from bench.tasks import Task, open_task


def open_boards(
    tasks: Sequence[str], store: Store, protocol: Protocol, methods: Collection[str] = ()
) -> list[Leaderboard]:
    """A leaderboard per task, in the order given.

    Parameters
    ----------
    tasks
        Names, or paths of split files.
    store
        The results folder.
    protocol
        How the runs are scored.
    methods
        The methods to show; all if none is named.

    Raises
    ------
    StoreError
        If a task has no finished run.
    """
    device = resolve_devices("auto")[0]
    boards = []
    for name in tasks:
        task = open_task(name)
        records = finished_records(store, task, methods)
        boards.append(Leaderboard(Evaluator(task, store, device), protocol, records))
    return boards


def finished_records(store: Store, task: Task, methods: Collection[str] = ()) -> tuple[RunRecord, ...]:
    """Stored runs of a task to show.

    Raises
    ------
    StoreError
        If none of them has finished; the message says what makes one.
    """
    wanted = tuple(record for record in shown_records(store, task) if not methods or record.method in methods)
    if not any(record.status == "finished" for record in wanted):
        named = f" by {', '.join(methods)}" if methods else ""
        raise StoreError(
            f"{store.root}: no finished run of task {task.name!r} on its present data and split{named}; "
            f"`python -m bench run --task {task.name}` makes them"
        )
    return wanted
