"""Every method against a reference."""

import math

import numpy as np
import pandas as pd
import pytest
from score_frames import RETRIEVAL, RMSE, VARIANCE, declined, frame, texts

from bench.errors import MethodError
from bench.tables import comparison_table
from reports.terminal import plain_text

RNG = np.random.default_rng(0)
BASE = RNG.normal(1, 0.1, 30)


def values(**shifts):
    return {name: [list(BASE + shift + RNG.normal(0, 0.02, 30))] for name, shift in shifts.items()}


def compared(values, fact=RMSE, reference="linear", **options):
    table = comparison_table(frame(values, metric=fact.metric), [fact], reference, replicates=500, **options)
    return table, {one.method: one for one in table.sections[0].differences}


def test_a_comparison_holds_the_numbers_computed_by_hand():
    table, by_name = compared({"linear": [[1.0, 2.0, 3.0]], "a": [[0.5, 1.0, 1.5], [1.5, 2.0, 1.5]]})
    a = by_name["a"]
    assert a.difference == pytest.approx((0 - 0.5 - 1.5) / 3)  # seed means 1, 1.5, 1.5
    assert a.p == pytest.approx(0.5)  # two differences, both negative: 2 / 4
    assert (a.n_conditions, a.seeds, a.reference_seeds) == (3, 2, 1)
    assert table.reference == "linear"


def test_too_few_conditions_for_the_test_have_a_footnote_in_place_of_a_detectable_effect():
    base = np.arange(6.0)
    table, by_name = compared({"linear": [list(base[:5])], "a": [list(2 * base[:5] + 1)]})
    assert math.isnan(by_name["a"].detectable)
    assert "cannot fall below p = 0.0625" in texts(table, by_name["a"].notes)[0]
    line = next(line for line in plain_text(table).splitlines() if line.startswith("aᵃ"))
    assert line.split()[-6:] == ["–", "5", "1", "/", "1", "undecided"]
    _, by_name = compared({"linear": [list(base)], "a": [list(2 * base + 1)]})
    assert by_name["a"].detectable > 0
    assert by_name["a"].notes == ()


def test_a_clear_gain_a_clear_loss_and_no_difference_are_told_apart():
    _, by_name = compared(values(linear=0, good=-0.3, bad=0.3, same=0))
    assert {name: one.verdict for name, one in by_name.items()} == {
        "good": "better",
        "bad": "worse",
        "same": "undecided",
    }


def test_where_higher_is_better_a_gain_is_better():
    _, by_name = compared(values(linear=0, more=0.3), RETRIEVAL)
    assert by_name["more"].verdict == "better"


def test_where_closer_is_better_distances_to_the_perfect_value_are_compared():
    table, by_name = compared({"linear": [[0.5, 0.5]], "wild": [[0.0, 2.0]]}, VARIANCE)
    assert by_name["wild"].difference == pytest.approx(0.5)
    assert "closer to 1" in texts(table, table.sections[0].column.notes)[0]


def test_p_values_are_adjusted_over_methods_and_metrics_together():
    both = pd.concat([frame(values(linear=0, a=0.01, b=0)), frame(values(linear=0, a=0.02, b=0), metric="retrieval")])
    table = comparison_table(both, [RMSE, RETRIEVAL], "linear", replicates=100)
    raw = [one.p for section in table.sections for one in section.differences]
    adjusted = [one.p_adjusted for section in table.sections for one in section.differences]
    ranks = np.argsort(np.argsort(raw)) + 1
    assert min(adjusted) == pytest.approx(min(p * 4 / rank for p, rank in zip(raw, ranks, strict=True)))
    assert len(raw) == 4


def test_a_gene_set_that_is_the_whole_panel_is_tested_once():
    scores = values(linear=0, a=0.01)
    other = frame(values(linear=0, a=0.02), genes="de20")
    both = pd.concat([frame(scores), frame(scores, genes="de40"), other])
    table = comparison_table(both, [RMSE], "linear", replicates=100)
    assert [section.column.genes for section in table.sections] == ["all", "de20"]
    assert "DE40: the same genes" in texts(table, table.sections[0].column.notes)[0]
    assert table.sections[1].column.notes == ()


def test_floor_and_oracle_are_not_compared_but_the_control_is():
    shifts = {"linear": 0, "a": 0.1, "technical duplicate": -0.9, "oracle": -0.9, "control": 1}
    _, by_name = compared(values(**shifts))
    assert list(by_name) == ["a", "control"]


def test_only_conditions_both_support_are_compared_and_their_number_is_said():
    scores = {"linear": [[1.0, 2.0, 3.0]], "some": [[0.0, 0.0]]}
    table, by_name = compared(scores, unsupported=declined(("some", "c2", "why")))
    assert by_name["some"].n_conditions == 2
    assert by_name["some"].difference == pytest.approx(-1.5)
    assert texts(table, by_name["some"].notes)[0] == "compared on the 2 of 3 conditions that both have"


def test_a_method_that_supports_nothing_has_no_difference_and_a_reason():
    missing = declined(("gears", "c0", "not in graph"), ("gears", "c1", "not in graph"))
    table, by_name = compared({"linear": [[1.0, 2.0]], "a": [[1.0, 1.0]]}, unsupported=missing)
    gears = by_name["gears"]
    assert math.isnan(gears.difference)
    assert math.isnan(gears.p_adjusted)
    assert (gears.n_conditions, gears.verdict) == (0, "undecided")
    assert texts(table, gears.notes) == ["not supported: not in graph"]


def test_a_method_asked_for_that_has_no_scores_is_in_the_comparison():
    table, by_name = compared({"linear": [[1.0, 2.0]]}, methods=["linear", "failed"])
    assert texts(table, by_name["failed"].notes) == ["no scores on this task"]


def test_a_reference_without_scores_is_refused():
    with pytest.raises(MethodError, match="'additive' has no scores on task 'toy'"):
        compared({"linear": [[1.0, 2.0]]}, reference="additive")


def test_table_and_comparison_of_the_same_scores_carry_the_same_hash():
    from bench.tables import score_table

    scores = frame({"linear": [[1.0, 2.0]], "a": [[1.0, 1.0]]})
    comparison = comparison_table(scores, [RMSE], "linear", replicates=10)
    assert comparison.source == score_table(scores, [RMSE]).source
