"""Folds of the control cells: which of them train, score, and rank genes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bench.hashing import derive_seed, unit_hash
from bench.heldout import CONTROL_FOLDS
from bench.splits import Split


def control_folds(ids: pd.Index, split: Split) -> pd.Series:
    """Fold of every control cell, by cell id: ``train``, ``scoring`` or ``de``.

    A cell's fold is a seeded hash of its id, so it does not depend on the other cells.
    """
    position = unit_hash(ids, derive_seed(data=split.seed, axis="control folds"))
    folds = split.controls
    edges = np.array([folds.train, folds.train + folds.scoring])
    names = np.array(CONTROL_FOLDS)[np.searchsorted(edges, position, side="right")]
    return pd.Series(names, index=ids, name="fold")


def seen_by_methods(obs: pd.DataFrame, split: Split) -> np.ndarray:
    """Mask of the cells that methods may see: training and validation cells, training controls.

    Parameters
    ----------
    obs
        Canonical obs; columns ``condition`` and ``control``.
    """
    control = obs["control"].to_numpy(dtype=bool)
    parts = split.conditions
    seen: np.ndarray = obs["condition"].astype(str).isin([*parts.train, *parts.validation]).to_numpy()
    seen[control] = (control_folds(obs.index[control], split) == "train").to_numpy()
    return seen
