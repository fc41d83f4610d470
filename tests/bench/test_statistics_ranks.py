"""Mean ranks, Friedman's test and Nemenyi's critical difference."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from bench.statistics.ranks import critical_difference, mean_ranks

# q at 5 % for 2 to 10 classifiers: Demšar 2006, Table 5a
DEMSAR = {2: 1.960, 3: 2.343, 4: 2.569, 5: 2.728, 6: 2.850, 7: 2.949, 8: 3.031, 9: 3.102, 10: 3.164}


def named(table):
    return {f"m{index}": column for index, column in enumerate(np.asarray(table, dtype=float).T)}


@pytest.mark.parametrize(("n_methods", "quantile"), DEMSAR.items())
def test_the_critical_difference_is_the_published_one(n_methods, quantile):
    expected = quantile * math.sqrt(n_methods * (n_methods + 1) / (6 * 14))
    assert critical_difference(n_methods, 14) == pytest.approx(expected, abs=2e-3)


def test_mean_ranks_by_hand():
    result = mean_ranks(
        {"a": np.array([1.0, 2.0, 3.0]), "b": np.array([2.0, 2.0, 1.0]), "c": np.array([3.0, 9.0, 4.0])}
    )
    assert result.ranks == pytest.approx({"b": (2 + 1.5 + 1) / 3, "a": (1 + 1.5 + 2) / 3, "c": 3.0})
    assert list(result.ranks)[-1] == "c"
    assert (result.n_conditions, result.n_left_out) == (3, 0)


def test_the_test_is_friedmans_in_the_form_of_iman_and_davenport():
    table = np.random.default_rng(0).normal(size=(25, 4)) + np.array([0.0, 0.1, 0.2, 0.8])
    chi_squared = stats.friedmanchisquare(*table.T).statistic
    expected = stats.f.sf(24 * chi_squared / (25 * 3 - chi_squared), 3, 3 * 24)
    assert mean_ranks(named(table)).p == pytest.approx(expected)


def test_ties_are_corrected_for_as_scipy_does():
    table = np.random.default_rng(0).integers(0, 3, size=(25, 4))
    chi_squared = stats.friedmanchisquare(*table.T).statistic
    expected = stats.f.sf(24 * chi_squared / (25 * 3 - chi_squared), 3, 3 * 24)
    assert mean_ranks(named(table)).p == pytest.approx(expected)


@given(hnp.arrays(np.float64, st.tuples(st.integers(2, 8), st.integers(2, 5)), elements=st.floats(-5, 5)))
@settings(max_examples=30, deadline=None)
def test_ranks_do_not_depend_on_unit_order_or_conditions_that_all_find_hard(table):
    plain = mean_ranks(named(table))
    hard = np.round(table, 3) * 2.0 ** np.arange(table.shape[0])[:, None]
    assert mean_ranks(named(hard)).ranks == mean_ranks(named(np.round(table, 3))).ranks
    assert mean_ranks(named(table[::-1])).ranks == plain.ranks
    assert 0 <= plain.p <= 1
    assert sum(plain.ranks.values()) == pytest.approx(table.shape[1] * (table.shape[1] + 1) / 2)


def test_groups_hold_what_cannot_be_told_apart():
    steps = np.linspace(0, 1, 300)[:, None]
    result = mean_ranks(named(steps + np.random.default_rng(1).normal(0, 1, (300, 4)) + np.array([0.0, 0.1, 1.0, 3.0])))
    assert result.groups == (("m0", "m1"), ("m2",), ("m3",))
    first, second = result.ranks["m0"], result.ranks["m1"]
    assert abs(first - second) < result.critical_difference < result.ranks["m2"] - second


def test_groups_overlap_where_neighbours_cannot_be_told_apart_but_the_ends_can():
    orders = [[1, 2, 3]] * 6 + [[2, 1, 3]] * 3 + [[1, 3, 2]] * 3
    result = mean_ranks(named(orders))
    assert list(result.ranks.values()) == pytest.approx([1.25, 2.0, 2.75])
    assert 0.75 < result.critical_difference < 1.5
    assert result.groups == (("m0", "m1"), ("m1", "m2"))


def test_a_condition_that_a_method_lacks_ranks_nobody():
    table = np.array([[1.0, 2.0], [np.nan, 1.0], [1.0, 2.0]])
    result = mean_ranks(named(table))
    assert result.ranks == {"m0": 1.0, "m1": 2.0}
    assert (result.n_conditions, result.n_left_out) == (2, 1)


def test_the_same_order_everywhere_is_certain_and_no_order_is_none():
    assert mean_ranks(named([[1, 2, 3]] * 5)).p == 0.0
    assert mean_ranks(named([[1, 1, 1]] * 5)).p == 1.0
    assert math.isnan(mean_ranks(named([[1, 2, 3]])).p)


def test_one_method_or_no_common_condition_is_refused():
    with pytest.raises(ValueError, match="two are needed"):
        mean_ranks(named([[1.0], [2.0]]))
    with pytest.raises(ValueError, match="no condition has a loss of every method"):
        mean_ranks(named([[np.nan, 1.0], [1.0, np.nan]]))


def test_equal_methods_are_told_apart_one_time_in_twenty():
    """Family-wise: any pair of six equal methods beyond the critical difference, and Friedman's test itself."""
    rng = np.random.default_rng(0)
    drawn = [rng.gamma(1.0, 1.0, (30, 6)) * rng.gamma(0.3, 5.0, (30, 1)) for _ in range(1500)]
    difference = critical_difference(6, 30)
    ranks = np.array([stats.rankdata(table, axis=1).mean(axis=0) for table in drawn])
    pairs = (np.ptp(ranks, axis=1) > difference).mean()
    friedman = np.mean([mean_ranks(named(table)).p < 0.05 for table in drawn[:400]])
    assert 0.03 < pairs < 0.07  # binomial standard error 0.6 %
    assert 0.02 < friedman < 0.08  # 1.1 %
