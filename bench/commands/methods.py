"""``python -m bench methods``: what can be run, and why something cannot."""

from __future__ import annotations

import argparse

HELP = "list the methods, the tasks they can do, and whether they can run here"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument(
        "--method",
        action="append",
        default=[],
        metavar="NAME|FILE",
        help="only this method, or those of this Python file, which is executed; may be repeated",
    )


def run(args: argparse.Namespace) -> int:
    """Print one row per method."""
    from rich.markup import escape
    from rich.table import Table

    from bench.console import console
    from bench.registry import builtin_methods, find_methods

    table = Table(box=None, pad_edge=False)
    for heading in ("method", "tasks", "output", "runs here", "by default"):
        table.add_column(heading, no_wrap=heading != "runs here")
    table.add_column("what it is", overflow="fold")
    for entry in find_methods(args.method) if args.method else builtin_methods().values():
        environment = entry.cls.environment
        runs = "yes" if environment is None else f"yes, in environment {environment}"
        table.add_row(
            entry.name,
            "\n".join(sorted(entry.cls.tasks)),
            entry.cls.output,
            escape(runs if entry.unavailable is None else f"no: {entry.unavailable}"),
            "yes" if entry.cls.by_default else "when named",
            escape(entry.summary),
        )
    console().print(table)
    return 0
