"""Data of Figs. 6 and 7: runs of one method that differ in one setting, the part left out or the number of steps.

They are ordinary stored runs, as ``bench ablate`` makes them, and are found by the configuration in their records.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bench.figures.declare import FigureUnavailable
from bench.figures.values import headline_columns, interval, scope_label, scored_methods
from bench.hashing import hash_json

if TYPE_CHECKING:
    from bench.leaderboard import Leaderboard
    from bench.store import RunRecord

PART = "without"
"""Setting that names the part left out."""
WHOLE = "nothing"
"""Its value where none is."""
STEPS = "nfe"
"""Setting with the number of function evaluations."""


def variants(records: Sequence[RunRecord], setting: str) -> dict[str, object]:
    """Method -> its value of a setting, for the finished runs that differ in nothing else.

    Of several such groups the one with the most values; empty where no two values have run.
    """
    largest = max(_groups(records, setting), key=lambda group: len(set(group.values())), default={})
    return largest if len(set(largest.values())) > 1 else {}


def entrants(board: Leaderboard) -> list[str]:
    """:func:`scored_methods` without those that are another one less a part, or at another number of steps."""
    variant = set()
    for group in (*_groups(board.records, PART), *_groups(board.records, STEPS)):
        # the shortest name is that of the method as it is, without a setting
        variant |= set(group) - {min(group, key=lambda method: (len(method), method))}
    return [method for method in scored_methods(board) if method not in variant]


def _groups(records: Sequence[RunRecord], setting: str) -> list[dict[str, object]]:
    """Method -> its value of a setting, for each set of finished runs that differ in nothing else."""
    groups: dict[str, dict[str, object]] = {}
    for record in records:
        configuration = dict(_configuration(record))
        if record.status != "finished" or setting not in configuration:
            continue
        value = configuration.pop(setting)
        same = {name: record.inputs.get(name) for name in ("source", "resources", "n_cells", "device")}
        groups.setdefault(hash_json({"configuration": configuration, **same}), {})[record.method] = value
    return list(groups.values())


def _configuration(record: RunRecord) -> Mapping[str, object]:
    found = record.inputs.get("configuration")
    return found if isinstance(found, Mapping) else {}


def build_ablations(boards: Sequence[Leaderboard]) -> pd.DataFrame:
    """Every headline score of a task for each setting.

    Raises
    ------
    FigureUnavailable
        If no run is of a method without a part.
    """
    (board,) = boards
    found = variants(board.records, PART)
    if WHOLE not in found.values():
        raise FigureUnavailable(
            f"no ablation has run on {board.evaluator.task.name}: `python -m bench ablate` runs "
            "a method without each of its parts"
        )
    ordered = sorted(found.items(), key=lambda item: (item[1] != WHOLE, str(item[1])))
    settings = {name: name if part == WHOLE else f"w/o {str(part).replace('-', ' ')}" for name, part in ordered}
    return _scores(board, {name: {"setting": setting} for name, setting in settings.items()})


def build_evaluations(boards: Sequence[Leaderboard]) -> pd.DataFrame:
    """Every headline score of a task for each number of function evaluations.

    Raises
    ------
    FigureUnavailable
        If fewer than two numbers of steps have run.
    """
    (board,) = boards
    found = variants(board.records, STEPS)
    if not found:
        raise FigureUnavailable(
            f"fewer than two numbers of function evaluations have run on {board.evaluator.task.name}: "
            "`python -m bench ablate` runs a method with several"
        )
    steps = dict(sorted(((name, int(str(value))) for name, value in found.items()), key=lambda item: item[1]))
    seconds = {name: _predict_seconds(board.records, name) for name in steps}
    return _scores(board, {name: {STEPS: number, "seconds": seconds[name]} for name, number in steps.items()})


def _scores(board: Leaderboard, facts: Mapping[str, Mapping[str, object]]) -> pd.DataFrame:
    rows = []
    for column in headline_columns(board):
        for name, more in facts.items():
            if name not in column.values:
                continue  # it declined every condition
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


def _predict_seconds(records: Sequence[RunRecord], method: str) -> float:
    known = [float(record.details.get("predict_seconds", np.nan)) for record in records if record.method == method]
    return float(np.nanmedian(known)) if np.isfinite(known).any() else float("nan")
