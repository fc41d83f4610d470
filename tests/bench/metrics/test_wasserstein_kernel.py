"""Wasserstein-1 per gene: exact for any two sizes, the same on numpy and torch, in bounded memory."""

import tracemalloc

import numpy as np
import ot
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pairs import cells, negative_binomial, two_samples
from scipy.sparse import random as random_sparse
from scipy.stats import wasserstein_distance

from bench.errors import TooFewCells
from bench.metrics.cells import Cells, gene_wasserstein, halves_wasserstein
from bench.metrics.wasserstein import quantile_grid, sorted_rows, wasserstein_rows


@given(two_samples(fewest=1))
@settings(deadline=None)
def test_every_gene_agrees_with_scipy(samples):
    x, y = samples
    expected = [wasserstein_distance(x[:, g], y[:, g]) for g in range(x.shape[1])]
    assert gene_wasserstein(cells(x), cells(y)) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(("n", "m"), [(100, 350), (7, 7), (1, 13), (97, 89), (3, 1000)])
def test_sizes_with_and_without_common_factors_agree_with_optimal_transport(n, m):
    x, y = negative_binomial(n, 4, seed=1), negative_binomial(m, 4, seed=2)
    expected = [ot.emd2_1d(x[:, g], y[:, g], metric="euclidean") for g in range(4)]
    assert gene_wasserstein(cells(x), cells(y)) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_a_distance_made_by_hand():
    # |0 - 1| on the first half of all quantiles, |0 - 2| up to two thirds, |3 - 2| on the last third
    assert gene_wasserstein(cells([[0.0], [0.0], [3.0]]), cells([[1.0], [2.0]])) == pytest.approx([7 / 6])


@given(st.integers(1, 400), st.integers(1, 400))
def test_the_grid_has_a_step_for_every_jump_and_no_other(n, m):
    grid = quantile_grid(n, m)
    assert grid.width.size == n + m - np.gcd(n, m)
    assert grid.width.sum() == pytest.approx(1.0)
    assert np.bincount(grid.left, weights=grid.width) == pytest.approx(np.full(n, 1 / n))
    assert np.bincount(grid.right, weights=grid.width) == pytest.approx(np.full(m, 1 / m))


def test_a_grid_of_large_coprime_sizes_loses_no_step_to_rounding():
    grid = quantile_grid(99_991, 99_989)
    assert grid.width.size == 99_991 + 99_989 - 1
    assert grid.width.min() > 0


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_torch_gives_what_numpy_gives(device):
    x, y = negative_binomial(30, 40, seed=5).T, negative_binomial(21, 40, seed=6).T
    ours = wasserstein_rows(sorted_rows(x), sorted_rows(y), quantile_grid(30, 21))
    theirs = wasserstein_rows(
        sorted_rows(torch.as_tensor(x, device=device)),
        sorted_rows(torch.as_tensor(y, device=device)),
        quantile_grid(30, 21, torch.device(device)),
    )
    assert theirs.cpu().numpy() == pytest.approx(ours, rel=1e-12)


def test_genes_in_several_slabs_and_blocks_come_out_in_order(monkeypatch):
    x, y = negative_binomial(12, 50, seed=1), negative_binomial(9, 50, seed=2)
    whole = gene_wasserstein(cells(x), cells(y))
    monkeypatch.setattr("bench.metrics.cells._SORTED_AT_ONCE", 3 * (12 + 9))
    monkeypatch.setattr("bench.metrics.cells._BLOCK_BYTES", 8 * 12 * 7)
    assert gene_wasserstein(cells(x), cells(y)) == pytest.approx(whole, rel=1e-12)


def test_halves_are_compared_across_and_within():
    x, y = np.array([[0.0], [1.0], [4.0], [6.0]]), np.array([[2.0], [3.0], [7.0], [9.0]])
    halves = halves_wasserstein(cells(x), cells(y))
    assert halves.predicted == pytest.approx([4.5])
    assert halves.true == pytest.approx([5.5])
    assert halves.across == pytest.approx([(2.0 + 7.5 + 2.5 + 3.0) / 4])


def test_halves_need_two_cells_on_either_side():
    with pytest.raises(TooFewCells, match="1 predicted and 2 true"):
        halves_wasserstein(cells([[1.0]]), cells([[1.0], [2.0]]))


def test_memory_does_not_grow_with_the_dense_size():
    n, g = 10_000, 4_000
    x, y = (Cells(random_sparse(n, g, density=0.005, format="csr", dtype=np.float32, rng=seed)) for seed in (0, 1))
    tracemalloc.start()
    gene_wasserstein(x, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * n * g * 4  # both sides dense would be that, before any sorting
