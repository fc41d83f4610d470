"""The one declared rule that makes cells of a predicted mean profile.

cell = training control − mean of the training controls + predicted mean, clipped at 0: the
spread of control cells around the predicted mean. It is shown beside the raw mean's scores,
since clipping moves the mean and control spread is not the truth's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from bench.metrics.moments import column_mean

RULE = (
    "training controls of the cell type, drawn with a seed (with replacement where there are too few), minus their "
    "mean plus the predicted mean, clipped at 0"
)


@dataclass(frozen=True)
class Lifted:
    """Cells made of a mean.

    Parameters
    ----------
    cells
        (n, g) CSR float32, >= 0.
    clipped
        Fraction of all values that clipping at 0 changed.
    """

    cells: csr_matrix
    clipped: float


def lift_mean(mean: np.ndarray, controls: csr_matrix, n_cells: int, seed: int) -> Lifted:
    """Cells around a predicted mean.

    Parameters
    ----------
    mean
        Predicted mean profile: (g,), log-normalised.
    controls
        Training-fold control cells of the condition's cell type: (c, g).
    n_cells
        How many cells to make.
    seed
        Which controls are drawn.
    """
    drawn = controls[draw_rows(controls.shape[0], n_cells, seed)].toarray()
    values = drawn + (np.asarray(mean, dtype=np.float64) - column_mean(controls))
    clipped = float(np.mean(values < 0))
    return Lifted(cells=csr_matrix(np.maximum(values, 0.0, out=values).astype(np.float32)), clipped=clipped)


def draw_rows(available: int, wanted: int, seed: int) -> np.ndarray:
    """``wanted`` of ``available`` rows in random order, with replacement only where there are too few."""
    rng = np.random.default_rng(seed)
    return rng.permutation(available)[:wanted] if wanted <= available else rng.integers(available, size=wanted)
