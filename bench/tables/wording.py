"""What the footnotes of a table say."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from bench.statistics.dynamic_range import LEAST_DYNAMIC_RANGE
from bench.statistics.ranks import MeanRanks
from bench.tables.columns import MeasuredColumn
from bench.tables.facts import ColumnFacts

_SHOWN_REASONS = 2

NO_SCORES = "no scores on this task"
NOT_RANKED = "not ranked: it lacks conditions that other methods have"


def flat(columns: Sequence[MeasuredColumn]) -> str:
    """Why these columns are greyed."""
    listed = ", ".join(f"{column.name} {_fraction(column.range.fraction)}" for column in columns)
    return (
        f"dynamic range fraction below {LEAST_DYNAMIC_RANGE:g}: {listed}; "
        "the metric cannot tell models apart on this task, so nothing is ranked"
    )


def flat_here(column: MeasuredColumn) -> str:
    """Why a difference under this metric means little."""
    return (
        f"dynamic range fraction {_fraction(column.range.fraction)}, below {LEAST_DYNAMIC_RANGE:g}: "
        "the metric cannot tell models apart on this task"
    )


def critical_difference(ranks: MeanRanks) -> str:
    """What a column of mean ranks shows, and what not."""
    p = "p < 0.001" if ranks.p < 0.001 else f"p = {ranks.p:.3f}"
    told = f"Friedman {p}; critical difference {ranks.critical_difference:.2f} (Nemenyi, {ranks.alpha * 100:g} %)"
    together = [", ".join(group) for group in ranks.groups if len(group) > 1]
    return f"{told}; not told apart: {'; '.join(together)}" if together else f"{told}; all are told apart"


def closer(fact: ColumnFacts) -> str:
    """How a metric is ranked that has its best value in the middle."""
    return f"closer to {fact.perfect:g} is better; ranked and compared by the mean of |value − {fact.perfect:g}|"


def declined(reasons: Mapping[str, str], n_conditions: int) -> str:
    """What a method does not support: condition -> reason, out of all conditions."""
    supported = n_conditions - len(reasons)
    if supported == 0:
        return f"not supported: {_reasons(reasons)}"
    return (
        f"scored on {supported} of {n_conditions} conditions, not ranked against methods that have more; "
        f"not supported: {_reasons(reasons)}"
    )


def undefined(n_undefined: int, n_supported: int, *, partial: bool) -> str:
    """How many values are NaN, and what follows."""
    if n_undefined == n_supported:
        return f"undefined (NaN) for all {n_supported} conditions"
    text = f"undefined (NaN) for {n_undefined} of {n_supported} conditions; mean over the others"
    return f"{text}, not ranked" if partial else text


def left_out(n_compared: int, n_conditions: int) -> str:
    """On how many conditions two methods were compared."""
    return f"compared on the {n_compared} of {n_conditions} conditions that both have"


def same_genes(groups: Sequence[str]) -> str:
    """Why a metric is not compared on some sets of genes."""
    return f"{', '.join(groups)}: the same genes, so not compared again"


def undetectable(least_p: float) -> str:
    """Why there is no minimum detectable effect."""
    return (
        f"no MDE, and no verdict possible: with so few differing conditions the signed-rank test cannot fall below "
        f"p = {least_p:.4g}"
    )


def _reasons(reasons: Mapping[str, str]) -> str:
    counts = Counter(reasons.values())
    if len(counts) == 1:
        return next(iter(counts))
    shown = [f"{reason} ({count})" for reason, count in counts.most_common(_SHOWN_REASONS)]
    others = sum(counts.values()) - sum(count for _, count in counts.most_common(_SHOWN_REASONS))
    if others:
        shown.append(f"other reasons ({others})")
    return "; ".join(shown)


def _fraction(value: float) -> str:
    return "undefined" if math.isnan(value) else f"{value:.2f}".replace("-", "−")
