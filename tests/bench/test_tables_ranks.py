"""The table of mean ranks: who is ranked, and what its footnotes say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bench.tables import ColumnFacts, rank_table
from reports.latex import latex_table
from reports.markdown import to_markdown
from reports.tidy import to_csv

RMSE = ColumnFacts("rmse", "RMSE", "lower", 0.0)
RETRIEVAL = ColumnFacts("retrieval", "Retrieval", "higher", 1.0)
CONDITIONS = [f"c{i:02d}" for i in range(40)]


def frame(values: dict[str, np.ndarray], metric: str = "rmse") -> pd.DataFrame:
    """(seeds, conditions) by method as a long score frame."""
    rows = [
        ("t", "p@1", name, seed, condition, metric, "all", value)
        for name, array in values.items()
        for seed, line in enumerate(np.atleast_2d(array))
        for condition, value in zip(CONDITIONS, line, strict=False)
    ]
    return pd.DataFrame(rows, columns=["task", "protocol", "method", "seed", "condition", "metric", "genes", "value"])


def drawn(shifts: dict[str, float], seeds: int = 2) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {name: rng.normal(shift, 0.3, (seeds, 40)) + 5 for name, shift in shifts.items()}


def test_cells_are_mean_ranks_with_their_spread_over_conditions():
    table = rank_table(frame({"a": np.array([1.0, 2.0, 3.0, 1.0]), "b": np.array([2.0, 1.0, 4.0, 2.0])}), [RMSE])
    assert [row.name for row in table.rows] == ["a", "b"]
    (a,), (b,) = (row.cells for row in table.rows)
    assert (a.mean, b.mean) == (1.25, 1.75)
    assert a.condition_spread == pytest.approx(0.5)
    assert (a.rank, b.rank) == ("best", "second")
    assert (a.n_conditions, a.n_seeds) == (4, 1)


def test_the_column_says_what_is_not_told_apart():
    table = rank_table(frame(drawn({"good": 0.0, "same": 0.01, "bad": 2.0})), [RMSE])
    (note,) = table.notes
    assert note.text.startswith("Friedman p < 0.001; critical difference 0.52 (Nemenyi, 5 %); not told apart: ")
    assert set(note.text.rpartition(": ")[2].split(", ")) == {"good", "same"}


def test_higher_is_turned_round():
    table = rank_table(frame(drawn({"good": 2.0, "bad": 0.0}), "retrieval"), [RETRIEVAL])
    assert [row.name for row in table.rows] == ["good", "bad"]


def test_bounds_are_no_methods_and_a_flat_metric_ranks_nobody():
    values = drawn({"a": 0.0, "b": 1.0}) | {"technical duplicate": np.full(40, 4.9), "control": np.full(40, 5.0)}
    table = rank_table(frame(values), [RMSE])
    assert [row.name for row in table.rows] == ["a", "b"]
    assert [row.cells for row in table.rows] == [(None,), (None,)]
    assert table.columns[0].greyed
    assert "cannot tell models apart" in table.notes[0].text


def test_a_method_that_lacks_conditions_is_not_ranked_and_says_why():
    values = drawn({"a": 0.0, "b": 1.0, "c": 0.5})
    values["c"] = values["c"].copy()
    values["c"][:, 3] = np.nan
    declined = pd.DataFrame(
        [("d", condition, "no") for condition in CONDITIONS], columns=["method", "condition", "reason"]
    )
    table = rank_table(frame(values), [RMSE], unsupported=declined)
    cells = {row.name: row.cells[0] for row in table.rows}
    assert cells["c"] is None
    assert cells["d"] is None
    assert cells["a"].mean == pytest.approx(1.0, abs=0.1)
    notes = " ".join(note.text for note in table.notes)
    assert "lacks conditions that other methods have" in notes
    assert "not supported: no" in notes


def test_it_is_written_in_every_form():
    table = rank_table(frame(drawn({"good": 0.0, "bad": 2.0})), [RMSE], simulated=True)
    for text in (latex_table(table), to_markdown(table)):
        assert "mean ranks" in text
        assert "simulated data" in text
        assert "best in every condition" in " ".join(text.split())
    assert ",rank,1.0," in to_csv(table)
