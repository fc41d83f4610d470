"""``bench reproduce``: compute a stored run again and compare."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.commands.options import add_results_option

HELP = "Compute a stored run again, from its record, and compare the predictions."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("run_key", metavar="RUN", help="key of the run: the name of its folder in the results")
    add_results_option(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command; exit code 1 if the predictions differ."""
    from bench.console import console
    from bench.reproduce import reproduce
    from bench.store import Store

    outcome = reproduce(Store(Path(args.results).resolve()), args.run_key)
    out = console()
    for change in outcome.changes:
        out.print(f"changed since: {change}", markup=False)
    out.print(outcome.verdict, markup=False)
    return 0 if outcome.identical else 1
