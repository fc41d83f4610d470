"""Scores of predictions and the evaluator's own rows."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance
from synthetic_heldout import heldout, oracle, other_cell_type, predicted, world

from bench.errors import PredictionError
from bench.predictions import Predictions
from bench.protocols import CALIBRATED, PAPER, PROTOCOLS, RELEASED
from bench.reference import build_reference
from bench.scoring import COLUMNS, reference_rows, score, score_raw_mean

MADE = world(n_genes=50, n_test=4)
TASK = heldout(MADE, n_cells=60, n_controls=100, n_test=4)
KEYS = list(TASK.conditions)
HONEST = predicted(TASK, oracle(MADE, TASK))
MEANS = predicted(TASK, {key: csr_matrix(cells.mean(axis=0)) for key, cells in HONEST.cells.items()}, "mean")


def values(scores) -> dict[tuple[str, str, str], float]:
    assert tuple(scores.frame.columns) == COLUMNS
    return scores.frame.set_index(["condition", "metric", "genes"])["value"].to_dict()


@pytest.fixture(scope="module")
def references():
    return {name: build_reference(TASK, protocol) for name, protocol in PROTOCOLS.items()}


@pytest.mark.parametrize("name", ["paper", "released"])
def test_the_nine_metrics_are_those_of_the_text_and_of_the_release(references, name):
    found = values(score(HONEST, references[name], seed=0))
    key = KEYS[0]
    x, y = HONEST.cells[key].toarray().astype(float), TASK.cells[key].toarray().astype(float)
    if name == "released":
        x, y = np.log1p(x), np.log1p(y)
    for genes, columns in {"all": np.arange(50), **references[name].truths[key].gene_sets}.items():
        a, b = x[:, columns], y[:, columns]
        n, m = len(a), len(b)
        within = cdist(a, a).sum() / n**2 + cdist(b, b).sum() / m**2
        if name == "released":
            within = cdist(a, a).sum() / (n * (n - 1)) + cdist(b, b).sum() / (m * (m - 1))
        energy = 2 * cdist(a, b).mean() - within
        expected = {
            "rmse": np.sqrt(np.mean((a.mean(0) - b.mean(0)) ** 2)),
            "e_distance": energy,
            "e_distance_root": np.sqrt(max(energy, 0.0)),
            "emd": np.mean([wasserstein_distance(a[:, g], b[:, g]) for g in range(columns.size)]),
        }
        for metric in {metric for metric, _ in PROTOCOLS[name].headline}:
            assert found[key, metric, genes] == pytest.approx(expected[metric], rel=2e-6, abs=1e-7)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_condition_has_every_metric_on_every_gene_set_once(references, name):
    protocol = PROTOCOLS[name]
    frame = score(HONEST, references[name], seed=0).frame
    expected = {(key, m.name, genes) for key in KEYS for m in protocol.metrics for genes in protocol.scopes_of(m)}
    assert len(frame) == len(expected)
    assert set(zip(frame["condition"], frame["metric"], frame["genes"], strict=True)) == expected
    assert set(protocol.headline) <= {(metric, genes) for _, metric, genes in expected}


def test_the_same_seed_gives_the_same_scores_whatever_the_number_of_workers(references):
    one, many = (score(HONEST, references["calibrated"], seed=3, workers=count).frame for count in (1, 3))
    assert one.equals(many)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_torch_gives_the_scores_numpy_gives(device):
    numpy_scores, torch_scores = (
        score(HONEST, build_reference(TASK, CALIBRATED, where), seed=0).frame for where in ("cpu", torch.device(device))
    )
    assert torch_scores["value"].to_numpy() == pytest.approx(numpy_scores["value"].to_numpy(), rel=1e-9, abs=1e-9)


def test_a_method_is_scored_alike_after_another_one(references):
    fresh = score(HONEST, build_reference(TASK, CALIBRATED), seed=0).frame
    score(predicted(TASK, oracle(MADE, TASK, seed=5)), references["calibrated"], seed=1)
    assert score(HONEST, references["calibrated"], seed=0).frame.equals(fresh)


def test_more_cells_than_the_protocol_scores_are_subsampled(references):
    many = predicted(TASK, oracle(MADE, TASK, n_cells=150))
    first, other = (values(score(many, references["paper"], seed=seed)) for seed in (0, 1))
    assert first != other


def test_unsupported_conditions_get_no_number(references):
    part = replace(HONEST, cells={key: HONEST.cells[key] for key in KEYS[1:]}, unsupported={KEYS[0]: "no vector"})
    scores = score(part, references["calibrated"], seed=0)
    assert KEYS[0] not in set(scores.frame["condition"])
    assert scores.unsupported == {KEYS[0]: "no vector"}


def test_a_method_that_supports_nothing_has_no_scores(references):
    nothing = Predictions(TASK.genes, "cells", {}, dict.fromkeys(KEYS, "no vector"))
    assert score(nothing, references["calibrated"], seed=0).frame.empty


def test_conditions_with_too_few_true_cells_are_carried_along():
    few = replace(
        TASK,
        cells={**TASK.cells, KEYS[0]: TASK.cells[KEYS[0]][:8]},
        cell_ids={**TASK.cell_ids, KEYS[0]: TASK.cell_ids[KEYS[0]][:8]},
    )
    scores = score(HONEST, build_reference(few, CALIBRATED), seed=0)
    assert list(scores.unscored) == [KEYS[0]]
    assert KEYS[0] not in set(scores.frame["condition"])


def test_bad_predictions_are_not_scored(references):
    with pytest.raises(PredictionError, match="are missing"):
        score(replace(HONEST, cells={}), references["paper"], seed=0)


def test_a_mean_is_scored_as_lifted_cells_and_says_what_was_clipped(references):
    lifted = values(score(MEANS, references["calibrated"], seed=0))
    raw = values(score_raw_mean(MEANS, references["calibrated"], seed=0))
    key = KEYS[0]
    assert lifted[key, "clipped_fraction", "all"] > 0
    assert raw[key, "clipped_fraction", "all"] == 0
    assert raw[key, "intra_distance", "all"] == 0
    assert raw[key, "e_distance_u", "all"] > 5 * abs(lifted[key, "e_distance_u", "all"])
    assert raw[key, "mse_debiased", "all"] == pytest.approx(lifted[key, "mse_debiased", "all"], abs=0.05)


def test_cells_have_no_raw_mean(references):
    with pytest.raises(PredictionError, match="only predicted means"):
        score_raw_mean(HONEST, references["paper"], seed=0)


def test_scores_of_a_lifted_mean_under_released_are_of_lifted_cells_transformed(references):
    found = values(score(MEANS, references["released"], seed=0))
    assert all(np.isfinite(value) for value in found.values())


def test_the_technical_duplicate_scores_near_zero_and_controls_do_not(references):
    rows = reference_rows(references["calibrated"], seed=0)
    duplicate, control = (rows[name].frame for name in ("technical duplicate", "control cells"))
    for metric in ("e_distance_u", "mse_debiased", "emd_debiased"):
        floor, ceiling = (
            frame[(frame["metric"] == metric) & (frame["genes"] == "de20")]["value"].mean()
            for frame in (duplicate, control)
        )
        assert abs(floor) < 0.2 * ceiling


def test_the_oracle_is_a_row_where_true_cells_can_be_drawn(references):
    rows = reference_rows(references["calibrated"], 0, lambda key, n, seed: MADE.cells(key, n, seed))
    oracle_frame = rows["oracle"].frame
    accuracy = oracle_frame[oracle_frame["metric"] == "centroid_accuracy_cosine"]["value"]
    assert accuracy.mean() > 0.9


@pytest.mark.parametrize("protocol", [PAPER, RELEASED])
def test_the_evaluators_rows_have_the_rows_of_a_method(references, protocol):
    reference = references[protocol.name]
    method = set(map(tuple, score(HONEST, reference, seed=0).frame[["condition", "metric", "genes"]].to_numpy()))
    for scores in reference_rows(reference, seed=0).values():
        assert set(map(tuple, scores.frame[["condition", "metric", "genes"]].to_numpy())) == method


def test_undefined_scores_stay_undefined():
    alone = replace(
        TASK,
        conditions={KEYS[0]: TASK.conditions[KEYS[0]]},
        cells={KEYS[0]: TASK.cells[KEYS[0]]},
        cell_ids={KEYS[0]: TASK.cell_ids[KEYS[0]]},
    )
    honest = replace(HONEST, cells={KEYS[0]: HONEST.cells[KEYS[0]]})
    found = values(score(honest, build_reference(alone, CALIBRATED), seed=0))
    assert np.isnan(found[KEYS[0], "centroid_accuracy_cosine", "all"])


def test_conditions_are_compared_within_their_cell_type():
    kinds = dict(zip(KEYS, "AABB", strict=True))
    task = replace(
        TASK,
        conditions={key: other_cell_type(TASK.conditions[key], kinds[key]) for key in KEYS},
        controls=dict.fromkeys("AB", TASK.controls[""]),
        train_conditions={
            key: other_cell_type(condition, "AB"[index % 2])
            for index, (key, condition) in enumerate(TASK.train_conditions.items())
        },
    )
    reference = build_reference(task, CALIBRATED)
    swapped = {KEYS[0]: KEYS[2], KEYS[1]: KEYS[1], KEYS[2]: KEYS[0], KEYS[3]: KEYS[3]}
    across = replace(HONEST, cells={key: HONEST.cells[source] for key, source in swapped.items()})
    found = values(score(across, reference, seed=0))
    assert found[KEYS[1], "centroid_accuracy_cosine", "all"] == 1.0
    assert {found[key, "centroid_accuracy_cosine", "all"] for key in KEYS} <= {k / 20 for k in range(21)}
