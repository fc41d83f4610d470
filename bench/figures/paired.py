"""Data of the paired scatter: two methods condition by condition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bench.figures.declare import FigureUnavailable
from bench.figures.values import on_all_genes, scope_label
from bench.figures.variants import entrants
from bench.statistics.comparison import compare
from bench.statistics.summary import defined_conditions

if TYPE_CHECKING:
    from bench.leaderboard import Leaderboard


def build(boards: Sequence[Leaderboard]) -> pd.DataFrame:
    """The best method that is not the best baseline, against the best baseline.

    Raises
    ------
    FigureUnavailable
        If there is no baseline, or nothing to hold against it.
    """
    (board,) = boards
    reference = board.best_baseline
    others = [name for name in entrants(board) if name != reference]
    if reference is None or not others:
        raise FigureUnavailable(f"two methods with scores on {board.evaluator.task.name}, one a baseline, are needed")
    return paired_frame(board, others[0], reference)


def paired_frame(board: Leaderboard, method: str, reference: str) -> pd.DataFrame:
    """Two methods on the conditions that both have, under the headline metrics on all genes."""
    frames = []
    for column in on_all_genes(board):
        a, b = column.values[method], column.values[reference]
        both = np.flatnonzero(defined_conditions(a) & defined_conditions(b))
        if not both.size:
            continue
        turned = column.fact.comparable(a), column.fact.comparable(b)
        result = compare(*turned)
        frames.append(
            pd.DataFrame(
                {
                    "condition": [board.conditions[index] for index in both],
                    "metric": column.fact.label,
                    "genes": scope_label(column.genes),
                    "better": "higher" if column.fact.better == "higher" else "lower",
                    "method": method,
                    "reference": reference,
                    "value": a[:, both].mean(axis=0),
                    "reference_value": b[:, both].mean(axis=0),
                    "difference": turned[0][:, both].mean(axis=0) - turned[1][:, both].mean(axis=0),
                    "mean": result.difference,
                    "low": result.low,
                    "high": result.high,
                    "p": result.p,
                }
            )
        )
    if not frames:
        raise FigureUnavailable(f"{method} and {reference} have no condition of {board.evaluator.task.name} in common")
    return pd.concat(frames, ignore_index=True)
