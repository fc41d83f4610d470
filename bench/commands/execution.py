"""Where and how runs execute: the options that all commands share which start runs."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.commands.options import UsageError, add_resource_options, engine_options, resource_files
from bench.engines import ENGINES, Engine

if TYPE_CHECKING:
    from bench.protocols import Protocol
    from bench.runner import RunOptions


def add_execution_options(parser: argparse.ArgumentParser) -> None:
    """Declare them; :meth:`Execution.of` reads them."""
    parser.add_argument("--n-cells", type=int, default=100, metavar="N", help="cells predicted per condition (100)")
    parser.add_argument("--device", default="auto", metavar="D", help="auto, cpu, cuda or cuda:0,1 (auto)")
    parser.add_argument(
        "--jobs", type=positive_count, default=1, metavar="N", help="processes at a time on the CPU (1)"
    )
    parser.add_argument("--engine", choices=ENGINES, default="local", help="where the runs execute (local)")
    parser.add_argument(
        "--engine-option", action="append", default=[], metavar="KEY=VALUE", help="option of slurm or ray; repeat"
    )
    parser.add_argument("--time-limit", type=positive, metavar="SECONDS", help="end a run after this long")
    parser.add_argument("--memory-limit", type=positive, metavar="GIB", help="end a run that takes more host memory")
    add_resource_options(parser)


def positive(text: str) -> float:
    """A finite number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number


def positive_count(text: str) -> int:
    """A whole number above 0."""
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


@dataclass(frozen=True)
class Execution:
    """Where runs execute, with what.

    Parameters
    ----------
    options
        What is the same for all runs.
    engine
        What starts them.
    device
        Where they are scored.
    """

    options: RunOptions
    engine: Engine
    device: str

    @classmethod
    def of(cls, args: argparse.Namespace, protocols: Sequence[Protocol]) -> Execution:
        """Read the options.

        Raises
        ------
        UsageError
            If a protocol scores more cells than are to be predicted, or a named file is missing.
        """
        from bench.devices import resolve_devices
        from bench.engines import make_engine
        from bench.runner import RunOptions

        fewest = max(protocol.n_predicted for protocol in protocols)
        if args.n_cells < fewest:
            raise UsageError(f"--n-cells: {args.n_cells} predicted cells cannot be scored, write at least {fewest}")
        devices = resolve_devices(args.device)
        options = RunOptions(
            n_cells=args.n_cells,
            device_type=devices[0].partition(":")[0],
            resources=resource_files(args),
            time_limit=args.time_limit,
            memory_limit=None if args.memory_limit is None else int(args.memory_limit * 2**30),
        )
        slots = devices if devices[0] != "cpu" else ("cpu",) * args.jobs
        engine = make_engine(
            args.engine, devices=slots, folder=args.results.resolve(), options=engine_options(args.engine_option)
        )
        return cls(options, engine, devices[0])
