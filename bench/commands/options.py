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


def add_resource_options(parser: argparse.ArgumentParser) -> None:
    """Prior resources; :func:`resource_files` reads them."""
    parser.add_argument(
        "--gene-graph",
        action="append",
        default=[],
        metavar="[NAME=]FILE",
        help="edge list between genes: CSV, TSV or parquet with source, target[, weight]; repeat for several",
    )
    for name in ("gene-vectors", "drug-vectors"):
        parser.add_argument(
            f"--{name}",
            type=Path,
            metavar="FILE",
            help=f"{name.replace('-', ' ')}: CSV, TSV, parquet, npz, safetensors or h5ad, a row per name",
        )
    parser.add_argument(
        "--checkpoint",
        action="append",
        default=[],
        metavar="NAME=FOLDER",
        help="files of a pretrained model, such as scgpt=FOLDER; repeat for several",
    )


def resource_files(args: argparse.Namespace) -> dict[str, Path]:
    """Files of the resources named on the command line, named as :mod:`bench.resources` reads them."""
    files: dict[str, Path] = {}
    for text in args.gene_graph:
        name, mark, path = text.partition("=")
        file = Path(path if mark else text)
        _add_resource(files, f"gene_graph:{name if mark else file.name.partition('.')[0]}", file, "--gene-graph")
    for name in ("gene_vectors", "drug_vectors"):
        if getattr(args, name) is not None:
            _add_resource(files, name, getattr(args, name), f"--{name.replace('_', '-')}")
    for text in args.checkpoint:
        name, mark, path = text.partition("=")
        if not mark:
            raise UsageError(f"--checkpoint: {text!r} is not NAME=FOLDER, such as scgpt={text}")
        if not Path(path).is_dir():
            raise UsageError(f"--checkpoint: no such folder: {path}")
        _add_resource(files, f"checkpoint:{name}", Path(path), "--checkpoint")
    return files


def _add_resource(files: dict[str, Path], name: str, path: Path, option: str) -> None:
    if not path.exists():
        raise UsageError(f"{option}: no such file: {path}")
    if name in files:
        raise UsageError(f"{option}: two are named {name.partition(':')[2]!r}; write NAME=FILE to tell them apart")
    files[name] = path.resolve()
