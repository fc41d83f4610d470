"""Sums of distances: exact where a Gram matrix is not, the same on numpy and torch, in bounded memory."""

import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from pairs import cells, negative_binomial, two_samples
from scipy.sparse import csr_matrix
from scipy.spatial.distance import cdist, pdist

from bench.errors import TooFewCells
from bench.metrics.cells import Cells
from bench.metrics.pairwise import cross_sum, within_sum


@given(two_samples())
@settings(deadline=None)
def test_mean_distances_agree_with_scipy(samples):
    x, y = samples
    assert cells(x).distance_to(cells(y)) == pytest.approx(cdist(x, y).mean(), rel=1e-9, abs=1e-12)
    assert cells(x).intra_distance == pytest.approx(pdist(x).mean(), rel=1e-9, abs=1e-12)


def test_a_mean_over_several_blocks_agrees_with_scipy(monkeypatch):
    monkeypatch.setattr("bench.metrics.cells._ROWS_AT_ONCE", 7)
    x, y = negative_binomial(40, 30, seed=1), negative_binomial(25, 30, seed=2)
    assert cells(x).distance_to(cells(y)) == pytest.approx(cdist(x, y).mean(), rel=1e-12)
    assert cells(x).intra_distance == pytest.approx(pdist(x).mean(), rel=1e-12)


def test_nearly_coincident_cells_far_from_the_rest_keep_their_digits():
    rng = np.random.default_rng(0)
    base = rng.normal(3.0, 1.0, (1, 50))
    x = np.concatenate([base + 1e-7 * rng.normal(size=(6, 50)), base + 50.0])
    y = x[:6] + 1e-7 * rng.normal(size=(6, 50))
    centre = x.mean(axis=0)
    assert cross_sum(x, y, centre) == pytest.approx(cdist(x, y).sum(), rel=1e-12)
    assert within_sum(x[:6], centre) == pytest.approx(2 * pdist(x[:6]).sum(), rel=1e-12)


def test_identical_cells_are_at_distance_zero_exactly():
    x = np.repeat(negative_binomial(1, 30, seed=3), 5, axis=0)
    assert cells(x).intra_distance == 0.0
    assert cells(x).distance_to(cells(x)) == 0.0


def test_duplicates_among_other_cells_add_nothing():
    x = negative_binomial(4, 30, seed=4)
    twice = np.concatenate([x, x])
    assert cells(twice).intra_distance == pytest.approx(pdist(twice).mean(), rel=1e-12)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_torch_gives_what_numpy_gives(device):
    x, y = negative_binomial(30, 40, seed=5), negative_binomial(20, 40, seed=6)
    centre = x.mean(axis=0)
    a, b, c = (torch.as_tensor(array, device=device) for array in (x, y, centre))
    assert cross_sum(a, b, c) == pytest.approx(cross_sum(x, y, centre), rel=1e-12)
    assert within_sum(a, c) == pytest.approx(within_sum(x, centre), rel=1e-12)


def test_the_centre_changes_nothing_but_rounding():
    x, y = negative_binomial(30, 1_200, seed=5), negative_binomial(20, 1_200, seed=6)
    near, far = (cross_sum(x, y, centre) for centre in (x.mean(axis=0), np.full(1_200, 50.0)))
    assert near == pytest.approx(cdist(x, y).sum(), rel=1e-13)
    assert far == pytest.approx(near, rel=1e-11)


def test_one_cell_has_no_intra_distance():
    with pytest.raises(TooFewCells, match="2 cells, there is 1"):
        _ = cells([[1.0, 2.0]]).intra_distance


def test_memory_does_not_grow_with_the_number_of_pairs():
    rng = np.random.default_rng(0)
    x = Cells(csr_matrix(rng.random((8_000, 3), dtype=np.float32)))
    y = Cells(csr_matrix(rng.random((8_000, 3), dtype=np.float32)))
    tracemalloc.start()
    x.distance_to(y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8_000 * 8_000 * 8 / 2  # the matrix of all distances would be twice that
