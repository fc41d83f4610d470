"""Tests, power, dynamic range, summaries and the whole paired comparison."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from statsmodels.stats.multitest import multipletests

from bench.statistics.comparison import compare
from bench.statistics.dynamic_range import dynamic_range_fraction, normalised_score
from bench.statistics.significance import adjust_p, least_p, minimum_detectable_effect, wilcoxon_p
from bench.statistics.summary import summarise

p_values = hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(0, 1))


def test_wilcoxon_on_six_positive_differences_is_two_in_sixty_four():
    assert wilcoxon_p(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])) == pytest.approx(2 / 64)


def test_wilcoxon_agrees_with_scipy_on_raw_differences():
    differences = np.random.default_rng(0).normal(0.2, 1, 80)
    assert wilcoxon_p(differences) == pytest.approx(stats.wilcoxon(differences).pvalue)


def test_wilcoxon_of_identical_methods_is_one_and_of_nothing_is_nan():
    assert wilcoxon_p(np.zeros(5)) == 1.0
    assert math.isnan(wilcoxon_p(np.empty(0)))


def test_wilcoxon_rejects_a_true_null_about_one_time_in_twenty():
    rng = np.random.default_rng(0)
    rate = np.mean([wilcoxon_p(rng.normal(size=30)) < 0.05 for _ in range(800)])
    assert 0.025 < rate < 0.08  # binomial standard error 0.8 %


def test_adjusted_p_by_hand():
    # sorted .01 .02 .03 .5: times 4/1, 4/2, 4/3, 4/4 -> .04 .04 .04 .5
    assert adjust_p(np.array([0.5, 0.01, 0.03, 0.02])) == pytest.approx([0.5, 0.04, 0.04, 0.04])


@given(p_values)
def test_adjusted_p_agrees_with_statsmodels(p):
    assert adjust_p(p) == pytest.approx(multipletests(p, method="fdr_bh")[1])


def test_undefined_p_values_stay_undefined_and_cost_nothing():
    adjusted = adjust_p(np.array([[0.01, math.nan], [0.04, math.nan]]))
    assert adjusted[:, 0] == pytest.approx([0.02, 0.04])
    assert np.isnan(adjusted[:, 1]).all()


def test_minimum_detectable_effect_by_hand():
    # n = 7: p-values are multiples of 2 / 2^7, at most 6 / 128 = 0.046875; t(1 - that / 2, 6) + t(0.8, 6)
    differences = np.array([1.0, 2, 3, 4, 5, 6, 7])
    expected = math.sqrt(math.pi / 3) * (2.494513 + 0.905703) * differences.std(ddof=1) / math.sqrt(7)
    assert minimum_detectable_effect(differences) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("n", [6, 7, 8, 10, 25, 51])
def test_the_test_behind_the_verdict_finds_an_effect_of_the_detectable_size_four_times_in_five(n):
    rng = np.random.default_rng(0)
    drawn = rng.normal(size=(2000, n))
    unit = drawn[0] / drawn[0].std(ddof=1)
    found = np.mean([wilcoxon_p(x) < 0.05 for x in drawn + minimum_detectable_effect(unit)])
    assert found == pytest.approx(0.8, abs=0.03)  # binomial standard error 0.9 %


def test_where_the_test_cannot_reach_the_level_there_is_no_detectable_effect():
    assert least_p(np.arange(1.0, 6)) == wilcoxon_p(np.arange(1.0, 6)) == 0.0625
    assert math.isnan(minimum_detectable_effect(np.arange(1.0, 6)))
    assert math.isnan(minimum_detectable_effect(np.arange(5.0)))
    assert math.isnan(minimum_detectable_effect(np.zeros(20)))  # zeros are dropped


def test_dynamic_range_by_hand():
    assert dynamic_range_fraction(0.8, 0.2, 0.0) == pytest.approx(0.75)
    assert dynamic_range_fraction(0.2, 0.7, 1.0) == pytest.approx(0.625)  # higher is better
    assert dynamic_range_fraction(0.5, -0.01, 0.0) == pytest.approx(1.02)  # unbiased distance below zero: not clipped


@pytest.mark.parametrize("scores", [(0.0, 0.2, 0.0), (math.nan, 0.2, 0.0), (0.8, math.nan, 0.0), (0.8, 0.2, math.nan)])
def test_dynamic_range_is_nan_where_it_means_nothing(scores):
    assert math.isnan(dynamic_range_fraction(*scores))


def test_normalised_scores_are_never_clipped():
    assert normalised_score(0.8, negative=0.8, positive=0.2) == 0
    assert normalised_score(0.2, negative=0.8, positive=0.2) == pytest.approx(1)
    assert normalised_score(2.0, negative=0.8, positive=0.2) == pytest.approx(-2)
    assert normalised_score(0.05, negative=0.8, positive=0.2) == pytest.approx(1.25)
    assert math.isnan(normalised_score(0.5, negative=0.8, positive=0.8))


def test_the_two_spreads_are_different_numbers():
    summary = summarise(np.array([[0.2, 0.6], [0.4, 0.6]]))
    assert summary.mean == pytest.approx(0.45)
    assert summary.seed_spread == pytest.approx(0.1 / math.sqrt(2))  # of 0.4 and 0.5
    assert summary.condition_spread == pytest.approx(0.3 / math.sqrt(2))  # of 0.3 and 0.6
    assert (summary.n_conditions, summary.n_seeds) == (2, 2)


def test_a_condition_undefined_in_one_seed_is_left_out_and_counted():
    summary = summarise(np.array([[1.0, 5.0], [3.0, math.nan]]))
    assert summary.mean == 2.0
    assert summary.n_conditions == 1
    assert math.isnan(summary.condition_spread)


def test_a_method_without_any_defined_condition_has_no_mean():
    assert math.isnan(summarise(np.full((2, 3), math.nan)).mean)


def test_a_comparison_uses_the_conditions_both_have_and_counts_the_rest():
    a = np.array([[1.0, 2.0, math.nan, 4.0]])
    b = np.array([[0.0, 0.0, 0.0, math.nan]])
    result = compare(a, b, replicates=50)
    assert result.difference == pytest.approx(1.5)
    assert (result.n_conditions, result.n_left_out) == (2, 2)


def test_a_comparison_of_nothing_is_nan_throughout():
    result = compare(np.array([[math.nan, 1.0]]), np.array([[1.0, math.nan]]))
    assert result.n_conditions == 0
    assert np.isnan([result.difference, result.low, result.p, result.detectable]).all()


def test_a_comparison_counts_the_seeds_of_either_side():
    assert compare(np.zeros((3, 4)), np.ones((1, 4)), replicates=50).seeds == (3, 1)


def test_the_whole_comparison_rarely_sees_a_difference_that_is_not_there():
    rng = np.random.default_rng(3)
    shown = 0
    for repeat in range(300):
        conditions = rng.normal(size=40)
        a, b = conditions + rng.normal(0, 0.5, (1, 40)), conditions + rng.normal(0, 0.5, (1, 40))
        result = compare(a, b, replicates=500, seed=repeat)
        shown += result.low * result.high > 0
    assert 0.02 < shown / 300 < 0.1


def test_a_lucky_seed_is_not_taken_for_a_better_method():
    """Wilcoxon's test over conditions is blind to seeds; the interval is not, and a verdict needs both."""
    rng = np.random.default_rng(3)
    by_wilcoxon = by_both = 0
    for _ in range(400):
        conditions = rng.normal(size=40)
        a, b = (conditions + rng.normal(0, 0.5, (3, 1)) + rng.normal(0, 0.5, (3, 40)) for _ in range(2))
        result = compare(a, b, replicates=500)
        by_wilcoxon += result.p < 0.05
        by_both += result.p < 0.05 and result.low * result.high > 0
    assert by_wilcoxon / 400 > 0.5
    assert by_both / 400 < 0.07  # binomial standard error 1.1 %


def test_few_of_the_differences_shown_are_false():
    """Twenty methods, five of them different: the share of false ones among those shown is 5 % at most on average."""
    rng = np.random.default_rng(5)
    shares = []
    for _ in range(40):
        effects = np.where(np.arange(20) < 5, 0.6, 0.0)
        results = [compare(rng.normal(effect, 1, (1, 40)), np.zeros((1, 40)), replicates=300) for effect in effects]
        adjusted = adjust_p(np.array([result.p for result in results]))
        shown = (adjusted < 0.05) & np.array([result.low * result.high > 0 for result in results])
        shares.append(shown[5:].sum() / max(shown.sum(), 1))
        assert shown[:5].any()
    assert np.mean(shares) < 0.06  # standard error 1.2 %


def test_comparing_different_conditions_is_refused():
    with pytest.raises(ValueError, match="same conditions"):
        compare(np.zeros((1, 2)), np.zeros((1, 3)))
