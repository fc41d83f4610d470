"""Matching mean: the average of the training conditions that share a perturbation with the query."""

from __future__ import annotations

import math

import numpy as np

from methods.base import Method, Progress, Query, TrainingData
from methods.conditions import Condition, TaskKind
from methods.shifts import Shifts


class MatchingMean(Method):
    r"""Average of the matching training centroids ("matching mean" of Systema, Viñas Torné et al. 2025).

    For A+B: :math:`(\mu_A + \mu_B) / 2` with the mean profiles of the singles; a gene that was never
    seen alone counts as the perturbed mean, so that an unseen single gene or drug is predicted as
    the perturbed mean. (https://github.com/mlbio-epfl/systema, ``run_matching-mean.py``; theirs weighs
    the perturbed mean by cells, here every condition counts once, as in ``perturbed-mean``.)

    Beyond the source, which has one cell type: a perturbation matches at the nearest dose on a log
    scale, in the query's own cell type if it was seen there at that dose, else in the others, whose
    average shift from control is added to this cell type's control mean. A combination seen in
    another cell type matches whole.
    """

    name = "matching-mean"
    tasks = frozenset(TaskKind)
    output = "mean"
    role = "baseline"

    def fit(self, train: TrainingData, *, seed: int, device: str, progress: Progress) -> None:
        """Average the training conditions."""
        self._shifts = Shifts.of(train)

    def predict(self, query: Query, *, n_cells: int, seed: int) -> np.ndarray:
        """Repeat the mean profile: (n_cells, n_genes), log-normalised."""
        asked = query.condition
        whole = self._matches(asked.perturbations, asked)
        matches = [whole] if whole else [self._matches((part,), asked) for part in asked.perturbations]
        shifts = [
            self._shifts.average(match) if match else self._shifts.systematic(asked.cell_type) for match in matches
        ]
        profile = self._shifts.control(asked.cell_type) + np.mean(shifts, axis=0)
        return np.broadcast_to(profile, (n_cells, profile.size))

    def _matches(self, perturbations: tuple[str, ...], asked: Condition) -> list[Condition]:
        """Training conditions with these perturbations at the dose nearest to the one asked for."""
        distances = {
            condition: abs(_log_dose(condition) - _log_dose(asked))
            for condition in self._shifts.by_condition
            if condition.perturbations == perturbations
        }
        nearest = [condition for condition, d in distances.items() if d <= min(distances.values()) + 1e-9]
        return [condition for condition in nearest if condition.cell_type == asked.cell_type] or nearest


def _log_dose(condition: Condition) -> float:
    return math.log1p(condition.dose or 0.0)
