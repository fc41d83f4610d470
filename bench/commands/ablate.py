"""``bench ablate``: what each part of a method is worth."""

from __future__ import annotations

import argparse

from bench.commands.options import add_table_options, add_task_option, resource_files
from bench.commands.run import add_run_options, run_and_tabulate

HELP = "Run a method without each of its parts, and with each value of its sweeps, against the whole method."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_task_option(parser)
    parser.add_argument(
        "--method",
        default="doloris",
        metavar="NAME|FILE.py",
        help="method that declares ablations, with settings in brackets if any (doloris)",
    )
    add_run_options(parser)
    add_table_options(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command; every variant is an ordinary run, compared with the whole method."""
    from bench.registry import find_ablations
    from bench.tasks import Task

    whole, *variants = find_ablations(args.method)
    supplied = frozenset(resource_files(args))

    def reference(task: Task) -> str:
        return args.reference or whole.label(task.training_conditions, supplied)

    return run_and_tabulate(args, [whole, *variants], reference, suffix=".ablation")
