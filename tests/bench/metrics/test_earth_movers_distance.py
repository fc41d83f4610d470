"""EMD, its excess over the truth's own, and the version no shrinking can lower."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pairs import negative_binomial, pair, two_samples
from scipy.stats import wasserstein_distance

from bench.metrics.distributions import earth_movers_debiased, earth_movers_distance, earth_movers_excess


@given(two_samples())
@settings(deadline=None)
def test_emd_is_the_mean_over_genes_of_scipys(samples):
    x, y = samples
    expected = np.mean([wasserstein_distance(x[:, g], y[:, g]) for g in range(x.shape[1])])
    assert earth_movers_distance(pair(x, y)) == pytest.approx(expected, rel=1e-10, abs=1e-12)


@given(two_samples(), st.floats(-5, 5))
@settings(deadline=None)
def test_emd_keeps_its_laws(samples, shift):
    x, y = samples
    emd = earth_movers_distance(pair(x, y))
    assert earth_movers_distance(pair(x, x)) == 0.0
    assert earth_movers_distance(pair(y, x)) == pytest.approx(emd, rel=1e-12, abs=1e-12)
    assert earth_movers_distance(pair(x + shift, y + shift)) == pytest.approx(emd, rel=1e-9, abs=1e-9)
    assert earth_movers_distance(pair(x[::-1, ::-1], y[:, ::-1])) == pytest.approx(emd, rel=1e-12, abs=1e-12)


def test_restricted_genes_are_averaged_alone():
    x, y = negative_binomial(9, 12, seed=1), negative_binomial(7, 12, seed=2)
    genes = np.array([7, 2])
    assert earth_movers_distance(pair(x, y).on("some", genes)) == pytest.approx(
        earth_movers_distance(pair(x[:, genes], y[:, genes]))
    )


def test_excess_and_debiased_made_by_hand():
    x, y = [[0.0], [1.0]], [[3.0], [5.0]]  # across 3, 5, 2, 4; within 1 and 2
    assert earth_movers_excess(pair(x, y)) == pytest.approx(3.5 - 2)
    assert earth_movers_debiased(pair(x, y)) == pytest.approx(3.5 - 0.5 - 1)


def averages(metric, change) -> tuple[float, float]:
    """Mean and its standard error of a metric over samples whose prediction is the changed truth."""
    found = np.array(
        [
            metric(pair(change(negative_binomial(24, 60, seed=2 * draw)), negative_binomial(24, 60, seed=2 * draw + 1)))
            for draw in range(80)
        ]
    )
    return float(found.mean()), float(found.std() / np.sqrt(found.size))


@pytest.mark.parametrize("metric", [earth_movers_excess, earth_movers_debiased])
def test_the_truth_scores_zero_on_average(metric):
    mean, error = averages(metric, lambda cells: cells)
    assert abs(mean) < 4 * error


def without_rare_genes(cells: np.ndarray) -> np.ndarray:
    return cells * ((cells > 0).mean(axis=0) > 0.15)


CHEATS = {"scaled down": lambda cells: 0.95 * cells, "rare genes switched off": without_rare_genes}


@pytest.mark.parametrize("cheat", CHEATS.values(), ids=CHEATS.keys())
def test_shrinking_lowers_the_excess_below_the_truths_but_not_the_debiased_distance(cheat):
    excess, error = averages(earth_movers_excess, cheat)
    debiased, debiased_error = averages(earth_movers_debiased, cheat)
    assert excess < -4 * error
    assert debiased > 4 * debiased_error


@given(st.integers(0, 50), st.floats(0.2, 3.0), st.floats(0.0, 1.0))
@settings(deadline=None, max_examples=25)
def test_the_debiased_distance_is_not_negative_on_average_for_any_distribution(seed, scale, zeroed):
    rng = np.random.default_rng(seed)
    found = []
    for draw in range(60):
        x = scale * negative_binomial(8, 10, seed=1000 * seed + draw) * (rng.random((8, 10)) > zeroed)
        found.append(earth_movers_debiased(pair(x, negative_binomial(8, 10, seed=77_000 + draw))))
    assert np.mean(found) > -4.5 * np.std(found) / np.sqrt(len(found))
