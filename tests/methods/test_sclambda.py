"""scLAMBDA: its losses against formulas, what it refuses, and that it learns."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from network_scenes import ask, fitted, make_screen, shrunk, with_gene_vectors
from scipy.sparse import csr_matrix

from methods.base import Resources, Unsupported
from methods.conditions import TaskKind, parse_key
from methods.networks.batches import DeviceCells
from methods.networks.sclambda import MutualInformation, ScLambdaData, ScLambdaTrainer
from methods.networks.seeding import seeded
from methods.sclambda import ScLambda, ScLambdaConfig

SMALL = {"hidden": 32, "latent": 8, "epochs": 4, "batch_size": 50}


@pytest.fixture
def trainer():
    config = ScLambdaConfig(hidden=16, latent=4)
    with seeded(0, "cpu"):
        data = ScLambdaData(
            cells=DeviceCells(csr_matrix(np.random.default_rng(0).random((40, 6), dtype=np.float32)), "cpu"),
            centre_of=torch.zeros(40, dtype=torch.int64),
            centres=torch.zeros(1, 6),
            condition_of=torch.arange(40) % 3,
            vectors=torch.cat([torch.zeros(1, 5), torch.randn(2, 5)]),
        )
        yield ScLambdaTrainer(data, config, "cpu")


def test_the_attack_moves_a_vector_by_a_share_of_its_length_and_leaves_controls_alone(trainer):
    vectors = trainer._data.vectors
    moved = trainer._attack(torch.rand(3, 6), vectors, torch.randn(3, 4)) - vectors
    assert torch.equal(moved[0], torch.zeros(5))
    assert moved[1:].abs().amax(dim=1).tolist() == pytest.approx((1e-3 * vectors[1:].norm(dim=1)).tolist(), rel=1e-3)


def test_the_best_network_is_judged_on_moved_controls_even_where_cells_are_generated(monkeypatch):
    used = []
    move = ScLambda._move
    monkeypatch.setattr(
        ScLambda, "_move", lambda *a, prediction: used.append(prediction) or move(*a, prediction=prediction)
    )
    train = with_gene_vectors(make_screen(("ctrl", "G0", "G1", "G2"), validation=("G2",)))
    method = fitted(shrunk(ScLambda, **SMALL, validate_every=2, prediction="generate"), train)
    assert used == ["encode"] * 2
    method.predict(ask(train, "G0+G1"), n_cells=3, seed=0)
    assert used[2:] == ["generate"]


def test_vectors_of_other_names_than_the_panels_are_refused():
    train = make_screen(("ctrl", "G0", "G1"))
    vectors = pd.DataFrame(np.eye(2, dtype=np.float32), index=["ENSG01", "ENSG02"])
    with pytest.raises(Unsupported, match="whose genes all have vectors; there are vectors of ENSG01"):
        fitted(shrunk(ScLambda, **SMALL), replace(train, resources=Resources(gene_vectors=vectors)))


def test_the_attack_makes_the_reconstruction_worse(trainer):
    cells, state, vectors = torch.rand(30, 6), torch.randn(30, 4), trainer._data.vectors[1].repeat(30, 1)

    def error(given):
        return (trainer.network.decode_cell(state + trainer.network.encode_perturbation(given)) - cells).square().sum()

    assert error(trainer._attack(cells, vectors, state)) > error(vectors)


def test_information_is_found_where_there_is_some_and_only_there():
    with seeded(0, "cpu"):
        estimate = MutualInformation(ScLambdaConfig(hidden=32, latent=2))
        optimiser = torch.optim.Adam(estimate.parameters(), lr=5e-3)
        state = torch.randn(400, 2)
        for _ in range(150):
            loss = -estimate(state, state, state[torch.randperm(400)])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        shared = estimate(state, state, state[torch.randperm(400)]).item()
        fresh = torch.randn(400, 2)
        none = estimate(state, fresh, fresh[torch.randperm(400)]).item()
    assert shared > 0.5
    assert none < 0.1


def test_one_pass_gives_the_information_and_its_slope_in_the_states(trainer):
    state, perturbation = torch.randn(12, 4, requires_grad=True), torch.randn(12, 4)
    with seeded(5, "cpu"):
        others = trainer._others(12)
    direct = trainer._information(state, perturbation, others)
    (expected,) = torch.autograd.grad(direct, state)
    with seeded(5, "cpu"):
        once = trainer._informed(state, perturbation)
    (found,) = torch.autograd.grad(once, state)
    assert once.item() == pytest.approx(direct.item(), rel=1e-5)
    assert torch.allclose(found, expected, atol=1e-6)


def test_a_gene_without_vector_is_neither_fitted_on_nor_predicted():
    train = with_gene_vectors(make_screen(("ctrl", "G0", "G1", "X9"), kind=TaskKind.UNSEEN_GENE))
    method = fitted(shrunk(ScLambda, **SMALL), train)
    assert method.predict(ask(train, "G7"), n_cells=3, seed=0).shape == (3, 24)
    with pytest.raises(Unsupported, match="no gene vector of X9"):
        method.predict(ask(train, "X9"), n_cells=3, seed=0)


def test_treatments_are_refused():
    train = make_screen(("ctrl|s", "X@10|s"), modality="treatment", kind=TaskKind.UNSEEN_COVARIATE)
    with pytest.raises(Unsupported, match="treatment"):
        fitted(ScLambda, train)


def test_generated_cells_do_not_depend_on_the_controls():
    train = with_gene_vectors(make_screen(("ctrl", "G0", "G1")))
    query = ask(train, "G0+G1")
    other = type(query)(query.condition, query.controls[:5].copy())
    encoded, generated = (
        fitted(shrunk(ScLambda, **SMALL, prediction=prediction), train) for prediction in ("encode", "generate")
    )
    assert not np.allclose(encoded.predict(query, n_cells=9, seed=0), encoded.predict(other, n_cells=9, seed=0))
    assert np.array_equal(generated.predict(query, n_cells=9, seed=0), generated.predict(other, n_cells=9, seed=0))


def test_the_label_says_when_components_stand_in_for_gene_vectors():
    assert ScLambda().label([], {"gene_vectors"}) == "sclambda"
    assert ScLambda().label([parse_key("A")], ()) == "sclambda-pca"
