"""Metrics of the mean profile, and how they take their noise into account."""

import numpy as np
import pytest
from hypothesis import given, settings
from pairs import negative_binomial, pair, two_samples
from scipy.stats import pearsonr

from bench.metrics.means import (
    mse_debiased,
    pearson_delta,
    pearson_delta_perturbed_mean,
    rmse,
    slope,
    weighted_mse,
)


@given(two_samples())
@settings(deadline=None)
def test_rmse_is_symmetric_blind_to_order_and_zero_on_itself(samples):
    x, y = samples
    assert rmse(pair(x, y)) == pytest.approx(np.sqrt(np.mean((x.mean(0) - y.mean(0)) ** 2)), rel=1e-12, abs=1e-13)
    assert rmse(pair(x, y)) == rmse(pair(y, x))
    assert rmse(pair(x[::-1, ::-1], y[:, ::-1])) == pytest.approx(rmse(pair(x, y)), rel=1e-12, abs=1e-13)
    assert rmse(pair(x, x)) == 0.0


def test_debiased_error_made_by_hand():
    x, y = [[1.0], [3.0]], [[0.0], [0.0], [3.0]]
    assert mse_debiased(pair(x, y)) == pytest.approx((2 - 1) ** 2 - 2 / 2 - 3 / 3)


@pytest.mark.parametrize(("n", "m"), [(4, 4), (4, 80), (50, 50)])
def test_debiased_error_is_the_squared_difference_of_the_populations_at_any_size(n, m):
    truth = np.log1p(np.random.default_rng(9).negative_binomial(2, 0.5, 100_000)).mean()
    rng = np.random.default_rng([n, m])
    found = []
    for _ in range(400):
        x = np.log1p(rng.negative_binomial(2, 0.5, (n, 20)).astype(float)) + 0.3
        y = np.log1p(rng.negative_binomial(2, 0.5, (m, 20)).astype(float))
        found.append(mse_debiased(pair(x, y)))
    assert truth > 0
    assert abs(np.mean(found) - 0.3**2) < 4 * np.std(found) / np.sqrt(len(found))


def test_rmse_of_one_population_is_larger_the_fewer_cells():
    few = rmse(pair(negative_binomial(5, 200, seed=1), negative_binomial(5, 200, seed=2)))
    many = rmse(pair(negative_binomial(200, 200, seed=1), negative_binomial(200, 200, seed=2)))
    assert few > 3 * many


def test_weighted_error_follows_the_weights():
    found = weighted_mse(pair([[1.0, 5.0]], [[0.0, 1.0]], weights=[0.25, 0.75]))
    assert found == pytest.approx(0.25 * 1 + 0.75 * 16)


def test_pearson_delta_is_the_correlation_of_shifts_from_the_two_controls():
    rng = np.random.default_rng(0)
    x, y, source, reference = rng.random((4, 6, 9))
    found = pearson_delta(pair(x, y, source_control=source.mean(0), reference_control=reference.mean(0)))
    expected = pearsonr(x.mean(0) - source.mean(0), y.mean(0) - reference.mean(0)).statistic
    assert found == pytest.approx(expected)


def test_pearson_delta_does_not_see_the_scale_of_a_shift():
    rng = np.random.default_rng(0)
    control, y = rng.random((2, 9)) + 1
    shift = rng.random(9)
    single = pearson_delta(pair([control + shift], [y], source_control=control))
    assert pearson_delta(pair([control + 3 * shift], [y], source_control=control)) == pytest.approx(single)


def no_effect_correlations(shared: bool) -> np.ndarray:
    """Correlation a mean predictor gets without any effect, with shared and with disjoint controls."""
    found = []
    for draw in range(40):
        source, reference = negative_binomial(50, 300, seed=10 * draw), negative_binomial(50, 300, seed=10 * draw + 1)
        x = np.concatenate([negative_binomial(60, 300, seed=10 * draw + k) for k in range(2, 8)])
        y = negative_binomial(60, 300, seed=10 * draw + 9)
        origin = reference if shared else source
        found.append(pearson_delta(pair(x, y, source_control=origin.mean(0), reference_control=reference.mean(0))))
    return np.array(found)


def test_shared_controls_correlate_without_any_effect_and_disjoint_ones_do_not():
    shared, disjoint = no_effect_correlations(shared=True), no_effect_correlations(shared=False)
    c, n, k = 50, 60, 6
    expected = (1 / c) / np.sqrt((1 / c + 1 / (k * n)) * (1 / c + 1 / n))
    assert shared.mean() == pytest.approx(expected, abs=0.08)
    assert abs(disjoint.mean()) < 4 * disjoint.std() / np.sqrt(disjoint.size)


def test_the_perturbed_mean_takes_away_what_all_perturbations_share():
    common = np.array([2.0, 0.0, 1.0, 3.0])
    x, y = common + np.array([0.1, 0.0, 0.0, 0.0]), common + np.array([0.0, 0.1, 0.0, 0.0])
    assert pearson_delta(pair([x], [y])) > 0.99
    assert pearson_delta_perturbed_mean(pair([x], [y], perturbed_mean=common)) < 0


def test_a_prediction_of_no_shift_has_no_correlation():
    control = np.array([1.0, 2.0, 3.0])
    assert np.isnan(pearson_delta(pair([control], [[2.0, 2.0, 5.0]], source_control=control)))


def test_slope_is_the_scale_of_the_shift():
    control, shift = np.array([1.0, 2.0, 3.0]), np.array([0.5, -1.0, 2.0])
    given = {"source_control": control, "reference_control": control}
    y = np.repeat([control + shift], 2, axis=0)
    assert slope(pair([control + shift], y, **given)) == pytest.approx(1.0)
    assert slope(pair([control + 0.4 * shift], y, **given)) == pytest.approx(0.4)


def test_slope_of_an_honest_prediction_is_one_though_the_truth_is_noisy():
    effect = np.where(np.arange(400) % 4 == 0, 0.5, 0.0)
    found = []
    for draw in range(30):
        cells = [negative_binomial(15, 400, seed=100 * draw + k) for k in range(4)]
        reference = cells[1]
        found.append(
            slope(
                pair(
                    cells[2] + effect,
                    cells[3] + effect,
                    source_control=cells[0].mean(0),
                    reference_control=reference.mean(0),
                    reference_error=reference.var(0, ddof=1) / 15,
                )
            )
        )
    assert np.mean(found) == pytest.approx(1.0, abs=0.08)


def test_a_condition_without_effect_has_no_slope():
    y = np.array([[1.0, 2.0], [3.0, 1.0]])
    assert np.isnan(slope(pair(y, y, reference_control=y.mean(0))))
