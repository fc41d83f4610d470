"""Every figure from stored runs: its files, its data, and what is said where one cannot be made."""

import re

import pandas as pd
import pytest

from bench.boards import open_boards
from bench.cli import main
from bench.errors import StoreError
from bench.figures.catalog import FIGURES
from bench.figures.make import heading_of
from bench.protocols import CALIBRATED
from bench.store import Store

TASK = "sim_double_tiny"
VARIANTS = {"fig6_ablations", "fig7_nfe"}


@pytest.fixture(scope="module")
def drawn(results, tmp_path_factory):
    """All figures of the results."""
    folder = tmp_path_factory.mktemp("figures")
    assert main(["figures", "--task", TASK, "--results", str(results), "--out", str(folder)]) == 0
    return folder


def stem(spec):
    return f"{spec.name}.{TASK}" if spec.per_task else spec.name


@pytest.mark.parametrize("spec", [spec for spec in FIGURES if spec.name not in VARIANTS], ids=lambda spec: spec.name)
def test_a_figure_is_a_vector_file_an_image_and_its_data(drawn, spec):
    pdf, png, table = (drawn / f"{stem(spec)}.{form}" for form in ("pdf", "png", "csv"))
    assert pdf.read_bytes().startswith(b"%PDF")
    assert b"/Font" in pdf.read_bytes(), "text is text"
    # A scatter of thousands of genes is the one thing that is drawn as an image inside the vector file.
    assert (b"/Subtype /Image" in pdf.read_bytes()) == (spec.name == "fig5_activation")
    assert png.read_bytes().startswith(b"\x89PNG")
    assert len(pd.read_csv(table)) > 0


def test_figures_of_variants_that_never_ran_are_named_with_the_remedy(results, tmp_path, capsys):
    named = [part for name in sorted(VARIANTS) for part in ("--figure", name)]
    assert main(["figures", "--task", TASK, "--results", str(results), "--out", str(tmp_path), *named]) == 0
    err = " ".join(capsys.readouterr().err.split())
    assert f"fig6_ablations.{TASK}: not made" in err
    assert f"fig7_nfe.{TASK}: not made" in err
    assert err.count("python -m bench ablate") == 2
    assert list(tmp_path.iterdir()) == []


def test_the_same_runs_give_the_same_bytes(drawn, results, tmp_path):
    arguments = ["--figure", "fig2_intra_distance", "--figure", "paired_scatter"]
    assert main(["figures", "--task", TASK, "--results", str(results), "--out", str(tmp_path), *arguments]) == 0
    files = sorted(tmp_path.iterdir())
    assert len(files) == 6
    assert [file.name for file in files if file.read_bytes() != (drawn / file.name).read_bytes()] == []


def test_a_figure_says_what_it_was_made_from_and_that_it_is_simulated(board):
    heading = heading_of([board])
    assert TASK in heading
    assert "calibrated@1" in heading
    assert "simulation" in heading
    assert re.search(r"data [0-9a-f]{8}", heading)


def test_a_figure_that_does_not_exist_is_an_error_that_lists_those_that_do(results, capsys):
    assert main(["figures", "--task", TASK, "--results", str(results), "--figure", "fig99"]) == 2
    assert "fig2_intra_distance" in capsys.readouterr().err


def test_a_file_where_the_figures_belong_is_told_with_the_option_that_named_it(results, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    arguments = ["--task", TASK, "--results", str(results), "--out", str(tmp_path / "file")]
    assert main(["figures", *arguments, "--figure", "paired_scatter"]) == 2
    assert "choose another with --out." in capsys.readouterr().err


def test_a_folder_where_the_report_belongs_is_told(results, tmp_path, capsys):
    assert main(["report", "--task", TASK, "--results", str(results), "--out", str(tmp_path)]) == 2
    assert "a folder stands where a file is to be written" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_task_without_runs_is_an_error_with_the_remedy(tmp_path):
    with pytest.raises(StoreError, match="python -m bench run --task sim_double_tiny"):
        open_boards([TASK], Store(tmp_path), CALIBRATED)


def test_variants_are_drawn_by_their_settings(varied_results, tmp_path):
    named = [part for name in sorted(VARIANTS) for part in ("--figure", name)]
    assert main(["figures", "--task", TASK, "--results", str(varied_results), "--out", str(tmp_path), *named]) == 0
    ablation = pd.read_csv(tmp_path / f"fig6_ablations.{TASK}.csv")
    assert list(dict.fromkeys(ablation["setting"])) == ["varied", "w/o half of it"]
    energy = ablation[(ablation["metric"].str.startswith("E-distance")) & (ablation["genes"] == "all genes")]
    assert energy["mean"].iloc[0] < energy["mean"].iloc[1], "the method is worse without its part"
    assert (energy["low"] <= energy["mean"]).all()
    assert (energy["mean"] <= energy["high"]).all()
    steps = pd.read_csv(tmp_path / f"fig7_nfe.{TASK}.csv")
    assert sorted(steps["nfe"].unique()) == [1, 50]
    energy = steps[(steps["metric"].str.startswith("E-distance")) & (steps["genes"] == "all genes")].set_index("nfe")
    assert energy.loc[50, "mean"] < energy.loc[1, "mean"]
    assert (steps["seconds"] > 0).all()


def test_a_method_that_declined_every_condition_stops_no_figure(declined_results, tmp_path):
    made = main(["figures", "--task", TASK, "--results", str(declined_results), "--out", str(tmp_path)])
    assert made == 0
    assert "declining" not in (tmp_path / f"paired_scatter.{TASK}.csv").read_text()
