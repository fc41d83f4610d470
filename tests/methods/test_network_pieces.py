"""Pieces that the torch networks share."""

import numpy as np
import pytest
import torch
from scipy.sparse import random as random_sparse
from torch import nn

from methods.networks.adversary import Adversary
from methods.networks.batches import DeviceCells, epoch
from methods.networks.early_stopping import BestState
from methods.networks.mlp import mlp
from methods.networks.seeding import seeded


def test_seeding_decides_what_is_drawn_and_leaves_the_state_outside_alone():
    before = torch.get_rng_state()
    with seeded(3, "cpu"):
        one = torch.rand(4)
    with seeded(3, "cpu"):
        other = torch.rand(4)
    assert torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_an_mlp_is_linear_norm_activation_and_ends_bare():
    layers = mlp((5, 4, 3, 2), activation=nn.Tanh, norm=nn.BatchNorm1d)
    kinds = [type(layer).__name__ for layer in layers]
    assert kinds == ["Linear", "BatchNorm1d", "Tanh"] * 2 + ["Linear"]
    assert layers(torch.rand(7, 5)).shape == (7, 2)
    assert [type(layer).__name__ for layer in mlp((5, 2))] == ["Linear"]


def test_an_epoch_visits_every_cell_once_in_batches_of_nearly_equal_size():
    with seeded(0, "cpu"):
        batches = list(epoch(101, 25, "cpu"))
    assert sorted(torch.cat(batches).tolist()) == list(range(101))
    assert {len(batch) for batch in batches} == {20, 21}


@pytest.mark.parametrize("dense_bytes", [0, 1 << 20])
def test_rows_are_those_of_the_matrix_whether_it_is_held_dense_or_sparse(dense_bytes):
    matrix = random_sparse(9, 6, density=0.4, format="csr", dtype=np.float32, random_state=0)
    cells = DeviceCells(matrix, "cpu", dense_bytes)
    index = torch.tensor([3, 0, 3])
    assert np.array_equal(cells.rows(index).numpy(), matrix[index.numpy()].toarray())


def test_the_best_state_is_the_one_with_the_highest_score():
    module = nn.Linear(1, 1)
    best = BestState(module, patience=2)
    for weight, score in ((1.0, 0.1), (2.0, 0.3), (3.0, 0.2), (4.0, float("nan"))):
        assert not best.exhausted
        nn.init.constant_(module.weight, weight)
        best.offer(score)
    assert best.exhausted
    best.restore()
    assert module.weight.item() == 2.0
    assert best.score == 0.3


def test_a_module_that_was_never_scored_stays_as_it_is():
    module = nn.Linear(1, 1)
    nn.init.constant_(module.weight, 5.0)
    BestState(module, patience=None).restore()
    assert module.weight.item() == 5.0


def test_an_adversary_learns_what_a_latent_holds():
    with seeded(0, "cpu"):
        latent, labels = torch.randn(200, 3), torch.randint(2, (200,))
        latent[:, 0] += 4.0 * labels
        adversary = Adversary(3, (8,), 2)
        optimiser = torch.optim.Adam(adversary.parameters(), lr=0.02)
        first = adversary.loss(latent, labels).item()
        for _ in range(60):
            loss, _ = adversary.loss_and_penalty(latent, labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    assert first > 0.5
    assert adversary.loss(latent, labels).item() < 0.15


def test_the_penalty_is_the_squared_gradient_of_the_logits_in_the_latent():
    adversary = Adversary(2, (), 3)
    weight = adversary.layers[0].weight
    _, penalty = adversary.loss_and_penalty(torch.randn(4, 2), torch.tensor([0, 1, 2, 0]))
    assert penalty.item() == pytest.approx(weight.sum(dim=0).square().mean().item(), rel=1e-5)
    penalty.backward()
    assert weight.grad is not None
