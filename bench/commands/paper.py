"""``bench paper``: run what the paper reports and typeset it."""

from __future__ import annotations

import argparse

from bench.commands.execution import Execution, add_execution_options
from bench.commands.options import add_results_option, seeds

HELP = "Run what the paper reports, on its data or on simulated stand-ins, and typeset its tables and figures."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--stand-in",
        choices=("full", "small", "tiny"),
        default="full",
        help="size of the simulation that stands in for absent data: full has the real shapes (full)",
    )
    parser.add_argument(
        "--table", action="append", choices=("1", "2"), help="this table of the paper only (default: both)"
    )
    parser.add_argument(
        "--method", action="append", metavar="NAME|FILE.py", help="method; repeat for several (default: all)"
    )
    parser.add_argument(
        "--seeds", type=seeds, default=tuple(range(5)), metavar="N|LIST", help="5 means 0 to 4 (default)"
    )
    add_execution_options(parser)
    add_results_option(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command; exit code 1 if some run failed."""
    from bench.benchmark import Benchmark
    from bench.console import console
    from bench.paper.make import PaperRuns, make_paper, records_by_task
    from bench.paper.plan import PROTOCOLS, open_paper_tasks
    from bench.protocols import get_protocol
    from bench.registry import ablations_of, find_methods
    from bench.store import Store

    out = console(stderr=True)
    opened = open_paper_tasks(args.stand_in, args.table or ("1", "2"))
    for one in opened:
        if one.stands_in:
            out.print(f"{one.paper.task}: data absent, simulated stand-in {one.task.name}", markup=False)
    protocols = [get_protocol(name) for name in PROTOCOLS]
    methods = find_methods(args.method or [])
    execution = Execution.of(args, protocols)
    benchmark = Benchmark(Store(args.results.resolve()), protocols, device=execution.device)
    started = (args.seeds, execution.options, execution.engine)
    records = benchmark.run([one.task for one in opened], methods, *started)
    ablated = [one.task for one in opened if one.paper.ablated]
    variants = benchmark.run(ablated, [variant for entry in methods for variant in ablations_of(entry)], *started)
    compared, varied = records_by_task(records), records_by_task(variants)
    runs = [
        PaperRuns(one, benchmark.evaluator(one.task), compared[one.task.name], varied.get(one.task.name, ()))
        for one in opened
        if any(record.status == "finished" for record in compared.get(one.task.name, ()))
    ]
    failed = [record for record in (*records, *variants) if record.status == "failed"]
    for record in failed:
        out.print(f"failed: {record.key}: {record.details['error']}", markup=False)
    if runs:
        made = make_paper(runs, benchmark.store.root / "paper")
        for line in made.absent:
            out.print(line, markup=False)
        console().print(str(made.document or made.source), markup=False)
        if made.document is None:
            out.print(f"no pdflatex here: compile {made.source} where there is one", markup=False)
    return 1 if failed or not runs else 0
