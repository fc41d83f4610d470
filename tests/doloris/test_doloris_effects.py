from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from doloris_scenes import GENES, drug_screen, module_effect, screen, tiny

from doloris import Perturbation, Priors, TrainingCells
from doloris.effects import _left_out_error, _left_out_residuals, _noise, _searched, fit_effects, observed_effects
from doloris.errors import UnknownPerturbation
from doloris.moments import expressed_moments


def effects_of(cells, priors=None, config=None):
    return fit_effects(cells, priors or Priors(), expressed_moments(cells), config or tiny()).model


@pytest.fixture(scope="module")
def cells():
    return screen(n_controls=300, n_cells=100)


def test_the_effect_of_an_unseen_gene_resembles_its_modules(cells):
    effects = effects_of(cells).predict([Perturbation(genes=(f"G{gene}",)) for gene in (6, 7, 8)])
    for row, gene in enumerate((6, 7, 8)):
        others = np.arange(len(GENES)) != gene
        assert np.corrcoef(effects.log_odds[row][others], module_effect(gene)[others])[0, 1] > 0.7


def test_a_perturbed_gene_gets_the_change_that_perturbed_genes_have(cells):
    model = effects_of(cells)
    predicted = model.predict([Perturbation(genes=("G9",))])
    assert predicted.own[0, 9]
    assert predicted.log_odds[0, 9] == pytest.approx(model.own_effect[0])
    assert model.own_effect[0] < -1.0


def test_left_out_effects_do_not_see_the_condition_they_are_of(cells):
    model = effects_of(cells)
    values = cells.values.toarray()
    values[cells.labels == 1] = np.roll(values[cells.labels == 1], 5, axis=1)
    changed = TrainingCells(values, cells.genes, cells.conditions, cells.labels)
    # the same hyper-parameters and control moments: only the row of condition 1 differs
    conditions, targets, _ = observed_effects(changed, expressed_moments(cells))
    _, before, _ = observed_effects(cells, expressed_moments(cells))
    assert conditions == model.conditions
    assert np.abs(targets[0] - before[0]).max() > 0.5
    from doloris.effects import _left_out_blocks, _left_out_residuals

    precision = np.linalg.inv(np.exp(-0.1 * np.subtract.outer(np.arange(6), np.arange(6)) ** 2) + 0.1 * np.eye(6))
    blocks = _left_out_blocks(conditions)
    ours = before - _left_out_residuals(precision, before, blocks)
    theirs = targets - _left_out_residuals(precision, targets, blocks)
    np.testing.assert_allclose(theirs[0], ours[0], atol=1e-8)


def test_two_trained_genes_add_up_to_the_pair_scale_times_their_sum(cells):
    model = effects_of(cells)
    pair, first, second = model.predict(
        [Perturbation(genes=("G0", "G1")), Perturbation(genes=("G0",)), Perturbation(genes=("G1",))]
    ).value
    kept = np.arange(len(GENES)) > 1
    np.testing.assert_allclose(pair[kept], 0.72 * (first + second)[kept], atol=1e-5)


def test_an_unmeasured_gene_is_placed_by_an_edge_list(cells):
    edges = {"mine": np.array([["X", "G0"], ["X", "G3"], ["G0", "G3"], ["G1", "G4"]])}
    assert effects_of(cells, Priors(edges)).knows(Perturbation(genes=("X",)))
    refusing = effects_of(cells, config=replace(tiny(), unknown_genes="refuse"))
    with pytest.raises(UnknownPerturbation, match="X is neither measured"):
        refusing.predict([Perturbation(genes=("X",))])


def test_a_gene_nobody_knows_has_what_all_perturbations_share(cells):
    model = effects_of(cells)
    unknown, other = model.predict([Perturbation(genes=("X",)), Perturbation(genes=("Y",))]).value
    np.testing.assert_array_equal(unknown, other)
    common_alone = replace(model, kernel=replace(model.kernel, shared=0.0))
    untrained = common_alone.predict([Perturbation(genes=("G20",))]).value[0]
    elsewhere = np.arange(len(GENES)) != 20
    np.testing.assert_allclose(unknown[elsewhere], untrained[elsewhere], atol=1e-6)


def test_one_perturbed_condition_of_a_measured_gene_is_enough():
    lone = screen(perturbed=(0,))
    predicted = effects_of(lone).predict([Perturbation(genes=("G0",)), Perturbation(genes=("G3",))])
    assert np.isfinite(predicted.value).all()
    assert predicted.log_odds[0][3] < 0  # of the module that it lowers


def test_a_condition_of_few_cells_is_as_noisy_as_cells_in_general(cells):
    kept = np.flatnonzero((cells.labels != 1) | (np.cumsum(cells.labels == 1) == 1))
    few = replace(cells, values=cells.values[kept], labels=cells.labels[kept])
    conditions, _, changes = observed_effects(few, expressed_moments(few))
    noise, _ = _noise(few, conditions, changes)
    assert noise[0] == pytest.approx(100 * noise[1:].mean(), rel=0.15)
    for row, condition in enumerate(conditions[1:], start=1):
        block = few.cells_of(few.conditions.index(condition)).toarray()
        assert noise[row] == pytest.approx(block.var(axis=0).mean() / 100, rel=1e-4)


def test_effects_do_not_depend_on_gene_order(cells):
    order = np.random.default_rng(0).permutation(len(GENES))
    shuffled = TrainingCells(cells.values[:, order], tuple(GENES[g] for g in order), cells.conditions, cells.labels)
    asked = [Perturbation(genes=("G6",))]
    ours, theirs = effects_of(cells).predict(asked), effects_of(shuffled).predict(asked)
    np.testing.assert_allclose(theirs.log_odds, ours.log_odds[:, order], atol=1e-4)


def test_a_drug_at_an_unseen_dose_lies_between_the_trained_ones():
    model = effects_of(drug_screen())
    low, middle, high = (
        np.linalg.norm(model.predict([Perturbation(drug=0, dose=dose)]).value) for dose in (100.0, 1000.0, 10_000.0)
    )
    assert min(low, high) * 0.5 < middle < max(low, high) * 1.2


def test_the_left_out_error_equals_that_of_models_refitted_without_each_block():
    rng = np.random.default_rng(0)
    design = rng.standard_normal((6, 6))
    covariance = design @ design.T + np.eye(6)
    observed = rng.standard_normal((6, 9))
    members = [(0, 1), (0, 1), (2,), (3, 4, 5), (3, 4, 5), (3, 4, 5)]
    blocks = [(np.array(block), np.flatnonzero(np.array(block) == row)) for row, block in enumerate(members)]
    refitted = np.empty_like(observed)
    for row, block in enumerate(members):
        kept = [other for other in range(6) if other not in block]
        weights = np.linalg.solve(covariance[np.ix_(kept, kept)], covariance[kept, row])
        refitted[row] = observed[row] - weights @ observed[kept]
    precision = np.linalg.inv(covariance)
    np.testing.assert_allclose(_left_out_residuals(precision, observed, blocks), refitted)
    error = _left_out_error(precision, observed @ observed.T, blocks)
    assert error == pytest.approx(np.square(refitted).sum())


def test_of_a_large_screen_the_kernel_is_chosen_on_all_conditions_of_some_drugs(monkeypatch):
    monkeypatch.setattr("doloris.effects._SEARCHED", 20)
    conditions = [Perturbation(drug=drug, dose=dose) for drug in range(12) for dose in (1.0, 10.0, 100.0)]
    rows = _searched(conditions, tuple(str(drug) for drug in range(12)))
    drugs = [conditions[row].drug for row in rows]
    assert len(set(drugs)) == 7
    assert all(drugs.count(drug) == 3 for drug in set(drugs))
    few = conditions[:20]
    assert _searched(few, tuple(str(drug) for drug in range(7))).tolist() == list(range(20))


def test_a_kernel_chosen_on_a_part_still_has_effects_of_every_condition(cells, monkeypatch):
    whole = effects_of(cells)
    monkeypatch.setattr("doloris.effects._SEARCHED", 4)
    part = effects_of(cells)
    assert part.conditions == whole.conditions
    unseen = [Perturbation(genes=("G9",))]
    assert np.corrcoef(part.predict(unseen).value[0], whole.predict(unseen).value[0])[0, 1] > 0.9
