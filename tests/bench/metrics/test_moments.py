"""Column moments of sparse cells."""

import numpy as np
import pytest
from pairs import cells, negative_binomial
from scipy.sparse import csr_matrix

from bench.metrics.cells import Cells
from bench.metrics.moments import column_mean, column_moments


def test_moments_agree_with_numpy_in_double_precision():
    dense = negative_binomial(50, 20, seed=1).astype(np.float32)
    moments = column_moments(csr_matrix(dense))
    assert moments.mean == pytest.approx(dense.mean(axis=0, dtype=np.float64), rel=1e-14)
    assert moments.variance == pytest.approx(dense.astype(np.float64).var(axis=0, ddof=1), rel=1e-12)
    assert cells(dense).zero_fraction == pytest.approx((dense == 0).mean())


def test_chunks_of_stored_values_add_up(monkeypatch):
    matrix = csr_matrix(negative_binomial(50, 20, seed=1))
    whole = column_moments(matrix)
    monkeypatch.setattr("bench.metrics.moments._CHUNK", 13)
    assert column_moments(matrix).variance == pytest.approx(whole.variance, rel=1e-13)
    assert column_mean(matrix) == pytest.approx(whole.mean, rel=1e-13)


def test_a_variance_small_beside_its_mean_keeps_its_digits():
    dense = 1e6 + np.array([[0.0], [1e-3], [2e-3]])
    assert column_moments(csr_matrix(dense)).variance == pytest.approx(dense.var(axis=0, ddof=1), rel=1e-12)


def test_a_stored_zero_counts_as_zero():
    matrix = csr_matrix((np.array([0.0, 2.0]), np.array([0, 0]), np.array([0, 1, 2])), shape=(2, 1))
    assert Cells(matrix).zero_fraction == pytest.approx(0.5)


def test_a_single_cell_has_no_variance():
    assert np.isnan(column_moments(csr_matrix([[1.0, 0.0]])).variance).all()
