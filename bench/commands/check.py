"""``python -m bench check``: whether a method keeps the contract."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.conformance.findings import Finding
    from methods.base import Method

HELP = "Put a method of your own through the conformance suite, on tiny simulated tasks."
_STYLE = {"ok": "green", "warning": "yellow", "failed": "bold red"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("method", help="a Python file, which is executed, or the name of a method")


def run(args: argparse.Namespace) -> int:
    """Check every method of the file; 1 if any check fails."""
    from bench.conformance.scenes import simulated_scenes
    from bench.conformance.suite import examine

    classes = _classes(args.method)
    scenes = simulated_scenes()
    reports = []
    for cls in classes:
        findings = [*_name(cls), *examine(cls, scenes)]
        _show(cls, findings)
        reports.append(findings)
    return int(any(finding.status == "failed" for findings in reports for finding in findings))


def _classes(target: str) -> list[type[Method]]:
    from bench.registry import file_classes, find_methods, is_path

    return file_classes(Path(target)) if is_path(target) else [find_methods([target])[0].cls]


def _name(cls: type[Method]) -> Iterator[Finding]:
    from bench.conformance.findings import Finding
    from bench.errors import MethodError
    from bench.registry import require_free_name

    check, name = "a name of its own", getattr(cls, "name", None)
    if not isinstance(name, str):
        return  # the suite says so
    try:
        require_free_name(name, Path(inspect.getfile(cls)))
    except MethodError as error:
        yield Finding(check, "failed", "a name that no other row of a table has", str(error), "choose another name")
    else:
        yield Finding(check, "ok")


def _show(cls: type[Method], findings: list[Finding]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from bench.console import console

    out = console()
    table = Table(box=None, pad_edge=False, title=f"{cls.__name__} ({getattr(cls, 'name', 'no name')})")
    table.title_justify = "left"
    for heading in ("result", "check", ""):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        remark = finding.found if finding.status == "ok" else ""
        style = _STYLE[finding.status]
        table.add_row(f"[{style}]{finding.status}[/{style}]", escape(finding.check), escape(remark))
    out.print(table)
    for finding in findings:
        if finding.status == "ok":
            continue
        style = _STYLE[finding.status]
        out.print(f"\n[{style}]{finding.status}[/{style}] {escape(finding.check)}")
        out.print(f"  expected  {escape(finding.expected)}")
        out.print(f"  found     {escape(finding.found)}")
        out.print(f"  change    {escape(finding.change)}")
    counts = {status: sum(finding.status == status for finding in findings) for status in _STYLE}
    out.print("\n" + ", ".join(f"{number} {status}" for status, number in counts.items() if number) + "\n")
