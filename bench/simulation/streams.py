"""Random numbers that depend on named axes and on nothing else."""

from __future__ import annotations

import numpy as np

from bench.hashing import derive_seed


def stream(name: str, **axes: object) -> np.random.Generator:
    """Random numbers of one data set, fixed by its name and the named axes."""
    return np.random.default_rng(derive_seed(simulation=name, **axes))
