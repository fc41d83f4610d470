"""Control and random cells: real training cells, drawn."""

import numpy as np
import pytest

from methods.base import Unsupported
from methods.control import Control
from methods.random_cells import RandomCells
from methods.sampling import draw_rows

CELLS = {
    "ctrl|s": [[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]],
    "ctrl|t": [[9.0, 0.0]],
    "A|s": [[0.0, 1.0], [0.0, 2.0]],
    "B|s": [[0.0, 3.0]],
}


def rows(array):
    return sorted(map(tuple, np.asarray(array).tolist()))


def test_control_draws_each_control_of_the_cell_type_once_when_there_are_enough(screen, predict):
    assert rows(predict(Control, screen(CELLS), "Z|s")) == [(1, 0), (2, 0), (3, 0)]


def test_control_draws_with_replacement_when_there_are_too_few(screen, predict):
    assert rows(predict(Control, screen(CELLS), "Z|t", n_cells=2)) == [(9, 0), (9, 0)]


def test_control_refuses_a_cell_type_without_controls(screen, predict):
    with pytest.raises(Unsupported, match="no training cell"):
        predict(Control, screen(CELLS), "Z|nowhere")


def test_random_cells_come_from_all_perturbed_cells_of_the_cell_type(screen, predict):
    assert rows(predict(RandomCells, screen(CELLS), "Z|s")) == [(0, 1), (0, 2), (0, 3)]


def test_random_cells_of_a_cell_type_without_perturbed_cells_come_from_the_others(screen, predict):
    assert rows(predict(RandomCells, screen(CELLS), "Z|t")) == [(0, 1), (0, 2), (0, 3)]


def test_draws_depend_on_the_seed_alone():
    pool = np.arange(100)
    assert np.array_equal(draw_rows(pool, 10, seed=3), draw_rows(pool, 10, seed=3))
    assert not np.array_equal(draw_rows(pool, 10, seed=3), draw_rows(pool, 10, seed=4))
