"""Data of Fig. 2: distances between the predicted cells of one condition, and between the true ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from bench.figures.declare import FigureUnavailable
from bench.figures.values import task_names
from bench.protocols import CALIBRATED
from reports.figures.intra_distance import TRUE_CELLS

if TYPE_CHECKING:
    from bench.leaderboard import Leaderboard

COLUMNS = ["task", "method", "condition", "intra_distance"]


def intra_distance_frame(scores: pd.DataFrame, without: Sequence[str] = ()) -> pd.DataFrame:
    """Mean over seeds per method and condition; the truth is a method of its own.

    Parameters
    ----------
    scores
        Columns task, method, condition, metric, value, with metrics ``intra_distance`` and ``intra_distance_true``.
    without
        Rows of the scores that are left out.
    """
    kept = scores[~scores["method"].isin(list(without))]
    predicted = kept[kept["metric"] == "intra_distance"]
    true = kept[kept["metric"] == "intra_distance_true"].assign(method=TRUE_CELLS)
    long = pd.concat([predicted, true]).rename(columns={"value": "intra_distance"})
    return long.groupby(COLUMNS[:3], sort=False)["intra_distance"].mean().reset_index()


def build(boards: Sequence[Leaderboard]) -> pd.DataFrame:
    """All tasks; distances are those of the calibrated protocol, whatever the boards' own.

    Raises
    ------
    FigureUnavailable
        If no run has finished.
    """
    frames = []
    for board in boards:
        if any(record.status == "finished" for record in board.records):
            calibrated = replace(board, protocol=CALIBRATED)
            bounds = calibrated.bounds
            frames.append(intra_distance_frame(calibrated.scores, without=(bounds.floor, bounds.oracle)))
    if not frames:
        raise FigureUnavailable(f"no run has finished on {task_names(boards)}; `python -m bench run` makes them")
    return pd.concat(frames, ignore_index=True)
