from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from doloris_scenes import GENES, controls, draw, module_effect, rates, screen, tiny

from doloris import Doloris, Perturbation, TrainingCells, paper
from doloris.assembly import set_control_log_odds
from doloris.detection import detection_offset, ordinary_log_odds
from doloris.mask_model import CalibratedMaskModel
from doloris.mask_sampling import (
    apply_thresholds,
    independent_patterns,
    moved_patterns,
    nearest_condition,
    reference_patterns,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_offset_of_a_cell_makes_expected_and_observed_numbers_of_genes_agree():
    log_odds = torch.randn(50, generator=generator())
    count = torch.tensor([0, 3, 25, 50])
    offset = detection_offset(count, log_odds)
    expected = torch.sigmoid(log_odds + offset[:, None]).sum(dim=1)
    torch.testing.assert_close(expected, torch.tensor([0.5, 3.0, 25.0, 49.5]), atol=1e-2, rtol=0)


def test_log_odds_of_ordinary_cells_are_recovered_from_cells_of_unequal_detection():
    truth = torch.linspace(-2.5, 2.5, 60)
    level = 1.0 * torch.randn(2000, 1, generator=generator())
    on = torch.rand(2000, 60, generator=generator()) < torch.sigmoid(truth + level)
    error = ordinary_log_odds(on) - truth
    assert error.abs().max() < 0.3


def test_log_odds_of_many_controls_come_from_a_random_part_of_them(monkeypatch):
    monkeypatch.setattr("doloris.assembly._CONTROLS", 400)
    rng = np.random.default_rng(0)
    share = np.repeat([0.9, 0.1], 1_000)[:, None]  # two batches, one behind the other
    values = (rng.random((2_000, 3)) < share).astype(np.float32)
    conditions = (Perturbation(), Perturbation(genes=("A",)))
    cells = TrainingCells(np.vstack([values, values[:1]]), ("A", "B", "C"), conditions, np.repeat([0, 1], [2_000, 1]))
    mask = CalibratedMaskModel(torch.zeros(1, 3))
    set_control_log_odds(mask, cells)
    assert mask.control_log_odds.abs().max() < 1.0


def test_the_reference_is_the_condition_with_the_closest_frequencies():
    frequencies = torch.tensor([[0.9, 0.1, 0.5], [0.9, 0.8, 0.5]])
    assert nearest_condition(torch.tensor([0.9, 0.7, 0.2]), frequencies, None) == 1


def test_comparing_on_the_most_expressed_genes_can_pick_another_reference():
    frequencies = torch.tensor([[0.9, 0.1, 0.5], [0.7, 0.8, 0.5]])
    assert nearest_condition(torch.tensor([0.9, 0.7, 0.2]), frequencies, None) == 1
    assert nearest_condition(torch.tensor([0.9, 0.7, 0.2]), frequencies, 1) == 0


def test_thresholds_set_sure_genes_and_leave_the_others():
    pattern = torch.tensor([[False, True, True, False]])
    probability = torch.tensor([0.95, 0.05, 0.5, 0.5])
    assert apply_thresholds(pattern, probability, 0.95, 0.05).tolist() == [[True, False, True, False]]


def test_reference_patterns_are_patterns_of_real_cells():
    on = torch.tensor([[True, False], [False, True]])
    drawn = reference_patterns(on, 20, generator())
    assert (drawn.sum(dim=1) == 1).all()


def test_moved_patterns_have_the_target_probabilities():
    before, after = torch.tensor([0.2, 0.8, 0.5]), torch.tensor([0.5, 0.3, 0.5])
    n = 20_000
    on = torch.rand(n, 3, generator=generator()) < before
    moved = moved_patterns(on, before.expand(n, -1), after.expand(n, -1), generator(1))
    assert (moved.float().mean(dim=0) - after).abs().max() < 5 * 0.5 / n**0.5
    assert (moved[:, 2] == on[:, 2]).all()


def coactivation_error(patterns, truth):
    """Mean absolute difference of the correlations between genes; a gene that thresholds fix has none."""
    ours, theirs = (torch.corrcoef(values.float().T).nan_to_num() for values in (patterns, truth))
    return (ours - theirs).abs().mean().item()


def test_moving_the_source_patterns_keeps_coactivation_that_independent_draws_lose():
    rng = np.random.default_rng(0)
    rate = rates(rng) * 0.5
    source = torch.from_numpy(draw(rng, rate, 3000) > 0)
    truth = torch.from_numpy(draw(rng, rate, 3000, module_effect(0)) > 0)
    kept = [gene for gene in range(len(GENES)) if gene != 0]
    before, after = source.float().mean(dim=0), truth.float().mean(dim=0)
    moved = moved_patterns(source, before.expand_as(source), after.expand_as(source), generator())
    independent = independent_patterns(after.expand_as(source), generator())
    assert coactivation_error(moved[:, kept], truth[:, kept]) < 0.6 * coactivation_error(
        independent[:, kept], truth[:, kept]
    )


def test_patterns_of_the_reference_keep_coactivation_that_independent_draws_lose():
    rng = np.random.default_rng(0)
    rate = rates(rng) * 0.5
    truth, reference = (torch.from_numpy(draw(rng, rate, 3000, module_effect(gene)) > 0) for gene in (0, 3))
    kept = [gene for gene in range(len(GENES)) if gene not in (0, 3)]
    after = truth.float().mean(dim=0)
    patterns = apply_thresholds(reference_patterns(reference, 3000, generator()), after, 0.95, 0.05)
    independent = independent_patterns(after.expand(3000, -1), generator())
    assert coactivation_error(patterns[:, kept], truth[:, kept]) < 0.6 * coactivation_error(
        independent[:, kept], truth[:, kept]
    )


@pytest.fixture(scope="module")
def fitted():
    cells = screen(n_controls=300, n_cells=200)
    model = Doloris(replace(tiny(steps=1), mask_epochs=3.0)).fit(cells, seed=0)
    return model, cells


def test_the_mask_model_recovers_the_activation_probabilities_of_an_unseen_condition(fitted):
    model, cells = fitted
    rng = np.random.default_rng(0)
    truth = (draw(rng, rates(rng), 4000, module_effect(7)) > 0).mean(axis=0)
    predicted = model.activation_probabilities(Perturbation(genes=("G7",)), controls(cells), seed=0)
    control = (controls(cells)[0] > 0).mean(axis=0)
    assert np.abs(predicted - truth).mean() < 0.6 * np.abs(control - truth).mean()


def test_the_mask_model_is_calibrated_on_trained_conditions(fitted):
    model, cells = fitted
    predicted, observed = [], []
    for number, condition in enumerate(cells.conditions[1:], start=1):
        predicted.append(model.activation_probabilities(condition, controls(cells), seed=0))
        observed.append((cells.cells_of(number).toarray() > 0).mean(axis=0))
    predicted, observed = np.concatenate(predicted), np.concatenate(observed)
    bins = np.digitize(predicted, [0.2, 0.4, 0.6, 0.8])
    gaps = [abs(predicted[bins == b].mean() - observed[bins == b].mean()) for b in np.unique(bins)]
    assert max(gaps) < 0.08


def test_the_graph_mask_model_learns_which_genes_are_off():
    cells = screen(n_controls=150, n_cells=80)
    model = Doloris(replace(tiny(paper(), steps=1), mask_epochs=8.0)).fit(cells, seed=0)
    predicted = model.activation_probabilities(cells.conditions[1], controls(cells), seed=0)
    observed = (cells.values[~cells.control].toarray() > 0).mean(axis=0)
    assert np.corrcoef(predicted, observed)[0, 1] > 0.8
