"""What shows a collapsed or over-smooth prediction."""

import numpy as np
import pytest
from pairs import negative_binomial, pair

from bench.metrics.collapse import (
    clipped_fraction,
    intra_distance,
    intra_distance_true,
    variance_ratio,
    zero_fraction_error,
)


def test_variance_ratio_is_the_median_over_genes_that_vary():
    x = np.array([[0.0, 0.0, 0.0, 5.0], [1.0, 2.0, 3.0, 9.0]])
    y = np.array([[0.0, 0.0, 0.0, 7.0], [1.0, 1.0, 1.0, 7.0]])
    assert variance_ratio(pair(x, y)) == pytest.approx(4.0)


def test_variance_ratio_of_a_truth_that_never_varies_is_undefined():
    assert np.isnan(variance_ratio(pair([[1.0], [2.0]], [[3.0], [3.0]])))


def test_cells_collapsed_to_their_mean_have_variance_ratio_zero():
    y = negative_binomial(20, 10, seed=1)
    assert variance_ratio(pair(np.repeat([y.mean(0)], 20, axis=0), y)) == pytest.approx(0.0, abs=1e-20)


def test_zero_fraction_error_is_the_difference_of_the_fractions():
    assert zero_fraction_error(pair([[0.0, 1.0]], [[0.0, 0.0], [0.0, 2.0]])) == pytest.approx(0.25)


def test_intra_distances_are_those_of_either_side():
    both = pair([[0.0], [2.0], [4.0]], [[1.0], [2.0]])
    assert intra_distance(both) == pytest.approx(8 / 3)
    assert intra_distance_true(both) == pytest.approx(1.0)


def test_clipped_fraction_is_handed_through():
    assert clipped_fraction(pair([[1.0]], [[1.0]], clipped=0.125)) == 0.125
