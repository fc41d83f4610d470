from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from bench.exchange import (
    Job,
    queries_for,
    read_training,
    write_predictions,
    write_training,
)
from bench.worker import main
from methods.base import Resources, TrainingData
from methods.conditions import Condition, TaskKind, parse_key

METHOD = '''
import numpy as np
from methods.base import Method, Unsupported
from methods.conditions import TaskKind

class Own(Method):
    """A method of the test."""
    name = "own"
    tasks = frozenset(TaskKind)
    output = "{output}"

    def fit(self, train, *, seed, device, progress):
        {fit}
        self.n_genes = train.genes.size

    def predict(self, query, *, n_cells, seed):
        {predict}
'''


def training() -> TrainingData:
    rng = np.random.default_rng(0)
    labels = np.repeat(["ctrl", "A", "B"], 6)
    adata = anndata.AnnData(
        X=csr_matrix(rng.poisson(1.0, (18, 4)).astype(np.float32)),
        obs=pd.DataFrame(
            {"condition": labels, "control": labels == "ctrl", "cell_type": "K562", "validation": labels == "B"},
            index=[f"c{i}" for i in range(18)],
        ),
        var=pd.DataFrame(index=list("ABCD")),
    )
    conditions = {key: parse_key(key) for key in ("ctrl", "A", "B")}
    return TrainingData(adata, conditions, TaskKind.DOUBLE_GENE)


@pytest.fixture
def run(tmp_path: Path):
    def go(*, predict: str = "return np.ones((n_cells, self.n_genes))", fit: str = "pass", output: str = "cells"):
        for folder in ("task", "out"):
            (tmp_path / folder).mkdir()
        asked = {key: parse_key(key) for key in ("A+B", "C")}
        write_training(tmp_path / "task", training(), asked)
        method = tmp_path / "own.py"
        method.write_text(METHOD.format(output=output, fit=fit, predict=predict))
        job = Job(str(method), "Own", {}, str(tmp_path / "task"), None, str(tmp_path / "out"), 5, 1, 2, "cpu")
        assert main(str(job.write())) == 0
        return json.loads((tmp_path / "out" / "report.json").read_text()), tmp_path / "out" / "predictions.h5ad"

    return go


def test_training_data_survive_the_exchange(tmp_path):
    train = training()
    write_training(tmp_path, train, {"A+B": parse_key("A+B")})
    again, queries = read_training(tmp_path, Resources())
    np.testing.assert_array_equal(again.adata.X.toarray(), train.adata.X.toarray())
    assert dict(again.conditions) == dict(train.conditions)
    assert again.kind is TaskKind.DOUBLE_GENE
    assert again.validation.n_obs == 6
    assert [query.condition.key for query in queries] == ["A+B"]
    assert queries[0].controls.n_obs == 6


def test_a_query_carries_the_controls_of_its_own_cell_type():
    train = training()
    obs = train.adata.obs
    obs["condition"] = [f"{key}|{'x' if i % 2 else 'y'}" for i, key in enumerate(obs["condition"])]
    (query,) = queries_for(train, [Condition(("A",), cell_type="x")])
    assert set(query.controls.obs["condition"]) == {"ctrl|x"}


def test_predictions_and_times_are_written(run):
    report, predictions = run()
    assert report["status"] == "finished"
    assert report["unsupported"] == {}
    assert report["absent_resources"] == ["gene_graphs", "gene_vectors", "drug_vectors", "checkpoints"]
    assert report["peak_host_bytes"] > 1e6
    adata = anndata.read_h5ad(predictions)
    assert adata.obs["condition"].value_counts().to_dict() == {"A+B": 5, "C": 5}


def test_a_mean_is_stored_once(run):
    _, predictions = run(output="mean")
    adata = anndata.read_h5ad(predictions)
    assert adata.n_obs == 2
    assert adata.uns["bench"]["output"] == "mean"


def test_an_unsupported_condition_keeps_its_reason(run):
    report, predictions = run(
        predict="""
        if query.condition.key == "C": raise Unsupported("C is not measured")
        return np.ones((n_cells, self.n_genes))"""
    )
    assert report["unsupported"] == {"C": "C is not measured"}
    assert set(anndata.read_h5ad(predictions).obs["condition"]) == {"A+B"}


def test_a_method_without_a_mechanism_for_the_task_says_so(run):
    report, predictions = run(fit='raise Unsupported("needs drugs")')
    assert (report["status"], report["reason"]) == ("unsupported", "needs drugs")
    assert not predictions.exists()


@pytest.mark.parametrize(
    ("predict", "message"),
    [
        ("return np.full((n_cells, self.n_genes), np.nan)", "not finite"),
        ("return np.ones((n_cells, self.n_genes + 1))", r"shape \(5, 5\)"),
        ("return np.full((n_cells, self.n_genes), -1.0)", "negative values"),
        ("return np.full((n_cells, self.n_genes), 40.0)", "Counts or another scale"),
        ("return np.ones((n_cells, self.n_genes), dtype=int)", "floating-point"),
        ("return None", "NoneType"),
        ("raise RuntimeError('no luck')", "RuntimeError: no luck"),
    ],
)
def test_a_failure_is_reported_with_its_reason_and_no_predictions(run, predict, message):
    report, predictions = run(predict=predict)
    assert report["status"] == "failed"
    assert re.search(message, report["error"])
    assert "Traceback" in report["traceback"]
    assert not predictions.exists()


def test_peak_memory_does_not_begin_at_that_of_the_process_that_started_the_worker():
    tells = "from bench.worker import _memory; print(_memory('cpu'))"
    starts_one = (
        "import subprocess, sys; taken = bytearray(600 << 20); "
        f"subprocess.run([sys.executable, '-c', {tells!r}], check=True)"
    )
    done = subprocess.run([sys.executable, "-c", starts_one], capture_output=True, text=True, check=True)
    assert "'peak_host_bytes': " in done.stdout
    assert 1 << 20 < int(re.search(r"\d+", done.stdout).group()) < 500 << 20


def test_what_a_worker_started_dies_with_its_runner_too():
    child = "import os, time; os.setsid(); time.sleep(60)"
    worker = (
        "import os, subprocess, sys, time; from bench.worker import _die_with; _die_with(int(sys.argv[1])); "
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}]); print(child.pid, flush=True); time.sleep(60)"
    )
    runner = (
        "import os, subprocess, sys; "
        f"worker = subprocess.Popen([sys.executable, '-c', {worker!r}, str(os.getpid())], stdout=subprocess.PIPE, "
        "start_new_session=True); "
        "print(worker.stdout.readline().decode().strip(), flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", runner], capture_output=True, text=True, timeout=60)
    assert ended(int(done.stdout))


def test_without_psutil_the_process_group_of_a_worker_ends():
    code = (
        "import subprocess, sys; sys.modules['psutil'] = None; from bench.worker import _end_children; "
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
        "print(child.pid, flush=True); _end_children()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, start_new_session=True)
    assert done.returncode == -9
    assert ended(int(done.stdout))


def ended(process: int) -> bool:
    """Whether a process is gone within 20 s."""
    deadline = time.monotonic() + 20
    while Path(f"/proc/{process}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    return not Path(f"/proc/{process}").exists()


def test_a_worker_dies_with_its_runner():
    code = (
        "import subprocess, sys, os\n"
        "child = subprocess.Popen([sys.executable, '-c', "
        "'import sys, time, os; from bench.worker import _die_with; _die_with(int(sys.argv[1])); "
        "print(os.getpid(), flush=True); time.sleep(60)', str(os.getpid())], stdout=subprocess.PIPE)\n"
        "print(child.stdout.readline().decode().strip(), flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    runner = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ended(int(runner.stdout))


def test_a_worker_whose_runner_died_while_it_started_ends_at_once():
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    code = f"import time; from bench.worker import _die_with; _die_with({gone.pid}); time.sleep(60)"
    assert subprocess.run([sys.executable, "-c", code], timeout=50).returncode == 1


def test_the_worker_loads_nothing_of_the_evaluator():
    evaluator = ("bench.data", "bench.heldout", "bench.metrics", "bench.scoring", "bench.simulation", "bench.tasks")
    code = f"import bench.worker, sys; print([m for m in sys.modules if m.startswith({evaluator!r})])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_condition_named_with_a_slash_survives_in_a_predictions_file(tmp_path):
    path = tmp_path / "p.h5ad"
    cells = {"GSK/LSD1@10|A549": csr_matrix(np.ones((2, 1), dtype=np.float32))}
    write_predictions(path, pd.Index(["A"]), cells, output="cells", unsupported={"x/y@1|A549": "why"})
    adata = anndata.read_h5ad(path)
    assert adata.obs["condition"].tolist() == ["GSK/LSD1@10|A549"] * 2
    assert json.loads(adata.uns["bench"]["unsupported"]) == {"x/y@1|A549": "why"}
