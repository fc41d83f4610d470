"""Data of Figs. 6 and 7: runs of a method, of the method without a part, and with other numbers of steps.

Variants are known by their names: ``X-no-PART`` is ``X`` without that part, ``X-nfeN`` is ``X`` with ``N`` function
evaluations.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bench.figures.declare import FigureUnavailable
from bench.figures.values import headline_columns, interval, scope_label

if TYPE_CHECKING:
    from bench.leaderboard import Leaderboard
    from bench.store import RunRecord

_WITHOUT = re.compile(r"(?P<base>.+)-no-(?P<part>.+)")
_STEPS = re.compile(r"(?P<base>.+)-nfe-?(?P<steps>\d+)")


def ablation_settings(methods: Sequence[str]) -> dict[str, str]:
    """Method -> setting shown, the whole method first, of the method with the most ablations; empty without any."""
    found: dict[str, dict[str, str]] = {}
    for name in sorted(methods):
        match = _WITHOUT.fullmatch(name)
        if match and match["base"] in methods:
            settings = found.setdefault(match["base"], {match["base"]: match["base"]})
            settings[name] = f"w/o {match['part'].replace('-', ' ')}"
    return max(found.values(), key=len, default={})


def step_settings(methods: Sequence[str]) -> dict[str, int]:
    """Method -> number of function evaluations, of the method with the most such variants; empty if there is none."""
    found: dict[str, dict[str, int]] = {}
    for name in sorted(methods):
        match = _STEPS.fullmatch(name)
        if match:
            found.setdefault(match["base"], {})[name] = int(match["steps"])
    best = max(found.values(), key=len, default={})
    return dict(sorted(best.items(), key=lambda item: item[1]))


def build_ablations(boards: Sequence[Leaderboard]) -> pd.DataFrame:
    """Every headline score of a task for each setting.

    Raises
    ------
    FigureUnavailable
        If no run is of a method without a part.
    """
    (board,) = boards
    settings = ablation_settings(_finished(board))
    if not settings:
        raise FigureUnavailable(
            f"no ablation has run on {board.evaluator.task.name}: finished methods X and X-no-PART are needed"
        )
    return _scores(board, {name: {"setting": setting} for name, setting in settings.items()})


def build_evaluations(boards: Sequence[Leaderboard]) -> pd.DataFrame:
    """Every headline score of a task for each number of function evaluations.

    Raises
    ------
    FigureUnavailable
        If fewer than two numbers of steps have run.
    """
    (board,) = boards
    settings = step_settings(_finished(board))
    if len(set(settings.values())) < 2:
        raise FigureUnavailable(
            f"fewer than two numbers of function evaluations have run on {board.evaluator.task.name}: "
            "finished methods named X-nfeN are needed"
        )
    seconds = {name: _predict_seconds(board.records, name) for name in settings}
    return _scores(board, {name: {"nfe": steps, "seconds": seconds[name]} for name, steps in settings.items()})


def _scores(board: Leaderboard, facts: Mapping[str, Mapping[str, object]]) -> pd.DataFrame:
    rows = []
    for column in headline_columns(board):
        for name, more in facts.items():
            found = interval(column.values[name])
            rows.append(
                {
                    "task": board.evaluator.task.name,
                    "method": name,
                    **more,
                    "metric": column.fact.label,
                    "genes": scope_label(column.genes),
                    "better": column.fact.better,
                    "mean": found.mean,
                    "low": found.low,
                    "high": found.high,
                }
            )
    return pd.DataFrame(rows)


def _finished(board: Leaderboard) -> list[str]:
    return sorted({record.method for record in board.records if record.status == "finished"})


def _predict_seconds(records: Sequence[RunRecord], method: str) -> float:
    known = [float(record.details.get("predict_seconds", np.nan)) for record in records if record.method == method]
    return float(np.nanmedian(known)) if np.isfinite(known).any() else float("nan")
