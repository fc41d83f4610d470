"""A small task with known effects, for tests of protocols and scores.

Counts are negative binomial with library sizes that differ, mostly zeros, log-normalised; each
condition multiplies the rates of its own genes, so that fresh true cells can be drawn at will.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from bench.heldout import HeldOut
from bench.predictions import Predictions
from methods.conditions import Condition, gene_condition

DISPERSION = 2.0
DEPTH = 120.0


@dataclass(frozen=True)
class World:
    """Rates per condition: (g,) each, summing to 1 over genes."""

    rates: dict[str, np.ndarray]

    def cells(self, key: str, n_cells: int, seed: int) -> csr_matrix:
        rng = np.random.default_rng([seed, *key.encode()])
        depth = DEPTH * rng.lognormal(0.0, 0.3, size=(n_cells, 1))
        mean = depth * self.rates[key]
        counts = rng.poisson(rng.gamma(DISPERSION, mean / DISPERSION))
        scaled = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1) * 1e4
        return csr_matrix(np.log1p(scaled).astype(np.float32))


def world(n_genes: int = 200, n_test: int = 8, n_train: int = 10, effect: float = 1.0, seed: int = 0) -> World:
    """Control ``ctrl``, training conditions ``G0``..., test conditions from ``G{n_train}`` on."""
    rng = np.random.default_rng(seed)
    base = rng.lognormal(0.0, 1.8, n_genes)
    common = np.where(rng.random(n_genes) < 0.1, rng.normal(0.0, 0.5 * effect, n_genes), 0.0)
    rates = {"ctrl": base / base.sum()}
    for index in range(n_train + n_test):
        own = np.where(rng.random(n_genes) < 0.2, rng.normal(0.0, effect, n_genes), 0.0)
        changed = base * np.exp(common + own)
        rates[f"G{index}"] = changed / changed.sum()
    return World(rates)


def heldout(made: World, n_cells: int = 160, n_controls: int = 600, n_test: int = 8, seed: int = 1) -> HeldOut:
    """The last ``n_test`` conditions are held out."""
    keys = [key for key in made.rates if key != "ctrl"]
    test, train = keys[-n_test:], keys[:-n_test]
    n_genes = made.rates["ctrl"].size
    genes = pd.Index([f"G{index}" for index in range(n_genes)])
    controls = made.cells("ctrl", n_controls, seed)
    cuts = (0, int(0.6 * n_controls), int(0.8 * n_controls), n_controls)
    means = {key: np.asarray(made.cells(key, n_cells, seed).mean(axis=0, dtype=np.float64)).ravel() for key in train}
    return HeldOut(
        genes=genes,
        conditions={key: gene_condition([key]) for key in test},
        cells={key: made.cells(key, n_cells, seed) for key in test},
        cell_ids={key: np.array([f"{key}-{index}" for index in range(n_cells)]) for key in test},
        controls={
            "": {
                fold: controls[low:high]
                for fold, low, high in zip(("train", "scoring", "de"), cuts[:-1], cuts[1:], strict=True)
            }
        },
        train_means=pd.DataFrame.from_dict(means, orient="index", columns=genes),
        train_conditions={key: gene_condition([key]) for key in train},
        seed=0,
    )


def predicted(task: HeldOut, cells: dict[str, csr_matrix], output: str = "cells") -> Predictions:
    return Predictions(genes=task.genes, output=output, cells=cells, unsupported={})


def oracle(made: World, task: HeldOut, n_cells: int = 100, seed: int = 99) -> dict[str, csr_matrix]:
    """Fresh cells of the true distribution of every test condition."""
    return {key: made.cells(key, n_cells, seed) for key in task.conditions}


def other_cell_type(condition: Condition, cell_type: str) -> Condition:
    return Condition(condition.perturbations, cell_type=cell_type)
