"""Every defect that `released()` turns on does what the specification of the released code says it does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from doloris_scenes import GENES, drug_screen, objective_of, screen, space_of, tiny

from doloris import Doloris, Perturbation, Priors, TrainingCells, ddim, paper, released
from doloris.assembly import build_networks
from doloris.conditioning import condition_rows
from doloris.denoiser import Denoiser, NoisyCells
from doloris.schedule import make_schedule
from doloris.trainer import Plan, Trainer

pytestmark = pytest.mark.filterwarnings("ignore::doloris.diagnostics.LatentWarning")
CPU = torch.device("cpu")
CONTROL, A, B, PAIR = (Perturbation(genes=genes) for genes in ((), ("A",), ("B",), ("A", "B")))
PANEL = {"A": 0, "B": 1, "C": 2, "D": 3}


def denoiser_of(config) -> Denoiser:
    """A network of random weights over four genes."""
    torch.manual_seed(0)
    config = replace(tiny(config), dropout=0.0)
    features = torch.randn(len(PANEL), config.n_features)
    return build_networks(tuple(PANEL), 1, features, torch.zeros(2, 0, dtype=torch.long), None, config)[0]


def noisy(conditions, values, control=None) -> NoisyCells:
    n = len(conditions)
    rows = condition_rows(conditions, PANEL, CPU)
    return NoisyCells(values, torch.full((n,), 3), torch.full((n, 1), 0.5), rows, control)


def always(decoder, value: float) -> None:
    """Make a decoder answer the same for every cell and gene."""
    torch.nn.init.zeros_(decoder.layers[-1].weight)
    torch.nn.init.constant_(decoder.layers[-1].bias, value)


def screen_of_patterns(*patterns) -> TrainingCells:
    """Controls, then perturbations A, B, ..., whose cells all express the same genes, at random values."""
    on = np.repeat(np.asarray(patterns, dtype=float), 12, axis=0)
    genes = tuple(PANEL) + tuple(f"G{number}" for number in range(len(PANEL), on.shape[1]))
    conditions = (CONTROL, A, B)[: len(patterns)]
    values = on * np.random.default_rng(0).uniform(1.0, 2.0, on.shape)
    return TrainingCells(values, genes, conditions, np.repeat(np.arange(len(patterns)), 12))


def predicted_patterns(config, cells, condition, probability) -> np.ndarray:
    """Genes that sampled cells express where the mask model predicts the given probabilities: (40, G) bool."""
    model = Doloris(replace(tiny(config, steps=1), reference_genes=config.reference_genes)).fit(cells, seed=0)
    always(model.parts.denoiser.decoders["treated"], 1.0)  # a zero can come from the mask alone
    model.parts.mask.probabilities = lambda inputs: torch.tensor(probability).expand(len(inputs.source), -1)
    return model.sample([condition], {0: cells.controls_of(0)}, n_cells=40, seed=0)[0] > 0


def loss_of_a_sparse_and_a_full_cell(config) -> float:
    """Loss of predicting zeros for the scaled cells (1, 0, 0, 0) and (.5, .5, .5, .5)."""

    values = np.array([[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 2.0], [4.0, 0.0, 0.0, 0.0], [2.0, 2.0, 2.0, 2.0]])
    cells = TrainingCells(values, tuple(PANEL), (CONTROL, A), np.array([0, 0, 1, 1]))
    schedule = make_schedule(40, 8, "leading")
    objective = objective_of(cells, space_of(cells, config), config, schedule, torch.zeros_like)
    return objective.of(torch.tensor([2, 3]), torch.Generator().manual_seed(0)).item()


@pytest.mark.parametrize(("idle", "moves"), [("zero", True), ("none", False)])
def test_a_decoder_without_rows_is_moved_by_its_momentum_where_gradients_are_zeroed(idle, moves):
    module = torch.nn.ParameterDict({"seen": torch.zeros(1), "idle": torch.zeros(1)})
    batches = iter([("seen", "idle"), ("seen",), ("seen",)])
    places = []

    def loss(_generator):
        places.append(module["idle"].item())
        return sum(module[name].sum() for name in next(batches))

    plan = Plan(steps=3, learning_rate=0.1, weight_decay=0.0, idle_gradients=idle)
    Trainer(module, plan, loss, torch.Generator()).run(lambda *_: None, lambda *_: None)
    assert places[1] != places[0]
    assert (module["idle"].item() != places[1]) == moves


def test_the_released_anneal_has_two_steps_at_the_full_rate():
    module = torch.nn.ParameterDict({"place": torch.zeros(1, dtype=torch.float64)})
    places = [0.0]
    config = released()
    plan = Plan(4, 0.1, 0.0, config.anneal, config.anneal_steps, config.anneal_delay)
    trainer = Trainer(module, plan, lambda _: module["place"].sum(), torch.Generator())
    trainer.run(lambda *_: None, lambda _: places.append(module["place"].item()))
    # under a constant gradient, a step of Adam is as long as its learning rate
    np.testing.assert_allclose(-np.diff(places), [0.1, 0.1, 0.075, 0.05], rtol=1e-5)


@pytest.mark.parametrize(("make", "trained"), [(released, set(range(0, 40, 5))), (paper, set(range(40)))])
def test_the_release_trains_the_visited_steps_and_the_paper_all(monkeypatch, make, trained):
    drawn = set()
    forward = Denoiser.forward

    def recording(self, cells, encoded):
        drawn.update(cells.step.tolist())
        return forward(self, cells, encoded)

    monkeypatch.setattr(Denoiser, "forward", recording)
    Doloris(tiny(make(), steps=12)).fit(screen(), seed=0)
    assert drawn == trained


@pytest.mark.parametrize(("change", "clipped"), [({}, True), ({"clip_drug": False}, False)])
def test_inversion_of_a_drug_screen_clips_what_the_source_model_predicts(change, clipped):
    cells = drug_screen()
    model = Doloris(tiny(replace(released("drug"), **change), steps=1)).fit(cells, seed=0)
    latent = {}
    for value in (-3.0, -1.0, -0.5, 0.5, 1.0, 3.0):
        always(model.parts.denoiser.decoders["control"], value)
        latent[value] = model.bridge(None).source(cells.controls_of(0), 0, 5, seed=0).latent
    assert torch.equal(latent[3.0], latent[1.0]) == clipped
    assert torch.equal(latent[-3.0], latent[-1.0]) == clipped
    assert not torch.equal(latent[1.0], latent[0.5])
    assert not torch.equal(latent[-1.0], latent[-0.5])


@pytest.mark.parametrize(
    ("kind", "cells", "condition"),
    [("drug", drug_screen(), Perturbation(drug=0, dose=100.0)), ("gene", screen(), Perturbation(genes=("G0",)))],
    ids=["drug", "gene"],
)
def test_no_cell_sampled_of_a_drug_exceeds_the_largest_training_value(kind, cells, condition):
    config = replace(released(kind), log1p_again=False, mask="none")
    model = Doloris(tiny(config, steps=1)).fit(cells, seed=0)
    always(model.parts.denoiser.decoders["treated"], 3.0)
    largest = model.sample([condition], {0: cells.controls_of(0)}, n_cells=5, seed=0)[0].max()
    if kind == "drug":
        assert largest == pytest.approx(cells.values.max())
    else:
        assert largest >= 3.0 * cells.values.max()


@pytest.mark.parametrize(("condition", "sure"), [(A, [0.995, 0.005]), (PAIR, [0.985, 0.015])], ids=["one gene", "pair"])
def test_the_release_sets_genes_at_99_and_1_per_cent_for_one_gene_and_at_98_and_2_for_two(condition, sure):
    # no cell expresses A, every cell expresses B: only a threshold turns A on or B off
    cells = screen_of_patterns([0, 1, 1, 0], [0, 1, 0, 1])
    on = predicted_patterns(released(), cells, condition, [*sure, 0.5, 0.5])
    assert on[:, 0].all()
    assert not on[:, 1].any()


def test_what_is_sure_for_two_genes_is_left_to_the_reference_for_one():
    cells = screen_of_patterns([0, 1, 1, 0], [0, 1, 0, 1])
    on = predicted_patterns(released(), cells, A, [0.985, 0.015, 0.5, 0.5])
    assert not on[:, 0].any()
    assert on[:, 1].all()


@pytest.mark.parametrize(
    ("allowed", "expected"), [(True, [True, True, False, False]), (False, [False, False, True, True])]
)
def test_the_controls_are_the_reference_only_where_they_may_be(allowed, expected):
    cells = screen_of_patterns([1, 1, 0, 0], [0, 0, 1, 1])
    config = replace(released(), reference_controls=allowed)
    on = predicted_patterns(config, cells, A, [0.6, 0.6, 0.4, 0.4])
    assert (on == expected).all()


@pytest.mark.parametrize(("make", "nearest"), [(released, "A"), (paper, "B")])
def test_the_release_compares_conditions_on_the_300_likeliest_genes_and_the_paper_on_all(make, nearest):
    probability = np.where(np.arange(320) < 300, 0.9, 0.1)
    everything = np.ones(320)
    right_but_for_five = (np.arange(320) >= 5) & (np.arange(320) < 300)
    cells = screen_of_patterns(np.arange(320) == 0, everything, right_but_for_five)
    on = predicted_patterns(make(), cells, A, probability.astype(np.float32).tolist())
    assert (on == {"A": everything, "B": right_but_for_five}[nearest]).all()


def test_the_release_adds_the_control_to_treated_cells_and_to_no_control():
    denoiser = denoiser_of(released()).eval()
    conditions = [A, CONTROL, B, CONTROL]
    values, control = torch.randn(4, 4), torch.randn(4, 4)
    added = denoiser(noisy(conditions, values, control), denoiser.encode_graph())
    plain = denoiser(noisy(conditions, values), denoiser.encode_graph())
    treated = torch.tensor([[1.0], [0.0], [1.0], [0.0]])
    torch.testing.assert_close(added - plain, treated * control)


@pytest.mark.parametrize("rule", ["sum_decoded", "sum_embedded"])
def test_two_genes_are_summed_after_decoding_or_before(rule):
    conditioning = denoiser_of(replace(paper(), pair_rule=rule)).eval().conditioning
    encoded = conditioning.encode_graph()
    pair, first, second = conditioning(condition_rows([PAIR, A, B], PANEL, CPU), encoded)
    expected = {"sum_decoded": first + second, "sum_embedded": conditioning.decode(encoded[:1] + encoded[1:2])[0]}
    torch.testing.assert_close(pair, expected[rule])
    assert not torch.allclose(expected["sum_decoded"], expected["sum_embedded"], atol=1e-4)


def test_controls_and_treated_cells_are_normalised_apart_by_batch_norm():
    denoiser = denoiser_of(released()).train()
    conditions = [A, CONTROL, B, CONTROL, A, CONTROL]
    control = torch.tensor([condition.is_control for condition in conditions])
    values = torch.randn(6, 4)
    other_controls = torch.where(control[:, None], torch.randn(6, 4), values)
    before, after = (denoiser(noisy(conditions, v), denoiser.encode_graph()) for v in (values, other_controls))
    torch.testing.assert_close(after[~control], before[~control])
    assert (after[control] - before[control]).abs().max() > 1e-3


def test_running_statistics_follow_the_controls_first_and_the_treated_cells_after_them():
    denoiser = denoiser_of(released()).train()
    conditions, values = [A, CONTROL, B, CONTROL], torch.randn(4, 4)
    linear, norm = denoiser.enter.layers[:2]
    denoiser(noisy(conditions, values), denoiser.encode_graph())
    treated, controls = linear(values[::2]).mean(dim=0), linear(values[1::2]).mean(dim=0)
    torch.testing.assert_close(norm.running_mean, 0.9 * 0.1 * controls + 0.1 * treated)


def test_the_released_node_order_joins_the_genes_that_have_the_vocabulary_places_of_those_named():
    cells = screen()
    reversed_vocabulary = np.arange(len(GENES))[::-1].copy()

    def cells_of(node_order, first, second):
        config = replace(tiny(released()), node_order=node_order, coexpression_threshold=2.0, steps=2)
        priors = Priors({"mine": np.array([[first, second]])}, token_rank=reversed_vocabulary)
        model = Doloris(config).fit(cells, priors, seed=0)
        return np.stack(model.sample([Perturbation(genes=("G0",))], {0: cells.controls_of(0)}, n_cells=8, seed=0))

    shuffled = cells_of("released", "G0", "G1")
    np.testing.assert_array_equal(shuffled, cells_of("panel", "G23", "G22"))
    assert not np.array_equal(shuffled, cells_of("panel", "G0", "G1"))


@pytest.mark.parametrize(("make", "loss"), [(released, (1 + 4 * 0.25) / 5), (paper, (1 + 0.25) / 2)])
def test_the_release_divides_the_loss_by_the_genes_of_the_batch_and_the_paper_by_those_of_each_cell(make, loss):
    assert loss_of_a_sparse_and_a_full_cell(tiny(make())) == pytest.approx(loss, rel=1e-5)


def test_released_inversion_ends_at_the_noise_that_the_last_prediction_implies():
    schedule = make_schedule(40, 8, "leading")
    clean, answer = torch.tensor([[0.5, -2.0]]), torch.tensor([[30.0, 40.0]])
    # a constant prediction implies the same noise at every step
    first = schedule.alpha_bar[0]
    noise = (clean - first.sqrt() * answer) / (1.0 - first).sqrt()
    latent = ddim.invert_explicit(lambda _x, _position: answer, clean, schedule)
    torch.testing.assert_close(latent, noise, rtol=1e-4, atol=1e-3)
