"""What is written beside the tables, and the command that scores predictions made elsewhere."""

from __future__ import annotations

from pathlib import Path

import anndata
import pytest

from bench.boards import open_boards
from bench.cli import main
from bench.output import TaskReports
from bench.protocols import CALIBRATED
from bench.store import Store

TASK = "sim_double_tiny"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    methods = ["--method", "control", "--method", "random-cells", "--method", "matching-mean"]
    assert main(["run", "--task", TASK, "--seeds", "1", "--device", "cpu", "--results", str(folder), *methods]) == 0
    return folder


def reports(results: Path, *methods: str) -> TaskReports:
    (board,) = open_boards([TASK], Store(results), CALIBRATED, methods)
    return TaskReports.of(board, spread="conditions", reference=None)


def test_a_comparison_of_an_earlier_table_does_not_stay_beside_a_narrower_one(results, tmp_path, capsys):
    (tmp_path / f"{TASK}.calibrated.ablation.comparison.md").write_text("another table's")
    assert len(reports(results).write(tmp_path)) == 6
    written = reports(results, "control").write(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {
        *(file.name for file in written),
        f"{TASK}.calibrated.ablation.comparison.md",
    }
    assert f"removed, of an earlier table: {TASK}.calibrated.comparison.md" in capsys.readouterr().err


def test_too_few_predicted_cells_are_told_with_the_file(results, tmp_path, capsys):
    adata = anndata.read_h5ad(next(results.glob("*-random-cells-s0-*/predictions.h5ad")))
    few = adata.obs.groupby("condition", observed=True).cumcount().to_numpy() < 10
    adata[few].copy().write_h5ad(tmp_path / "mine.h5ad")
    assert main(["score", str(tmp_path / "mine.h5ad"), "--task", TASK, "--results", str(results)]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"PredictionError: {tmp_path / 'mine.h5ad'}: condition")
    assert "10 predicted cells" in told


def test_a_repetition_is_numbered_from_0(capsys):
    with pytest.raises(SystemExit):
        main(["score", "mine.h5ad", "--task", TASK, "--seed", "-1"])
    assert "'-1' is not a whole number, 0 or above" in capsys.readouterr().err
