"""The CPA adapter in its isolated environment, against its package called by hand, and through the runner."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import anndata
import numpy as np
import pytest

from bench.cli import main
from bench.conformance.scenes import simulated_scenes
from bench.conformance.suite import examine
from bench.environments.environment import FOLDER_VARIABLE, environment_problem, environments_dir, get_environment
from bench.environments.isolation import isolated_variables
from bench.registry import file_classes
from bench.store import Store

HERE = Path(__file__).parent
PROBLEM = environment_problem("cpa")
ENVIRONMENTS = environments_dir()  # where they are before the tests get a cache of their own
pytestmark = pytest.mark.skipif(PROBLEM is not None, reason=f"{PROBLEM}")

QUICK = '''
from methods.cpa import Cpa


class Quick(Cpa):
    """CPA for six epochs."""

    name = "quick-cpa"
    max_epochs = 6
'''


@pytest.fixture(scope="module", autouse=True)
def _environments():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(ENVIRONMENTS))
        yield


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory):
    """What a script found that ran in the environment."""
    folder = tmp_path_factory.mktemp("by_hand")
    variables = isolated_variables(folder / "imports")
    variables["PYTHONPATH"] += f"{os.pathsep}{HERE}"
    work = folder / "work"
    work.mkdir()
    argv = [str(get_environment("cpa").python), str(HERE / "cpa_by_hand.py"), str(folder / "answer.json")]
    done = subprocess.run(argv, cwd=work, env=os.environ | variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "answer.json").read_text())


def test_its_predictions_are_those_of_the_package_called_by_hand(found):
    assert found["difference"] < 1e-6


def test_the_same_seed_gives_the_same_predictions(found):
    assert found["again"] == 0


def test_without_counts_it_draws_from_a_gaussian_within_the_scale(found):
    low, high, spread = found["gauss"]
    assert 0 <= low < high <= np.log1p(1000)
    assert spread > 0


def test_what_it_has_no_mechanism_for_it_refuses_by_name(found):
    assert found["unseen gene"] == "no training cell received E, whose embedding is untrained"
    assert found["three genes"] == "was set up for at most 2 perturbations of a cell"
    assert "names none of nameless" in found["drug without structure"]
    assert found["cell type"] == "no training cell is of cell type 'nowhere'"


def test_the_projection_of_structures_is_untrained_in_the_package_and_trained_when_mended(found):
    assert found["unseen drug"] == "predicted"
    assert found["untrained projection moved"] == 0
    assert found["mended projection moved"] > 1e-4


def test_an_interrupt_ends_it(found):
    assert found["ends when interrupted"]


def test_it_writes_nothing_into_the_working_directory(found):
    assert found["files written"] == []


def test_it_keeps_the_contract_as_far_as_six_epochs_show(tmp_path):
    file = tmp_path / "quick.py"
    file.write_text(QUICK)
    (cls,) = file_classes(file)
    findings = {finding.check: finding.status for finding in examine(cls, simulated_scenes())}
    # A decoder that has hardly learned is as its random start left it, which goes by column, not by gene.
    findings.pop("genes follow the order of the panel")
    assert len(findings) > 15
    assert set(findings.values()) == {"ok"}


def test_the_runner_starts_it_in_its_environment_and_records_which(tmp_path):
    file = tmp_path / "quick.py"
    file.write_text(QUICK)
    results = tmp_path / "results"
    named = ["--task", "sim_double_tiny", "--method", str(file), "--seeds", "1", "--device", "cpu"]
    assert main(["run", *named, "--memory-limit", "8", "--time-limit", "600", "--results", str(results)]) == 0
    (record,) = Store(results).records()
    assert record.status == "finished"
    assert record.inputs["environment"] == {"name": "cpa", "lock": get_environment("cpa").lock.digest}
    assert record.details["environment_versions"]["numpy"].startswith("1.")
    cells = anndata.read_h5ad(results / record.key / "predictions.h5ad")
    assert cells.obs["condition"].nunique() + len(record.unsupported) == 5
    assert (cells.X.data > 0).all()
