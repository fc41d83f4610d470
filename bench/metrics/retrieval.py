"""Metrics that ask whether a prediction resembles its own truth more than another condition's."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist

from bench.metrics.centroids import Centroids
from bench.metrics.declare import CentroidMetric, GeneScope

_CALIBRATED = frozenset({"calibrated"})


def centroid_accuracy_cosine(task: Centroids) -> np.ndarray:
    """Share of the other conditions whose true shift is less aligned with the predicted one than its own.

    CA_p = 1/(P−1) Σ_{q≠p} 1[d(x̄_p, ȳ_q) > d(x̄_p, ȳ_p)], ties counting ½, d the cosine distance of shifts
    from control; a shift of zero is equally far from all. (p,); NaN where there is no other condition.
    """
    predicted = _unit_rows(task.predicted - task.source_control)
    true = _unit_rows(task.true - task.reference_control)
    return _accuracy(1.0 - predicted @ true.T, task.own)


def centroid_accuracy_euclidean(task: Centroids) -> np.ndarray:
    """As :func:`centroid_accuracy_cosine`, with the Euclidean distance of the centroids themselves."""
    return _accuracy(cdist(task.predicted, task.true), task.own)


def centroid_correlation(task: Centroids) -> np.ndarray:
    """Mean correlation of a predicted centroid with the other predicted ones; near 1 when they collapse. (p,)."""
    return _mean_correlation(task.predicted_equal)


def centroid_correlation_true(task: Centroids) -> np.ndarray:
    """Mean correlation of a condition's true centroid with those of the other predicted conditions. (p,)."""
    return _mean_correlation(task.true[task.own])


def _accuracy(distances: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Share of columns farther than the row's own, ties ½: distances (p, q) -> (p,)."""
    others = distances.shape[1] - 1
    if others < 1:
        return np.full(distances.shape[0], np.nan)
    to_own = distances[np.arange(own.size), own][:, None]
    farther = (distances > to_own).sum(axis=1)
    tied = (distances == to_own).sum(axis=1) - 1
    return np.asarray((farther + 0.5 * tied) / others)


def _unit_rows(rows: np.ndarray) -> np.ndarray:
    """Rows of length 1; rows of zeros stay zeros."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: np.ndarray = np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)
    return unit


def _mean_correlation(centroids: np.ndarray) -> np.ndarray:
    """Mean correlation of each row with the other rows: (p,); NaN for a row alone or constant."""
    count = centroids.shape[0]
    if count < 2:
        return np.full(count, np.nan)
    centred = centroids - centroids.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    units = np.divide(centred, norms, out=np.full_like(centred, np.nan), where=norms > 0)
    correlations = units @ units.T
    return np.asarray((correlations.sum(axis=1) - np.diagonal(correlations)) / (count - 1))


METRICS = (
    CentroidMetric(
        name="centroid_accuracy_cosine",
        label="Centroid accuracy (cosine)",
        better="higher",
        perfect=1.0,
        scope=GeneScope.ALL,
        protocols=_CALIBRATED,
        description="Share of other conditions of the cell type whose true shift is less aligned than its own.",
        source="CA_p = 1/(P−1) Σ 1[d(x̄_p, ȳ_q) > d(x̄_p, ȳ_p)], ties ½; cosine of shifts from control",
        scale_free=True,
        function=centroid_accuracy_cosine,
    ),
    CentroidMetric(
        name="centroid_accuracy_euclidean",
        label="Centroid accuracy (Euclidean)",
        better="higher",
        perfect=1.0,
        scope=GeneScope.ALL,
        protocols=_CALIBRATED,
        description="Share of other conditions of the cell type whose true centroid is farther than its own.",
        source="CA_p = 1/(P−1) Σ 1[d(x̄_p, ȳ_q) > d(x̄_p, ȳ_p)], ties ½; Euclidean",
        function=centroid_accuracy_euclidean,
    ),
    CentroidMetric(
        name="centroid_correlation",
        label="Centroid correlation",
        better="closer",
        perfect=None,
        scope=GeneScope.ALL,
        protocols=_CALIBRATED,
        description="Mean correlation of a predicted centroid with the others; beside centroid_correlation_true.",
        source="mode collapse across conditions shows as 1",
        size_biased=True,
        function=centroid_correlation,
    ),
    CentroidMetric(
        name="centroid_correlation_true",
        label="Centroid correlation (truth)",
        better="closer",
        perfect=None,
        scope=GeneScope.ALL,
        protocols=_CALIBRATED,
        description="Mean correlation of a true centroid with the other true ones.",
        source="beside centroid_correlation",
        size_biased=True,
        function=centroid_correlation_true,
    ),
)
