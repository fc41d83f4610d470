"""Runs one method on one task: ``python -m bench.worker JOB_FILE``.

Reads the training file, fits, predicts, checks every prediction against the contract and writes
predictions and a report. Imports ``methods`` and the method's own packages, nothing of the
evaluator.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import sys
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from bench.engines import PARENT_VARIABLE
from bench.exchange import (
    PREDICTIONS_FILE,
    PROGRESS_FILE,
    REPORT_FILE,
    Job,
    read_resources,
    read_training,
    write_predictions,
)
from bench.registry import import_file, is_path
from methods.base import Method, Query, TrainingData, Unsupported
from methods.checks import check_prediction


class ProgressFile:
    """Writes progress where the runner reads it, at most five times a second."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = 0.0
        self.stage = "fit"

    def __call__(self, step: int, total: int, **figures: float) -> None:
        """Report that ``step`` of ``total`` is done."""
        now = time.monotonic()
        if now - self._last < 0.2 and step != total:
            return
        self._last = now
        content = {"stage": self.stage, "step": step, "total": total} | {k: float(v) for k, v in figures.items()}
        partial = self._path.with_suffix(".partial")
        partial.write_text(json.dumps(content), encoding="utf-8")
        partial.replace(self._path)


def main(job_file: str) -> int:
    """Run the job and write its report; the exit code is 0 also when the method failed."""
    job = Job.read(Path(job_file))
    _die_with(int(os.environ.get(PARENT_VARIABLE, os.getppid())))
    output = Path(job.output_dir)
    report: dict[str, Any] = {"status": "failed"}
    try:
        report |= _run(job, output)
    except Unsupported as why:
        report |= {"status": "unsupported", "reason": str(why)}
    except Exception as error:
        report |= {"error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}
        traceback.print_exc()
    report |= _memory(job.device)
    partial = output / (REPORT_FILE + ".partial")
    partial.write_text(json.dumps(report, indent=1), encoding="utf-8")
    partial.replace(output / REPORT_FILE)
    return 0


def _run(job: Job, output: Path) -> dict[str, Any]:
    method = load_class(job.module, job.class_name)(**job.settings)
    resources = read_resources(Path(job.resources_dir) if job.resources_dir else None)
    train, queries = read_training(Path(job.task_dir), resources)
    progress = ProgressFile(output / PROGRESS_FILE)

    started = time.perf_counter()
    method.fit(train, seed=job.fit_seed, device=job.device, progress=progress)
    fitted = time.perf_counter()
    progress.stage = "predict"
    cells, unsupported = _predict(method, train, queries, job, progress)
    predicted = time.perf_counter()

    write_predictions(output / PREDICTIONS_FILE, train.genes, cells, output=method.output, unsupported=unsupported)
    return {
        "status": "finished",
        "fit_seconds": fitted - started,
        "predict_seconds": predicted - fitted,
        "unsupported": unsupported,
        "absent_resources": list(resources.absent),
        "method_record": dict(method.record()),
    }


def _predict(
    method: Method, train: TrainingData, queries: list[Query], job: Job, progress: ProgressFile
) -> tuple[dict[str, Any], dict[str, str]]:
    from scipy.sparse import csr_matrix

    cells: dict[str, Any] = {}
    unsupported: dict[str, str] = {}
    answers = method.predict_many(queries, n_cells=job.n_cells, seed=job.predict_seed)
    for done, (query, answer) in enumerate(answers, start=1):
        key = query.condition.key
        if isinstance(answer, Unsupported):
            unsupported[key] = str(answer)
        else:
            checked = check_prediction(
                answer,
                condition=key,
                n_cells=job.n_cells,
                n_genes=len(train.genes),
                output=method.output,
                target_sum=train.target_sum,
            )
            cells[key] = csr_matrix(checked[:1] if method.output == "mean" else checked)
        progress(done, len(queries))
    missing = [query.condition.key for query in queries if query.condition.key not in cells.keys() | unsupported.keys()]
    if missing:
        raise ValueError(f"predict_many returned nothing for {missing[0]!r} ({len(missing)} conditions in all)")
    return cells, unsupported


def load_class(module: str, class_name: str) -> type[Method]:
    """The method class, from a module of ``methods`` or from a file the user named."""
    loaded = import_file(Path(module)) if is_path(module) else importlib.import_module(module)
    found: type[Method] = getattr(loaded, class_name)
    return found


def _memory(device: str) -> dict[str, int]:
    figures = {"peak_host_bytes": _peak_memory()}
    if device.startswith("cuda") and "torch" in sys.modules:
        import torch

        figures["peak_gpu_bytes"] = int(torch.cuda.max_memory_allocated(device))
    return figures


def _peak_memory() -> int:
    """Most resident bytes this process ever had."""
    # getrusage counts from before exec, when a process may still have had the memory of the one that started it.
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _die_with(parent: int) -> None:
    """End this process when the one that started it is gone, so that a killed run leaves no orphan."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        try:
            _end_children()
        finally:
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _end_children() -> None:
    """End all that this process started; itself too where it leads a process group, as the engines start it."""
    with suppress(ImportError):  # isolated environments need not have it
        import psutil

        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                child.kill()
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    np.seterr(invalid="warn")
    sys.exit(main(sys.argv[1]))
