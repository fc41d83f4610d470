"""The long score frame, checked once and read as arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from bench.errors import DataError
from bench.hashing import hash_json
from bench.statistics.arrays import Floats

SCORE_COLUMNS = ("task", "protocol", "method", "seed", "condition", "metric", "genes", "value")
UNSUPPORTED_COLUMNS = ("method", "condition", "reason")
_KEY = list(SCORE_COLUMNS[:-1])


@dataclass(frozen=True)
class ScoreArrays:
    """Scores of one task under one protocol.

    Parameters
    ----------
    task, protocol
        The one task and the one protocol of the scores.
    conditions
        Every condition of the task.
    methods
        Every row name, in order of appearance; those without scores come last.
    scopes
        Gene sets each metric was scored on, by metric name, in order of appearance.
    values
        (seeds, conditions) by (method, metric, genes); NaN where undefined or not scored.
    reasons
        Why a method does not support a condition: method -> condition -> reason.
    hash
        SHA-256 over scores and reasons, whatever the order of the rows.
    """

    task: str
    protocol: str
    conditions: tuple[str, ...]
    methods: tuple[str, ...]
    scopes: Mapping[str, tuple[str, ...]]
    values: Mapping[tuple[str, str, str], Floats]
    reasons: Mapping[str, Mapping[str, str]]
    hash: str

    @property
    def scored(self) -> frozenset[str]:
        """Methods with any score."""
        return frozenset(method for method, _, _ in self.values)

    def with_methods(self, methods: Sequence[str]) -> ScoreArrays:
        """The same scores, with a place for these methods even if they have none."""
        return replace(self, methods=tuple(dict.fromkeys([*self.methods, *methods])))

    def array(self, method: str, metric: str, genes: str) -> Floats:
        """Values of a method: (seeds, conditions); (0, conditions) if it was never scored."""
        return self.values.get((method, metric, genes), np.empty((0, len(self.conditions))))


def read_scores(
    scores: pd.DataFrame, unsupported: pd.DataFrame | None, conditions: Sequence[str] | None
) -> ScoreArrays:
    """Check a long score frame and cut it into arrays.

    Parameters
    ----------
    scores
        Columns task, protocol, method, seed, condition, metric, genes, value.
    unsupported
        Columns method, condition, reason.
    conditions
        Every condition of the task; by default those that occur in either frame.

    Raises
    ------
    DataError
        If a column is missing, there is no row, there is more than one task or protocol, a score occurs twice, is
        infinite, belongs to no condition of the task, or is given for a condition the method declined.
    """
    _require(scores, SCORE_COLUMNS, "scores")
    if unsupported is None:
        unsupported = pd.DataFrame(columns=list(UNSUPPORTED_COLUMNS))
    _require(unsupported, UNSUPPORTED_COLUMNS, "unsupported")
    task, protocol = _single(scores, "task"), _single(scores, "protocol")
    _check_values(scores)
    reasons: dict[str, dict[str, str]] = {}
    for method, condition, reason in unsupported[list(UNSUPPORTED_COLUMNS)].itertuples(index=False):
        reasons.setdefault(str(method), {})[str(condition)] = str(reason)
    _check_declined(scores, reasons)
    scored = scores["condition"].astype(str)
    seen = dict.fromkeys([*scored.unique(), *(key for declined in reasons.values() for key in declined)])
    everything = tuple(seen) if conditions is None else tuple(conditions)
    strangers = sorted(set(seen) - set(everything))
    if strangers:
        raise DataError(
            f"scores, column condition: {strangers[0]!r} is not a condition of task {task!r} "
            f"({len(strangers)} such); score the predictions again on this task's split"
        )
    scopes: dict[str, tuple[str, ...]] = {}
    values: dict[tuple[str, str, str], Floats] = {}
    column = pd.Index(everything).get_indexer(pd.Index(scored))
    by_method = scores.groupby("method", sort=False, observed=True)["seed"]
    seeds = {str(name): np.sort(part.unique()) for name, part in by_method}
    numbers = scores["value"].to_numpy(dtype=np.float64)
    grouped: Any = scores.groupby(["method", "metric", "genes"], sort=False, observed=True).indices
    for (method, metric, genes), rows in grouped.items():
        # A seed of the method without this metric stays, as NaN: it must not look as if it had never run.
        wide = np.full((seeds[method].size, len(everything)), np.nan)
        wide[np.searchsorted(seeds[method], scores["seed"].to_numpy()[rows]), column[rows]] = numbers[rows]
        values[method, metric, genes] = wide
        scopes[metric] = tuple(dict.fromkeys([*scopes.get(metric, ()), genes]))
    methods = tuple(dict.fromkeys([*scores["method"].astype(str).unique(), *reasons]))
    return ScoreArrays(
        task, protocol, everything, methods, scopes, values, reasons, _content_hash(scores, reasons, everything)
    )


def _require(frame: pd.DataFrame, columns: Sequence[str], name: str) -> None:
    missing = [column for column in columns if column not in frame]
    if missing:
        raise DataError(f"{name}: column {missing[0]!r} is missing; columns must be {', '.join(columns)}")


def _single(scores: pd.DataFrame, column: str) -> str:
    found = [str(value) for value in scores[column].unique()]
    if not found:
        raise DataError("scores: there are none; run the task first with `python -m bench run`")
    if len(found) > 1:
        raise DataError(f"scores, column {column}: {found[0]!r} and {found[1]!r}; a table has one {column}, select one")
    return found[0]


def _check_values(scores: pd.DataFrame) -> None:
    infinite = np.isinf(scores["value"].to_numpy(dtype=np.float64))
    if infinite.any():
        row = scores[infinite].iloc[0]
        raise DataError(
            f"scores, column value: {row['value']} for {_where(row)}; a metric is a number or NaN, mend the metric"
        )
    repeated = scores.duplicated(_KEY)
    if repeated.any():
        row = scores[repeated].iloc[0]
        raise DataError(f"scores: two values for {_where(row)}; keep one run per method and seed")


def _check_declined(scores: pd.DataFrame, reasons: Mapping[str, Mapping[str, str]]) -> None:
    pairs = scores[["method", "condition"]].drop_duplicates()
    for method, condition in pairs.itertuples(index=False):
        if str(condition) in reasons.get(str(method), {}):
            raise DataError(
                f"scores: method {method!r} both declines condition {condition!r} "
                f"({reasons[str(method)][str(condition)]}) and has scores for it; run the method again"
            )


def _where(row: pd.Series) -> str:
    return ", ".join(f"{column} {str(row[column])!r}" for column in _KEY[2:])


def _content_hash(scores: pd.DataFrame, reasons: Mapping[str, Mapping[str, str]], conditions: Sequence[str]) -> str:
    codes = []
    digest = hashlib.sha256()
    for column in _KEY:
        found, names = pd.factorize(scores[column])
        texts = np.array([str(name) for name in names])
        sorted_texts, rank = np.unique(texts, return_inverse=True)
        codes.append(rank[found].astype("<i8"))
        digest.update(hash_json(sorted_texts.tolist()).encode())
    order = np.lexsort(codes[::-1])
    for code in codes:
        digest.update(code[order].tobytes())
    value = scores["value"].to_numpy(dtype=np.float64)[order]
    digest.update(np.where(np.isnan(value), np.nan, value).astype("<f8").tobytes())
    return hash_json({"scores": digest.hexdigest(), "unsupported": reasons, "conditions": sorted(conditions)})
