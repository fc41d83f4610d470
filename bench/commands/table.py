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
    other = parser.add_mutually_exclusive_group()
    other.add_argument("--compare", action="store_true", help="the paired comparison instead of the scores")
    other.add_argument(
        "--ranks",
        action="store_true",
        help="mean ranks with critical differences instead of the scores",
    )
    parser.add_argument(
        "--folds", action="store_true", help="one table over all tasks, the folds of one data set (bench split --folds)"
    )
    add_table_options(parser)
    add_results_option(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from dataclasses import replace

    from bench.boards import open_boards
    from bench.console import console
    from bench.cross_validation import join_folds
    from bench.errors import StoreError
    from bench.leaderboard import Leaderboard
    from bench.output import FORMATS
    from bench.protocols import get_protocol
    from bench.store import Store
    from reports.latex import latex_document
    from reports.model import Report
    from reports.terminal import print_report

    store = Store(args.results.resolve())
    for label in args.protocol or ["calibrated"]:
        boards: list[Leaderboard] = open_boards(args.task, store, get_protocol(label), args.method or ())
        boards = [replace(board, raw_means=args.raw_means) for board in boards]
        for board in [join_folds(boards)] if args.folds else boards:
            report: Report | None = (
                board.comparison(args.reference)
                if args.compare
                else board.ranks()
                if args.ranks
                else board.table(spread=args.spread, every_metric=args.every_metric)
            )
            if report is None:
                name = board.evaluator.task.name
                raise StoreError(f"{store.root}: no baseline was run on {name!r}; name one with --reference")
            if args.format == "terminal":
                print_report(report, console())
            else:
                sys.stdout.write(
                    latex_document(report) if args.format == "latex-document" else FORMATS[args.format](report)
                )
    return 0
