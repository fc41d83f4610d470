"""``bench score``: score a predictions file made elsewhere."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.commands.options import add_protocol_option, add_results_option, add_table_options

HELP = "Score a predictions file (h5ad) made elsewhere and show it beside the stored runs."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("predictions", type=Path, metavar="FILE.h5ad", help="X log-normalised, obs['condition']")
    parser.add_argument("--task", required=True, metavar="NAME|FILE.toml", help="task it predicts")
    parser.add_argument("--name", help="name of the row (default: the file's name)")
    parser.add_argument("--seed", type=_seed, default=0, metavar="N", help="which repetition of the model it is (0)")
    add_protocol_option(parser)
    add_table_options(parser)
    add_results_option(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from bench.devices import resolve_devices
    from bench.errors import PredictionError
    from bench.evaluator import Evaluator
    from bench.external import record_predictions
    from bench.leaderboard import Leaderboard, shown_records
    from bench.output import TaskReports
    from bench.protocols import get_protocol
    from bench.store import Store
    from bench.tasks import open_task

    protocols = [get_protocol(name) for name in args.protocol or ["calibrated"]]
    task = open_task(args.task)
    store = Store(args.results.resolve())
    evaluator = Evaluator(task, store, resolve_devices("auto")[0])
    path, name = args.predictions, args.name or args.predictions.stem
    try:
        record_predictions(path, task, store, evaluator, protocols, name=name, seed=args.seed)
    except PredictionError as error:
        if str(error).startswith((str(path), "--")):
            raise
        raise PredictionError(f"{path}: {error}") from error
    records = tuple(shown_records(store, task))
    for protocol in protocols:
        board = Leaderboard(evaluator, protocol, records, raw_means=args.raw_means)
        TaskReports.of(board, spread=args.spread, reference=args.reference).show()
    return 0


def _seed(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, 0 or above")
    return int(text)
