"""Additive: the effects of two perturbations add up."""

from __future__ import annotations

import numpy as np

from methods.base import Method, Progress, Query, TrainingData, Unsupported
from methods.conditions import Condition, TaskKind
from methods.shifts import Shifts


class Additive(Method):
    r"""Control mean plus the shifts of the parts (Ahlmann-Eltze et al. 2025, "additive"); nothing is clipped.

    Doubles: :math:`c + (\mu_A - c) + (\mu_B - c)`, all in the query's cell type; every gene must have
    been observed alone. Unseen covariates: perturbation and cell type add, that is, the average
    shift of the same perturbation at the same dose in the other cell types on this one's control
    mean. For an unseen gene or drug there is nothing to add.
    """

    name = "additive"
    tasks = frozenset({TaskKind.DOUBLE_GENE, TaskKind.UNSEEN_COVARIATE})
    output = "mean"
    role = "baseline"

    def fit(self, train: TrainingData, *, seed: int, device: str, progress: Progress) -> None:
        """Average the training conditions."""
        self._shifts = Shifts.of(train)
        self._kind = train.kind

    def predict(self, query: Query, *, n_cells: int, seed: int) -> np.ndarray:
        """Repeat the sum: (n_cells, n_genes), log-normalised; slightly negative values can occur."""
        asked = query.condition
        shift = self._elsewhere(asked) if self._kind is TaskKind.UNSEEN_COVARIATE else self._sum_of_singles(asked)
        profile = self._shifts.control(asked.cell_type) + shift
        return np.broadcast_to(profile, (n_cells, profile.size))

    def _sum_of_singles(self, asked: Condition) -> np.ndarray:
        singles = [Condition((gene,), cell_type=asked.cell_type) for gene in asked.perturbations]
        missing = [single.key for single in singles if single not in self._shifts.by_condition]
        if missing:
            raise Unsupported(f"not observed alone in training: {', '.join(missing)}")
        total: np.ndarray = np.sum([self._shifts.by_condition[single] for single in singles], axis=0)
        return total

    def _elsewhere(self, asked: Condition) -> np.ndarray:
        same = [
            condition
            for condition in self._shifts.by_condition
            if (condition.perturbations, condition.dose) == (asked.perturbations, asked.dose)
        ]
        if not same:
            raise Unsupported(f"{asked.key} was not observed in any other cell type")
        return self._shifts.average(same)
