"""``python -m bench env``: isolated environments for methods whose packages cannot live beside the rest."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.environments.environment import Environment

HELP = "List, create, check or remove the isolated environments that some methods run in."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="which there are, which are built, how large they are, which methods use them")
    create = actions.add_parser("create", help="build one from its lock, or finish one that was interrupted")
    create.add_argument("name", metavar="NAME")
    create.add_argument("--python", type=Path, metavar="FILE", help="interpreter to build it with (found on PATH)")
    check = actions.add_parser("check", help="import what its methods need and compare its versions with the lock")
    check.add_argument("name", metavar="NAME")
    remove = actions.add_parser("remove", help="delete it, and those built from older locks of this name")
    remove.add_argument("name", metavar="NAME")


def run(args: argparse.Namespace) -> int:
    """Run the action."""
    from bench.environments.environment import get_environment

    if args.action == "list":
        return _list()
    if args.action == "remove":
        return _remove(args.name)
    environment = get_environment(args.name)
    if args.action == "create":
        return _create(environment, args.python)
    return _check(environment)


def _list() -> int:
    from rich.markup import escape
    from rich.table import Table

    from bench.console import console
    from bench.environments.build import folders_of
    from bench.environments.environment import environments_dir, get_environment
    from bench.environments.lock import LockError, lock_names
    from bench.registry import builtin_methods

    users: dict[str, list[str]] = {}
    for entry in builtin_methods().values():
        if entry.cls.environment is not None:
            users.setdefault(entry.cls.environment, []).append(entry.name)
    table = Table(box=None, pad_edge=False)
    for heading in ("environment", "state", "Python", "packages", "size", "built in", "methods"):
        table.add_column(heading)
    for name in lock_names():
        try:
            environment = get_environment(name)
        except LockError as error:
            table.add_row(name, escape(str(error)), "", "", "", "", ", ".join(users.get(name, [])))
            continue
        record = environment.record
        old = len([folder for folder in folders_of(name) if folder != environment.folder])
        table.add_row(
            name,
            environment.state + (f", {old} of older locks" if old else ""),
            environment.lock.python,
            str(len(environment.lock.versions)),
            f"{record['bytes'] / 2**30:.2f} GiB" if record else "",
            f"{record['seconds']:.0f} s" if record else "",
            ", ".join(users.get(name, [])),
        )
    console().print(table)
    console(stderr=True).print(f"folder: {environments_dir()}", markup=False)
    return 0


def _create(environment: Environment, python: Path | None) -> int:
    from bench.console import console
    from bench.environments.build import build

    lock, out = environment.lock, console(stderr=True)
    if environment.state != "ready":
        out.print(f"{lock.name}: {len(lock.versions)} packages, Python {lock.python}; this takes minutes", markup=False)
    build(environment, python)
    record = environment.record
    size = f"{record['bytes'] / 2**30:.2f} GiB, built in {record['seconds']:.0f} s"
    out.print(f"{lock.name}: ready, {size}: {environment.folder}", markup=False)
    return 0


def _check(environment: Environment) -> int:
    from bench.console import console
    from bench.environments.environment import environment_problem
    from bench.environments.inspect import InspectionError, inspect

    if environment.state == "absent":
        raise InspectionError(f"{environment_problem(environment.lock.name)}")
    found = inspect(environment)
    problems = list(found.problems(environment.lock))
    out = console()
    out.print(f"Python {found.python}: {environment.python}", markup=False)
    for name in environment.lock.versions:
        out.print(f"  {name} {found.versions.get(name.replace('_', '-').lower(), 'absent')}", markup=False)
    for problem in problems:
        out.print(f"problem: {problem}", markup=False)
    out.print("; ".join([f"{len(problems)} problems", environment.state]) if problems else "no problem", markup=False)
    return 1 if problems or environment.state != "ready" else 0


def _remove(name: str) -> int:
    from bench.console import console
    from bench.environments.build import folders_of, remove
    from bench.environments.lock import LockError, lock_names

    # Its lock may be gone or malformed: what was built from it can be removed all the same.
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name) or not (folders_of(name) or name in lock_names()):
        raise LockError(f"there is no environment {name!r}; `python -m bench env list` lists them")
    removed = remove(name)
    for folder in removed:
        console(stderr=True).print(f"removed {folder}", markup=False)
    if not removed:
        console(stderr=True).print(f"{name}: was not built", markup=False)
    return 0
