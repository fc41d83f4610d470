from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pandas as pd
import pytest

from bench.errors import StoreError
from bench.store import RunRecord, RunSpec, Store

SPEC = RunSpec("sim_double", "linear", 0, {"data": "abc", "n_cells": 100})


def record(status: str = "finished") -> RunRecord:
    return RunRecord(SPEC.key, SPEC.task, SPEC.method, SPEC.seed, status, SPEC.inputs, {"fit_seconds": 1.5})


def test_the_key_changes_with_everything_that_decides_the_result():
    others = (
        replace(SPEC, task="sim_single"),
        replace(SPEC, method="additive"),
        replace(SPEC, seed=1),
        replace(SPEC, inputs={"data": "abd", "n_cells": 100}),
    )
    assert len({SPEC.key, *(other.key for other in others)}) == 5
    assert SPEC.key == RunSpec("sim_double", "linear", 0, {"n_cells": 100, "data": "abc"}).key


def test_a_key_is_a_safe_folder_name_whatever_the_method_is_called():
    assert "/" not in replace(SPEC, method="../../etc (v2)/x").key


def test_a_run_reads_back_as_written_with_its_files(tmp_path):
    store = Store(tmp_path / "results")
    log = tmp_path / "log"
    log.write_text("said")
    store.write(record(), {"log.txt": log})
    assert store.read(SPEC.key) == record()
    assert (store.path(SPEC.key) / "log.txt").read_text() == "said"
    assert not log.exists()
    assert [found.key for found in store.records()] == [SPEC.key]


def test_a_failed_run_is_recorded_but_not_done(tmp_path):
    store = Store(tmp_path)
    store.write(record("failed"), {})
    assert store.read(SPEC.key).done is False


def test_a_damaged_record_is_an_error_that_names_the_file(tmp_path):
    store = Store(tmp_path)
    store.write(record(), {})
    (store.path(SPEC.key) / "run.json").write_text("{")
    with pytest.raises(StoreError, match=r"run\.json: damaged"):
        store.read(SPEC.key)


def test_scores_read_back(tmp_path):
    store = Store(tmp_path)
    store.write(record(), {})
    assert store.read_scores(SPEC.key) is None
    scores = pd.DataFrame({"condition": ["A"], "metric": ["rmse"], "genes": ["all"], "value": [float("nan")]})
    store.write_scores(SPEC.key, scores)
    pd.testing.assert_frame_equal(store.read_scores(SPEC.key), scores)


def test_cleaning_removes_what_dead_processes_left_and_keeps_what_live_ones_use(tmp_path):
    store = Store(tmp_path)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = tmp_path / ".jobs" / f"{SPEC.key}.{dead.pid}"
    mine = tmp_path / ".jobs" / f"{SPEC.key}.{os.getpid()}"
    half = tmp_path / f".{SPEC.key}.x1y2.partial"
    for folder in (left, mine, half):
        folder.mkdir(parents=True)
    store.clean()
    assert (left.exists(), mine.exists(), half.exists()) == (False, True, False)


def test_cleaning_removes_the_temporary_files_of_dead_processes_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left, mine, other = (
        tmp_path / "tmp" / name for name in (f"doloris-bench.{dead.pid}.x", f"doloris-bench.{os.getpid()}.x", "pip")
    )
    for folder in (left, mine, other):
        (folder / "deep").mkdir(parents=True)
    Store(tmp_path / "results").clean()
    assert (left.exists(), mine.exists(), other.exists()) == (False, True, True)


def test_what_cannot_be_recorded_keeps_its_files_where_they_are(tmp_path):
    predictions = tmp_path / "predictions.h5ad"
    predictions.write_text("hours of work")
    circular: dict[str, object] = {}
    circular["self"] = circular
    with pytest.raises(ValueError, match="Circular"):
        Store(tmp_path / "results").write(replace(record(), details=circular), {"predictions.h5ad": predictions})
    assert predictions.read_text() == "hours of work"


def test_a_run_is_held_by_one_process_at_a_time(tmp_path):
    store = Store(tmp_path)
    with store.lock("key") as first, Store(tmp_path).lock("key") as second:
        assert (first, second) == (True, False)
    with store.lock("key") as again:
        assert again
