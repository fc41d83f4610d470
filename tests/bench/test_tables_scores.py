"""The score table: numbers, ranks, what is greyed, what is footnoted."""

import math

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from score_frames import RETRIEVAL, RMSE, VARIANCE, cell, declined, frame, row, texts

from bench.tables import Bounds, ColumnFacts, headline, score_table
from reports.terminal import plain_text

GOLDEN = {
    "control": [[1.0, 0.6]],
    "B": [[0.5, 0.5]],
    "A": [[0.2, 0.6], [0.4, 0.6]],
    "technical duplicate": [[0.1, 0.3]],
}


def test_a_tiny_table_holds_the_numbers_computed_by_hand():
    table = score_table(frame(GOLDEN), [RMSE])
    a, b = cell(table, "A"), cell(table, "B")
    assert a.mean == pytest.approx(0.45)
    assert a.seed_spread == pytest.approx(0.1 / math.sqrt(2))  # seed means 0.4 and 0.5
    assert a.condition_spread == pytest.approx(0.3 / math.sqrt(2))  # condition means 0.3 and 0.6
    assert a.normalised == pytest.approx((0.8 - 0.45) / (0.8 - 0.2))
    assert (a.n_conditions, a.n_seeds, a.rank) == (2, 2, "best")
    assert b.mean == 0.5
    assert math.isnan(b.seed_spread)
    assert (b.condition_spread, b.normalised, b.rank) == (0, pytest.approx(0.5), "second")
    assert table.columns[0].dynamic_range == pytest.approx((0.8 - 0.2) / 0.8)
    assert table.columns[0].decimals == 3


def test_a_tiny_table_prints_as_written_by_hand():
    table = score_table(frame(GOLDEN), [RMSE], method_notes={"B": ["mean output, lifted"]}, protocol_text="Hand-made.")
    expected = f"""\
toy · calibrated@1

                      all genes
method                     RMSE ↓
━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━
technical duplicate   0.200±0.141
─────────────────────────────────
A                    *0.450±0.212
Bᵃ                   †0.500±0.000
─────────────────────────────────
control               0.800±0.283
━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━

2 held-out conditions. Mean over conditions of the mean over seeds (1 to 2 seeds) ± standard deviation over
conditions of the mean over seeds. * best, † second, among the methods scored on the same conditions; not
ranked: technical duplicate, control.
calibrated@1: Hand-made.
ᵃ mean output, lifted
provenance {table.source.hash[:12]}
"""
    assert [line.rstrip() for line in plain_text(table).splitlines()] == expected.splitlines()


def test_rows_stand_floor_oracle_methods_by_score_control():
    values = {"worse": [[3, 3]], "control": [[4, 4]], "oracle": [[1.5, 1.5]], "better": [[2, 2]]}
    table = score_table(frame(values | {"technical duplicate": [[1, 1]]}), [RMSE])
    assert [row.name for row in table.rows] == ["technical duplicate", "oracle", "better", "worse", "control"]
    assert [row.kind for row in table.rows] == ["floor", "oracle", "method", "method", "ceiling"]


def test_methods_can_be_given_in_order_and_left_out():
    values = {"a": [[1, 1]], "b": [[2, 2]], "c": [[3, 3]], "control": [[4, 4]]}
    table = score_table(frame(values), [RMSE], methods=["c", "a"])
    assert [row.name for row in table.rows] == ["c", "a", "control"]


def test_where_higher_is_better_the_highest_is_best():
    values = {"low": [[0.2, 0.4]], "high": [[0.7, 0.9]]}
    table = score_table(frame(values, metric="retrieval"), [RETRIEVAL])
    assert [row.name for row in table.rows] == ["high", "low"]
    assert (cell(table, "high").rank, cell(table, "low").rank) == ("best", "second")


def test_where_closer_is_better_too_high_here_and_too_low_there_do_not_cancel():
    values = {"steady": [[0.8, 0.8]], "wild": [[0.0, 2.0]]}
    table = score_table(frame(values, metric="variance"), [VARIANCE])
    assert cell(table, "wild").mean == 1.0
    assert cell(table, "steady").rank == "best"
    assert "closer to 1 is better" in texts(table, table.columns[0].notes)[0]


def test_bounds_are_never_ranked_however_good():
    values = {"technical duplicate": [[0, 0]], "oracle": [[0, 0]], "a": [[2, 2]], "b": [[3, 3]], "control": [[1, 1]]}
    table = score_table(frame(values), [RMSE])
    assert {row.name: row.cells[0].rank for row in table.rows} == {
        "technical duplicate": None,
        "oracle": None,
        "a": "best",
        "b": "second",
        "control": None,
    }


def test_scores_that_print_alike_share_a_rank():
    values = {"a": [[1.0, 2.0]], "b": [[1.0001, 2.0]], "c": [[1.5, 2.5]]}
    table = score_table(frame(values), [RMSE])
    assert table.columns[0].decimals == 3
    assert [cell(table, name).rank for name in "abc"] == ["best", "best", "second"]


def test_a_method_on_some_conditions_is_averaged_over_those_marked_and_not_ranked():
    values = {"full": [[2.0, 2.0, 3.0]], "other": [[3.0, 3.0, 3.0]], "some": [[1.0, 1.0]]}
    table = score_table(frame(values), [RMSE], unsupported=declined(("some", "c2", "gene not in graph")))
    some = row(table, "some")
    assert (some.cells[0].mean, some.cells[0].n_conditions, some.cells[0].rank) == (1.0, 2, None)
    assert texts(table, some.notes) == [
        "scored on 2 of 3 conditions, not ranked against methods that have more; not supported: gene not in graph"
    ]
    assert cell(table, "full").rank == "best"
    assert [row.name for row in table.rows][-1] == "some"


def test_methods_with_the_same_conditions_are_ranked_even_if_nobody_has_them_all():
    values = {"a": [[1.0, 2.0]], "b": [[2.0, 3.0]]}
    missing = declined(("a", "c2", "no"), ("b", "c2", "no"))
    table = score_table(frame(values), [RMSE], unsupported=missing)
    assert table.n_conditions == 3
    assert (cell(table, "a").rank, cell(table, "b").rank) == ("best", "second")


def test_a_method_alone_is_not_best():
    assert cell(score_table(frame({"a": [[1, 2]], "control": [[3, 3]]}), [RMSE]), "a").rank is None


def test_a_method_that_supports_nothing_is_a_dash_with_its_reason():
    missing = declined(("gears", "c0", "not in graph"), ("gears", "c1", "not in graph"))
    table = score_table(frame({"a": [[1, 2]]}), [RMSE], unsupported=missing)
    gears = row(table, "gears")
    assert gears.cells == (None,)
    assert texts(table, gears.notes) == ["not supported: not in graph"]


def test_a_method_asked_for_that_has_no_scores_is_a_row_of_dashes_not_an_absence():
    table = score_table(
        frame({"a": [[1, 2]]}), [RMSE], methods=["a", "failed"], method_notes={"failed": ["run failed"]}
    )
    assert [row.name for row in table.rows] == ["a", "failed"]
    assert row(table, "failed").cells == (None,)
    assert texts(table, row(table, "failed").notes) == ["run failed", "no scores on this task"]


def test_many_reasons_are_counted():
    rows = [("m", f"c{i}", "common") for i in range(5)] + [("m", "c5", "b"), ("m", "c6", "c"), ("m", "c7", "d")]
    table = score_table(frame({"a": [[1.0] * 8]}), [RMSE], unsupported=declined(*rows))
    assert texts(table, row(table, "m").notes) == ["not supported: common (5); b (1); other reasons (2)"]


def test_undefined_values_are_counted_in_a_footnote_and_not_ranked():
    values = {"a": [[1.0, math.nan, 2.0]], "b": [[2.0, 2.0, 2.0]], "c": [[3.0, 3.0, 3.0]]}
    table = score_table(frame(values), [RMSE])
    a = cell(table, "a")
    assert (a.mean, a.n_conditions, a.n_undefined, a.rank) == (1.5, 2, 1, None)
    assert texts(table, a.notes) == ["undefined (NaN) for 1 of 3 conditions; mean over the others, not ranked"]
    assert cell(table, "b").rank == "best"


def test_a_value_undefined_in_one_seed_is_undefined():
    values = {"a": [[1.0, 2.0], [1.0, math.nan]], "b": [[2.0, 2.0]]}
    assert cell(score_table(frame(values), [RMSE]), "a").n_undefined == 1


def test_a_score_that_is_absent_counts_as_undefined():
    scores = frame({"a": [[1.0, 2.0], [1.0, 2.0]], "b": [[2.0, 2.0]]})
    lost = scores.drop(index=scores.query("method == 'a' and seed == 1 and condition == 'c1'").index)
    assert cell(score_table(lost, [RMSE]), "a").n_undefined == 1


def test_a_seed_without_any_score_of_a_metric_leaves_nothing_defined():
    both = pd.concat([frame({"a": [[1.0], [1.0]]}), frame({"a": [[0.5]]}, metric="retrieval")])
    table = score_table(both, [RMSE, RETRIEVAL])
    assert (cell(table, "a", 0).n_undefined, cell(table, "a", 1).n_undefined) == (0, 1)
    assert math.isnan(cell(table, "a", 1).mean)


def test_a_metric_defined_nowhere_shows_as_nan_not_as_a_dash():
    table = score_table(frame({"a": [[math.nan, math.nan]], "b": [[1.0, 1.0]]}), [RMSE])
    assert math.isnan(cell(table, "a").mean)
    assert texts(table, cell(table, "a").notes) == ["undefined (NaN) for all 2 conditions"]


def test_a_metric_that_cannot_tell_models_apart_is_greyed_and_ranks_nobody():
    values = {"technical duplicate": [[0.95, 0.95]], "a": [[0.5, 0.5]], "b": [[0.6, 0.6]], "control": [[1.0, 1.0]]}
    table = score_table(frame(values), [RMSE])
    assert table.columns[0].greyed
    assert table.columns[0].dynamic_range == pytest.approx(0.05)
    assert cell(table, "a").rank is None
    assert "RMSE (all genes) 0.05" in texts(table, table.columns[0].notes)[0]


def test_a_control_better_than_perfect_leaves_no_range_either():
    values = {"technical duplicate": [[-0.01]], "a": [[0.5]], "b": [[0.6]], "control": [[-0.02]]}
    table = score_table(frame(values), [RMSE])
    assert table.columns[0].dynamic_range > 0.1
    assert table.columns[0].greyed


def test_without_a_technical_duplicate_the_range_is_unknown_and_nothing_is_greyed():
    table = score_table(frame({"a": [[1, 1]], "b": [[2, 2]], "control": [[3, 3]]}), [RMSE])
    assert math.isnan(table.columns[0].dynamic_range)
    assert not table.columns[0].greyed
    assert "Dynamic range unknown" in plain_text(table)


def test_normalised_scores_run_from_the_control_to_the_technical_duplicate_unclipped():
    table = score_table(frame(GOLDEN | {"bad": [[2.0, 2.0]]}), [RMSE], scale="normalised")
    means = {row.name: row.cells[0].mean for row in table.rows}
    assert means == pytest.approx({"technical duplicate": 1, "A": 0.35 / 0.6, "B": 0.5, "bad": -2, "control": 0})
    assert cell(table, "A").condition_spread == pytest.approx(0.3 / math.sqrt(2) / 0.6)
    assert cell(table, "A").rank == "best"
    assert table.columns[0].better == "higher"


def test_the_normalised_mean_is_the_raw_tables_normalised_score():
    values = {"technical duplicate": [[0.9, 1.2]], "a": [[0.5, 1.1]], "b": [[0.4, 3]], "control": [[0.1, 0.2]]}
    scores = frame(values, metric="variance")
    raw, normalised = score_table(scores, [VARIANCE]), score_table(scores, [VARIANCE], scale="normalised")
    for name in values:
        assert cell(normalised, name).mean == pytest.approx(cell(raw, name).normalised)
        assert cell(normalised, name).normalised == pytest.approx(cell(raw, name).normalised)


def test_columns_are_grouped_by_gene_set_in_the_order_of_the_metrics():
    parts = [frame({"a": [[1]]}, metric=m, genes=g) for m in ("retrieval", "rmse") for g in ("de40", "all", "de20")]
    table = score_table(pd.concat(parts), [RMSE, RETRIEVAL, VARIANCE])
    assert [(column.group, column.metric) for column in table.columns] == [
        (group, metric) for group in ("all genes", "DE20", "DE40") for metric in ("rmse", "retrieval")
    ]


def test_the_spread_shown_is_named_in_the_caption():
    over_seeds = " ".join(plain_text(score_table(frame(GOLDEN), [RMSE], spread="seeds")).split())
    assert "0.450±0.071" in over_seeds
    assert "standard deviation over seeds of the mean over conditions; none where there is one seed." in over_seeds
    over_conditions = " ".join(plain_text(score_table(frame(GOLDEN), [RMSE])).split())
    assert "standard deviation over conditions of the mean over seeds." in over_conditions


def test_the_bounds_may_have_other_names():
    values = {"dup": [[0.1, 0.1]], "a": [[0.5, 0.5]], "nothing": [[1.0, 1.0]]}
    table = score_table(frame(values), [RMSE], bounds=Bounds(floor="dup", ceiling="nothing"))
    assert [row.kind for row in table.rows] == ["floor", "method", "ceiling"]


def test_headline_keeps_the_short_list():
    long = ColumnFacts("slope", "slope", "closer", 1.0, headline=False)
    assert headline([RMSE, long]) == (RMSE,)


def test_a_metric_with_nothing_to_be_close_to_is_refused():
    with pytest.raises(ValueError, match="slope"):
        ColumnFacts("slope", "slope", "closer", math.nan)


def test_the_hash_depends_on_every_score_and_not_on_the_order_of_rows():
    scores = frame(GOLDEN)
    hash_of = score_table(scores, [RMSE]).source.hash
    assert score_table(scores.sample(frac=1, random_state=0), [RMSE]).source.hash == hash_of
    changed = scores.assign(value=scores["value"] + (scores.index == 3) * 1e-12)
    assert score_table(changed, [RMSE]).source.hash != hash_of
    assert score_table(scores, [RMSE], provenance={"split": "abc"}).source.hash != hash_of


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_renaming_conditions_and_methods_changes_no_number(data):
    n = data.draw(st.integers(2, 5))
    line = st.lists(st.floats(0, 10), min_size=n, max_size=n)
    values = {name: [data.draw(line)] for name in ("x", "y", "z")}
    order = data.draw(st.permutations(range(n)))
    shuffled = {name: [[seeds[0][i] for i in order]] for name, seeds in values.items()}
    one, other = score_table(frame(values), [RMSE]), score_table(frame(shuffled), [RMSE])
    for name in values:
        a, b = cell(one, name), cell(other, name)
        assert b.mean == pytest.approx(a.mean)
        assert b.condition_spread == pytest.approx(a.condition_spread, abs=1e-12)
