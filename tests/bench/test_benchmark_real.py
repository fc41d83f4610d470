"""The four real screens, from the file to the table, by the README's commands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from bench.cli import main

DATA = Path(__file__).resolve().parents[2] / "../shared/data"
DOLORIS = "doloris[nfe=5,size=small,steps=20]"
pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the real screens in ../shared/data are not here")


@dataclass(frozen=True)
class Screen:
    file: str
    how: tuple[str, ...]
    split: tuple[str, ...]
    kind: str
    methods: tuple[str, ...]


SCREENS = {
    "papalexi": Screen(
        "papalexi2021_thp1_knockout.h5ad",
        ("--keep", "single_guide"),
        ("--kind", "unseen_gene", "--test", "0.3"),
        "unseen_gene",
        ("control", "linear", "random-cells", DOLORIS),
    ),
    "norman_subset": Screen(
        "norman2019_k562_subset.h5ad", (), ("--kind", "double_gene"), "double_gene", ("control", "additive", DOLORIS)
    ),
    "kang": Screen(
        "kang2018_pbmc_ifnb.h5ad",
        (
            *("--perturbation-key", "stim", "--control", "CTRL", "--cell-type-key", "cell_type"),
            *("--modality", "treatment", "--rename", "STIM=IFN-beta"),
        ),
        ("--kind", "unseen_covariate", "--cell-type", "CD4 Naive T", "--cell-type", "B", "--min-cells", "40"),
        "unseen_covariate",
        ("control", "additive", DOLORIS),
    ),
    "datlinger": Screen(
        "datlinger2021_jurkat_tcr.h5ad",
        ("--covariate-key", "perturbation_2"),
        ("--kind", "unseen_covariate", "--cell-type", "stimulated", "--test", "0.3"),
        "unseen_covariate",
        ("control", "additive"),
    ),
}


@pytest.mark.parametrize("name", SCREENS)
def test_a_real_screen_goes_from_the_file_to_the_table(name, tmp_path, capsys):
    screen = SCREENS[name]
    split = tmp_path / f"{name}.toml"
    results = ["--results", str(tmp_path / "results")]
    named = [part for method in screen.methods for part in ("--method", method)]
    assert main(["data", "import", str(DATA / screen.file), "--name", name, *screen.how]) == 0
    assert main(["split", name, *screen.split, "--output", str(split)]) == 0
    assert main(["audit", "--task", str(split)]) == 0
    assert main(["run", "--task", str(split), "--seeds", "1", "--device", "cpu", *named, *results]) == 0
    capsys.readouterr()

    assert main(["table", "--task", str(split), "--format", "csv", *results]) == 0
    table = pd.read_csv(pd.io.common.StringIO(capsys.readouterr().out), comment="#")
    energy = table[(table["metric"] == "e_distance_u") & (table["genes"] == "all")].set_index("method")
    assert set(energy.index) == {"technical duplicate", *screen.methods}
    assert energy["mean"].notna().all()
    assert energy.loc["technical duplicate", "mean"] < energy.loc["control", "mean"]


def test_what_linear_cannot_predict_in_papalexi_it_says(tmp_path, capsys):
    screen = SCREENS["papalexi"]
    split = tmp_path / "papalexi.toml"
    main(["data", "import", str(DATA / screen.file), "--name", "papalexi", *screen.how])
    main(["split", "papalexi", "--kind", "unseen_gene", "--test", "0.3", "--output", str(split)])
    results = ["--results", str(tmp_path / "results")]
    named = ["--method", "linear", "--method", "control"]
    assert main(["run", "--task", str(split), "--seeds", "1", "--device", "cpu", *named, *results]) == 0
    out = capsys.readouterr().out
    assert "not among the measured genes" in out
    assert "not ranked against methods that have more" in out
