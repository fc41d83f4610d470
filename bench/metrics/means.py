"""Metrics of the mean profile."""

from __future__ import annotations

import numpy as np

from bench.metrics.declare import GeneScope, PairMetric
from bench.metrics.pair import CellPair


def rmse(pair: CellPair) -> float:
    """Root mean squared error of the mean profile: sqrt(mean_g (x̄_g − ȳ_g)²).

    Grows as cells get fewer on either side, and falls when all cells shrink to their mean.
    """
    return float(np.sqrt(np.mean((pair.predicted.mean - pair.true.mean) ** 2)))


def mse_debiased(pair: CellPair) -> float:
    """Mean squared error of the mean profile without the part that sampling adds.

    mean_g [(x̄_g − ȳ_g)² − s²_x,g / n − s²_y,g / m]; unbiased for independent cells, may be negative.
    """
    sampling = pair.predicted.variance / pair.predicted.n + pair.true.variance / pair.true.n
    return float(np.mean((pair.predicted.mean - pair.true.mean) ** 2 - sampling))


def weighted_mse(pair: CellPair) -> float:
    """Squared error of the mean profile, weighted by how differentially expressed a gene is.

    Σ_g w̃_g (x̄_g − ȳ_g)² with w_g = ((|t_g| − min) / (max − min))², w̃ summing to 1.
    """
    return float(np.sum(pair.background.weights * (pair.predicted.mean - pair.true.mean) ** 2))


def pearson_delta(pair: CellPair) -> float:
    """Correlation over genes of predicted and true shift from control; NaN if either is constant.

    The two shifts are measured from disjoint control folds: from a shared control they would correlate
    without any effect.
    """
    return correlation(pair.predicted_shift, pair.true_shift)


def pearson_delta_perturbed_mean(pair: CellPair) -> float:
    """Correlation over genes of predicted and true difference from the mean training perturbation.

    What every perturbation has in common is no part of it. NaN if either is constant.
    """
    common = pair.background.perturbed_mean
    return correlation(pair.predicted.mean - common, pair.true.mean - common)


def slope(pair: CellPair) -> float:
    """Slope, through the origin, of the predicted on the true shift; 1 is the right scale.

    ⟨Δx, Δy⟩ / (‖Δy‖² − Σ_g [s²_y,g / m + s²_c,g / c]): the noise of the true shift is taken out of the
    denominator, or every honest prediction would seem too small. NaN where nothing is left of it,
    that is, where the condition has no measurable effect.
    """
    shift = pair.true_shift
    noise = pair.true.variance / pair.true.n + pair.background.reference_error
    power = float(np.sum(shift**2 - noise))
    return float(pair.predicted_shift @ shift) / power if power > 0 else float("nan")


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson correlation of two vectors; NaN if either is constant or shorter than two."""
    if a.size < 2:
        return float("nan")
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / norm if norm > 0 else float("nan")


METRICS = (
    PairMetric(
        name="rmse",
        label="RMSE",
        better="lower",
        perfect=0.0,
        scope=GeneScope.ANY,
        protocols=frozenset({"paper", "released", "calibrated"}),
        description="Root mean squared error of the mean profile.",
        source="Doloris (ICLR 2026), section 4.2",
        size_biased=True,
        function=rmse,
    ),
    PairMetric(
        name="mse_debiased",
        label="MSE, debiased",
        better="lower",
        perfect=0.0,
        scope=GeneScope.ANY,
        protocols=frozenset({"calibrated"}),
        description="Squared error of the mean profile less the part sampling adds; 0 in expectation for the truth.",
        source="(x̄ − ȳ)² − s²_x/n − s²_y/m, the U-statistic of the squared difference of means",
        function=mse_debiased,
    ),
    PairMetric(
        name="wmse",
        label="Weighted MSE",
        better="lower",
        perfect=0.0,
        scope=GeneScope.ALL,
        protocols=frozenset({"calibrated"}),
        description="Squared error of the mean profile, genes weighted by their DE score on the DE half.",
        source="Σ w̃ (x̄ − ȳ)², w = ((|t| − min) / (max − min))²",
        size_biased=True,
        function=weighted_mse,
    ),
    PairMetric(
        name="pearson_delta",
        label="Pearson Δ",
        better="higher",
        perfect=1.0,
        scope=GeneScope.ANY,
        protocols=frozenset({"calibrated"}),
        description="Correlation of predicted and true shift from control, the two from disjoint control folds.",
        source="GEARS (Roohani et al. 2023), with disjoint controls",
        scale_free=True,
        function=pearson_delta,
    ),
    PairMetric(
        name="pearson_delta_perturbed_mean",
        label="Pearson Δ (perturbed mean)",
        better="higher",
        perfect=1.0,
        scope=GeneScope.ANY,
        protocols=frozenset({"calibrated"}),
        description="Correlation of predicted and true difference from the mean training perturbation.",
        source="Pearson of x̄ − μ_all and ȳ − μ_all: systematic variation removed",
        function=pearson_delta_perturbed_mean,
    ),
    PairMetric(
        name="slope",
        label="Slope",
        better="closer",
        perfect=1.0,
        scope=GeneScope.ANY,
        protocols=frozenset({"calibrated"}),
        description="Slope of predicted on true shift, freed of the truth's sampling noise; 1 is the right scale.",
        source="errors-in-variables regression through the origin",
        function=slope,
    ),
)
