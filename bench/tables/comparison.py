"""Every method against one reference, perturbation by perturbation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from bench.errors import MethodError
from bench.statistics.bootstrap import REPLICATES, Interval
from bench.statistics.comparison import PairedComparison, compare
from bench.statistics.significance import adjust_p
from bench.tables import wording
from bench.tables.columns import MeasuredColumn, measure_columns
from bench.tables.facts import Bounds, ColumnFacts
from bench.tables.footnotes import Footnotes
from bench.tables.frames import ScoreArrays, read_scores
from bench.tables.scores import row_names, source_of
from reports.model import Better, Column, Comparison, Difference, Section, Verdict
from reports.numbers import decimals_for

_CONFIDENCE = 0.95
_ALPHA = 0.05


def comparison_table(
    scores: pd.DataFrame,
    facts: Sequence[ColumnFacts],
    reference: str,
    *,
    unsupported: pd.DataFrame | None = None,
    conditions: Sequence[str] | None = None,
    bounds: Bounds | None = None,
    methods: Sequence[str] | None = None,
    replicates: int = REPLICATES,
    interval: Interval = "bca",
    seed: int = 0,
    protocol_text: str = "",
    provenance: Mapping[str, str] | None = None,
    simulated: bool = False,
) -> Comparison:
    """Compare every method, and the control, with a reference method under every metric.

    Two methods are compared on the conditions that both have a value for in every seed. P-values are adjusted over
    all methods and metrics of the comparison. A difference counts as shown when its adjusted p-value is below 5 %
    and its 95 % interval leaves out zero on the same side.

    Parameters
    ----------
    scores, facts, unsupported, conditions, bounds, methods, protocol_text, provenance, simulated
        As in :func:`bench.tables.scores.score_table`.
    reference
        The method to compare with, as a rule the best simple baseline.
    replicates, interval, seed
        As in :func:`bench.statistics.bootstrap.paired_bootstrap`.

    Raises
    ------
    DataError
        If the frames are not what they should be (:func:`bench.tables.frames.read_scores`).
    MethodError
        If the reference was not scored.
    """
    arrays = read_scores(scores, unsupported, conditions).with_methods(methods or ())
    bounds = bounds or Bounds()
    if reference not in arrays.scored:
        scored = ", ".join(sorted(arrays.scored))
        raise MethodError(f"reference {reference!r} has no scores on task {arrays.task!r}; choose one of {scored}")
    every = measure_columns(arrays, facts, bounds, "raw")
    copies = {(part.fact.metric, part.genes): part.group for part in every if _as_on_all_genes(part, every)}
    measured = [part for part in every if (part.fact.metric, part.genes) not in copies]
    names = [
        name
        for name in row_names(arrays, measured, bounds, methods)
        if name != reference and bounds.kind(name) in ("method", "ceiling")
    ]
    with threadpool_limits(1, user_api="blas"):  # thousands of small products: threads would only wait for each other
        results = [[_compare(part, name, reference, replicates, interval, seed) for name in names] for part in measured]
    raw = np.array([[result.p for result in line] for line in results]).reshape(len(measured), len(names))
    adjusted = adjust_p(raw)
    footnotes = Footnotes()
    sections = []
    for part, line, p_line in zip(measured, results, adjusted, strict=True):
        same = [group for (metric, _), group in copies.items() if metric == part.fact.metric]
        column = _column(part, line, footnotes, same if part.genes == "all" else ())
        differences = tuple(
            _difference(arrays, part, name, result, float(p), footnotes)
            for name, result, p in zip(names, line, p_line, strict=True)
        )
        sections.append(Section(column, differences))
    return Comparison(
        source=source_of(arrays, protocol_text, provenance, simulated=simulated),
        reference=reference,
        n_conditions=len(arrays.conditions),
        confidence=_CONFIDENCE,
        alpha=_ALPHA,
        replicates=replicates,
        sections=tuple(sections),
        notes=footnotes.notes,
    )


def _compare(
    part: MeasuredColumn, name: str, reference: str, replicates: int, interval: Interval, seed: int
) -> PairedComparison:
    return compare(
        part.fact.comparable(part.values[name]),
        part.fact.comparable(part.values[reference]),
        replicates=replicates,
        confidence=_CONFIDENCE,
        interval=interval,
        seed=seed,
    )


def _as_on_all_genes(part: MeasuredColumn, columns: Sequence[MeasuredColumn]) -> bool:
    """Whether a gene set holds the whole panel: its tests would be those on all genes, counted twice."""
    if part.genes == "all":
        return False
    whole = next((one for one in columns if one.genes == "all" and one.fact.metric == part.fact.metric), None)
    return whole is not None and all(
        np.allclose(values, whole.values[name], rtol=1e-9, atol=0, equal_nan=True)
        for name, values in part.values.items()
    )


def _column(
    part: MeasuredColumn, results: Sequence[PairedComparison], footnotes: Footnotes, same: Sequence[str]
) -> Column:
    texts = [wording.closer(part.fact)] if part.fact.better == "closer" else []
    if same:
        texts.append(wording.same_genes(same))
    if part.range.flat:
        texts.append(wording.flat_here(part))
    return Column(
        metric=part.fact.metric,
        genes=part.genes,
        label=part.fact.label,
        group=part.group,
        better=part.fact.better,
        perfect=part.fact.perfect,
        decimals=decimals_for(
            [result.difference for result in results],
            # An interval is some four standard errors wide: a third of one is as fine as its limits need.
            [result.standard_error / 3 for result in results],
            spread_digits=1,
        ),
        dynamic_range=part.range.fraction,
        greyed=part.range.flat,
        notes=footnotes.mark(texts),
    )


def _difference(
    arrays: ScoreArrays,
    part: MeasuredColumn,
    name: str,
    result: PairedComparison,
    p_adjusted: float,
    footnotes: Footnotes,
) -> Difference:
    declined = arrays.reasons.get(name, {})
    texts = []
    if len(declined) == len(arrays.conditions):
        texts.append(wording.declined(declined, len(arrays.conditions)))
    elif name not in arrays.scored:
        texts.append(wording.NO_SCORES)
    elif result.n_left_out:
        texts.append(wording.left_out(result.n_conditions, len(arrays.conditions)))
    if result.n_conditions and math.isnan(result.detectable):
        texts.append(wording.undetectable(result.least_p))
    return Difference(
        method=name,
        difference=result.difference,
        low=result.low,
        high=result.high,
        standard_error=result.standard_error,
        p=result.p,
        p_adjusted=p_adjusted,
        detectable=result.detectable,
        n_conditions=result.n_conditions,
        seeds=result.seeds[0],
        reference_seeds=result.seeds[1],
        verdict=_verdict(result, p_adjusted, part.fact.better),
        notes=footnotes.mark(texts),
    )


def _verdict(result: PairedComparison, p_adjusted: float, better: Better) -> Verdict:
    # NaN compares false, so what is undefined stays undecided.
    if not p_adjusted < _ALPHA or not result.low * result.high > 0 or not result.difference * result.low > 0:
        return "undecided"
    lower_is_better = better != "higher"
    return "better" if (result.difference < 0) == lower_is_better else "worse"
