"""Sums of Euclidean distances between the rows of dense blocks.

Distances come from a Gram matrix, which is fast, and loses digits where two rows nearly
coincide; those pairs are recomputed from their difference. float64 throughout: float32 halves
the time and costs digits of the energy distance, which is a small difference of large means.
"""

from __future__ import annotations

from array_api_compat import array_namespace, device

from bench.metrics.device import Array

_COINCIDENT = 1e-5  # squared distance over summed squared norms; above it the Gram form keeps ten digits
_GENES_AT_ONCE = 512  # a strip of some hundred cells then stays in the processor's cache
_DIFFERENCES_AT_ONCE = 1 << 22  # values in one block of differences: 32 MiB


def cross_sum(x: Array, y: Array, centre: Array) -> float:
    """Sum of ‖x_i − y_j‖ over all i, j.

    Parameters
    ----------
    x, y
        (n, g) and (m, g), any floating type.
    centre
        (g,), float64, amid the rows: the nearer, the fewer pairs need recomputing; the sum does not depend on it.
    """
    xp = array_namespace(x, y)
    squared, norms, other_norms = _gram(x, y, centre)
    _recompute_coincident(squared, x, y, norms, other_norms)
    return float(xp.sum(xp.sqrt(squared)))


def within_sum(x: Array, centre: Array) -> float:
    """Sum of ‖x_i − x_j‖ over all ordered pairs i ≠ j; arguments as in :func:`cross_sum`."""
    xp = array_namespace(x)
    squared, norms, _ = _gram(x, x, centre)
    diagonal = xp.arange(x.shape[0], device=device(x))
    squared[diagonal, diagonal] = xp.inf  # known to be zero: not worth recomputing
    _recompute_coincident(squared, x, x, norms, norms)
    squared[diagonal, diagonal] = 0.0
    return float(xp.sum(xp.sqrt(squared)))


def _gram(x: Array, y: Array, centre: Array) -> tuple[Array, Array, Array]:
    """Squared distances of all pairs, (n, m), and the squared norms of the centred rows, (n,) and (m,)."""
    xp = array_namespace(x, y)
    norms = xp.zeros(x.shape[0], dtype=xp.float64, device=device(x))
    other_norms = xp.zeros(y.shape[0], dtype=xp.float64, device=device(x))
    squared = xp.zeros((x.shape[0], y.shape[0]), dtype=xp.float64, device=device(x))
    for start in range(0, x.shape[1], _GENES_AT_ONCE):
        genes = slice(start, start + _GENES_AT_ONCE)
        left = xp.astype(x[:, genes], xp.float64) - centre[genes]
        right = left if y is x else xp.astype(y[:, genes], xp.float64) - centre[genes]
        product = xp.matmul(left, xp.matrix_transpose(right))
        product *= -2.0
        squared += product
        norms += xp.vecdot(left, left)
        other_norms += xp.vecdot(right, right)
    squared += norms[:, None]
    squared += other_norms[None, :]
    return squared, norms, other_norms


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
        difference = xp.astype(x[i, :], xp.float64) - y[j, :]
        squared[i, j] = xp.vecdot(difference, difference)
