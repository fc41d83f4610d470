"""Sums of Euclidean distances between the rows of dense blocks.

Distances come from a Gram matrix, which is fast, and loses digits where two rows nearly
coincide; those pairs are recomputed from their difference. float64 throughout: float32 halves
the time and costs digits of the energy distance, which is a small difference of large means.
"""

from __future__ import annotations

from array_api_compat import array_namespace

from bench.metrics.device import Array

_COINCIDENT = 1e-5  # squared distance over summed squared norms; above it the Gram form keeps ten digits
_DIFFERENCES_AT_ONCE = 1 << 22  # values in one block of differences: 32 MiB


def cross_sum(x: Array, y: Array) -> float:
    """Sum of ‖x_i − y_j‖ over all i, j.

    Parameters
    ----------
    x, y
        (n, g) and (m, g), float64, shifted alike so that the data lie around zero: a common shift
        leaves the sum as it is, and the nearer zero, the fewer pairs need recomputing.
    """
    xp = array_namespace(x, y)
    norms, other_norms = xp.vecdot(x, x), xp.vecdot(y, y)
    squared = _gram(x, y, norms, other_norms)
    _recompute_coincident(squared, x, y, norms, other_norms)
    return float(xp.sum(xp.sqrt(squared)))


def within_sum(x: Array) -> float:
    """Sum of ‖x_i − x_j‖ over all ordered pairs i ≠ j; argument as in :func:`cross_sum`."""
    xp = array_namespace(x)
    norms = xp.vecdot(x, x)
    squared = _gram(x, x, norms, norms)
    diagonal = xp.arange(x.shape[0])
    squared[diagonal, diagonal] = xp.inf  # known to be zero: not worth recomputing
    _recompute_coincident(squared, x, x, norms, norms)
    squared[diagonal, diagonal] = 0.0
    return float(xp.sum(xp.sqrt(squared)))


def _gram(x: Array, y: Array, norms: Array, other_norms: Array) -> Array:
    """Squared distances of all pairs, (n, m), from the squared norms of the rows."""
    xp = array_namespace(x, y)
    squared = xp.matmul(x, xp.matrix_transpose(y))
    squared *= -2.0
    squared += norms[:, None]
    squared += other_norms[None, :]
    return squared


def _recompute_coincident(squared: Array, x: Array, y: Array, norms: Array, other_norms: Array) -> None:
    """Replace, in place, the squared distances that cancellation has spoilt."""
    xp = array_namespace(x, y)
    if bool(xp.min(squared) > _COINCIDENT * (xp.max(norms) + xp.max(other_norms))):
        return
    scale = norms[:, None] + other_norms[None, :]
    rows, columns = xp.nonzero((squared <= _COINCIDENT * scale) & (scale > 0))
    step = max(1, _DIFFERENCES_AT_ONCE // max(1, x.shape[1]))
    for start in range(0, rows.shape[0], step):
        i, j = rows[start : start + step], columns[start : start + step]
        difference = x[i, :] - y[j, :]
        squared[i, j] = xp.vecdot(difference, difference)
