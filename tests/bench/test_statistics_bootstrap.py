"""Paired bootstrap: agreement with scipy, laws, coverage."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from bench.statistics.bootstrap import Interval, paired_bootstrap
from bench.statistics.seeds import seed_error

values = st.floats(-10, 10, allow_nan=False, width=32)


def one_seed_pairs():
    shape = st.integers(3, 12).map(lambda n: (2, 1, n))
    return shape.flatmap(lambda s: hnp.arrays(np.float64, s, elements=values))


def draw(rng, effects, n_seeds, *, seed_sd, noise_sd=0.5):
    """A method without a mean of its own: condition effects shared with others, its own seed effects and noise."""
    return effects + rng.normal(0, seed_sd, (n_seeds, 1)) + rng.normal(0, noise_sd, (n_seeds, effects.size))


def coverage(n_seeds, n_conditions, *, seed_sd, both=False, skewed=False, interval: Interval = "bca", repeats=1000):
    """How often the interval holds the true difference, 0; binomial standard error 0.7 % of 1,000 repeats."""
    rng = np.random.default_rng(7)
    hits = 0
    for _ in range(repeats):
        effects = rng.exponential(1, n_conditions) - 1 if skewed else rng.normal(0, 1, n_conditions)
        a = draw(rng, effects, n_seeds, seed_sd=seed_sd)
        b = draw(rng, np.zeros(n_conditions), n_seeds, seed_sd=seed_sd) if both else np.zeros((1, n_conditions))
        result = paired_bootstrap(a, b, replicates=1_000, interval=interval)
        hits += result.low <= 0 <= result.high
    return hits / repeats


def test_the_estimate_is_the_mean_difference_of_seed_means():
    a = np.array([[1.0, 2.0, 6.0], [3.0, 2.0, 4.0]])
    b = np.array([[1.0, 1.0, 1.0]])
    assert paired_bootstrap(a, b, replicates=50).estimate == pytest.approx(2.0)


@pytest.mark.parametrize(("interval", "method"), [("percentile", "percentile"), ("bca", "BCa")])
def test_one_seed_agrees_with_scipys_bootstrap_but_for_the_stretch_to_students_t(interval, method):
    rng = np.random.default_rng(0)
    a, b = rng.exponential(1, (1, 35)), rng.normal(0.5, 0.3, (1, 35))
    ours = paired_bootstrap(a, b, replicates=40_000, interval=interval)
    theirs = stats.bootstrap(((a - b)[0],), np.mean, n_resamples=40_000, method=method, rng=np.random.default_rng(1))
    stretch = np.sqrt(35 / 34) * stats.t.ppf(0.975, 34) / stats.norm.ppf(0.975)
    limits = theirs.confidence_interval
    assert (ours.low - ours.estimate) / stretch == pytest.approx(limits.low - ours.estimate, abs=0.01)
    assert (ours.high - ours.estimate) / stretch == pytest.approx(limits.high - ours.estimate, abs=0.01)
    assert ours.standard_error == pytest.approx(theirs.standard_error, rel=0.02)


def test_normal_differences_give_students_interval():
    differences = np.random.default_rng(0).normal(size=(1, 12))
    ours = paired_bootstrap(differences, np.zeros((1, 12)), replicates=100_000, interval="percentile")
    theirs = stats.ttest_1samp(differences[0], 0).confidence_interval()
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.06)


def test_where_seeds_alone_differ_the_interval_is_students_over_seeds():
    seeds = np.array([0.0, 1.0, 5.0])
    a = seeds[:, None] + np.zeros((3, 30))
    ours = paired_bootstrap(a, np.zeros((1, 30)), replicates=100_000)
    theirs = stats.ttest_1samp(seeds, 0).confidence_interval()
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), rel=0.05)


def test_the_standard_error_does_not_shrink_with_more_replicates():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(1, 50)), np.zeros((1, 50))
    few = paired_bootstrap(a, b, replicates=1_000).standard_error
    many = paired_bootstrap(a, b, replicates=20_000).standard_error
    theory = a.std() / np.sqrt(50)
    assert few == pytest.approx(theory, rel=0.1)
    assert many == pytest.approx(theory, rel=0.03)


def test_repeating_a_deterministic_method_under_five_seeds_adds_no_precision():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(1, 60)), np.zeros((1, 60))
    once = paired_bootstrap(a, b)
    repeated = paired_bootstrap(np.repeat(a, 5, axis=0), np.repeat(b, 5, axis=0))
    assert repeated.low == pytest.approx(once.low, rel=1e-9)
    assert repeated.high == pytest.approx(once.high, rel=1e-9)


def test_variance_between_two_seeds_is_not_halved():
    a = np.array([[-1.0], [1.0]]) + np.zeros((2, 30))
    result = paired_bootstrap(a, np.zeros((1, 30)), interval="percentile")
    assert result.standard_error == pytest.approx(1.0, rel=0.02)  # sd 1.414 of the seeds / sqrt(2)


@given(one_seed_pairs())
@settings(max_examples=40, deadline=None)
def test_swapping_the_methods_turns_the_sign(pair):
    a, b = pair
    forth = paired_bootstrap(a, b, replicates=200, interval="percentile")
    back = paired_bootstrap(b, a, replicates=200, interval="percentile")
    assert back.estimate == pytest.approx(-forth.estimate, abs=1e-9)
    assert (back.low, back.high) == pytest.approx((-forth.high, -forth.low), abs=1e-9)


@given(one_seed_pairs(), values)
@settings(max_examples=40, deadline=None)
def test_a_constant_added_to_one_method_moves_everything_by_it(pair, shift):
    a, b = pair
    plain = paired_bootstrap(a, b, replicates=200, interval="percentile")
    moved = paired_bootstrap(a + shift, b, replicates=200, interval="percentile")
    assert (moved.estimate, moved.low, moved.high) == pytest.approx(
        (plain.estimate + shift, plain.low + shift, plain.high + shift), abs=1e-6
    )
    assert moved.standard_error == pytest.approx(plain.standard_error, abs=1e-6)


def test_the_order_of_conditions_does_not_matter_beyond_resampling_noise():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(3, 40)), rng.normal(size=(2, 40))
    order = rng.permutation(40)
    plain, shuffled = paired_bootstrap(a, b), paired_bootstrap(a[:, order], b[:, order])
    assert shuffled.estimate == pytest.approx(plain.estimate, abs=1e-12)
    assert shuffled.low == pytest.approx(plain.low, abs=0.02)
    assert shuffled.high == pytest.approx(plain.high, abs=0.02)


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 30)), rng.normal(size=(2, 30))
    assert paired_bootstrap(a, b, seed=1) == paired_bootstrap(a, b, seed=1)
    assert paired_bootstrap(a, b, seed=1).low != paired_bootstrap(a, b, seed=2).low


def test_chunking_leaves_no_replicate_out(monkeypatch):
    from bench.statistics import bootstrap

    monkeypatch.setattr(bootstrap, "_CHUNK_NUMBERS", 95)  # 7 chunks of 9 and one of 1
    chunks = list(bootstrap._replicate_means(np.random.default_rng(0).normal(size=10), 64, 0))
    assert [chunk.size for chunk in chunks] == [9] * 7 + [1]


@pytest.mark.parametrize("interval", ["percentile", "bca"])
@pytest.mark.parametrize("n_conditions", [15, 40])
def test_intervals_over_conditions_cover_95_percent(n_conditions, interval):
    assert 0.93 <= coverage(1, n_conditions, seed_sd=0, interval=interval) <= 0.97


def test_intervals_over_skewed_conditions_cover_nearly_as_well():
    # no interval from 40 draws of an exponential distribution does better: Student's covers .925
    assert 0.925 <= coverage(1, 40, seed_sd=0, skewed=True) <= 0.97


@pytest.mark.parametrize(("n_seeds", "seed_sd"), [(2, 1.0), (2, 5.0), (3, 1.0), (5, 1.0), (5, 5.0)])
def test_two_level_intervals_cover_95_percent_where_a_few_seeds_differ_strongly(n_seeds, seed_sd):
    assert 0.93 <= coverage(n_seeds, 40, seed_sd=seed_sd, repeats=2500 if n_seeds == 2 else 1000) <= 0.97


@pytest.mark.parametrize(("n_seeds", "seed_sd"), [(2, 0.2), (5, 0.0), (5, 0.2), (5, 1.0)])
def test_two_level_intervals_cover_95_percent_where_both_methods_have_seeds(n_seeds, seed_sd):
    assert 0.93 <= coverage(n_seeds, 40, seed_sd=seed_sd, both=True) <= 0.97


def test_ignoring_the_seed_level_would_not_cover():
    """The seed level is needed: with seeds that matter, intervals over conditions alone are far too narrow."""
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(200):
        a = draw(rng, rng.normal(0, 0.2, 40), 5, seed_sd=0.4, noise_sd=0.2).mean(axis=0, keepdims=True)
        result = paired_bootstrap(a, np.zeros((1, 40)), replicates=500)
        hits += result.low <= 0 <= result.high
    assert hits < 0.5 * 200


@pytest.mark.parametrize(("seeds_a", "seeds_b", "expected"), [(2, 1, 1.0), (5, 1, 4.0), (1, 3, 2.0)])
def test_one_side_with_seeds_has_one_degree_of_freedom_less_than_seeds(seeds_a, seeds_b, expected):
    rng = np.random.default_rng(0)
    a, b = (rng.normal(0, 5, (n, 1)) + rng.normal(size=(n, 20)) for n in (seeds_a, seeds_b))
    assert seed_error(a, b).degrees_of_freedom == pytest.approx(expected)


def test_seeds_that_differ_no_more_than_noise_within_conditions_add_nothing():
    rng = np.random.default_rng(0)
    errors = [seed_error(rng.normal(size=(5, 50)), np.zeros((1, 50))).standard_error for _ in range(200)]
    assert 0.3 < np.mean(np.array(errors) == 0) < 0.8
    assert np.median(errors) < 0.03  # noise alone makes seed means differ by .14, their mean by .06


def test_one_condition_has_an_estimate_but_no_interval():
    result = paired_bootstrap(np.array([[2.0]]), np.array([[0.5]]))
    assert result.estimate == 1.5
    assert np.isnan([result.low, result.high, result.standard_error]).all()


def test_a_constant_difference_has_an_interval_of_no_width():
    result = paired_bootstrap(np.full((2, 5), 3.0), np.full((1, 5), 1.0), replicates=100)
    assert (result.low, result.high) == pytest.approx((2.0, 2.0))
    assert result.standard_error == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("a", "b"),
    [(np.zeros((1, 3)), np.zeros((1, 4))), (np.zeros((0, 3)), np.zeros((1, 3)))],
)
def test_methods_on_different_conditions_or_without_seeds_are_refused(a, b):
    with pytest.raises(ValueError, match="same conditions"):
        paired_bootstrap(a, b)


def test_an_undefined_value_is_refused():
    with pytest.raises(ValueError, match="finite"):
        paired_bootstrap(np.array([[1.0, np.nan]]), np.zeros((1, 2)))
