"""Data of the ranks over tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from bench.figures.declare import FigureUnavailable
from bench.figures.values import headline_columns, mean_over_conditions, task_names
from bench.statistics.summary import defined_conditions

if TYPE_CHECKING:
    from bench.leaderboard import Leaderboard


def build(boards: Sequence[Leaderboard]) -> pd.DataFrame:
    """Rank of every method under every headline metric of every task; greyed metrics rank nobody.

    Only methods with a value for every condition that any method has are ranked.

    Raises
    ------
    FigureUnavailable
        If no metric of any task ranks two methods.
    """
    frame = pd.concat([ranks_of(board) for board in boards], ignore_index=True)
    if not frame["rank"].notna().any():
        raise FigureUnavailable(f"no headline metric tells two methods apart on {task_names(boards)}")
    return frame


def ranks_of(board: Leaderboard) -> pd.DataFrame:
    """Ranks on one task, 1 the best, ties shared; missing where a method is not ranked."""
    rows = []
    for column in headline_columns(board):
        losses = {name: column.losses(name) for name in column.values if board.bounds.kind(name) == "method"}
        if column.range.flat or not losses:
            continue
        defined = {name: defined_conditions(values) for name, values in losses.items()}
        anyone = np.logical_or.reduce(list(defined.values()))
        whole = [name for name in losses if anyone.any() and defined[name][anyone].all()]
        means = [mean_over_conditions(losses[name]) for name in whole]
        rank = dict(zip(whole, rankdata(means), strict=True)) if len(whole) > 1 else {}
        rows += [
            (board.evaluator.task.name, name, column.fact.metric, column.genes, rank.get(name, np.nan))
            for name in losses
        ]
    return pd.DataFrame(rows, columns=["task", "method", "metric", "genes", "rank"]).astype({"rank": float})
