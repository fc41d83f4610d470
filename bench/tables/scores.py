"""The score table: every method under every metric, with what it can and cannot be compared to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from bench.hashing import hash_json
from bench.statistics.summary import summarise
from bench.tables import wording
from bench.tables.columns import MeasuredColumn, measure_columns
from bench.tables.facts import Bounds, ColumnFacts
from bench.tables.footnotes import Footnotes
from bench.tables.frames import ScoreArrays, read_scores
from bench.tables.ranking import Ranking, rank_methods, sorted_by_loss
from reports.model import Cell, Column, Row, RowKind, Scale, Source, Spread, Table
from reports.numbers import decimals_for

# The spread over seeds is an error of the mean; conditions differ by far more than their mean is uncertain.
_SPREAD_DIGITS: Mapping[Spread, int] = {"seeds": 2, "conditions": 3}
_KIND_ORDER: tuple[RowKind, ...] = ("floor", "oracle", "method", "ceiling")


def score_table(
    scores: pd.DataFrame,
    facts: Sequence[ColumnFacts],
    *,
    unsupported: pd.DataFrame | None = None,
    conditions: Sequence[str] | None = None,
    bounds: Bounds | None = None,
    methods: Sequence[str] | None = None,
    method_notes: Mapping[str, Sequence[str]] | None = None,
    spread: Spread = "conditions",
    scale: Scale = "raw",
    protocol_text: str = "",
    provenance: Mapping[str, str] | None = None,
    simulated: bool = False,
) -> Table:
    """Build the table of one task under one protocol.

    A method's number is its mean over the conditions it has a value for in every seed. Methods are ranked only
    against methods scored on the same conditions, those being all that any method has. Scores that print alike
    share a rank. Nothing is ranked in a column that cannot tell models apart.

    Parameters
    ----------
    scores
        Long frame: task, protocol, method, seed, condition, metric, genes, value (NaN allowed).
    facts
        The metrics to show, in order; those that were not scored are left out.
    unsupported
        Frame of method, condition, reason.
    conditions
        Every condition of the task; by default those that occur in the frames.
    bounds
        Names of the floor, oracle and ceiling rows.
    methods
        The methods to show, in order, a row of dashes for those without scores; by default all that occur, sorted by
        the first headline column.
    method_notes
        Footnotes of a method's row, such as "mean output, lifted".
    spread
        The spread to show behind ±; both are in every cell.
    scale
        ``normalised`` shows 0 at the control and 1 at the technical duplicate, never clipped.
    protocol_text
        What the protocol does, shown under the table.
    provenance
        Further (name, value) pairs that enter the hash and the provenance comment.
    simulated
        Whether the scored cells come from a simulation; the table says so.

    Raises
    ------
    DataError
        If the frames are not what they should be (:func:`bench.tables.frames.read_scores`).
    """
    arrays = read_scores(scores, unsupported, conditions).with_methods(methods or ())
    bounds = bounds or Bounds()
    footnotes = Footnotes()
    measured = measure_columns(arrays, facts, bounds, scale)
    names = row_names(arrays, measured, bounds, methods)
    columns = [_column(part, measured, names, spread, footnotes) for part in measured]
    rankings = [_ranking(part, column, names, bounds) for part, column in zip(measured, columns, strict=True)]
    rows = []
    for name in names:
        texts = list((method_notes or {}).get(name, ()))
        if name in arrays.reasons:
            texts.append(wording.declined(arrays.reasons[name], len(arrays.conditions)))
        elif name not in arrays.scored:
            texts.append(wording.NO_SCORES)
        marks = footnotes.mark(texts)
        cells = tuple(
            _cell(arrays, part, ranking, name, footnotes) for part, ranking in zip(measured, rankings, strict=True)
        )
        rows.append(Row(name, bounds.kind(name), cells, marks))
    return Table(
        source=source_of(arrays, protocol_text, provenance, simulated=simulated),
        n_conditions=len(arrays.conditions),
        spread=spread,
        scale=scale,
        columns=tuple(columns),
        rows=tuple(rows),
        notes=footnotes.notes,
    )


def source_of(
    arrays: ScoreArrays, protocol_text: str, provenance: Mapping[str, str] | None, *, simulated: bool
) -> Source:
    """Provenance of a report on these scores."""
    details = dict(provenance or {})
    content = {"scores": arrays.hash, "protocol_text": protocol_text, "details": details}
    return Source(arrays.task, arrays.protocol, protocol_text, hash_json(content), tuple(details.items()), simulated)


def row_names(
    arrays: ScoreArrays, measured: Sequence[MeasuredColumn], bounds: Bounds, methods: Sequence[str] | None
) -> list[str]:
    """Rows in the order shown: floor, oracle, methods, ceiling."""
    names = list(arrays.methods)
    if methods is not None:
        kept = [name for name in names if bounds.kind(name) != "method" and name not in methods]
        names = [*dict.fromkeys(methods), *kept]
    elif measured:
        lead = next((part for part in measured if part.fact.headline), measured[0])
        names = sorted_by_loss({name: lead.losses(name) for name in names})
    return sorted(names, key=lambda name: _KIND_ORDER.index(bounds.kind(name)))


def _column(
    part: MeasuredColumn,
    measured: Sequence[MeasuredColumn],
    names: Sequence[str],
    spread: Spread,
    footnotes: Footnotes,
) -> Column:
    texts = []
    if part.range.flat:
        texts.append(wording.flat([other for other in measured if other.range.flat]))
    if part.fact.better == "closer":
        texts.append(wording.closer(part.fact))
    summaries = [summarise(part.values[name]) for name in names]
    spreads = [summary.seed_spread if spread == "seeds" else summary.condition_spread for summary in summaries]
    return Column(
        metric=part.fact.metric,
        genes=part.genes,
        label=part.fact.label,
        group=part.group,
        better=part.fact.better,
        perfect=part.fact.perfect,
        decimals=decimals_for([s.mean for s in summaries], spreads, spread_digits=_SPREAD_DIGITS[spread]),
        dynamic_range=part.range.fraction,
        greyed=part.range.flat,
        notes=footnotes.mark(texts),
    )


def _ranking(part: MeasuredColumn, column: Column, names: Sequence[str], bounds: Bounds) -> Ranking:
    ranking = rank_methods(
        {name: part.losses(name) for name in names if bounds.kind(name) == "method" and part.values[name].size},
        column.decimals,
    )
    return Ranking({}, ranking.partial) if column.greyed else ranking


def _cell(arrays: ScoreArrays, part: MeasuredColumn, ranking: Ranking, name: str, footnotes: Footnotes) -> Cell | None:
    if name not in arrays.scored:
        return None
    n_supported = len(arrays.conditions) - len(arrays.reasons.get(name, {}))
    summary = summarise(part.values[name])
    mean_loss = summarise(part.losses(name)).mean
    n_undefined = n_supported - summary.n_conditions
    texts = []
    if n_undefined:
        texts.append(wording.undefined(n_undefined, n_supported, partial=name in ranking.partial))
    return Cell(
        mean=summary.mean,
        seed_spread=summary.seed_spread,
        condition_spread=summary.condition_spread,
        n_conditions=summary.n_conditions,
        n_seeds=summary.n_seeds,
        n_undefined=n_undefined,
        normalised=part.normalised(summary.mean, mean_loss),
        rank=ranking.ranks.get(name),
        notes=footnotes.mark(texts),
    )
