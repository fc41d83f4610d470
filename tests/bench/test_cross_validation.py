"""One table over the folds of a data set."""

from io import StringIO

import pandas as pd
import pytest

from bench.cli import main


@pytest.fixture(scope="module")
def folds(tmp_path_factory):
    """Two folds of a tiny screen and the runs of two methods on them."""
    folder = tmp_path_factory.mktemp("folds")
    assert main(["split", "sim_single_tiny", "--kind", "unseen_gene", "--folds", "2", "--output", str(folder)]) == 0
    files = sorted(folder.glob("*.toml"))
    tasks = [part for file in files for part in ("--task", str(file))]
    results = ["--results", str(folder / "results")]
    methods = ["--method", "control", "--method", "random-cells"]
    assert main(["run", *tasks, *methods, "--seeds", "2", "--device", "cpu", *results]) == 0
    return files, results


def table(capsys, files, results, *extra):
    capsys.readouterr()
    tasks = [part for file in files for part in ("--task", str(file))]
    assert main(["table", *tasks, "--format", "csv", *results, *extra]) == 0
    return pd.read_csv(StringIO(capsys.readouterr().out), comment="#")


def test_the_folds_table_averages_over_the_conditions_of_all_folds(folds, capsys):
    files, results = folds
    joined = table(capsys, files, results, "--folds").set_index(["method", "metric", "genes"])
    parts = [table(capsys, [file], results).set_index(["method", "metric", "genes"]) for file in files]
    key = ("random-cells", "e_distance_u", "all")
    numbers = [int(part.loc[key, "n_conditions"]) for part in parts]
    expected = sum(part.loc[key, "mean"] * n for part, n in zip(parts, numbers, strict=True)) / sum(numbers)
    assert joined.loc[key, "mean"] == pytest.approx(expected, rel=1e-6)
    assert joined.loc[key, "n_conditions"] == sum(numbers)


def test_folds_are_compared_over_all_their_conditions(folds, capsys):
    files, results = folds
    compared = table(capsys, files, results, "--folds", "--compare", "--reference", "random-cells")
    each = [table(capsys, [f], results, "--compare", "--reference", "random-cells") for f in files]
    assert compared["n_conditions"].max() == sum(part["n_conditions"].max() for part in each)


@pytest.mark.parametrize(
    ("other", "message"),
    [("same", "is tested by two of the tasks"), ("sim_double_tiny", "are on different data")],
)
def test_what_are_no_folds_of_one_data_set_is_an_error(folds, other, message, capsys):
    files, results = folds
    second = str(files[0]) if other == "same" else other
    if other != "same":
        assert main(["run", "--task", other, "--method", "control", "--seeds", "1", "--device", "cpu", *results]) == 0
    assert main(["table", "--task", str(files[0]), "--task", second, "--folds", *results]) == 2
    assert message in capsys.readouterr().err
