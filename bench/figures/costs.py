"""Data of score against time and memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from bench.figures.declare import FigureUnavailable
from bench.figures.values import headline_columns, mean_over_conditions, scope_label, task_names

if TYPE_CHECKING:
    from bench.leaderboard import Leaderboard
    from bench.store import RunRecord

_GIBIBYTE = 2**30


def build(boards: Sequence[Leaderboard]) -> pd.DataFrame:
    """First headline score of every method of every task beside what its runs took.

    Predictions made elsewhere have no known cost and are left out.

    Raises
    ------
    FigureUnavailable
        If no run has a known cost.
    """
    rows = []
    for board in boards:
        lead = headline_columns(board)[0]
        costs = pd.DataFrame(
            [
                {"method": record.method, **cost_of(record)}
                for record in board.records
                if "fit_seconds" in record.details
            ]
        )
        if costs.empty:
            continue
        for method, cost in costs.groupby("method")[["seconds", "gibibytes"]].median().iterrows():
            rows.append(
                {
                    "task": board.evaluator.task.name,
                    "method": str(method),
                    "metric": lead.fact.label,
                    "genes": scope_label(lead.genes),
                    "better": lead.fact.better,
                    "value": mean_over_conditions(lead.values[str(method)]) if method in lead.values else float("nan"),
                    **cost,
                }
            )
    frame = pd.DataFrame(rows)
    if frame.empty or not frame["value"].notna().any():
        raise FigureUnavailable(f"no run on {task_names(boards)} has both a score and a recorded cost")
    return frame[frame["value"].notna()].reset_index(drop=True)


def cost_of(record: RunRecord) -> dict[str, float]:
    """Seconds to fit and predict; GiB at the peak, of the GPU where one was used."""
    details = record.details
    peak = details.get("peak_gpu_bytes") or details.get("peak_host_bytes", float("nan"))
    return {
        "seconds": float(details["fit_seconds"]) + float(details["predict_seconds"]),
        "gibibytes": float(peak) / _GIBIBYTE,
    }
