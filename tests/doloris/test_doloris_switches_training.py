"""What is trained on, which weights are kept, what a loss is measured in, and which genes are neighbours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from doloris_scenes import GENES, objective_of, screen, space_of, tiny

from doloris import Doloris, Perturbation, Priors, TrainingCells, paper, released
from doloris.assembly import make_graph
from doloris.denoiser import Denoiser
from doloris.graph import similar_pairs
from doloris.mask_model import GraphMaskModel
from doloris.schedule import Schedule, make_schedule
from doloris.trainer import Plan, Trainer

CPU = torch.device("cpu")


def nothing(*_):
    """Neither report nor save."""


def walked(plan, validation=None) -> float:
    """Where a parameter ends that a constant gradient moves down from 0 by the learning rate at every step."""
    module = torch.nn.ParameterDict({"place": torch.zeros(1, dtype=torch.float64)})
    trainer = Trainer(
        module,
        plan,
        lambda _: module["place"].sum(),
        torch.Generator(),
        None if validation is None else lambda _: validation(module["place"]).sum(),
    )
    trainer.run(nothing, nothing)
    return module["place"].item()


def conditions_seen(monkeypatch, cells, config) -> dict[tuple[str, bool], set[int]]:
    """Perturbed genes, -1 for controls, that each network saw in training (True) and while it was looked at (False)."""
    seen: dict[tuple[str, bool], set[int]] = {}

    def record(kind, name):
        method = getattr(kind, name)

        def recording(self, inputs, *others):
            seen.setdefault((kind.__name__, self.training), set()).update(inputs.rows.genes[:, 0].tolist())
            return method(self, inputs, *others)

        monkeypatch.setattr(kind, name, recording)

    record(Denoiser, "forward")
    record(GraphMaskModel, "log_odds")
    Doloris(config).fit(cells, seed=0)
    return seen


def test_averaged_weights_are_the_ones_that_stay():
    # the parameter is at -.1, -.2, -.3; its average with decay .75 at -.025, -.06875, -.1265625
    assert walked(Plan(3, 0.1, 0.0, ema=0.75)) == pytest.approx(-0.1265625, rel=1e-5)
    assert walked(Plan(3, 0.1, 0.0)) == pytest.approx(-0.3, rel=1e-5)


def test_a_fitted_model_samples_with_the_averaged_weights():
    cells = screen()
    first, averaged, raw = (
        Doloris(replace(tiny(steps=steps), ema=ema))
        .fit(cells, seed=0)
        .parts.denoiser.state_dict()["enter.layers.0.weight"]
        for steps, ema in ((1, 0.9999), (20, 0.9999), (20, None))
    )
    assert (averaged - first).abs().max() < 0.01 * (raw - first).abs().max()


def test_early_stopping_keeps_the_weights_of_the_lowest_validation_loss():
    kept = walked(Plan(8, 0.1, 0.0, looks=8), validation=lambda place: (place + 0.3).square())
    assert kept == pytest.approx(-0.3, rel=1e-5)


@pytest.fixture
def named():
    """A screen whose perturbation of gene 3 is kept for validation."""
    cells = screen()
    return replace(cells, validation=frozenset({cells.conditions.index(Perturbation(genes=("G3",)))}))


def test_early_stopping_trains_on_no_held_out_cell_and_looks_at_held_out_cells_alone(monkeypatch, named):
    seen = conditions_seen(monkeypatch, named, replace(tiny(paper(), steps=20), early_stopping=4, mask_epochs=4.0))
    assert seen == {
        ("GraphMaskModel", True): {0, 1, 2, 4, 5},
        ("Denoiser", True): {-1, 0, 1, 2, 4, 5},
        ("Denoiser", False): {3},
    }


def test_early_stopping_without_a_named_condition_holds_out_one_perturbation_of_six(monkeypatch):
    seen = conditions_seen(monkeypatch, screen(), replace(tiny(paper(), steps=20), early_stopping=4, mask_epochs=4.0))
    (held,) = seen["Denoiser", False]
    assert held >= 0
    assert seen["Denoiser", True] == {-1, 0, 1, 2, 3, 4, 5} - {held}
    assert seen["GraphMaskModel", True] == {0, 1, 2, 3, 4, 5} - {held}


def test_without_early_stopping_the_validation_condition_is_trained_on(monkeypatch, named):
    seen = conditions_seen(monkeypatch, named, replace(tiny(paper(), steps=20), mask_epochs=4.0))
    assert seen == {
        ("GraphMaskModel", True): {0, 1, 2, 3, 4, 5},
        ("Denoiser", True): {-1, 0, 1, 2, 3, 4, 5},
    }


@pytest.mark.parametrize("position", [0, 5, 20, 39])
def test_an_error_as_large_as_the_noise_explains_costs_one_at_every_step(position):
    spread, alpha_bar = torch.tensor([0.5, 2.0, 8.0]), make_schedule(40, 40, "leading").alpha_bar[position]
    # what is left of a gene's variance once it is observed through the noise
    unexplained = (1.0 / (1.0 / spread**2 + alpha_bar / (1.0 - alpha_bar))).sqrt()
    clean = torch.tensor([3.0, 1.0, 2.0])

    cells = TrainingCells(
        clean.expand(4, 3).numpy(),
        ("A", "B", "C"),
        (Perturbation(), Perturbation(genes=("A",))),
        np.array([0, 0, 1, 1]),
    )
    config = replace(tiny(), perturbation_dropout=0.0)
    space = space_of(cells, config)
    space.scale.fill_(1.0)
    space.spread.copy_(spread)
    schedule = Schedule(torch.tensor([position]), alpha_bar[None])
    objective = objective_of(cells, space, config, schedule, (clean + unexplained).expand_as)
    assert objective.of(torch.tensor([2, 3]), torch.Generator()).item() == pytest.approx(1.0, rel=1e-4)


@pytest.fixture(scope="module")
def with_a_pair():
    """A screen whose last condition is of two genes, and the released settings in batches of eight."""
    cells = screen()
    conditions = (*cells.conditions[:-1], Perturbation(genes=("G4", "G5")))
    return replace(cells, conditions=conditions), replace(tiny(released(), steps=12), batch_size=8, mask="none")


def trained_trunk(cells, config) -> torch.Tensor:
    return Doloris(config).fit(cells, seed=0).parts.denoiser.state_dict()["last.layers.0.weight"]


@pytest.fixture(scope="module")
def released_trunk(with_a_pair):
    return trained_trunk(*with_a_pair)


@pytest.mark.parametrize(
    "change",
    [
        {"weight_decay": 0.5},
        {"anneal": "none"},
        {"anneal_steps": 30},
        {"anneal_delay": 0},
        {"ema": 0.5},
        {"trained_steps": "all"},
        {"loss_normalisation": "cell"},
        {"loss_genes": "all"},
        {"control_moments": False},
        {"pair_rule": "sum_embedded"},
        {"norm": "layer"},
        {"decoders": "one"},
        {"spacing": "trailing"},
        {"perturbation_dropout": 0.5},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_setting_of_the_diffusion_reaches_its_training(with_a_pair, released_trunk, change):
    cells, config = with_a_pair
    assert not torch.equal(trained_trunk(cells, replace(config, **change)), released_trunk)


def test_what_becomes_of_idle_gradients_reaches_the_training_of_batches_without_controls(with_a_pair):
    cells, config = with_a_pair
    # every batch leaves one decoder idle; batch norm would let nothing of a lone cell through
    alone = replace(config, batch_size=1, norm="layer")
    assert not torch.equal(trained_trunk(cells, alone), trained_trunk(cells, replace(alone, idle_gradients="none")))


def test_the_neighbour_limit_drops_edges_that_are_among_neither_genes_strongest():
    similarity = np.array([[0, 0.9, 0.6, 0.55], [0.9, 0, 0.7, 0.6], [0.6, 0.7, 0, 0.8], [0.55, 0.6, 0.8, 0]])
    assert similar_pairs(similarity, 0.5, 1).tolist() == [[0, 1], [2, 3]]
    assert similar_pairs(similarity, 0.5, 2).tolist() == [[0, 1], [0, 2], [1, 2], [1, 3], [2, 3]]
    assert len(similar_pairs(similarity, 0.5, None)) == 6


def test_the_graph_of_a_screen_keeps_to_the_neighbour_limit():
    config = replace(tiny(paper()), coexpression_threshold=0.01)

    def edges(neighbours):
        limited = replace(config, coexpression_neighbours=neighbours)
        return make_graph(screen(), Priors(), limited, np.random.default_rng(0)).edges.shape[1]

    # each gene names two others at most, and an edge is there in both directions
    assert 2 * len(GENES) <= edges(2) <= 4 * len(GENES) < edges(None)
