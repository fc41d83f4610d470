"""``bench report``: stored runs as one HTML file."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.commands.options import add_protocol_option, add_results_option, add_task_option

HELP = "Write one self-contained HTML file with the leaderboards, perturbations and provenance of stored runs."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_task_option(parser)
    add_protocol_option(parser)
    parser.add_argument("--method", action="append", metavar="NAME", help="these methods only; repeat for several")
    parser.add_argument("--title", default="Single-cell perturbation prediction", help="heading of the report")
    parser.add_argument("--out", type=Path, metavar="FILE.html", help="the file (RESULTS/report.html)")
    add_results_option(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from bench.atomic import write_text
    from bench.boards import finished_records
    from bench.console import console
    from bench.devices import resolve_devices
    from bench.evaluator import Evaluator
    from bench.protocols import get_protocol
    from bench.report.build import build_report
    from bench.store import Store
    from bench.tasks import open_task
    from reports.html.page import html_report

    protocols = [get_protocol(name) for name in args.protocol or ["calibrated"]]
    store = Store(args.results.resolve())
    device = resolve_devices("auto")[0]
    tasks = [open_task(name) for name in args.task]
    shown = [(Evaluator(task, store, device), finished_records(store, task, args.method or ())) for task in tasks]
    path = args.out or store.root / "report.html"
    write_text(path, html_report(build_report(shown, protocols, args.title)))
    console().print(f"{path} ({path.stat().st_size / 1e6:.2f} MB)", markup=False)
    return 0
