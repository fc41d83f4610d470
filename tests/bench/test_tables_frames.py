"""What is refused before a table is built."""

import numpy as np
import pandas as pd
import pytest
from score_frames import RMSE, declined, frame

from bench.errors import DataError
from bench.tables import score_table

GOOD = frame({"a": [[1.0, 2.0]]})


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (GOOD.drop(columns="genes"), "column 'genes' is missing"),
        (GOOD.iloc[:0], "there are none"),
        (pd.concat([GOOD, GOOD.assign(task="other")]), "column task: 'toy' and 'other'"),
        (pd.concat([GOOD, GOOD.assign(protocol="paper@1")]), "column protocol: 'calibrated@1' and 'paper@1'"),
        (pd.concat([GOOD, GOOD]), "two values for method 'a', seed '0', condition 'c0', metric 'rmse'"),
        (GOOD.assign(value=np.inf), "value: inf for method 'a'"),
    ],
)
def test_a_score_frame_that_is_not_one_is_refused_with_its_field_and_value(scores, message):
    with pytest.raises(DataError, match=message):
        score_table(scores, [RMSE])


def test_a_condition_that_is_both_declined_and_scored_is_refused():
    with pytest.raises(DataError, match=r"'a' both declines condition 'c1' \(why\)"):
        score_table(GOOD, [RMSE], unsupported=declined(("a", "c1", "why")))


def test_a_condition_foreign_to_the_task_is_refused():
    with pytest.raises(DataError, match="'c1' is not a condition of task 'toy'"):
        score_table(GOOD, [RMSE], conditions=["c0"])


def test_conditions_nobody_was_scored_on_count_too():
    table = score_table(GOOD, [RMSE], conditions=["c0", "c1", "c2"])
    assert table.n_conditions == 3
    assert table.rows[0].cells[0].n_undefined == 1
