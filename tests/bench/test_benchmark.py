"""The user's commands, end to end on the tiny simulation."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import anndata
import pandas as pd
import pytest

from bench.cli import main
from bench.errors import TooFewCells
from bench.store import Store
from bench.tasks import find_split

PROJECT = Path(__file__).resolve().parents[2]
TASK = "sim_double_tiny"
METHODS = ("additive", "control", "linear", "random-cells")

OWN = '''"""Own: cells of the controls, slowly where asked."""
import os
import time

import numpy as np

from methods.base import Method
from methods.conditions import TaskKind


class Own(Method):
    """Control cells."""

    name = "own"
    tasks = frozenset(TaskKind)

    def fit(self, train, *, seed, device, progress):
        time.sleep(float(os.environ.get("OWN_SLEEPS", 0)))
        if os.environ.get("OWN_FAILS"):
            raise RuntimeError("no luck today")

    def predict(self, query, *, n_cells, seed):
        rows = np.random.default_rng(seed).integers(query.controls.n_obs, size=n_cells)
        return query.controls.X[rows].toarray()
'''


GRAPH_NEEDED = """    def look(self, train, seconds):
        from methods.base import Unsupported

        if not train.resources.gene_graphs:
            raise Unsupported("needs a gene graph")
        (graph,) = train.resources.gene_graphs["graph"].to_dict("records")
        assert graph == {"source": "AHR", "target": "FEV", "weight": 0.5}

"""


def run_arguments(results: Path, *methods: str, seeds: str = "2") -> list[str]:
    named = [part for method in methods for part in ("--method", method)]
    return ["run", "--task", TASK, "--seeds", seeds, "--device", "cpu", "--results", str(results), *named]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder in which four methods have run with two seeds."""
    folder = tmp_path_factory.mktemp("results")
    assert main(run_arguments(folder, *METHODS)) == 0
    return folder


@pytest.fixture
def own(tmp_path: Path) -> str:
    path = tmp_path / "own.py"
    path.write_text(OWN)
    return str(path)


def test_every_run_leaves_its_record_predictions_scores_and_log(results):
    records = Store(results).records()
    assert {(record.method, record.seed) for record in records} == {(m, s) for m in METHODS for s in (0, 1)}
    for record in records:
        folder = results / record.key
        assert {file.name for file in folder.iterdir()} == {"run.json", "predictions.h5ad", "scores.parquet", "log.txt"}
        content = json.loads((folder / "run.json").read_text())
        assert content["peak_host_bytes"] > 1e7
        assert content["provenance"]["versions"]["numpy"]
        assert len(content["inputs"]["data"]) == len(content["inputs"]["split"]) == 64


def test_nothing_but_runs_and_tables_is_left(results):
    assert list(results.glob(".jobs/*")) == []
    assert list(results.glob(".*.partial")) == []


def test_a_method_that_cannot_predict_a_condition_has_no_number_there(results):
    linear = next(record for record in Store(results).records() if record.method == "linear")
    assert linear.unsupported
    scored = set(Store(results).read_scores(linear.key)["condition"])
    assert scored.isdisjoint(linear.unsupported)


def test_the_tables_are_written_in_every_form(results):
    names = {file.name for file in (results / "tables").iterdir()}
    assert {f"{TASK}.calibrated{part}.{form}" for part in ("", ".comparison") for form in ("tex", "md", "csv")} == names
    latex = (results / "tables" / f"{TASK}.calibrated.tex").read_text()
    assert "\\toprule" in latex
    assert "% provenance: " in latex
    assert "simulated data" in latex
    assert "no number here is comparable with one measured on a real screen" in " ".join(latex.split())


def test_finished_work_is_not_done_again(results, capsys):
    before = {file: file.stat().st_mtime_ns for file in results.glob("*/*") if file.parent.name != "tables"}
    assert main(run_arguments(results, *METHODS)) == 0
    assert {file: file.stat().st_mtime_ns for file in before} == before
    out, err = capsys.readouterr()
    assert "additive" in out
    assert "[1/" not in err


def test_stored_predictions_are_scored_under_another_protocol_without_training(results, capsys):
    assert main(["table", "--task", TASK, "--protocol", "paper", "--results", str(results), "--format", "csv"]) == 0
    table = pd.read_csv(pd.io.common.StringIO(capsys.readouterr().out), comment="#")
    assert {"rmse", "e_distance", "emd"} == set(table["metric"])
    assert {"additive", "control", "linear", "random-cells", "technical duplicate", "oracle"} == set(table["method"])


def test_mean_ranks_are_shown_when_asked(results, capsys):
    assert main(["table", "--task", TASK, "--results", str(results), "--ranks", "--format", "markdown"]) == 0
    said = capsys.readouterr().out
    assert "mean ranks" in said
    assert "critical difference" in said


def test_raw_means_are_shown_beside_the_lifted_ones_when_asked(results, capsys):
    assert main(["table", "--task", TASK, "--results", str(results), "--raw-means", "--format", "markdown"]) == 0
    assert "additive (raw mean)" in capsys.readouterr().out


def test_the_oracle_beats_every_method_in_the_distances_and_the_control_is_worst(results, capsys):
    assert main(["table", "--task", TASK, "--results", str(results), "--format", "csv"]) == 0
    table = pd.read_csv(pd.io.common.StringIO(capsys.readouterr().out), comment="#")
    energy = table[(table["metric"] == "e_distance_u") & (table["genes"] == "all")].set_index("method")["mean"]
    assert energy["oracle"] < energy[list(METHODS)].min()
    assert energy.idxmax() == "control"


def test_methods_that_predict_the_same_score_the_same(tmp_path):
    arguments = ["--task", "sim_single_tiny", "--seeds", "1", "--device", "cpu", "--results", str(tmp_path)]
    assert main(["run", *arguments, "--method", "perturbed-mean", "--method", "matching-mean"]) == 0
    store = Store(tmp_path)
    first, second = (store.read_scores(record.key) for record in store.records())
    pd.testing.assert_frame_equal(first, second)


def test_a_run_reproduces_bit_for_bit(results, capsys):
    key = next(record.key for record in Store(results).records() if record.method == "random-cells")
    assert main(["reproduce", key, "--results", str(results)]) == 0
    assert "every predicted value is identical" in capsys.readouterr().out


def test_a_method_file_outside_the_project_runs_and_one_failure_stops_no_other(tmp_path, own, capsys, monkeypatch):
    monkeypatch.setenv("OWN_FAILS", "1")
    assert main(run_arguments(tmp_path / "r", own, "control", seeds="1")) == 1
    err = capsys.readouterr().err
    assert "FAILED, RuntimeError: no luck today" in err
    by_method = {record.method: record for record in Store(tmp_path / "r").records()}
    assert (by_method["own"].status, by_method["control"].status) == ("failed", "finished")
    assert "no luck today" in by_method["own"].details["traceback"]

    monkeypatch.delenv("OWN_FAILS")
    assert main(run_arguments(tmp_path / "r", own, "control", seeds="1")) == 0
    assert {record.status for record in Store(tmp_path / "r").records()} == {"finished"}


def test_a_repetition_that_fails_leaves_the_result_there_was(tmp_path, own, capsys, monkeypatch):
    arguments = run_arguments(tmp_path / "r", own, seeds="1")
    assert main(arguments) == 0
    (before,) = Store(tmp_path / "r").records()
    monkeypatch.setenv("OWN_FAILS", "1")
    assert main([*arguments, "--rerun"]) == 1
    assert Store(tmp_path / "r").records() == [before]
    assert (tmp_path / "r" / before.key / "predictions.h5ad").exists()
    err = capsys.readouterr().err
    assert "no luck today (the result of an earlier run is kept)" in err
    assert "rerun.log.txt" in err
    assert "no luck today" in (tmp_path / "r" / before.key / "rerun.log.txt").read_text()


REFUSED = f"not run: {TASK} chemcpa-scratch-index: has no mechanism for double gene tasks"


def test_what_is_refused_is_said_once_and_is_an_error_when_nothing_else_was_asked_for(tmp_path, capsys):
    assert main(run_arguments(tmp_path / "r", "chemcpa", "control")) == 0
    assert capsys.readouterr().err.count("not run: ") == 1
    assert main(run_arguments(tmp_path / "r", "chemcpa")) == 2
    assert REFUSED in capsys.readouterr().err


def test_a_worker_imports_what_the_users_path_holds(tmp_path, own, monkeypatch):
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "only_on_the_path.py").write_text("")
    Path(own).write_text(Path(own).read_text().replace("import time\n", "import time\nimport only_on_the_path\n", 1))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "beside"))
    monkeypatch.syspath_prepend(str(tmp_path / "beside"))
    assert main(run_arguments(tmp_path / "results", own, seeds="1")) == 0


def test_a_named_graph_reaches_the_method_and_changes_the_run(tmp_path, own, capsys):
    text = Path(own).read_text()
    Path(own).write_text(
        text.replace("    def fit(", GRAPH_NEEDED + "    def fit(").replace("time.sleep(", "self.look(train, ")
    )
    graph = tmp_path / "graph.csv"
    graph.write_text("source,target,weight\nAHR,FEV,0.5\n")
    arguments = run_arguments(tmp_path / "r", own, seeds="1")
    assert main([*arguments, "--gene-graph", str(graph)]) == 0
    assert "needs a gene graph" not in capsys.readouterr().out
    (with_graph,) = Store(tmp_path / "r").records()
    assert with_graph.status == "finished"
    assert with_graph.details["absent_resources"] == ["gene_vectors", "drug_vectors", "checkpoints"]

    assert main(arguments) == 0
    keys = {record.key: record.status for record in Store(tmp_path / "r").records()}
    assert sorted(keys.values()) == ["finished", "unsupported"]


def test_a_run_that_takes_too_long_is_ended_and_said_so(tmp_path, own, capsys, monkeypatch):
    monkeypatch.setenv("OWN_SLEEPS", "600")
    assert main([*run_arguments(tmp_path / "r", own, seeds="1"), "--time-limit", "3"]) == 1
    assert "time limit of 3 s" in capsys.readouterr().err


def test_after_a_kill_the_next_command_finishes_the_rest(tmp_path, own):
    results = tmp_path / "r"
    command = [sys.executable, "-m", "bench", *run_arguments(results, "control", own, seeds="1")]
    first = subprocess.Popen(command, cwd=PROJECT, env={**os.environ, "OWN_SLEEPS": "600"})
    deadline = time.monotonic() + 120
    while not list(results.glob("*-control-*/scores.parquet")) and time.monotonic() < deadline:
        time.sleep(0.1)
    while not list(left_by(first)) and time.monotonic() < deadline:
        time.sleep(0.1)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert [record.method for record in Store(results).records()] == ["control"]

    second = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert second.returncode == 0, second.stderr
    assert "[1/1]" in second.stderr
    assert {record.method for record in Store(results).records()} == {"control", "own"}
    assert list(results.glob(".jobs/*")) == []
    assert list(left_by(first)) == []


def left_by(process: subprocess.Popen[bytes]) -> Iterator[Path]:
    """Temporary folders of a process's workers."""
    return Path(tempfile.gettempdir()).glob(f"doloris-bench.{process.pid}.*")


def test_predictions_made_elsewhere_join_the_table(results, tmp_path, capsys):
    source = next(results.glob("*-random-cells-s0-*/predictions.h5ad"))
    adata = anndata.read_h5ad(source)[:, ::-1].copy()
    adata.write_h5ad(tmp_path / "mine.h5ad")
    arguments = ["--task", TASK, "--results", str(results)]
    assert main(["score", str(tmp_path / "mine.h5ad"), "--name", "mine", *arguments]) == 0
    assert "mine" in capsys.readouterr().out
    assert main(["table", *arguments, "--every-metric", "--format", "csv"]) == 0
    table = pd.read_csv(pd.io.common.StringIO(capsys.readouterr().out), comment="#")
    assert "mine" in set(table["method"])


@pytest.mark.parametrize("name", ["linear", "linear-mine", "linear[rank=3]", "doloris+go", "control cells", "oracle"])
def test_predictions_made_elsewhere_take_no_row_of_the_benchmarks_own(results, name, capsys):
    source = next(results.glob("*-random-cells-s0-*/predictions.h5ad"))
    assert main(["score", str(source), "--name", name, "--task", TASK, "--results", str(results)]) == 2
    assert "give these predictions another name" in capsys.readouterr().err


def test_predictions_that_cannot_be_scored_are_not_stored(results, tmp_path, capsys, monkeypatch):
    source = next(results.glob("*-random-cells-s0-*/predictions.h5ad"))

    def too_few(*_: object) -> None:
        raise TooFewCells("two cells are needed")

    monkeypatch.setattr("bench.evaluator.Evaluator.scores", too_few)
    assert main(["score", str(source), "--name", "linearly", "--task", TASK, "--results", str(tmp_path / "r")]) == 2
    assert "two cells are needed" in capsys.readouterr().err
    assert Store(tmp_path / "r").records() == []


def test_runs_on_other_data_are_not_tabulated(results, tmp_path, capsys):
    stale = tmp_path / "r"
    for record in Store(results).records():
        changed = replace(record, inputs={**record.inputs, "data": "of an earlier import"})
        Store(stale).write(changed, {})
    assert main(["table", "--task", TASK, "--results", str(stale)]) == 2
    assert "no finished run" in capsys.readouterr().err


def test_what_a_predictions_file_must_hold_can_be_listed(results, capsys):
    adata = anndata.read_h5ad(next(results.glob("*-control-s0-*/predictions.h5ad")))
    assert main(["tasks", TASK]) == 0
    assert set(capsys.readouterr().out.split()) == set(adata.obs["condition"])
    assert main(["data", "show", TASK, "--genes"]) == 0
    assert capsys.readouterr().out.split() == list(adata.var_names)


def test_bad_predictions_leave_nothing_behind(results, tmp_path, capsys):
    adata = anndata.read_h5ad(next(results.glob("*-control-s0-*/predictions.h5ad")))
    adata[adata.obs["condition"] != adata.obs["condition"].iloc[0]].copy().write_h5ad(tmp_path / "mine.h5ad")
    before = sorted(results.iterdir())
    assert main(["score", str(tmp_path / "mine.h5ad"), "--task", TASK, "--results", str(results)]) == 2
    assert "1 of 5 test conditions are missing" in capsys.readouterr().err
    assert sorted(results.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run", "--task", "norman_double"], 3, "bench data fetch"),
        (["run", "--task", "norman_dubble"], 2, "closest: norman_double"),
        (["run", "--task", TASK, "--method", "lineal"], 2, "closest: linear"),
        (["run", "--task", TASK, "--protocol", "calibrate"], 2, "calibrated@1"),
        (["run", "--task", TASK, "--device", "cuda:99"], 2, "--device cpu"),
        (["run", "--task", TASK, "--gene-graph", "nowhere.csv"], 2, "no such file"),
        (["run", "--task", TASK, "--n-cells", "10"], 2, "at least 100"),
        (["run", "--task", TASK, "--reference", "lineal"], 2, "choose one of additive"),
        (["table", "--task", TASK], 2, "no finished run"),
        (["reproduce", "nothing"], 2, "there is no run 'nothing'"),
    ],
)
def test_bad_requests_end_at_once_with_a_code_and_a_remedy(arguments, code, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == code
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_task_named_twice_is_run_once(tmp_path, capsys):
    assert main([*run_arguments(tmp_path, "control", seeds="1"), "--task", TASK]) == 0
    assert capsys.readouterr().err.count("runs to do") == 1


def test_two_tasks_of_one_name_are_refused_before_anything_runs(tmp_path, capsys):
    text = find_split(TASK).read_text()
    other = tmp_path / "other.toml"
    other.write_text(text.replace("seed = 0", "seed = 1"))
    assert main(["split", "--stamp", str(other)]) == 0
    assert main([*run_arguments(tmp_path / "r", "control"), "--task", str(other)]) == 2
    assert f"both called '{TASK}'" in capsys.readouterr().err
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("option", "value"),
    [("--jobs", "0"), ("--jobs", "-1"), ("--time-limit", "0"), ("--time-limit", "inf"), ("--memory-limit", "nan")],
)
def test_limits_are_numbers_above_0(option, value, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main([*run_arguments(tmp_path / "r", "control"), option, value])
    assert ended.value.code == 2
    assert f"{option}: '{value}' is not a" in capsys.readouterr().err


def test_a_full_disk_is_told_and_leaves_nothing_half_written(tmp_path, capsys, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "r"))

    monkeypatch.setattr("bench.atomic._sync", full)
    assert main(run_arguments(tmp_path / "r", "control", seeds="1")) == 2
    assert "No space left on device" in capsys.readouterr().err
    monkeypatch.undo()
    assert Store(tmp_path / "r").records() == []
    assert {path.name for path in (tmp_path / "r").glob("*")} <= {".jobs", ".locks"}
    assert list((tmp_path / "r").glob(".jobs/*")) == []
    assert main(run_arguments(tmp_path / "r", "control", seeds="1")) == 0


def test_a_file_where_the_results_folder_belongs_is_told(tmp_path, capsys):
    (tmp_path / "r").write_text("")
    assert main(run_arguments(tmp_path / "r", "control", seeds="1")) == 2
    assert "a file stands where a folder is needed" in capsys.readouterr().err


def test_help_and_imports_load_nothing_heavy():
    code = (
        "import sys\n"
        "from bench.cli import build_parser\n"
        "build_parser().format_help()\n"
        "heavy = {'anndata', 'pandas', 'pyarrow', 'rdkit', 'rich', 'scanpy', 'scipy', 'torch'} & set(sys.modules)\n"
        "print(sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT, check=True)
    assert done.stdout.strip() == "[]"
