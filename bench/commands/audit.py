"""``bench audit``: what a task trains and tests on, and whether anything leaks."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bench.commands.options import add_task_option

if TYPE_CHECKING:
    from bench.audit import Audit

HELP = "Check a task for leaks and mismatches: conditions, control folds, panel, DE genes, hashes."
_STYLES = {"ok": "green", "note": "cyan", "unknown": "yellow", "mismatch": "bold red", "leak": "bold red"}
_WIDTH = max(map(len, _STYLES))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_task_option(parser)
    parser.add_argument("--json", action="store_true", help="print everything as JSON, complete lists included")


def run(args: argparse.Namespace) -> int:
    """Run the command: 0 if every task is clean, 1 if one has a leak or a mismatch."""
    from bench.audit import audit_task

    audits = [audit_task(name) for name in args.task]
    if args.json:
        import json

        print(json.dumps([audit.to_dict() for audit in audits], indent=2, ensure_ascii=False))
    else:
        for audit in audits:
            _show(audit)
    return 0 if all(audit.clean for audit in audits) else 1


def _show(audit: Audit) -> None:
    from rich.table import Table
    from rich.text import Text

    from bench.console import console

    out = console()
    out.rule(audit.task, align="left")
    out.print(f"{audit.kind} on {audit.dataset}, data seed {audit.seed}, {audit.split_file}", markup=False)
    out.print(audit.source, markup=False)
    parts = Table("part", "conditions", "cells", "fewest cells")
    for part in audit.parts:
        parts.add_row(part.part, f"{part.conditions:,}", _number(part.cells), _number(part.fewest_cells))
    out.print(parts)
    if audit.control_folds:
        folds = Table("control cells", "train", "scoring", "de")
        for cell_type, sizes in audit.control_folds.items():
            folds.add_row(Text(cell_type), *(f"{sizes[part]:,}" for part in ("train", "scoring", "de")))
        out.print(folds)
    for finding in audit.findings:
        level = Text(finding.level.ljust(_WIDTH), style=_STYLES[finding.level])
        out.print(level.append(f"  {finding.check}: {finding.detail}", style="default"))
    wrong = sum(finding.level in ("leak", "mismatch") for finding in audit.findings)
    unknown = sum(finding.level == "unknown" for finding in audit.findings)
    verdict = f"{wrong} leaks or mismatches" if wrong else "clean" + (f", {unknown} not checked" if unknown else "")
    out.print(f"{audit.task}: {verdict}", style="bold red" if wrong else "bold green", markup=False)


def _number(value: int | None) -> str:
    return "?" if value is None else f"{value:,}"
