"""Cells that no checked-in task holds out: what may decide anything about a data set as a whole."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bench.folds import seen_by_methods
from bench.paths import splits_dir
from bench.splits import read_split


def seen_by_every_task(dataset: str, obs: pd.DataFrame) -> np.ndarray:
    """Mask of the cells that every checked-in task on a data set trains or validates on; all if there is no task.

    Parameters
    ----------
    dataset
        Name of the data set.
    obs
        Its canonical obs.
    """
    seen = np.ones(len(obs), dtype=bool)
    for path in sorted(splits_dir().glob("*.toml")):
        if f'dataset = "{dataset}"\n' not in path.read_text(encoding="utf-8"):
            continue  # checking every split file in full takes seconds
        seen &= seen_by_methods(obs, read_split(path))
    return seen
