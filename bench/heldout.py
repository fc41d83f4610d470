"""What only the evaluator sees: held-out cells and the controls they are scored against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix, vstack

from bench.errors import ProtocolError
from methods.conditions import Condition

CONTROL_FOLDS = ("train", "scoring", "de")


@dataclass(frozen=True)
class HeldOut:
    """Held-out cells of a task.

    Parameters
    ----------
    genes
        Gene panel; the columns of every matrix here and of every prediction.
    conditions
        Test conditions by key.
    cells
        True cells per test condition: (m, g) CSR float32, log-normalised.
    cell_ids
        ``obs_names`` of those cells; what halves and folds are hashed from.
    controls
        Cell type -> fold (``train``, ``scoring``, ``de``; disjoint) -> control cells (c, g), for every
        cell type of the task.
    train_means
        Mean profiles of the training conditions, controls excluded: (n_conditions, g), float64.
    train_conditions
        Those conditions by key.
    seed
        Data seed of the split.
    """

    genes: pd.Index
    conditions: Mapping[str, Condition]
    cells: Mapping[str, csr_matrix]
    cell_ids: Mapping[str, np.ndarray]
    controls: Mapping[str, Mapping[str, csr_matrix]]
    train_means: pd.DataFrame
    train_conditions: Mapping[str, Condition]
    seed: int

    def control_cells(self, cell_type: str, *folds: str) -> csr_matrix:
        """Control cells of a cell type in the given folds (all folds if none is named): (c, g).

        Raises
        ------
        ProtocolError
            If the cell type has no control cells in them.
        """
        wanted = folds or CONTROL_FOLDS
        of_type = self.controls.get(cell_type, {})
        parts = [of_type[fold] for fold in wanted if fold in of_type and of_type[fold].shape[0]]
        if not parts:
            raise ProtocolError(
                f"cell type {cell_type!r} has no control cells in fold {' or '.join(wanted)}; "
                "the task cannot be scored without them: add controls or drop its conditions from the split"
            )
        return parts[0] if len(parts) == 1 else csr_matrix(vstack(parts, format="csr"))
