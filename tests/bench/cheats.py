"""Honest predictions of a task, and transformations that try to look better than them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, cached_property

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from synthetic_heldout import heldout, predicted, world

from bench.heldout import HeldOut
from bench.metrics import all_metrics
from bench.protocols import CALIBRATED
from bench.reference import build_reference
from bench.scoring import score

REPETITIONS = 4
HEADLINE = list(CALIBRATED.headline)
SIGNS = np.array([1.0 if all_metrics()[metric].better == "higher" else -1.0 for metric, _ in HEADLINE])
Cells = dict[str, csr_matrix]
Emit = Callable[[str, int, int], csr_matrix]
Cheat = Callable[["Setting", Cells], Cells]


class Setting:
    """A task whose truth can be drawn from: ``emit(condition key, number of cells, seed)``."""

    def __init__(self, task: HeldOut, emit: Emit) -> None:
        self.task = task
        self.emit = emit
        self.reference = build_reference(task, CALIBRATED)
        self.honest = [
            {key: emit(key, CALIBRATED.n_predicted, 1_000 + repetition) for key in task.conditions}
            for repetition in range(REPETITIONS)
        ]

    @cached_property
    def honest_scores(self) -> list[pd.DataFrame]:
        return [self.scores(cells, repetition) for repetition, cells in enumerate(self.honest)]

    def scores(self, cells: Cells, repetition: int) -> pd.DataFrame:
        """Headline scores: a row per condition, a column per metric and gene set."""
        frame = score(predicted(self.task, cells), self.reference, seed=repetition).frame
        wide = frame.pivot_table(index="condition", columns=["metric", "genes"], values="value", dropna=False)
        return wide[HEADLINE]

    def gains(self, cheat: Cheat) -> pd.DataFrame:
        """By how much a cheat is better than honesty: a row per condition and repetition."""
        differences = [
            self.scores(cheat(self, cells), repetition) - self.honest_scores[repetition]
            for repetition, cells in enumerate(self.honest)
        ]
        return pd.concat(differences) * SIGNS


def noise_of(gains: pd.DataFrame) -> pd.Series:
    """Standard error of the mean gain."""
    return gains.std() / np.sqrt(len(gains))


@cache
def setting(name: str) -> Setting:
    """``strong`` and ``weak`` effects, or a simulated task."""
    if name.startswith("sim_"):
        from bench.simulation import oracle_cells
        from bench.tasks import open_task

        task = open_task(name)
        return Setting(task.held_out(), lambda key, n, seed: oracle_cells(task.dataset.name, key, n, seed))
    made = world(n_genes=150, n_test=6, effect={"strong": 1.0, "weak": 0.3}[name])
    return Setting(heldout(made, n_cells=120, n_controls=400, n_test=6), made.cells)


def controls_of(given: Setting, key: str) -> csr_matrix:
    return given.task.controls[given.task.conditions[key].cell_type]["train"]


def per_value(change: Callable[[np.ndarray], np.ndarray]) -> Cheat:
    """A change of each condition's cells by themselves."""
    return lambda _, cells: {key: csr_matrix(change(of.toarray()).astype(np.float32)) for key, of in cells.items()}


def control_swap(given: Setting, cells: Cells) -> Cells:
    swapped = {}
    for index, key in enumerate(cells):
        controls = controls_of(given, key)
        swapped[key] = controls[np.random.default_rng(index).integers(controls.shape[0], size=cells[key].shape[0])]
    return swapped


def permuted_labels(_: Setting, cells: Cells) -> Cells:
    keys = list(cells)
    return {key: cells[other] for key, other in zip(keys, [*keys[1:], keys[0]], strict=True)}


def shrink_to_perturbed_mean(given: Setting, cells: Cells) -> Cells:
    mean = given.task.train_means.to_numpy().mean(axis=0)
    return per_value(lambda of: np.maximum(mean + 0.8 * (of - mean), 0))(given, cells)


CHEATS: dict[str, Cheat] = {
    "half": per_value(lambda of: 0.5 * of),
    "a little less": per_value(lambda of: 0.95 * of),
    "a little more": per_value(lambda of: 1.05 * of),
    "thrice": per_value(lambda of: 3 * of),
    "plus a little": per_value(lambda of: of + 0.01),
    "plus more": per_value(lambda of: of + 0.2),
    "log1p twice": per_value(np.log1p),
    "control swap": control_swap,
    "all zero": per_value(np.zeros_like),
    "each cell twice": per_value(lambda of: np.concatenate([of[:50], of[:50]])),
    "ten cells ten times": per_value(lambda of: np.tile(of[:10], (10, 1))),
    "permuted labels": permuted_labels,
    "collapsed to its mean": per_value(lambda of: np.broadcast_to(of.mean(axis=0), of.shape)),
    "half-way to its mean": per_value(lambda of: of.mean(axis=0) + 0.5 * (of - of.mean(axis=0))),
    "shrunk to the perturbed mean": shrink_to_perturbed_mean,
    "rare genes switched off": per_value(lambda of: of * ((of > 0).mean(axis=0) > 0.05)),
}


@cache
def gains_of(name: str, cheat: str) -> pd.DataFrame:
    """Gains of a cheat in a setting, computed once."""
    return setting(name).gains(CHEATS[cheat])
