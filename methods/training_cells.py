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
    """

    genes: pd.Index

    @cached_property
    def order(self) -> np.ndarray:
        """Column of the file of each sorted gene, (n_genes,)."""
        return np.argsort(self.genes.to_numpy(dtype=str), kind="stable")

    @cached_property
    def sorted_genes(self) -> pd.Index:
        """Genes in alphabetical order."""
        return self.genes[self.order]

    def sorted_cells(self, adata: AnnData) -> csr_matrix:
        """Cells sorted by id, genes sorted by name: (n_cells, n_genes)."""
        rows = np.argsort(adata.obs_names.to_numpy(dtype=str), kind="stable")
        ordered: csr_matrix = adata.X[rows][:, self.order]
        return ordered

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
        Conditions of these cells, sorted.
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
    def of(cls, train: TrainingData, *, keep: Callable[[Condition], bool] | None = None) -> TrainingCells:
        """Cells of the training data.

        Parameters
        ----------
        keep
            Which conditions to keep; all when left out. Controls are always kept.

        Raises
        ------
        Unsupported
            If no perturbed cell is left, or no control.
        """
        panel = Panel(train.genes)
        rows = np.argsort(train.adata.obs_names.to_numpy(dtype=str), kind="stable")
        labels = train.adata.obs["condition"].astype(str).to_numpy()[rows]
        kept = {
            key: condition
            for key, condition in train.conditions.items()
            if condition.is_control or keep is None or keep(condition)
        }
        if not any(condition.is_control for condition in kept.values()):
            raise Unsupported("there are no training control cells")
        if all(condition.is_control for condition in kept.values()):
            raise Unsupported("no training condition is one that the method can read")
        among = np.isin(labels, list(kept))
        rows, labels = rows[among], labels[among]
        conditions = tuple(sorted(kept.values(), key=lambda condition: condition.key))
        position: Mapping[str, int] = {condition.key: index for index, condition in enumerate(conditions)}
        return cls(
            panel=panel,
            matrix=train.adata.X[rows][:, panel.order],
            conditions=conditions,
            condition_of=np.array([position[label] for label in labels], dtype=np.int64),
            held_out=train.adata.obs["validation"].to_numpy(dtype=bool)[rows],
        )

    @property
    def cell_types(self) -> tuple[str, ...]:
        """Cell types that occur, sorted."""
        return tuple(sorted({condition.cell_type for condition in self.conditions}))

    def rows_of(self, condition: Condition) -> np.ndarray:
        """Rows of a condition's cells, (n,)."""
        return np.flatnonzero(self.condition_of == self.conditions.index(condition))

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
