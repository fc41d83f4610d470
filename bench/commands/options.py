"""Arguments that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bench.errors import BenchError


class UsageError(BenchError):
    """An argument that cannot be read."""


def add_task_option(parser: argparse.ArgumentParser) -> None:
    """``--task``, at least one."""
    parser.add_argument(
        "--task", action="append", required=True, metavar="NAME|FILE.toml", help="task; repeat for several"
    )


def add_protocol_option(parser: argparse.ArgumentParser) -> None:
    """``--protocol``, any number."""
    parser.add_argument(
        "--protocol", action="append", metavar="P", help="calibrated (default), paper, released; repeat for several"
    )


def add_results_option(parser: argparse.ArgumentParser) -> None:
    """``--results``."""
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR", help="results folder (results)")


def add_table_options(parser: argparse.ArgumentParser) -> None:
    """How a table is shown."""
    parser.add_argument(
        "--spread",
        choices=("conditions", "seeds"),
        default="conditions",
        help="what ± is: SD over conditions or SD over seeds (conditions)",
    )
    parser.add_argument(
        "--raw-means", action="store_true", help="show mean predictors unlifted too, in rows of their own"
    )
    parser.add_argument(
        "--reference", metavar="METHOD", help="method the others are compared with, paired (best baseline)"
    )


def seeds(text: str) -> tuple[int, ...]:
    """``5`` -> 0 to 4; ``0,3`` -> 0 and 3."""
    parts = text.split(",")
    if not all(part.strip().isdigit() for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number of seeds nor a list such as 0,1,2")
    if len(parts) > 1:
        return tuple(dict.fromkeys(int(part) for part in parts))
    if int(text) < 1:
        raise argparse.ArgumentTypeError("at least one seed is needed")
    return tuple(range(int(text)))


def engine_options(pairs: Sequence[str]) -> dict[str, str]:
    """``["a=1"]`` -> ``{"a": "1"}``."""
    options = {}
    for pair in pairs:
        name, mark, value = pair.partition("=")
        if not mark:
            raise UsageError(f"--engine-option: {pair!r} is not KEY=VALUE")
        options[name] = value
    return options


def resource_files(args: argparse.Namespace) -> dict[str, Path]:
    """Files of the resources named on the command line."""
    named = {name: getattr(args, name) for name in ("gene_graph", "gene_vectors", "drug_vectors")}
    files = {name: path.resolve() for name, path in named.items() if path is not None}
    for name, path in files.items():
        if not path.is_file():
            raise UsageError(f"--{name.replace('_', '-')}: no such file: {path}")
    return files
