"""``bench run``: train, predict, score, tabulate."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from bench.commands.execution import Execution, add_execution_options
from bench.commands.options import (
    UsageError,
    add_protocol_option,
    add_results_option,
    add_table_options,
    add_task_option,
    resource_files,
    seeds,
)

if TYPE_CHECKING:
    from bench.registry import MethodEntry
    from bench.tasks import Task

HELP = "Train every method on a task, score its predictions, print and write the tables."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_task_option(parser)
    parser.add_argument(
        "--method",
        action="append",
        metavar="NAME|FILE.py",
        help="method, or a Python file with your own, with settings in brackets if any: doloris[size=small]; "
        "'baselines' and 'all' stand for several; repeat (default: what `bench methods` says is run by default)",
    )
    add_run_options(parser)
    add_table_options(parser)


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """How runs are made; :func:`run_and_tabulate` reads them."""
    parser.add_argument(
        "--seeds", type=seeds, default=tuple(range(5)), metavar="N|LIST", help="5 means 0 to 4 (default)"
    )
    add_protocol_option(parser)
    add_execution_options(parser)
    parser.add_argument("--rerun", action="store_true", help="compute again what is finished")
    add_results_option(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from bench.evaluator import RAW_MEAN
    from bench.registry import EVALUATOR_ROWS, find_methods

    methods = find_methods(args.method or [])
    supplied = frozenset(resource_files(args))
    named: str | None = args.reference

    def reference(task: Task) -> str | None:
        rows = [*(entry.label(task.training_conditions, supplied) for entry in methods), *EVALUATOR_ROWS]
        if named is not None and named.removesuffix(f" ({RAW_MEAN})") not in rows:
            raise UsageError(f"--reference: {named!r} is no row of {task.name}; choose one of {', '.join(rows)}")
        return named

    return run_and_tabulate(args, methods, reference)


def run_and_tabulate(
    args: argparse.Namespace,
    methods: Sequence[MethodEntry],
    reference: Callable[[Task], str | None],
    *,
    suffix: str = "",
) -> int:
    """Run methods on the tasks, print and write their tables.

    Parameters
    ----------
    args
        What :func:`add_run_options` and :func:`bench.commands.options.add_table_options` declare, and ``task``.
    methods
        What is run.
    reference
        Method that the others are compared with, by task; ``None`` for the best baseline.
    suffix
        Added to the names of the tables' files.

    Returns
    -------
    Exit code: 0 also where some of the runs were refused, not where all were.
    """
    from bench.benchmark import Benchmark
    from bench.console import console
    from bench.errors import BenchError
    from bench.leaderboard import Leaderboard
    from bench.output import TaskReports
    from bench.protocols import get_protocol
    from bench.store import LOG_FILE, Store

    protocols = [get_protocol(name) for name in args.protocol or ["calibrated"]]
    tasks = _opened(args.task)
    references = {task.name: reference(task) for task in tasks}
    execution = Execution.of(args, protocols)
    benchmark = Benchmark(Store(args.results.resolve()), protocols, device=execution.device)
    records = benchmark.run(tasks, methods, args.seeds, execution.options, execution.engine, rerun=args.rerun)
    written = []
    for task in tasks:
        of_task = tuple(record for record in records if record.task == task.name and record.done)
        if not any(record.status == "finished" for record in of_task):
            continue
        for protocol in protocols:
            board = Leaderboard(benchmark.evaluator(task), protocol, of_task, raw_means=args.raw_means)
            reports = TaskReports.of(board, spread=args.spread, reference=references[task.name], suffix=suffix)
            reports.show()
            written += reports.write(benchmark.store.root / "tables")
    if written:
        names = " ".join(path.name for path in written)
        console(stderr=True).print(f"written to {written[0].parent}: {names}", markup=False)
    failed = [record for record in records if record.status == "failed"]
    for record in failed:
        console(stderr=True).print(
            f"failed: {record.task} {record.method} seed {record.seed}: {record.details['error']}\n"
            f"        log: {benchmark.store.path(record.key) / record.details.get('log', LOG_FILE)}",
            markup=False,
        )
    unsupported = [record for record in records if record.status == "unsupported"]
    for name, reason in {(f"{record.task} {record.method}", record.details["reason"]): None for record in unsupported}:
        console(stderr=True).print(f"not run: {name}: {reason}", markup=False)
    if failed:
        return 1
    refused = [record for record in unsupported if record.details.get("refused")]
    return BenchError.exit_code if refused and len(refused) == len(records) else 0


def _opened(names: Sequence[str]) -> list[Task]:
    """The tasks, each once."""
    from bench.tasks import open_task

    tasks: dict[str, Task] = {}
    for name in names:
        task = open_task(name)
        if tasks.setdefault(task.name, task).split.hash != task.split.hash:
            raise UsageError(f"--task: {name} and another split file are both called {task.name!r}; run one at a time")
    return list(tasks.values())
