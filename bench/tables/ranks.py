"""The rank table: who is better how often, and how far apart two methods must be to count as different."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.statistics.arrays import Floats
from bench.statistics.ranks import MeanRanks, mean_ranks
from bench.statistics.summary import defined_conditions
from bench.tables import wording
from bench.tables.columns import MeasuredColumn, measure_columns
from bench.tables.facts import Bounds, ColumnFacts
from bench.tables.footnotes import Footnotes
from bench.tables.frames import ScoreArrays, read_scores
from bench.tables.scores import row_names, source_of
from reports.model import Cell, Column, Row, Table

_DECIMALS = 2


@dataclass(frozen=True)
class _Ranked:
    """Ranks in one column: of each method in each condition, and their means; ``None`` where nobody is ranked."""

    part: MeasuredColumn
    by_condition: Mapping[str, Floats]
    means: MeanRanks | None


def rank_table(
    scores: pd.DataFrame,
    facts: Sequence[ColumnFacts],
    *,
    unsupported: pd.DataFrame | None = None,
    conditions: Sequence[str] | None = None,
    bounds: Bounds | None = None,
    method_notes: Mapping[str, Sequence[str]] | None = None,
    protocol_text: str = "",
    provenance: Mapping[str, str] | None = None,
    simulated: bool = False,
) -> Table:
    """Build the table of mean ranks of one task under one protocol.

    In each condition the methods are ranked by their mean over seeds; a cell is the mean rank over conditions. A
    footnote of each column gives Friedman's test, Nemenyi's critical difference, and the sets of methods that it does
    not tell apart. Methods that lack a condition which another has are not ranked, nor is anybody where the metric
    cannot tell models apart; the bounds of the scale are no methods and have no rows.

    Parameters
    ----------
    scores, facts, unsupported, conditions, bounds, method_notes, protocol_text, provenance, simulated
        As in :func:`bench.tables.scores.score_table`.

    Raises
    ------
    DataError
        If the frames are not what they should be (:func:`bench.tables.frames.read_scores`).
    """
    arrays = read_scores(scores, unsupported, conditions)
    bounds = bounds or Bounds()
    measured = measure_columns(arrays, facts, bounds, "raw")
    methods = [name for name in arrays.methods if bounds.kind(name) == "method"]
    ranked = [_rank(part, methods) for part in measured]
    footnotes = Footnotes()
    columns = tuple(_column(one, footnotes) for one in ranked)
    names = [name for name in row_names(arrays, measured, bounds, None) if name in methods]
    lead = next((one.means.ranks for one in ranked if one.means is not None), {})
    names.sort(key=lambda name: lead.get(name, math.inf))
    rows = []
    for name in names:
        texts = list((method_notes or {}).get(name, ()))
        if name in arrays.reasons:
            texts.append(wording.declined(arrays.reasons[name], len(arrays.conditions)))
        elif not any(name in one.by_condition for one in ranked):
            texts.append(wording.NOT_RANKED)
        cells = tuple(_cell(arrays, one, name) for one in ranked)
        rows.append(Row(name, "method", cells, footnotes.mark(texts)))
    return Table(
        source=source_of(arrays, protocol_text, provenance, simulated=simulated),
        n_conditions=len(arrays.conditions),
        spread="conditions",
        scale="rank",
        columns=columns,
        rows=tuple(rows),
        notes=footnotes.notes,
    )


def _rank(part: MeasuredColumn, methods: Sequence[str]) -> _Ranked:
    defined = {name: defined_conditions(part.values[name]) for name in methods}
    anyone = np.logical_or.reduce(list(defined.values())) if defined else np.zeros(0, dtype=bool)
    whole = [name for name, has in defined.items() if has[anyone].all()]
    if part.range.flat or len(whole) < 2 or not anyone.any():
        return _Ranked(part, {}, None)
    losses = {name: part.losses(name)[:, anyone].mean(axis=0) for name in whole}
    means = mean_ranks(losses)
    return _Ranked(part, means.by_condition, means)


def _column(one: _Ranked, footnotes: Footnotes) -> Column:
    part = one.part
    texts = []
    if one.means is not None:
        texts.append(wording.critical_difference(one.means))
    elif part.range.flat:
        texts.append(wording.flat_here(part))
    return Column(
        metric=part.fact.metric,
        genes=part.genes,
        label=part.fact.label,
        group=part.group,
        better="lower",
        perfect=1.0,
        decimals=_DECIMALS,
        dynamic_range=part.range.fraction,
        greyed=part.range.flat,
        notes=footnotes.mark(texts),
    )


def _cell(arrays: ScoreArrays, one: _Ranked, name: str) -> Cell | None:
    if one.means is None or name not in one.by_condition:
        return None
    ranks = one.by_condition[name]
    places = sorted({round(rank, _DECIMALS) for rank in one.means.ranks.values()})
    mean = one.means.ranks[name]
    place = places.index(round(mean, _DECIMALS))
    return Cell(
        mean=mean,
        seed_spread=math.nan,
        condition_spread=float(ranks.std(ddof=1)) if ranks.size > 1 else math.nan,
        n_conditions=ranks.size,
        n_seeds=one.part.values[name].shape[0],
        n_undefined=len(arrays.conditions) - len(arrays.reasons.get(name, {})) - ranks.size,
        rank="best" if place == 0 else "second" if place == 1 else None,
    )
