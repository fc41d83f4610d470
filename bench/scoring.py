"""Scores of predicted cells under a protocol, and the evaluator's own rows beside them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from bench.errors import PredictionError
from bench.hashing import derive_seed
from bench.lift import draw_rows, lift_mean
from bench.metrics.cells import Cells
from bench.metrics.centroids import Centroids
from bench.metrics.declare import CentroidMetric, PairMetric
from bench.metrics.device import is_host
from bench.metrics.pair import CellPair
from bench.prediction_checks import check_predictions
from bench.predictions import Predictions
from bench.reference import Reference, build_reference

__all__ = ["COLUMNS", "Scores", "build_reference", "reference_rows", "score", "score_raw_mean", "scored_cells"]

COLUMNS = ("condition", "metric", "genes", "value")
TECHNICAL_DUPLICATE = "technical duplicate"
CONTROL_CELLS = "control cells"
ORACLE = "oracle"

Emit = Callable[[str], "_Candidate"]
OracleCells = Callable[[str, int, int], csr_matrix]
"""(condition key, number of cells, seed) -> fresh true cells (n, g), log-normalised."""


@dataclass(frozen=True)
class Scores:
    """Scores of one set of predictions.

    Parameters
    ----------
    frame
        Long: ``condition``, ``metric``, ``genes`` (``all`` or a gene set), ``value`` (NaN where undefined).
    unsupported
        Conditions the method has no mechanism for, and why; without a score.
    unscored
        Conditions the protocol does not score, and why.
    """

    frame: pd.DataFrame
    unsupported: Mapping[str, str] = field(default_factory=dict)
    unscored: Mapping[str, str] = field(default_factory=dict)


def score(predictions: Predictions, reference: Reference, seed: int, *, workers: int | None = None) -> Scores:
    """Score predictions; means are made cells of by the protocol's lift.

    Parameters
    ----------
    predictions
        Cells or means of every test condition, genes in the task's order.
    reference
        The task under a protocol.
    seed
        Decides which predicted cells are drawn and which controls a mean is lifted with.
    workers
        Conditions scored at once; by default one per processor, one on a device. No number depends on it.

    Raises
    ------
    PredictionError
        As :func:`bench.prediction_checks.check_predictions`.
    """
    protocol = reference.protocol
    check_predictions(predictions, reference.genes, reference.conditions.keys(), protocol.n_predicted)

    def emit(key: str) -> _Candidate:
        return _as_cells(predictions, reference, seed, key)

    return _score_predicted(predictions, emit, reference, seed, workers)


def scored_cells(predictions: Predictions, reference: Reference, seed: int, key: str) -> csr_matrix:
    """The very cells that :func:`score` scores for one condition: (n, g), drawn, lifted and transformed alike."""
    return _as_cells(predictions, reference, seed, key).cells.matrix


def score_raw_mean(predictions: Predictions, reference: Reference, seed: int, *, workers: int | None = None) -> Scores:
    """Score a mean as it is, repeated for every cell; shown beside its lifted score.

    Parameters and errors as :func:`score`; besides, ``PredictionError`` if the predictions are cells.
    """
    protocol = reference.protocol
    if predictions.output != "mean":
        raise PredictionError("only predicted means have a raw mean to score; these predictions are cells")
    check_predictions(predictions, reference.genes, reference.conditions.keys(), protocol.n_predicted)

    def emit(key: str) -> _Candidate:
        repeated = predictions.cells[key][np.zeros(protocol.n_predicted, dtype=np.int64)]
        return _candidate(repeated, reference, seed, key)

    return _score_predicted(predictions, emit, reference, seed, workers)


def reference_rows(
    reference: Reference, seed: int, oracle: OracleCells | None = None, *, workers: int | None = None
) -> Mapping[str, Scores]:
    """Rows that need what no method may see: floor, ceiling and, in simulations, the oracle.

    ``technical duplicate``: one half of the scored cells predicts the other, averaged over the protocol's
    draws. ``control cells``: training controls of the cell type. ``oracle``: fresh cells of the true
    distribution.

    Parameters
    ----------
    reference
        The task under a protocol.
    seed
        As in :func:`score`.
    oracle
        Emits true cells; ``None`` where the truth is not known.
    workers
        As in :func:`score`.
    """
    n_predicted = reference.protocol.n_predicted

    def controls(key: str) -> _Candidate:
        cells = reference.source_controls[reference.conditions[key].cell_type]
        rows = draw_rows(cells.shape[0], n_predicted, derive_seed(scoring=seed, condition=key, controls=0))
        return _candidate(cells[rows], reference, seed, key)

    rows = {
        TECHNICAL_DUPLICATE: _technical_duplicate(reference, seed, workers),
        CONTROL_CELLS: Scores(_score(reference.truths, controls, reference, seed, workers), {}, reference.unscored),
    }
    if oracle is not None:

        def fresh(key: str) -> _Candidate:
            cells = oracle(key, n_predicted, derive_seed(scoring=seed, condition=key, oracle=0))
            return _candidate(cells, reference, seed, key)

        rows[ORACLE] = Scores(_score(reference.truths, fresh, reference, seed, workers), {}, reference.unscored)
    return rows


@dataclass(frozen=True)
class _Candidate:
    """Predicted cells of one condition as they enter the metrics."""

    cells: Cells
    clipped: float


@dataclass(frozen=True)
class _Outcome:
    """What scoring one condition leaves: its rows, and its centroids for the comparison with the others."""

    rows: list[tuple[str, str, str, float]]
    centroid: np.ndarray
    equal_centroids: np.ndarray


def _candidate(matrix: csr_matrix, reference: Reference, seed: int, key: str, *, clipped: float = 0.0) -> _Candidate:
    """As many cells as the protocol scores, in random order, transformed."""
    protocol = reference.protocol
    wanted = min(protocol.n_predicted, matrix.shape[0])
    drawn = matrix[draw_rows(matrix.shape[0], wanted, derive_seed(scoring=seed, condition=key, predicted=0))]
    drawn.sum_duplicates()
    return _Candidate(
        Cells(drawn if protocol.transform is None else protocol.transform(drawn), reference.device), clipped
    )


def _as_cells(predictions: Predictions, reference: Reference, seed: int, key: str) -> _Candidate:
    """Predicted cells as they are; a predicted mean lifted."""
    matrix = predictions.cells[key]
    if predictions.output == "cells":
        return _candidate(matrix, reference, seed, key)
    controls = reference.source_controls[reference.conditions[key].cell_type]
    lift_seed = derive_seed(scoring=seed, condition=key, lift=0)
    lifted = lift_mean(matrix.toarray()[0], controls, reference.protocol.n_predicted, lift_seed)
    return _candidate(lifted.cells, reference, seed, key, clipped=lifted.clipped)


def _score_predicted(
    predictions: Predictions, emit: Emit, reference: Reference, seed: int, workers: int | None
) -> Scores:
    keys = [key for key in reference.truths if key in predictions.cells]
    frame = _score(keys, emit, reference, seed, workers)
    return Scores(frame, dict(predictions.unsupported), reference.unscored)


def _technical_duplicate(reference: Reference, seed: int, workers: int | None) -> Scores:
    frames = []
    for draw in range(max(1, reference.protocol.repeats)):
        halved, predicted = reference.halved(draw)

        def emit(key: str, halved: Reference = halved, predicted: Mapping[str, csr_matrix] = predicted) -> _Candidate:
            cells = predicted[key][: reference.protocol.n_predicted]
            return _Candidate(Cells(cells, halved.device), clipped=0.0)

        frames.append(_score(halved.truths, emit, halved, seed, workers))
    values = np.mean([frame["value"].to_numpy() for frame in frames], axis=0)
    return Scores(frames[0].assign(value=values), {}, reference.unscored)


def _score(keys: Iterable[str], emit: Emit, reference: Reference, seed: int, workers: int | None) -> pd.DataFrame:
    """Long frame of all metrics of the given conditions."""
    keys = list(keys)
    workers = workers or (_processors() if is_host(reference.device) else 1)

    def one(key: str) -> _Outcome:
        return _score_condition(key, emit(key), reference, seed)

    # Conditions are spread over threads (sorting and BLAS release the GIL), so BLAS gets one thread each; it gets
    # one even when conditions are scored one by one, since the last digits depend on how BLAS divides a sum.
    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(workers) as pool:
        outcomes = dict(zip(keys, pool.map(one, keys), strict=True))
    rows = [row for outcome in outcomes.values() for row in outcome.rows]
    rows += _score_centroids(outcomes, reference)
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.astype({"value": np.float64})


def _score_condition(key: str, candidate: _Candidate, reference: Reference, seed: int) -> _Outcome:
    """All pair metrics of one condition."""
    truth, protocol = reference.truths[key], reference.protocol
    metrics = [metric for metric in protocol.metrics if isinstance(metric, PairMetric)]
    at_equal = [metric for metric in metrics if metric.size_biased and truth.draws]
    from_all = [metric for metric in metrics if metric not in at_equal]
    pair = CellPair(candidate.cells, truth.cells, truth.background, candidate.clipped)
    values = _evaluate(pair, from_all, reference, truth.gene_sets)
    drawn: list[dict[tuple[str, str], float]] = []
    equal_centroids = []
    for draw, true_rows in enumerate(truth.draws):
        rows = draw_rows(candidate.cells.n, truth.equal, derive_seed(scoring=seed, condition=key, draw=draw))
        predicted = candidate.cells.take(rows)
        equal_pair = CellPair(predicted, truth.cells.take(true_rows), truth.background, candidate.clipped)
        drawn.append(_evaluate(equal_pair, at_equal, reference, truth.gene_sets))
        count = reference.equal_in(truth.condition.cell_type)
        equal_centroids.append(candidate.cells.take(rows[:count]).mean)
    for name in drawn[0] if drawn else ():
        values[name] = float(np.mean([draw_values[name] for draw_values in drawn]))
    return _Outcome(
        rows=[(key, metric, genes, value) for (metric, genes), value in values.items()],
        centroid=candidate.cells.mean,
        equal_centroids=np.array(equal_centroids),
    )


def _evaluate(
    pair: CellPair, metrics: Sequence[PairMetric], reference: Reference, gene_sets: Mapping[str, np.ndarray]
) -> dict[tuple[str, str], float]:
    """(metric, gene set) -> value."""
    pairs = {"all": pair, **{name: pair.on(name, genes) for name, genes in gene_sets.items()}}
    return {
        (metric.name, genes): metric.function(pairs[genes])
        for metric in metrics
        for genes in reference.protocol.scopes_of(metric)
        if genes in pairs
    }


def _score_centroids(outcomes: Mapping[str, _Outcome], reference: Reference) -> list[tuple[str, str, str, float]]:
    """All metrics that compare conditions with each other, cell type by cell type, averaged over the draws."""
    metrics = [metric for metric in reference.protocol.metrics if isinstance(metric, CentroidMetric)]
    rows: list[tuple[str, str, str, float]] = []
    if not metrics:
        return rows
    for cell_type, pool in reference.cell_types.items():
        keys = [key for key in pool if key in outcomes]
        if not keys:
            continue
        background = reference.truths[keys[0]].background
        tasks = [
            Centroids(
                predicted=np.stack([outcomes[key].centroid for key in keys]),
                own=np.array([pool.index(key) for key in keys]),
                true=true,
                predicted_equal=np.stack([outcomes[key].equal_centroids[draw] for key in keys]),
                source_control=background.source_control,
                reference_control=background.reference_control,
            )
            for draw, true in enumerate(reference.true_centroids[cell_type])
        ]
        for metric in metrics:
            values = np.mean([metric.function(task) for task in tasks], axis=0)
            rows += [(key, metric.name, "all", float(value)) for key, value in zip(keys, values, strict=True)]
    return rows


def _processors() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
