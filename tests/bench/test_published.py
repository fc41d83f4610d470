"""The published numbers as the paper prints them, and ours beside them."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from bench.errors import DataError
from bench.protocols import PROTOCOLS
from bench.published import COLUMNS, METRICS, PUBLISHED, method_of, published_scores, side_by_side
from bench.tables import ColumnFacts, score_table
from bench.tasks import list_tasks
from reports.tidy import to_csv

PAPER = Path(__file__).resolve().parents[2] / "../shared/paper.md"


def scored(task: str, *, simulated: bool = False, label: str = "gears-coexpr", scale: str = "raw") -> pd.DataFrame:
    """Tidy tables of one method under every protocol."""
    frames = []
    for protocol in PROTOCOLS.values():
        metrics = {*METRICS[protocol.name].values(), *(name for name, _ in protocol.headline)}
        scores = pd.DataFrame(
            [
                (task, protocol.label, label, seed, condition, metric, genes, 0.1 * place + 0.01 * seed)
                for seed in (0, 1)
                for place, condition in enumerate(("A", "B", "C"))
                for metric in sorted(metrics)
                for genes in ("all", "de20", "de40", "de20_other")
            ],
            columns=["task", "protocol", "method", "seed", "condition", "metric", "genes", "value"],
        )
        facts = [ColumnFacts(metric, metric, "lower", 0.0) for metric in sorted(metrics)]
        table = replace(score_table(scores, facts, simulated=simulated), scale=scale)
        frames.append(pd.read_csv(io.StringIO(to_csv(table))))
    return pd.concat(frames, ignore_index=True)


@pytest.mark.skipif(not PAPER.exists(), reason=f"the paper's text is not at {PAPER}")
def test_the_numbers_are_those_of_the_paper():
    text = PAPER.read_text(encoding="utf-8").replace(r"\pm", "±")
    lines = [re.sub(r"\s+", " ", line) for line in text.splitlines() if "±" in line]
    printed = [
        (float(mean), float(spread)) for line in lines for mean, spread in re.findall(r"([\d.]+) ± ([\d.]+)", line)
    ]
    ours = [*zip(published_scores()["mean"], published_scores()["spread"], strict=True)]
    assert len(ours) == 162
    assert ours == printed
    for method, rows in published_scores()[lambda frame: frame["table"] == 1].groupby("method", sort=False):
        if method != "Doloris":
            (line,) = [line for line in lines if line.startswith(f"{method} ")]
            assert [f"{mean:.4f}" for mean in rows["mean"]] == re.findall(r"([\d.]+) ±", line)


def test_the_best_competitor_of_table_2_is_as_far_from_doloris_as_printed():
    table = published_scores().query("table == 2").set_index(["task", "metric", "genes", "method"])["mean"].unstack()
    delta = table.drop(columns="Doloris").min(axis=1) - table["Doloris"]
    printed = {
        ("norman_double", "rmse", "all"): 0.0020,
        ("norman_double", "e_distance", "all"): 0.1043,
        ("norman_double", "emd", "de40"): 0.0179,
        ("sciplex3_ood", "rmse", "de20"): 0.1353,
        ("sciplex3_ood", "e_distance", "de40"): 0.2871,
        ("sciplex3_ood", "emd", "all"): 0.0664,
    }
    for key, value in printed.items():
        assert delta[key] == pytest.approx(value)


def test_every_published_task_is_one_of_ours_with_nine_numbers_a_method():
    scores = published_scores()
    assert set(scores["task"]) <= dict(list_tasks()).keys()
    assert (scores.groupby(["task", "method"]).size() == 9).all()
    assert not scores.duplicated(["task", "method", "metric", "genes"]).any()


def test_every_metric_beside_a_published_one_belongs_to_its_protocol():
    assert METRICS.keys() == PROTOCOLS.keys()
    for name, metrics in METRICS.items():
        known = {metric.name for metric in PROTOCOLS[name].metrics}
        assert set(metrics.values()) <= known
        assert metrics.keys() == set(published_scores()["metric"])


@pytest.mark.parametrize(
    ("label", "method"),
    [
        ("doloris", "Doloris"),
        ("gears-coexpr", "GEARS"),
        ("scgpt-scratch", "scGPT"),
        ("doloris+trrust-coexpr", "Doloris"),
        ("linear (raw mean)", "linear"),
        ("chemcpa", "chemCPA"),
        ("cpa", "CPA"),
        ("linear", "linear"),
        ("linearly", ""),
        ("perturbed-mean", ""),
    ],
)
def test_our_labels_are_known_as_the_papers_methods(label, method):
    assert method_of(label, published_scores()) == method


def test_published_numbers_stand_beside_ours_under_every_protocol():
    frame = side_by_side(scored("norman_double"))
    assert tuple(frame.columns) == COLUMNS
    gears = frame[(frame["method"] == "GEARS") & (frame["genes"] == "de20") & (frame["metric"] == "e_distance")]
    assert list(gears["protocol"]) == [
        PUBLISHED,
        *(PROTOCOLS[name].label for name in ("paper", "released", "calibrated")),
    ]
    assert list(gears["measured_as"]) == ["e_distance", "e_distance", "e_distance_root", "e_distance_u"]
    assert gears["mean"].iloc[0] == 0.8665
    assert gears["mean"].iloc[1:].tolist() == pytest.approx([0.105] * 3)
    assert list(gears["spread_over"]) == ["not stated", *["conditions"] * 3]
    assert list(gears["label"]) == ["", *["gears-coexpr"] * 3]
    assert gears["n_seeds"].isna().iloc[0]
    assert gears["n_seeds"].iloc[1:].eq(2).all()
    assert len(frame) == 4 * 9 + 3 * 9  # four published methods, one of ours; nothing but the paper's metrics


def test_a_method_the_paper_lacks_is_shown_under_its_own_name():
    frame = side_by_side(scored("norman_double", label="additive"))
    assert frame[frame["label"] == "additive"]["method"].eq("additive").all()


def test_a_stand_in_says_that_it_is_simulated_and_for_which_task_it_stands():
    frame = side_by_side(scored("norman_sim", simulated=True))
    assert frame["task"].eq("norman_sim").all()
    assert frame["stands_for"].eq("norman_double").all()
    assert list(frame.groupby("protocol", sort=False)["simulated"].all()) == [False, True, True, True]
    assert frame["protocol"].eq(PUBLISHED).sum() == 36


def test_a_task_without_published_numbers_has_only_ours():
    assert not side_by_side(scored("sim_double", simulated=True))["protocol"].eq(PUBLISHED).any()


def test_normalised_numbers_and_missing_columns_are_refused():
    with pytest.raises(DataError, match="normalised numbers"):
        side_by_side(scored("norman_double", scale="normalised"))
    with pytest.raises(DataError, match="'simulated' is missing"):
        side_by_side(scored("norman_double").drop(columns="simulated"))
