"""How well means of the validation conditions are predicted: what early stopping may look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from methods.conditions import Condition
from methods.moved_controls import Move
from methods.training_cells import TrainingCells


@dataclass(frozen=True)
class ValidationConditions:
    """Validation conditions that a method can predict, with their true mean profiles.

    A condition that the method could not predict unless it were fitted on it says nothing about when
    to stop; its cells count as cells to fit on.

    Parameters
    ----------
    conditions
        Those whose cell type has training controls.
    means
        (n, n_genes) mean profiles, genes sorted by name.
    controls
        (n, n_genes) mean profiles of the controls of their cell types.
    fitting
        Rows of all other cells, to fit on: (n_cells,).
    """

    conditions: Sequence[Condition]
    means: np.ndarray
    controls: np.ndarray
    fitting: np.ndarray

    @classmethod
    def of(cls, cells: TrainingCells, *, can: Callable[[Condition], bool] | None = None) -> ValidationConditions:
        """Validation conditions of the training data.

        Parameters
        ----------
        can
            Whether the method, fitted on the other conditions, could predict one; all when left out.
        """
        marked = np.unique(cells.condition_of[cells.held_out])
        chosen = [
            index
            for index in marked
            if cells.conditions[index].cell_type in cells.control_means
            and (can is None or can(cells.conditions[index]))
        ]
        conditions = [cells.conditions[index] for index in chosen]
        shape = (len(chosen), cells.matrix.shape[1])
        controls = [cells.control_means[condition.cell_type] for condition in conditions]
        fitting = np.flatnonzero(~np.isin(cells.condition_of, chosen))
        return cls(conditions, cells.means[chosen].reshape(shape), np.reshape(controls, shape), fitting)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.conditions)

    def predicted(self, move: Move, controls: Mapping[str, np.ndarray]) -> np.ndarray:
        """Mean profiles that a method predicts for them: (n, n_genes) float64.

        Parameters
        ----------
        move
            What the method does to control cells.
        controls
            Cell type -> control cells, (n, n_genes), genes sorted by name.
        """
        means = [move(controls[condition.cell_type], condition).mean(axis=0) for condition in self.conditions]
        return np.array(means, dtype=np.float64)

    def shift_correlation(self, predicted: np.ndarray) -> float:
        """Pearson correlation of predicted and true shifts from control, mean over conditions.

        A prediction without any shift counts as 0.

        Parameters
        ----------
        predicted
            (n, n_genes) predicted mean profiles.
        """
        one = _centred(predicted - self.controls)
        other = _centred(self.means - self.controls)
        norms = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
        products = np.sum(one * other, axis=1)
        return float(np.mean(np.divide(products, norms, out=np.zeros_like(norms), where=norms > 0)))

    def expression_correlation(self, predicted: np.ndarray) -> float:
        """Pearson correlation of predicted and true mean profiles, mean over conditions."""
        pairs = zip(predicted, self.means, strict=True)
        return float(np.mean([np.corrcoef(one, other)[0, 1] for one, other in pairs]))

    def r_squared(self, predicted: np.ndarray) -> float:
        """Share of the variance over genes of the true mean profiles that is predicted, mean over conditions."""
        residual = np.sum((predicted - self.means) ** 2, axis=1)
        total = np.sum(_centred(self.means) ** 2, axis=1)
        return float(np.mean(1 - residual / total))


def _centred(rows: np.ndarray) -> np.ndarray:
    centred: np.ndarray = rows - rows.mean(axis=1, keepdims=True)
    return centred
