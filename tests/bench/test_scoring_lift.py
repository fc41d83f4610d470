"""How cells are made of a predicted mean."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from synthetic_heldout import world

from bench.lift import draw_rows, lift_mean

CONTROLS = csr_matrix(np.array([[1.0, 0.0], [3.0, 4.0]], dtype=np.float32))


def test_cells_are_control_residuals_around_the_mean_clipped_at_zero():
    lifted = lift_mean(np.array([2.0, 1.0]), CONTROLS, n_cells=2, seed=0)
    assert sorted(lifted.cells.toarray().tolist()) == [[1.0, 0.0], [3.0, 3.0]]
    assert lifted.clipped == 0.25


def test_the_mean_of_lifted_cells_is_the_predicted_one_where_nothing_is_clipped():
    controls = world().cells("ctrl", 300, 0)
    mean = np.asarray(controls.mean(axis=0)).ravel() + 10.0
    lifted = lift_mean(mean, controls, n_cells=300, seed=0)
    assert lifted.clipped == 0.0
    assert np.asarray(lifted.cells.mean(axis=0)).ravel() == pytest.approx(mean, abs=1e-4)


def test_the_seed_decides_which_controls_are_drawn():
    controls = world().cells("ctrl", 50, 0)
    mean = np.ones(controls.shape[1])
    first, again, other = (lift_mean(mean, controls, 5, seed).cells.toarray() for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_rows_are_drawn_with_replacement_only_where_there_are_too_few():
    assert sorted(draw_rows(5, 5, seed=0)) == [0, 1, 2, 3, 4]
    assert draw_rows(2, 7, seed=0).size == 7
