"""Which cells early stopping looks at."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from methods.base import TrainingData
from methods.conditions import Condition

_FRACTION = 0.15  # of the cells, as in CPA's tutorials


def validation_cells(train: TrainingData, *, seed: int, unseen_allowed: bool) -> np.ndarray:
    """Cells that early stopping looks at, (n_cells,) bool.

    A validation condition is held out whole where the model could still predict it: its perturbations
    occur elsewhere in training, and its cell type too. Of what remains, a random 15 % of the cells is held
    out where no condition could be, as in CPA's tutorials.
    """
    labels = train.adata.obs["condition"].astype(str).to_numpy()
    marked = set(labels[train.adata.obs["validation"].to_numpy(dtype=bool)])
    kept = [condition for key, condition in train.conditions.items() if key not in marked]
    whole = [key for key in sorted(marked) if _predictable(train.conditions[key], kept, unseen_allowed=unseen_allowed)]
    random: np.ndarray = np.random.default_rng(seed).random(labels.size) < _FRACTION
    return np.isin(labels, whole) if whole else random


def _predictable(condition: Condition, others: Collection[Condition], *, unseen_allowed: bool) -> bool:
    seen = {name for other in others for name in other.perturbations}
    cell_types = {other.cell_type for other in others}
    return condition.cell_type in cell_types and (unseen_allowed or seen >= set(condition.perturbations))
