"""One method against another under one metric, on the conditions both have."""

from __future__ import annotations

from dataclasses import dataclass

from bench.statistics.arrays import Floats
from bench.statistics.bootstrap import REPLICATES, Interval, paired_bootstrap
from bench.statistics.significance import least_p, minimum_detectable_effect, wilcoxon_p
from bench.statistics.summary import defined_conditions


@dataclass(frozen=True)
class PairedComparison:
    """Difference ``a - b`` over the conditions defined for both, in the metric's unit.

    Parameters
    ----------
    difference
        Mean over conditions of the difference of seed means.
    low, high
        Confidence limits (paired bootstrap over seeds and conditions).
    standard_error
        SD of the bootstrap replicates.
    p
        Wilcoxon signed-rank on the per-condition differences of seed means, unadjusted.
    detectable
        Minimum detectable effect of that test at 5 % and power 0.8; NaN where it cannot reach 5 %.
    least_p
        The smallest ``p`` that this number of differing conditions can give.
    n_conditions
        Conditions compared.
    n_left_out
        Conditions defined for one side only, or for neither.
    seeds
        Number of seeds of ``a`` and of ``b``.
    """

    difference: float
    low: float
    high: float
    standard_error: float
    p: float
    detectable: float
    least_p: float
    n_conditions: int
    n_left_out: int
    seeds: tuple[int, int]


def compare(
    a: Floats,
    b: Floats,
    *,
    replicates: int = REPLICATES,
    confidence: float = 0.95,
    interval: Interval = "bca",
    seed: int = 0,
) -> PairedComparison:
    """Compare two methods condition by condition.

    Parameters
    ----------
    a, b
        (seeds, conditions) over the same conditions in the same order; NaN where undefined.
    replicates, confidence, interval, seed
        As in :func:`bench.statistics.bootstrap.paired_bootstrap`.

    Raises
    ------
    ValueError
        If the numbers of conditions differ.
    """
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"a {a.shape} and b {b.shape} must be (seeds, conditions) over the same conditions")
    both = defined_conditions(a) & defined_conditions(b)
    n_conditions = int(both.sum())
    n_left_out = both.size - n_conditions
    seeds = (a.shape[0], b.shape[0])
    if n_conditions == 0:
        nan = float("nan")
        return PairedComparison(nan, nan, nan, nan, nan, nan, nan, 0, n_left_out, seeds)
    a, b = a[:, both], b[:, both]
    differences = a.mean(axis=0) - b.mean(axis=0)
    boot = paired_bootstrap(a, b, replicates=replicates, confidence=confidence, interval=interval, seed=seed)
    return PairedComparison(
        difference=boot.estimate,
        low=boot.low,
        high=boot.high,
        standard_error=boot.standard_error,
        p=wilcoxon_p(differences),
        detectable=minimum_detectable_effect(differences),
        least_p=least_p(differences),
        n_conditions=n_conditions,
        n_left_out=n_left_out,
        seeds=seeds,
    )
