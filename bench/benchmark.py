"""The benchmark as a whole: what is not done yet is run, what is not scored yet is scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace

from bench.console import console
from bench.display import RunDisplay
from bench.engines import Engine
from bench.errors import BenchError
from bench.evaluator import Evaluator
from bench.protocols import Protocol
from bench.registry import MethodEntry
from bench.runner import PlannedRun, RunOptions, execute_runs, plan_runs, refused_record
from bench.store import RunRecord, Store
from bench.tasks import Task


class Benchmark:
    """Runs and scores into one results folder.

    Parameters
    ----------
    store
        The results folder.
    protocols
        What every finished run is scored under.
    device
        Where distances are computed: ``cpu`` or a torch device.
    """

    def __init__(self, store: Store, protocols: Sequence[Protocol], device: str = "cpu") -> None:
        self.store = store
        self.protocols = tuple(protocols)
        self._device = device
        self._evaluators: dict[str, Evaluator] = {}

    def evaluator(self, task: Task) -> Evaluator:
        """The evaluator of a task; it keeps what it has computed."""
        if task.name not in self._evaluators:
            self._evaluators[task.name] = Evaluator(task, self.store, self._device)
        return self._evaluators[task.name]

    def run(
        self,
        tasks: Sequence[Task],
        methods: Sequence[MethodEntry],
        seeds: Sequence[int],
        options: RunOptions,
        engine: Engine,
        *,
        rerun: bool = False,
    ) -> list[RunRecord]:
        """Run what is not finished and score everything.

        Returns
        -------
        One record per (task, method, seed), failed and refused ones included, in that order.
        """
        self.store.clean()
        planned = plan_runs(tasks, methods, seeds, options)
        records: dict[str, RunRecord] = {}
        pending = []
        for run in planned:
            found = None if rerun else self.store.read(run.spec.key)
            if run.refusal is not None:
                records[run.spec.key] = refused_record(run)
            elif found is not None and found.done:
                records[run.spec.key] = self._scored(found, run.task)
            else:
                pending.append(run)
        out = console(stderr=True)
        for task in tasks:
            n_todo = sum(run.task is task for run in pending)
            n_test = len(task.test_conditions)
            size = f"{len(task.dataset.obs):,} cells x {len(task.dataset.genes):,} genes, {n_test} test conditions"
            out.print(f"{task.name}: {size}; {n_todo} runs to do", markup=False)
        records |= self._execute(pending, engine, options)
        return [records[run.spec.key] for run in planned if run.spec.key in records]

    def _execute(self, pending: Sequence[PlannedRun], engine: Engine, options: RunOptions) -> dict[str, RunRecord]:
        """Run what no other process is running; that process will record it."""
        records: dict[str, RunRecord] = {}
        if not pending:
            return records
        with ExitStack() as held:
            mine = [run for run in pending if held.enter_context(self.store.lock(run.spec.key))]
            tasks = {run.spec.key: run.task for run in mine}
            with RunDisplay(len(mine)) as display:
                display.left_to_others(len(pending) - len(mine))
                for news in execute_runs(mine, self.store, engine, options):
                    if isinstance(news, RunRecord):
                        record = self._scored(news, tasks[news.key])
                        records[news.key] = record
                        display.ended(record)
                    elif news is not None:
                        display.progress(news)
        return records

    def _scored(self, record: RunRecord, task: Task) -> RunRecord:
        """The record, its run scored under every protocol; marked failed if it cannot be scored."""
        if record.status != "finished":
            return record
        try:
            for protocol in self.protocols:
                self.evaluator(task).scores(record, protocol)
        except BenchError as error:
            problem: Mapping[str, object] = {"error": f"cannot be scored: {error}"}
            return replace(record, status="failed", details={**record.details, **problem})
        return record
