"""Predictions made elsewhere become a run like any other, so that they appear in the tables."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.errors import BenchError, PredictionError
from bench.evaluator import Evaluator
from bench.exchange import PREDICTIONS_FILE
from bench.hashing import hash_file
from bench.predictions_file import read_predictions
from bench.protocols import Protocol
from bench.provenance import provenance
from bench.registry import EVALUATOR_ROWS, builtin_methods
from bench.store import RunRecord, RunSpec, Store
from bench.tasks import Task


def record_predictions(
    path: Path,
    task: Task,
    store: Store,
    evaluator: Evaluator,
    protocols: Sequence[Protocol],
    *,
    name: str,
    seed: int,
) -> RunRecord:
    """Check a predictions file, store it as a run and score it.

    Nothing is stored unless the file passes every check and can be scored.

    Raises
    ------
    PredictionError
        If the file does not fit the task, or ``name`` could be that of a row of the benchmark's own.
    """
    _refuse_own_names(name)
    predictions = read_predictions(
        path,
        genes=task.dataset.genes,
        asked=task.test_conditions,
        modality=task.split.modality,
        target_sum=task.target_sum,
    )
    spec = RunSpec(
        task.name,
        name,
        seed,
        {"predictions": hash_file(path), "data": task.dataset.hash, "split": task.split.hash},
    )
    details = {
        "output": predictions.output,
        "role": "model",
        "unsupported": dict(predictions.unsupported),
        "source_file": path.name,
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        "provenance": provenance(),
    }
    record = RunRecord(spec.key, spec.task, spec.method, spec.seed, "finished", spec.inputs, details)
    known = store.read(spec.key) is not None
    with store.job_dir(spec.key) as scratch:
        copy = scratch / PREDICTIONS_FILE
        shutil.copyfile(path, copy)
        store.write(record, {PREDICTIONS_FILE: copy})
    try:
        for protocol in protocols:
            evaluator.scores(record, protocol)
    except BenchError:
        if not known:
            shutil.rmtree(store.path(spec.key))
        raise
    return record


def _refuse_own_names(name: str) -> None:
    own = (*builtin_methods(), *EVALUATOR_ROWS)
    # Behind a method's name stand settings, resources, what stands in for them: [nfe=30], +go, -rdkit, (raw mean).
    taken = next((row for row in own if re.match(re.escape(row) + r"($|[-+\[ ])", name)), None)
    if taken is not None:
        raise PredictionError(
            f"--name: {name!r} reads as a row of {taken!r}, which is the benchmark's own; "
            "give these predictions another name"
        )
