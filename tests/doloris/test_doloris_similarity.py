import numpy as np
import pytest

from doloris import similarity


@pytest.mark.parametrize("dense", [0, 10_000])
def test_leading_scores_reproduce_the_inner_products_of_a_matrix_of_low_rank(monkeypatch, dense):
    monkeypatch.setattr(similarity, "_DENSE", dense)
    factors = np.random.default_rng(0).standard_normal((60, 5))
    matrix = factors @ np.diag([3.0, 2.0, 1.0, -1.0, -2.0]) @ factors.T
    scores = similarity._leading(matrix)
    assert scores.shape == (60, 20)
    np.testing.assert_allclose(scores @ scores.T, matrix @ matrix, atol=1e-6)


def test_so_do_those_of_the_subspace_that_stands_in_where_the_iteration_gives_up(monkeypatch):
    monkeypatch.setattr(similarity, "_DENSE", 0)
    monkeypatch.setattr(similarity, "eigsh", lambda *_, **__: raise_no_convergence())
    factors = np.random.default_rng(0).standard_normal((60, 5))
    matrix = factors @ np.diag([3.0, 2.0, 1.0, -1.0, -2.0]) @ factors.T
    scores = similarity._leading(matrix)
    np.testing.assert_allclose(scores @ scores.T, matrix @ matrix, atol=1e-6)


def test_a_spectrum_without_leading_eigenvalues_is_no_failure(monkeypatch):
    monkeypatch.setattr(similarity, "_DENSE", 0)
    monkeypatch.setattr(similarity, "eigsh", lambda *_, **__: raise_no_convergence())
    assert np.isfinite(similarity._leading(np.diag(np.ones(50)))).all()


def raise_no_convergence():
    raise similarity.ArpackNoConvergence("not converged", np.zeros(0), np.zeros((50, 0)))
