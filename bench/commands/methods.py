"""``python -m bench methods``: what can be run, and why something cannot."""

from __future__ import annotations

import argparse

HELP = "List the methods, the tasks they can do, and whether they can run here."
SAME_SEED = (
    "Same data, same seed: on a processor every method predicts the same again, which `bench check` tests. On a GPU "
    "the order of additions is not fixed, so networks trained there may differ; `bench reproduce RUN` says by how much."
)


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
    """Print a few lines per method: readable at any width."""
    from bench.console import console
    from bench.registry import builtin_methods, find_methods

    out = console()
    for entry in find_methods(args.method) if args.method else list(builtin_methods().values()):
        environment = entry.cls.environment
        runs = "yes" if environment is None else f"yes, in environment {environment}"
        out.print(entry.name, style="bold", markup=False)
        lines = {
            "tasks": ", ".join(sorted(entry.cls.tasks)),
            "output": entry.cls.output,
            "runs here": runs if entry.unavailable is None else f"no: {entry.unavailable}",
            "by default": "yes" if entry.cls.by_default else "when named",
        }
        out.print(f"    {entry.summary}", markup=False)
        for name, text in lines.items():
            out.print(f"    {name:10}  {text}", style="dim", markup=False)
    out.print(f"\n{SAME_SEED}", markup=False)
    return 0
