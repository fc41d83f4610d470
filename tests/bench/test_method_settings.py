"""Settings of a method on the command line, and the variants that a method declares."""

import sys
from textwrap import dedent

import pytest

from bench.cli import main
from bench.errors import MethodError
from bench.method_settings import shown_settings, split_settings
from bench.registry import find_ablations, find_methods
from bench.store import Store

TASK = "sim_single_tiny"
METHOD = """
    import numpy as np
    from methods.base import Method
    from methods.conditions import TaskKind

    class Scaled(Method):
        "Controls times a factor."
        name = "scaled"
        tasks = frozenset({TaskKind.UNSEEN_GENE})
        by_default = False
        ablations = ({"factor": 0.5}, {"shuffled": True})

        def __init__(self, factor: float = 1.0, shuffled: bool = False, rows: int = 3, note: str = "") -> None:
            self.factor, self.shuffled, self.rows, self.note = factor, shuffled, rows, note

        def configuration(self):
            return {"factor": self.factor, "shuffled": self.shuffled, "rows": self.rows, "note": self.note}

        def fit(self, train, *, seed, device, progress):
            pass

        def predict(self, query, *, n_cells, seed):
            rows = np.random.default_rng(seed).integers(query.controls.n_obs, size=n_cells)
            return (query.controls.X[rows].toarray() * self.factor).astype(np.float32)

        def record(self):
            return {"factor_used": self.factor}
"""


@pytest.fixture
def scaled(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])  # loading a file adds its folder
    path = tmp_path / "scaled.py"
    path.write_text(dedent(METHOD), encoding="utf-8")
    return str(path)


def test_settings_are_read_from_the_name():
    assert split_settings("doloris[size=small, nfe=30]") == ("doloris", {"size": "small", "nfe": "30"})
    assert split_settings("doloris") == ("doloris", {})
    assert shown_settings("doloris", {"size": "small", "nfe": 30}) == "doloris[nfe=30,size=small]"


def test_values_get_the_types_of_their_defaults(scaled):
    (entry,) = find_methods([f"{scaled}[factor=2,shuffled=true,rows=7,note=1]"])
    assert entry.settings == {"factor": 2.0, "shuffled": True, "rows": 7, "note": "1"}
    assert entry.name == "scaled[factor=2.0,note=1,rows=7,shuffled=True]"
    assert entry.configuration == entry.settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("[speed=1]", "has no setting 'speed'; it has factor, shuffled, rows, note"),
        ("[factor=much]", "'much' is not a number"),
        ("[rows=1.5]", "'1.5' is not a whole number"),
        ("[shuffled=maybe]", "'maybe' is not true or false"),
        ("[factor]", "is not NAME"),
    ],
)
def test_a_wrong_setting_is_an_error_that_names_it(scaled, settings, message):
    with pytest.raises(MethodError, match=message):
        find_methods([scaled + settings])


def test_variants_are_the_method_with_each_declared_change(scaled):
    names = [entry.name for entry in find_ablations(f"{scaled}[rows=5]")]
    assert names == ["scaled[rows=5]", "scaled[factor=0.5,rows=5]", "scaled[rows=5,shuffled=True]"]


def test_a_method_without_ablations_says_so():
    with pytest.raises(MethodError, match="control declares no ablations"):
        find_ablations("control")


def test_every_default_method_runs_when_none_is_named_and_only_those():
    names = [entry.name for entry in find_methods([])]
    assert "doloris" in names
    assert "doloris-paper" not in names


def test_settings_make_another_run_under_a_name_of_its_own(tmp_path, scaled):
    results = tmp_path / "r"
    named = ["--method", f"{scaled}[factor=0.5]", "--method", scaled, "--method", "control"]
    common = ["run", "--task", TASK, "--seeds", "1", "--device", "cpu", "--results", str(results)]
    assert main([*common, *named]) == 0
    records = {record.method: record for record in Store(results).records()}
    assert set(records) == {"scaled", "scaled[factor=0.5]", "control"}
    assert records["scaled[factor=0.5]"].details["method_record"] == {"factor_used": 0.5}
    assert main(["reproduce", records["scaled[factor=0.5]"].key, "--results", str(results)]) == 0


def test_ablate_compares_every_variant_with_the_whole_method(tmp_path, scaled, capsys):
    results = tmp_path / "r"
    command = ["ablate", "--task", TASK, "--method", scaled, "--seeds", "2", "--device", "cpu"]
    assert main([*command, "--results", str(results)]) == 0
    out = capsys.readouterr().out
    assert "· against scaled" in out
    assert {"scaled", "scaled[factor=0.5]", "scaled[shuffled=True]"} == {r.method for r in Store(results).records()}
    assert (results / "tables" / f"{TASK}.calibrated.ablation.csv").is_file()
