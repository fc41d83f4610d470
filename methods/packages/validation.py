"""Which cells early stopping looks at."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from methods.base import TrainingData
from methods.conditions import Condition

_FRACTION = 0.15  # of the cells, as in CPA's tutorials


def validation_cells(train: TrainingData, *, usable: np.ndarray, seed: int, unseen_allowed: bool) -> np.ndarray:
    """Cells that early stopping looks at, (n_cells,) bool.

    A validation condition is held out whole where the model could still predict it: its perturbations
    occur elsewhere in training, and its cell type too. Where no condition could be, or they have but one cell, which
    the packages cannot take, a random 15 % of the cells is held out, as in CPA's tutorials.

    Parameters
    ----------
    usable
        Cells the model is shown, (n_cells,) bool.
    """
    labels = train.adata.obs["condition"].astype(str).to_numpy()
    marked = set(labels[usable & train.adata.obs["validation"].to_numpy(dtype=bool)])
    kept = [train.conditions[key] for key in sorted(set(labels[usable]) - marked)]
    whole = [key for key in sorted(marked) if _predictable(train.conditions[key], kept, unseen_allowed=unseen_allowed)]
    held_out: np.ndarray = usable & np.isin(labels, whole)
    if held_out.sum() < 2:
        held_out = usable & (np.random.default_rng(seed).random(labels.size) < _FRACTION)
    return held_out


def _predictable(condition: Condition, others: Collection[Condition], *, unseen_allowed: bool) -> bool:
    seen = {name for other in others for name in other.perturbations}
    cell_types = {other.cell_type for other in others}
    return condition.cell_type in cell_types and (unseen_allowed or seen >= set(condition.perturbations))
