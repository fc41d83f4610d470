"""Wasserstein-1 distance between two samples of different size, for many genes at once.

In one dimension it is the area between the two quantile functions. Both are steps, with jumps
at multiples of 1/n and 1/m; on the union of the two grids both are constant, so the area is a
finite sum and the result exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from array_api_compat import array_namespace

from bench.metrics.device import Array, Device, to_device


@dataclass(frozen=True)
class QuantileGrid:
    """Common steps of the quantile functions of n and of m sorted values.

    Parameters
    ----------
    left, right
        Which sorted value of either sample holds on each step: (k,), int64, k = n + m − gcd(n, m).
    width
        Width of each step: (k,), float64, summing to 1.
    """

    left: Array
    right: Array
    width: Array


def quantile_grid(n: int, m: int, device: Device = "cpu") -> QuantileGrid:
    """Grid for samples of n and m values, in integers so that no step is lost to rounding."""
    ends = np.union1d(np.arange(1, n + 1, dtype=np.int64) * m, np.arange(1, m + 1, dtype=np.int64) * n)
    widths = np.diff(ends, prepend=0) / (n * m)
    return QuantileGrid(
        left=to_device((ends - 1) // m, device),
        right=to_device((ends - 1) // n, device),
        width=to_device(widths, device),
    )


def sorted_rows(x: Array) -> Array:
    """Each row in ascending order."""
    return array_namespace(x).sort(x, axis=1, stable=False)


def wasserstein_rows(x: Array, y: Array, grid: QuantileGrid) -> Array:
    """Wasserstein-1 distance of each row: (g,), float64.

    Parameters
    ----------
    x, y
        (g, n) and (g, m) values in ascending order, one row per gene.
    grid
        The grid of n and m.
    """
    xp = array_namespace(x, y)
    if x.shape[1] != y.shape[1]:  # of equally many, the k-th smallest meet each other
        x, y = xp.take(x, grid.left, axis=1), xp.take(y, grid.right, axis=1)
    gaps = xp.astype(x, xp.float64)
    gaps -= y
    return xp.matmul(xp.abs(gaps), grid.width)
