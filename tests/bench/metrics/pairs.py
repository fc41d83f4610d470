"""Cells and pairs of cells from dense arrays, and strategies that draw them."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.sparse import csr_matrix

from bench.metrics.cells import Cells
from bench.metrics.pair import Background, CellPair


def cells(values: object) -> Cells:
    return Cells(csr_matrix(np.atleast_2d(np.asarray(values, dtype=np.float64))))


def background(g: int, **given: object) -> Background:
    zero, equal = np.zeros(g), np.full(g, 1.0 / g)
    fields = {
        "source_control": zero,
        "reference_control": zero,
        "reference_error": zero,
        "perturbed_mean": zero,
        "weights": equal,
        **{name: np.asarray(value, dtype=float) for name, value in given.items()},
    }
    return Background(**fields)


def pair(predicted: object, true: object, clipped: float = 0.0, **given: object) -> CellPair:
    x, y = cells(predicted), cells(true)
    return CellPair(x, y, background(y.g, **given), clipped)


def negative_binomial(n: int, g: int, seed: int, scale: float = 1.0) -> np.ndarray:
    """Log-normalised-looking cells, mostly zeros: (n, g), float64."""
    rates = np.random.default_rng(0).gamma(0.5, 1.0, g) * scale
    rng = np.random.default_rng([seed, 1])
    return np.log1p(rng.negative_binomial(2, 2 / (2 + rates), (n, g)).astype(np.float64))


values = st.floats(0, 8, allow_nan=False, width=32).map(lambda value: round(value, 3))


@st.composite
def two_samples(draw: st.DrawFn, fewest: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Two samples of a few cells on the same genes."""
    g = draw(st.integers(1, 5))
    n, m = draw(st.integers(fewest, 9)), draw(st.integers(fewest, 9))
    x = draw(hnp.arrays(np.float64, (n, g), elements=values))
    y = draw(hnp.arrays(np.float64, (m, g), elements=values))
    return x, y
