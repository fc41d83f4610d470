"""What several figures take from a leaderboard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.figures.declare import FigureUnavailable
from bench.statistics.bootstrap import paired_bootstrap
from bench.statistics.summary import defined_conditions
from bench.tables.columns import SCOPE_LABELS, MeasuredColumn, measure_columns
from bench.tables.frames import read_scores

if TYPE_CHECKING:
    from bench.leaderboard import Leaderboard
    from bench.statistics.arrays import Floats


@dataclass(frozen=True)
class Interval:
    """A mean over conditions with its 95 % bootstrap limits, in the metric's unit."""

    mean: float
    low: float
    high: float


def interval(values: Floats) -> Interval:
    """Mean of (seeds, conditions) over the conditions defined in every seed; NaN if there are none."""
    kept = values[:, defined_conditions(values)]
    if kept.shape[1] == 0:
        return Interval(np.nan, np.nan, np.nan)
    boot = paired_bootstrap(kept, np.zeros((1, kept.shape[1])))
    return Interval(boot.estimate, boot.low, boot.high)


def headline_columns(board: Leaderboard) -> list[MeasuredColumn]:
    """The protocol's headline metrics with the values of every row, in the order of the tables."""
    wanted = set(board.protocol.headline)
    arrays = read_scores(board.scores, None, board.conditions)
    columns = measure_columns(arrays, board.facts, board.bounds, "raw")
    return [column for column in columns if (column.fact.metric, column.genes) in wanted]


def on_all_genes(board: Leaderboard) -> list[MeasuredColumn]:
    """Its headline distances on all genes: what one looks at first."""
    return [column for column in headline_columns(board) if column.genes == "all"][:3]


def scored_methods(board: Leaderboard) -> list[str]:
    """Methods with scores; the bounds are left out.

    Those that cover most conditions come first, then the best by the first headline metric: a mean over conditions
    that others lack says nothing beside theirs.

    Raises
    ------
    FigureUnavailable
        If none was scored.
    """
    finished = {record.method for record in board.records if record.status == "finished"}
    lead = headline_columns(board)[0]
    order = {}
    for name in finished & set(lead.values):
        losses = lead.losses(name)
        covered = int(defined_conditions(losses).sum())
        if board.bounds.kind(name) == "method" and covered:
            order[name] = (-covered, mean_over_conditions(losses), name)
    if not order:
        raise FigureUnavailable(
            f"no method has scores on {board.evaluator.task.name}; `python -m bench run` makes them"
        )
    return sorted(order, key=order.__getitem__)


def mean_over_conditions(values: Floats) -> float:
    """Mean of (seeds, conditions) over the conditions defined in every seed; NaN if there are none."""
    kept = values[:, defined_conditions(values)]
    return float(kept.mean()) if kept.shape[1] else float("nan")


def scope_label(genes: str) -> str:
    """Gene set for people."""
    return SCOPE_LABELS.get(genes, genes)


def task_names(boards: Sequence[Leaderboard]) -> str:
    """The tasks of the boards, for a message."""
    return ", ".join(board.evaluator.task.name for board in boards)
