"""``bench tasks``: every task, and whether its data set is there."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path

HELP = "List the tasks and what to do where a data set is not here, or the conditions that one of them asks for."


@dataclass(frozen=True)
class TaskRow:
    """One task of the list.

    Parameters
    ----------
    task, kind, dataset, train, validation, test, source
        As in the split file; empty and ``None`` where that cannot be read.
    data
        ``here``, ``simulated on first use``, ``not here`` or ``bad split file``.
    remedy
        What to do where the data set is not here or the file is bad; else empty.
    """

    task: str
    kind: str
    dataset: str
    train: int | None
    validation: int | None
    test: int | None
    data: str
    remedy: str
    source: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("task", nargs="?", metavar="NAME|FILE.toml", help="print the conditions this task asks for")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from bench.tasks import list_tasks, load_split

    if args.task is not None:
        print("\n".join(load_split(args.task).conditions.test))
        return 0
    rows = [describe_task(name, path) for name, path in list_tasks()]
    if args.json:
        import json

        print(json.dumps([asdict(row) for row in rows], indent=2, ensure_ascii=False))
    else:
        _show(rows)
    return 0


def describe_task(name: str, path: Path) -> TaskRow:
    """Row of one task; reads the split file, and of the data set only whether it is there."""
    from bench.data.dataset import how_to_get, simulated_names
    from bench.errors import SplitError
    from bench.paths import dataset_path
    from bench.splits import read_split

    try:
        split = read_split(path)
    except SplitError as error:
        return TaskRow(name, "", "", None, None, None, "bad split file", str(error), "")
    data, remedy = "not here", ""
    if split.dataset in simulated_names():
        data = "simulated on first use"
    elif dataset_path(split.dataset).exists():
        data = "here"
    else:
        remedy = how_to_get(split.dataset)
    parts = split.conditions
    sizes = len(parts.train), len(parts.validation), len(parts.test)
    return TaskRow(name, split.kind.value, split.dataset, *sizes, data, remedy, split.source)


def _show(rows: list[TaskRow]) -> None:
    """Two lines a task, aligned, and what to do about absent data below: readable at any width."""
    from bench.console import console

    out = console()
    heads = ("task", "kind", "data set", "train", "validation", "test", "data")
    lines = [
        (row.task, row.kind, row.dataset, *map(_number, (row.train, row.validation, row.test)), row.data)
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(heads, *lines, strict=True)]
    out.print(_line(heads, widths), style="bold", markup=False)
    for row, line in zip(rows, lines, strict=True):
        out.print(_line(line, widths), markup=False)
        if row.source:
            out.print(f"    {row.source}", style="dim", markup=False)
    for remedy in dict.fromkeys(row.remedy for row in rows if row.remedy):
        out.print(f"\n{remedy}", markup=False)


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    aligned = (
        cell.rjust(width) if 3 <= column <= 5 else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join(aligned).rstrip()
