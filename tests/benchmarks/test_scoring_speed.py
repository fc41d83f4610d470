"""Scoring the nine paper metrics of a Norman-sized prediction set, beside the loop the field uses.

Run by hand: ``pytest tests/benchmarks/test_scoring_speed.py -s``. The loop, one
``scipy.stats.wasserstein_distance`` call per gene and ``scipy.spatial.distance.cdist`` for the three
mean distances, is timed on every seventh condition and scaled up; ours scores all 131, the best of
three times.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance

from bench.heldout import HeldOut
from bench.predictions import Predictions
from bench.protocols import PAPER
from bench.reference import Reference, build_reference
from bench.scoring import score
from methods.conditions import gene_condition

CONDITIONS, PREDICTED, TRUE, GENES = 131, 100, 350, 5_000
EVERY = 7


@pytest.fixture(scope="module")
def norman_sized() -> tuple[HeldOut, Predictions]:
    """Log-normalised negative-binomial cells, 83 % zeros; each condition draws from a pool and scales some genes."""
    rng = np.random.default_rng(0)
    rates = rng.gamma(0.35, 0.8, GENES)
    pool = csr_matrix(np.log1p(rng.negative_binomial(2, 2 / (2 + rates), (2_000, GENES)).astype(np.float32)))
    names = [f"P{index}" for index in range(CONDITIONS)]

    def cells(count: int) -> csr_matrix:
        drawn = pool[rng.permutation(pool.shape[0])[:count]]
        effect = np.exp(np.where(rng.random(GENES) < 0.02, rng.normal(0.0, 0.5, GENES), 0.0)).astype(np.float32)
        drawn.data *= effect[drawn.indices]
        return drawn

    genes = pd.Index([f"P{index}" for index in range(GENES)])
    held = HeldOut(
        genes=genes,
        conditions={name: gene_condition([name]) for name in names},
        cells={name: cells(TRUE) for name in names},
        cell_ids={name: np.array([f"{name}-{cell}" for cell in range(TRUE)]) for name in names},
        controls={"": {fold: cells(500) for fold in ("train", "scoring", "de")}},
        train_means=pd.DataFrame(np.zeros((1, GENES)), index=["P200"], columns=genes),
        train_conditions={"P200": gene_condition(["P200"])},
        seed=0,
    )
    predictions = Predictions(genes=genes, output="cells", cells={name: cells(PREDICTED) for name in names})
    return held, predictions


@pytest.fixture(scope="module")
def report() -> Iterator[dict[str, float]]:
    """Seconds per full set; printed when all have run."""
    seconds: dict[str, float] = {}
    yield seconds
    if {"loop", "cold", "warm"} <= seconds.keys():
        print(
            f"\n{CONDITIONS} conditions, {PREDICTED} x {TRUE} cells, {GENES} genes, nine metrics: "
            f"scipy loop {seconds['loop']:.1f} s (from every {EVERY}th condition), "
            f"ours {seconds['cold']:.2f} s with the truth's own terms ({seconds['loop'] / seconds['cold']:.0f} x), "
            f"{seconds['warm']:.2f} s for every further method ({seconds['loop'] / seconds['warm']:.0f} x)"
        )


def scipy_loop(reference: Reference, predictions: Predictions, key: str) -> dict[tuple[str, str], float]:
    """The nine metrics of one condition as they are usually computed."""
    truth = reference.truths[key]
    x, y = predictions.cells[key].toarray(), truth.cells.matrix.toarray()
    scores = {}
    for name, genes in {"all": np.arange(GENES), **truth.gene_sets}.items():
        a, b = np.ascontiguousarray(x[:, genes]), np.ascontiguousarray(y[:, genes])  # cdist is slow on strides
        scores["rmse", name] = float(np.sqrt(np.mean((a.mean(axis=0) - b.mean(axis=0)) ** 2)))
        scores["e_distance", name] = float(2 * cdist(a, b).mean() - cdist(a, a).mean() - cdist(b, b).mean())
        scores["emd", name] = float(np.mean([wasserstein_distance(a[:, g], b[:, g]) for g in range(genes.size)]))
    return scores


def test_scipy_loop(norman_sized: tuple[HeldOut, Predictions], report: dict[str, float], benchmark) -> None:
    held, predictions = norman_sized
    reference = build_reference(held, PAPER)
    keys = list(held.conditions)[::EVERY]

    def loop() -> float:
        started = time.perf_counter()
        for key in keys:
            scipy_loop(reference, predictions, key)
        return time.perf_counter() - started

    report["loop"] = benchmark.pedantic(loop, rounds=1) * CONDITIONS / len(keys)


def test_ours_with_the_truths_own_terms(
    norman_sized: tuple[HeldOut, Predictions], report: dict[str, float], benchmark
) -> None:
    held, predictions = norman_sized

    seconds = []

    def first() -> None:
        started = time.perf_counter()
        score(predictions, build_reference(held, PAPER), seed=0)
        seconds.append(time.perf_counter() - started)

    benchmark.pedantic(first, rounds=3)
    report["cold"] = min(seconds)


def test_ours_for_a_further_method(
    norman_sized: tuple[HeldOut, Predictions], report: dict[str, float], benchmark
) -> None:
    held, predictions = norman_sized
    reference = build_reference(held, PAPER)
    ours = score(predictions, reference, seed=0).frame.set_index(["condition", "metric", "genes"])["value"]
    for (metric, genes), value in scipy_loop(reference, predictions, "P0").items():
        assert ours["P0", metric, genes] == pytest.approx(value, rel=1e-5, abs=1e-5)  # the loop averages in float32

    seconds = []

    def again() -> None:
        started = time.perf_counter()
        score(predictions, reference, seed=1)
        seconds.append(time.perf_counter() - started)

    benchmark.pedantic(again, rounds=3)
    report["warm"] = min(seconds)
