"""Energy distance: V- and U-statistic, and the release's root."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pairs import negative_binomial, pair, two_samples
from scipy.spatial.distance import cdist, pdist

from bench.errors import TooFewCells
from bench.metrics.distributions import energy_distance, energy_distance_root, energy_distance_unbiased

CLOSE = {"rel": 1e-8, "abs": 1e-10}


@given(two_samples())
@settings(deadline=None)
def test_v_statistic_agrees_with_the_mean_of_all_distances(samples):
    x, y = samples
    expected = 2 * cdist(x, y).mean() - cdist(x, x).mean() - cdist(y, y).mean()
    assert energy_distance(pair(x, y)) == pytest.approx(expected, **CLOSE)


@given(two_samples())
@settings(deadline=None)
def test_u_statistic_agrees_with_the_mean_over_distinct_pairs(samples):
    x, y = samples
    expected = 2 * cdist(x, y).mean() - pdist(x).mean() - pdist(y).mean()
    assert energy_distance_unbiased(pair(x, y)) == pytest.approx(expected, **CLOSE)


def test_values_made_by_hand():
    # cross: (3 + 5)/2, within the predicted: 4, within the true: none, since there is one distinct value
    x, y = [[0.0, 3.0], [0.0, 7.0]], [[0.0, 0.0], [4.0, 3.0]]
    cross = (3 + 4 + 7 + np.sqrt(32)) / 4
    assert energy_distance(pair(x, y)) == pytest.approx(2 * cross - 4 / 2 - 5 / 2)
    assert energy_distance_unbiased(pair(x, y)) == pytest.approx(2 * cross - 4 - 5)


@given(two_samples())
@settings(deadline=None)
def test_v_statistic_of_a_sample_with_itself_is_zero(samples):
    x, _ = samples
    assert energy_distance(pair(x, x)) == pytest.approx(0.0, abs=1e-9)


@given(two_samples())
@settings(deadline=None)
def test_v_statistic_is_never_negative(samples):
    assert energy_distance(pair(*samples)) >= -1e-9


@given(two_samples(), st.sampled_from([energy_distance, energy_distance_unbiased]))
@settings(deadline=None)
def test_both_are_symmetric(samples, distance):
    x, y = samples
    assert distance(pair(x, y)) == pytest.approx(distance(pair(y, x)), **CLOSE)


@given(two_samples(), st.floats(-5, 5), st.sampled_from([energy_distance, energy_distance_unbiased]))
@settings(deadline=None)
def test_a_common_translation_changes_nothing(samples, shift, distance):
    x, y = samples
    assert distance(pair(x + shift, y + shift)) == pytest.approx(distance(pair(x, y)), rel=1e-7, abs=1e-8)


@given(two_samples(), st.randoms(use_true_random=False), st.sampled_from([energy_distance, energy_distance_unbiased]))
@settings(deadline=None)
def test_the_order_of_cells_and_of_genes_changes_nothing(samples, random, distance):
    x, y = samples
    rng = np.random.default_rng(random.randrange(2**32))
    genes = rng.permutation(x.shape[1])
    shuffled = rng.permutation(x)[:, genes], rng.permutation(y)[:, genes]
    assert distance(pair(*shuffled)) == pytest.approx(distance(pair(x, y)), **CLOSE)


def same_population(distance, n: int, m: int) -> np.ndarray:
    """Distances between samples of n and m cells of one population, 60 times."""
    return np.array(
        [
            distance(pair(negative_binomial(n, 40, seed=2 * draw), negative_binomial(m, 40, seed=2 * draw + 1)))
            for draw in range(60)
        ]
    )


@pytest.mark.parametrize(("n", "m"), [(5, 5), (5, 60), (40, 40)])
def test_u_statistic_of_one_population_is_zero_on_average_at_any_size(n, m):
    distances = same_population(energy_distance_unbiased, n, m)
    assert abs(distances.mean()) < 4 * distances.std() / np.sqrt(distances.size)


def test_v_statistic_of_one_population_is_larger_the_fewer_cells():
    few, many = same_population(energy_distance, 5, 5), same_population(energy_distance, 40, 40)
    assert few.mean() > 5 * many.mean() > 0


def test_squares_would_see_the_means_alone_and_plain_distances_do_not():
    x = np.array([[0.0], [2.0]] * 4)
    y = np.array([[1.0]] * 8)
    assert energy_distance(pair(x, y)) == pytest.approx(1.0)


def test_the_root_counts_a_negative_distance_as_zero():
    x = np.array([[0.0], [1.0]])
    assert energy_distance_unbiased(pair(x, x)) < 0
    assert energy_distance_root(pair(x, x)) == 0.0
    assert energy_distance_root(pair([[3.0], [3.0]], [[0.0], [0.0]])) == pytest.approx(np.sqrt(6.0))


def test_one_cell_is_too_few_for_the_unbiased_distance():
    with pytest.raises(TooFewCells, match="1 predicted and 2 true"):
        energy_distance_unbiased(pair([[1.0]], [[1.0], [2.0]]))


def test_restricted_genes_are_compared_alone():
    x, y = negative_binomial(9, 12, seed=1), negative_binomial(7, 12, seed=2)
    genes = np.array([7, 2, 11])
    restricted = pair(x, y).on("some", genes)
    assert energy_distance_unbiased(restricted) == pytest.approx(
        energy_distance_unbiased(pair(x[:, genes], y[:, genes])), **CLOSE
    )
