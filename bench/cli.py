"""Command line: ``python -m bench COMMAND``.

Exit codes: 0 done; 1 some run failed; 2 bad input or usage, or every run asked for was refused;
3 a data set is not there yet; 130 interrupted.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench import __version__
from bench.errors import BenchError
from methods.conditions import ConditionError

COMMANDS = (
    "run",
    "ablate",
    "score",
    "table",
    "data",
    "split",
    "check",
    "env",
    "methods",
    "tasks",
    "protocols",
    "audit",
    "figures",
    "report",
    "paper",
    "reproduce",
)
_DISK: Mapping[int, str] = {
    errno.ENOSPC: "free some space and run the same command again",
    errno.EDQUOT: "free some of your quota and run the same command again",
    errno.EACCES: "choose a folder you may write to with --results or $DOLORIS_BENCH_CACHE",
    errno.EROFS: "choose a folder you may write to with --results or $DOLORIS_BENCH_CACHE",
    errno.ENOTDIR: "a file stands where a folder is needed; choose another with --results or $DOLORIS_BENCH_CACHE",
    errno.EEXIST: "a file stands where a folder is needed; choose another with --results or $DOLORIS_BENCH_CACHE",
    errno.EISDIR: "a folder stands where a file is to be written; name a file",
}


def build_parser() -> argparse.ArgumentParser:
    """The whole command line; imports no heavy package."""
    parser = argparse.ArgumentParser(
        prog="bench", description="Benchmark of single-cell perturbation prediction.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"doloris-bench {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in COMMANDS:
        module = importlib.import_module(f"bench.commands.{name}")
        command = commands.add_parser(name, help=module.HELP, description=module.HELP, allow_abbrev=False)
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    args = build_parser().parse_args(argv)
    try:
        return int(args.run(args))
    except BenchError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return error.exit_code
    except ConditionError as error:
        print(f"ConditionError: {error}", file=sys.stderr)
        return BenchError.exit_code
    except BrokenPipeError:
        # The reader (head, less) has gone: nothing more can be said, and that is not an error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        remedy = _DISK.get(error.errno or 0)
        if remedy is None:
            raise
        if _is_of(getattr(args, "out", None), error.filename):
            remedy = remedy.replace("--results or $DOLORIS_BENCH_CACHE", "--out")
        print(f"{type(error).__name__}: {error}; {remedy}. What was finished is kept", file=sys.stderr)
        return BenchError.exit_code
    except KeyboardInterrupt:
        print("interrupted; finished runs are kept, the same command goes on from here", file=sys.stderr)
        return 130


def _is_of(out: Path | None, name: object) -> bool:
    """Whether a file is the output the user named, is in it or above it, or is what becomes of it."""
    if out is None:
        return False
    file = Path(str(name))
    return file in (out, *out.parents) or file.is_relative_to(out) or file.name.startswith(f".{out.name}.")
