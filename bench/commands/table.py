"""``bench table``: tables of stored runs, under any protocol, in any form."""

from __future__ import annotations

import argparse
import sys

from bench.commands.options import add_protocol_option, add_results_option, add_table_options, add_task_option

HELP = "Print the tables of stored runs; predictions are scored under the protocol where they have not been."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_task_option(parser)
    add_protocol_option(parser)
    parser.add_argument("--method", action="append", metavar="NAME", help="show these methods only; repeat for several")
    parser.add_argument(
        "--format", choices=("terminal", "markdown", "csv", "latex", "latex-document", "html"), default="terminal"
    )
    parser.add_argument("--every-metric", action="store_true", help="every metric on every gene set")
    parser.add_argument("--compare", action="store_true", help="the paired comparison instead of the scores")
    add_table_options(parser)
    add_results_option(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from bench.console import console
    from bench.devices import resolve_devices
    from bench.errors import StoreError
    from bench.evaluator import Evaluator
    from bench.leaderboard import Leaderboard, shown_records
    from bench.output import FORMATS
    from bench.protocols import get_protocol
    from bench.store import Store
    from bench.tasks import open_task
    from reports.latex import latex_document
    from reports.model import Report
    from reports.terminal import print_report

    store = Store(args.results.resolve())
    for name in args.task:
        task = open_task(name)
        wanted = [r for r in shown_records(store, task) if not args.method or r.method in args.method]
        if not any(record.status == "finished" for record in wanted):
            raise StoreError(
                f"{store.root}: no finished run of task {task.name!r} on its present data and split"
                + (f" by {', '.join(args.method)}" if args.method else "")
                + f"; `python -m bench run --task {name}` makes them"
            )
        evaluator = Evaluator(task, store, resolve_devices("auto")[0])
        for label in args.protocol or ["calibrated"]:
            board = Leaderboard(evaluator, get_protocol(label), tuple(wanted), raw_means=args.raw_means)
            report: Report | None = (
                board.comparison(args.reference)
                if args.compare
                else board.table(spread=args.spread, every_metric=args.every_metric)
            )
            if report is None:
                raise StoreError(f"{store.root}: no baseline was run on {task.name!r}; name one with --reference")
            if args.format == "terminal":
                print_report(report, console())
            else:
                sys.stdout.write(
                    latex_document(report) if args.format == "latex-document" else FORMATS[args.format](report)
                )
    return 0
