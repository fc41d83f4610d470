"""``bench figures``: draw the figures of stored runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.commands.options import UsageError, add_results_option, add_task_option

HELP = "Draw the figures of stored runs: vector PDF, PNG, and the data of each as CSV."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_task_option(parser)
    parser.add_argument("--protocol", default="calibrated", metavar="P", help="protocol of the scores (calibrated)")
    parser.add_argument("--method", action="append", metavar="NAME", help="these methods only; repeat for several")
    parser.add_argument("--figure", action="append", metavar="NAME", help="this figure only; repeat for several")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the files (RESULTS/figures)")
    add_results_option(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command; figures that cannot be made are listed with the reason."""
    from bench.boards import open_boards
    from bench.console import console
    from bench.figures.catalog import FIGURES
    from bench.figures.make import make_figures
    from bench.protocols import get_protocol
    from bench.store import Store

    known = {spec.name: spec for spec in FIGURES}
    for name in args.figure or ():
        if name not in known:
            raise UsageError(f"--figure: there is no figure {name!r}; there are {', '.join(known)}")
    specs = [known[name] for name in args.figure] if args.figure else FIGURES
    store = Store(args.results.resolve())
    boards = open_boards(args.task, store, get_protocol(args.protocol), args.method or ())
    out = console()
    for outcome in make_figures(specs, boards, args.out or store.root / "figures"):
        if outcome.files:
            out.print(" ".join(str(path) for path in outcome.files), markup=False)
        else:
            console(stderr=True).print(f"{outcome.name}: not made, {outcome.reason}", markup=False)
    return 0
