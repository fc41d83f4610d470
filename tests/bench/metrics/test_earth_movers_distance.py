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


def sparse(seed: int) -> np.ndarray:
    """20 cells of 80 genes, each on in 1 to 30 % of the cells at a level that varies: (20, 80)."""
    rng = np.random.default_rng(seed)
    on = rng.random((20, 80)) < np.linspace(0.01, 0.3, 80)
    return on * rng.lognormal(0.7, 0.2, (20, 80))


def samples(count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs of samples of one sparse population."""
    return [(sparse(2 * draw), sparse(2 * draw + 1)) for draw in range(count)]


def standard_error(found: list[float]) -> float:
    return float(np.std(found) / np.sqrt(len(found)))


@pytest.mark.parametrize("metric", [earth_movers_excess, earth_movers_debiased])
def test_the_truth_scores_zero_on_average(metric):
    found = [metric(pair(x, y)) for x, y in samples(80)]
    assert abs(np.mean(found)) < 4 * standard_error(found)


def without_rare_genes(cells: np.ndarray) -> np.ndarray:
    return cells * (np.linspace(0.01, 0.3, 80) > 0.05)


CHEATS = {"scaled down": lambda cells: 0.9 * cells, "rare genes switched off": without_rare_genes}


@pytest.mark.parametrize("cheat", CHEATS.values(), ids=CHEATS.keys())
def test_shrinking_the_truth_lowers_its_excess_but_not_its_debiased_distance(cheat):
    def gains(metric) -> list[float]:
        return [metric(pair(x, y)) - metric(pair(cheat(x), y)) for x, y in samples(80)]

    by_excess, by_debiased = gains(earth_movers_excess), gains(earth_movers_debiased)
    assert np.mean(by_excess) > 4 * standard_error(by_excess)
    assert np.mean(by_debiased) < 0


@given(st.integers(0, 50), st.floats(0.2, 3.0), st.floats(0.0, 1.0))
@settings(deadline=None, max_examples=25)
def test_the_debiased_distance_is_not_negative_on_average_for_any_distribution(seed, scale, zeroed):
    rng = np.random.default_rng(seed)
    found = []
    for draw in range(60):
        x = scale * negative_binomial(8, 10, seed=1000 * seed + draw) * (rng.random((8, 10)) > zeroed)
        found.append(earth_movers_debiased(pair(x, negative_binomial(8, 10, seed=77_000 + draw))))
    assert np.mean(found) > -4.5 * standard_error(found)
