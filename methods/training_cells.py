"""Training cells in an order that no reshuffling of the file changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from methods.base import TrainingData, Unsupported
from methods.conditions import Condition
from methods.sampling import draw_rows

if TYPE_CHECKING:
    from anndata import AnnData
    from scipy.sparse import csr_matrix


@dataclass(frozen=True)
class Panel:
    """The gene panel in alphabetical order and the way back to the order predictions must have.

    A network that sees genes in this order, and cells by their ids, gives the same prediction however
    the columns and rows of the file are shuffled.

    Parameters
    ----------
    genes
        Panel, in the order predictions must have.
    target_sum
        Counts per cell before log1p.
    """

    genes: pd.Index
    target_sum: float

    @cached_property
    def order(self) -> np.ndarray:
        """Column of the file of each sorted gene, (n_genes,)."""
        return np.argsort(self.genes.to_numpy(dtype=str), kind="stable")

    @cached_property
    def sorted_genes(self) -> pd.Index:
        """Genes in alphabetical order."""
        return self.genes[self.order]

    def draw_cells(self, adata: AnnData, n_cells: int, *, seed: int) -> np.ndarray:
        """Cells drawn as by :func:`methods.sampling.draw_rows`, whatever their order: (n_cells, n_genes) float32.

        Raises
        ------
        Unsupported
            If there are none to draw from.
        """
        by_id = np.argsort(adata.obs_names.to_numpy(dtype=str), kind="stable")
        drawn: np.ndarray = adata.X[draw_rows(by_id, n_cells, seed=seed)].toarray()[:, self.order]
        return drawn.astype(np.float32, copy=False)

    def restore_cells(self, values: np.ndarray) -> np.ndarray:
        """Predicted cells of sorted genes, (n, n_genes), in the order predictions must have, as cells can be.

        An unbounded output layer can leave what log-normalised cells can be; values are clipped to that range.
        """
        return self.restore(np.clip(values, 0.0, np.float32(np.log1p(self.target_sum))))

    def restore(self, values: np.ndarray) -> np.ndarray:
        """Values of sorted genes, (n, n_genes), in the order predictions must have."""
        restored = np.empty_like(values)
        restored[:, self.order] = values
        return restored


@dataclass(frozen=True)
class TrainingCells:
    """Training cells sorted by id, their genes sorted by name, and what each of them received.

    Parameters
    ----------
    panel
        Gene panel.
    matrix
        (n, n_genes) CSR, log-normalised.
    conditions
        Conditions of these cells, sorted by key.
    condition_of
        Index into ``conditions`` of each cell, (n,) int64.
    held_out
        Cells of validation conditions, (n,) bool.
    """

    panel: Panel
    matrix: csr_matrix
    conditions: tuple[Condition, ...]
    condition_of: np.ndarray
    held_out: np.ndarray

    @classmethod
    def of(cls, train: TrainingData) -> TrainingCells:
        """All cells of the training data."""
        panel = Panel(train.genes, train.target_sum)
        rows = np.argsort(train.adata.obs_names.to_numpy(dtype=str), kind="stable")
        keys, condition_of = np.unique(
            train.adata.obs["condition"].astype(str).to_numpy(dtype=str)[rows], return_inverse=True
        )
        return cls(
            panel=panel,
            matrix=train.adata.X[rows][:, panel.order],
            conditions=tuple(train.conditions[str(key)] for key in keys),
            condition_of=condition_of.astype(np.int64),
            held_out=train.adata.obs["validation"].to_numpy(dtype=bool)[rows],
        )

    def only(self, keep: Callable[[Condition], bool], *, that: str) -> TrainingCells:
        """The cells of the controls and of some other conditions.

        Parameters
        ----------
        keep
            Which of the other conditions.
        that
            What is true of those, for the message when there are none.

        Raises
        ------
        Unsupported
            If no perturbed cell is left, or no control.
        """
        kept = [index for index, condition in enumerate(self.conditions) if condition.is_control or keep(condition)]
        conditions = tuple(self.conditions[index] for index in kept)
        if not any(condition.is_control for condition in conditions):
            raise Unsupported("there are no training control cells")
        if all(condition.is_control for condition in conditions):
            raise Unsupported(f"there is no training condition {that}")
        rows = np.flatnonzero(np.isin(self.condition_of, kept))
        return TrainingCells(
            panel=self.panel,
            matrix=self.matrix[rows],
            conditions=conditions,
            condition_of=np.searchsorted(kept, self.condition_of[rows]),
            held_out=self.held_out[rows],
        )

    def with_controls(self) -> TrainingCells:
        """The cells of those cell types that have control cells.

        Raises
        ------
        Unsupported
            As :meth:`only`.
        """
        return self.only(
            lambda condition: condition.cell_type in self.control_means, that="of a cell type that has control cells"
        )

    @property
    def cell_types(self) -> tuple[str, ...]:
        """Cell types that occur, sorted."""
        return tuple(sorted({condition.cell_type for condition in self.conditions}))

    @cached_property
    def means(self) -> np.ndarray:
        """Mean profile of each condition, (n_conditions, n_genes) float64."""
        from scipy.sparse import csr_matrix as csr

        n = self.condition_of.size
        membership = csr((np.ones(n), (self.condition_of, np.arange(n))), shape=(len(self.conditions), n))
        sums = np.asarray((membership @ self.matrix).todense(), dtype=np.float64)
        mean: np.ndarray = sums / np.bincount(self.condition_of, minlength=len(self.conditions))[:, None]
        return mean

    @cached_property
    def control_means(self) -> Mapping[str, np.ndarray]:
        """Cell type -> mean profile of its controls, (n_genes,)."""
        return {
            condition.cell_type: self.means[index]
            for index, condition in enumerate(self.conditions)
            if condition.is_control
        }

    def control_cells(self, most: int | None) -> Mapping[str, np.ndarray]:
        """Cell type -> the first of its control cells, or all, dense: (<= most, n_genes) float32."""
        rows = {
            condition.cell_type: np.flatnonzero(self.condition_of == index)[:most]
            for index, condition in enumerate(self.conditions)
            if condition.is_control
        }
        return {name: self.matrix[row].toarray().astype(np.float32, copy=False) for name, row in rows.items()}


def left_out(everything: TrainingCells, fitted: TrainingCells) -> dict[str, object]:
    """What a run's record says of the training conditions that a method cannot use."""
    used = {condition.key for condition in fitted.conditions}
    return {"conditions_left_out": sorted(c.key for c in everything.conditions if c.key not in used)}
