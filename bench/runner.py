"""Plans and executes runs: (task, method, seed), each in a process of its own.

A run that is already recorded is not computed again. One that fails is recorded with its traceback
and stops no other.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.atomic import atomic_dir
from bench.devices import worker_device
from bench.engines import Command, Ending, Engine
from bench.environments.environment import get_environment
from bench.environments.isolation import isolated_variables
from bench.exchange import (
    PREDICTIONS_FILE,
    PROGRESS_FILE,
    REPORT_FILE,
    Job,
    write_resources,
    write_training,
)
from bench.hashing import derive_seed, hash_json
from bench.paths import PROJECT, cache_dir
from bench.provenance import package_versions, provenance
from bench.registry import MethodEntry
from bench.resources import CHECKPOINT, load_resources, resource_hashes
from bench.store import LOG_FILE, RERUN_LOG_FILE, RunRecord, RunSpec, Store
from bench.tasks import Task

PREPROCESSING_VERSION = 1


@dataclass(frozen=True)
class RunOptions:
    """What is the same for all runs of one command.

    Parameters
    ----------
    n_cells
        Cells predicted per condition.
    device_type
        ``cpu`` or ``cuda``.
    resources
        Part of :class:`methods.base.Resources` -> file the user named.
    time_limit
        Seconds a run may take; ``None`` for no limit.
    memory_limit
        Bytes of host memory a run may take, its child processes included; ``None`` for no limit.
    """

    n_cells: int = 100
    device_type: str = "cpu"
    resources: Mapping[str, Path] = field(default_factory=dict)
    time_limit: float | None = None
    memory_limit: int | None = None


@dataclass(frozen=True)
class PlannedRun:
    """One run, and why it is refused where the method cannot do it at all."""

    spec: RunSpec
    task: Task
    method: MethodEntry
    refusal: str | None


def plan_runs(
    tasks: Sequence[Task], methods: Sequence[MethodEntry], seeds: Sequence[int], options: RunOptions
) -> list[PlannedRun]:
    """Every (task, method, seed), with the hash of all that decides its result."""
    versions = package_versions()
    resources = resource_hashes(options.resources)
    supplied = frozenset(options.resources)
    planned = []
    for task in tasks:
        for method in methods:
            inputs = {
                "source": method.source_hash,
                "configuration": dict(method.configuration),
                "data": task.dataset.hash,
                "split": task.split.hash,
                "preprocessing": PREPROCESSING_VERSION,
                "n_cells": options.n_cells,
                "device": options.device_type,
                "resources": resources,
                "environment": _environment_of(method) or versions,
            }
            refusal = refusal_of(method, task)
            label = method.label(task.training_conditions, supplied)
            planned += [PlannedRun(RunSpec(task.name, label, seed, inputs), task, method, refusal) for seed in seeds]
    return planned


def _environment_of(method: MethodEntry) -> dict[str, str] | None:
    """Name and lock of the isolated environment a method runs in; ``None`` for the main one."""
    name = method.cls.environment
    if name is None or method.unavailable is not None:
        return None if name is None else {"name": name}
    return {"name": name, "lock": get_environment(name).lock.digest}


def _environment_versions(method: MethodEntry) -> dict[str, str]:
    """Versions in the isolated environment a method ran in; empty where it ran in the main one."""
    if method.cls.environment is None:
        return {}
    versions: dict[str, str] = get_environment(method.cls.environment).record.get("versions", {})
    return versions


def refusal_of(method: MethodEntry, task: Task) -> str | None:
    """Why a method is not started on a task; ``None`` when it is."""
    if task.split.kind not in method.cls.tasks:
        return f"has no mechanism for {task.split.kind.value.replace('_', ' ')} tasks"
    return method.unavailable


def execute_runs(
    runs: Sequence[PlannedRun], store: Store, engine: Engine, options: RunOptions
) -> Iterator[RunRecord | Mapping[str, Any] | None]:
    """Execute runs and record each as it ends.

    Yields
    ------
    A record when a run has ended; between, the progress of a running one
    (``{"key", "stage", "step", "total", ...}``) or ``None``.
    """
    by_key = {run.spec.key: run for run in runs}
    with ExitStack() as scratch:
        folders = {key: scratch.enter_context(store.job_dir(key)) for key in by_key}
        resources_dir = _resources_dir(options)
        commands = [_command(run, folders[key], resources_dir, options) for key, run in by_key.items()]
        started = time.time()
        open_keys = set(by_key)
        for ending in engine.run(commands):
            if ending is None:
                yield _progress(folders, open_keys)
                continue
            open_keys.discard(ending.key)
            yield _record(by_key[ending.key], ending, folders[ending.key], store, options, started)


def _command(run: PlannedRun, folder: Path, resources_dir: Path | None, options: RunOptions) -> Command:
    seeds = {
        axis: derive_seed(axis=axis, data=run.task.split.seed, method=run.spec.method, repetition=run.spec.seed)
        for axis in ("fit", "predict")
    }
    output = folder / "output"
    output.mkdir(parents=True, exist_ok=True)
    job = Job(
        module=run.method.module,
        class_name=run.method.cls.__name__,
        settings=run.method.settings,
        task_dir=str(training_dir(run.task)),
        resources_dir=str(resources_dir) if resources_dir else None,
        output_dir=str(output.resolve()),
        n_cells=options.n_cells,
        fit_seed=seeds["fit"],
        predict_seed=seeds["predict"],
        device=worker_device(options.device_type),
    )
    interpreter, variables = _interpreter(run.method, folder)
    return Command(
        key=run.spec.key,
        argv=(interpreter, "-m", "bench.worker", str(job.write())),
        folder=folder / "work",
        log=folder / LOG_FILE,
        # Sets of strings must come in the same order in every process, or sums over them differ in the last digits.
        environment={"PYTHONHASHSEED": "0"} | variables,
        time_limit=options.time_limit,
        memory_limit=options.memory_limit,
    )


def _interpreter(method: MethodEntry, folder: Path) -> tuple[str, dict[str, str]]:
    """Python of the method's environment, and the variables its worker needs."""
    name = method.cls.environment
    if name is None:
        path = filter(None, (str(PROJECT), os.environ.get("PYTHONPATH")))
        return sys.executable, {"PYTHONPATH": os.pathsep.join(path)}
    return str(get_environment(name).python), isolated_variables(folder / "imports")


def training_dir(task: Task) -> Path:
    """Folder with what workers may see of a task; written on first use, shared by all runs."""
    digest = hash_json({"data": task.dataset.hash, "split": task.split.hash, "version": PREPROCESSING_VERSION})
    folder = cache_dir() / "training" / f"{task.name}-{digest[:12]}"
    if not folder.exists():
        with atomic_dir(folder) as partial:
            write_training(partial, task.training_data(), task.test_conditions)
    return folder.resolve()


def _resources_dir(options: RunOptions) -> Path | None:
    if not options.resources:
        return None
    # Of a pretrained model the cache holds the path alone, and a copy elsewhere has the same hash.
    paths = {name: str(path) for name, path in options.resources.items() if name.startswith(CHECKPOINT)}
    digest = hash_json({"files": resource_hashes(options.resources), "paths": paths})
    folder = cache_dir() / "resources" / digest[:16]
    if not folder.exists():
        resources = load_resources(options.resources)
        with atomic_dir(folder) as partial:
            write_resources(partial, resources)
    return folder.resolve()


def _progress(folders: Mapping[str, Path], keys: set[str]) -> Mapping[str, Any] | None:
    for key in keys:
        try:
            content: dict[str, Any] = json.loads((folders[key] / "output" / PROGRESS_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        return {"key": key} | content
    return None


def _record(
    run: PlannedRun, ending: Ending, folder: Path, store: Store, options: RunOptions, started: float
) -> RunRecord:
    output = folder / "output"
    report = _report(output, ending)
    status = report.pop("status")
    details = {
        **report,
        "output": run.method.cls.output,
        "role": run.method.cls.role,
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds_since_start": round(time.time() - started, 3),
        "provenance": provenance(),
        "environment_versions": _environment_versions(run.method),
        "task_source": run.task.split.source,
        "method_module": run.method.module,
        "method_name": run.method.name,
        "resource_files": {name: str(path) for name, path in options.resources.items()},
    }
    record = RunRecord(
        key=run.spec.key,
        task=run.spec.task,
        method=run.spec.method,
        seed=run.spec.seed,
        status=status,
        inputs=run.spec.inputs,
        details=details,
    )
    files = {LOG_FILE: folder / LOG_FILE}
    if status == "finished":
        files[PREDICTIONS_FILE] = output / PREDICTIONS_FILE
    if status == "failed" and store.has_result(record.key):
        if (folder / LOG_FILE).exists():
            shutil.move(folder / LOG_FILE, store.path(record.key) / RERUN_LOG_FILE)
        error = f"{details['error']} (the result of an earlier run is kept)"
        record = replace(record, details={**details, "error": error, "log": RERUN_LOG_FILE})
    else:
        store.write(record, files)
    shutil.rmtree(folder, ignore_errors=True)
    return record


def _report(output: Path, ending: Ending) -> dict[str, Any]:
    try:
        report: dict[str, Any] = json.loads((output / REPORT_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {"status": "failed", "error": ending.problem or "the worker ended without a report"}
    if ending.problem is not None:
        report |= {"status": "failed", "error": ending.problem}
    return report


def refused_record(run: PlannedRun) -> RunRecord:
    """Record of a run that is not started, for the table's dash and footnote; it is not stored."""
    return RunRecord(
        key=run.spec.key,
        task=run.spec.task,
        method=run.spec.method,
        seed=run.spec.seed,
        status="unsupported",
        inputs=run.spec.inputs,
        details={
            "reason": run.refusal,
            "refused": True,  # before it was started
            "output": run.method.cls.output,
            "role": run.method.cls.role,
        },
    )
