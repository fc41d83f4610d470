"""Negative-binomial counts and their normalisation."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

TARGET_SUM = 10000.0
LARGE_MEAN = 5.0
"""From this mean on, counts are drawn as gamma-Poisson: inversion takes steps in proportion to the count."""
_NEGLIGIBLE = 1e-18
_BLOCK = 4_000_000  # stored values normalised together


def draw_counts(rng: np.random.Generator, mean: np.ndarray, dispersion: np.ndarray) -> csr_matrix:
    """Draw negative-binomial counts.

    One uniform number decides each entry of a small mean. Since P(count >= 1) <= mean, an entry
    whose number exceeds its mean is 0 without any further computation, which is most of them.

    Parameters
    ----------
    mean
        (n_cells, n_genes), > 0.
    dispersion
        (n_genes,), > 0; variance = mean + dispersion * mean².

    Returns
    -------
    (n_cells, n_genes), CSR float32, whole numbers, sorted indices, no stored zeros.
    """
    survival = 1.0 - rng.random(mean.shape)  # in (0, 1]
    position = np.flatnonzero(survival < mean)
    survival, mu = survival.ravel()[position], mean.ravel()[position]
    phi = dispersion[position % mean.shape[1]]
    large = mu >= LARGE_MEAN
    counts = np.empty(position.size, dtype=np.float32)
    counts[~large] = _invert(survival[~large], mu[~large], phi[~large])
    counts[large] = rng.poisson(rng.standard_gamma(1.0 / phi[large]) * mu[large] * phi[large])
    position, counts = position[counts > 0], counts[counts > 0]
    rows, columns = np.divmod(position, mean.shape[1])
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=mean.shape[0]))])
    return csr_matrix((counts, columns.astype(np.int32), indptr.astype(np.int32)), shape=mean.shape)


def _invert(survival: np.ndarray, mean: np.ndarray, dispersion: np.ndarray) -> np.ndarray:
    """The largest k with P(count >= k) > survival, entry by entry: (n,), float32."""
    counts = np.zeros(survival.size, dtype=np.float32)
    active = np.arange(survival.size)
    scaled = mean * dispersion
    ratio = scaled / (1.0 + scaled)
    size = 1.0 / dispersion
    pmf = np.exp(-size * np.log1p(scaled))  # P(count = k), k = 0
    tail = 1.0 - pmf  # P(count > k)
    k = 0
    while active.size:
        # rounding leaves a tail above the smallest survival once its terms have died out
        more = (survival < tail) & ((pmf > _NEGLIGIBLE) | (k < mean))
        active = active[more]
        counts[active] += 1.0
        survival, mean, size, ratio, pmf, tail = (v[more] for v in (survival, mean, size, ratio, pmf, tail))
        k += 1
        pmf = pmf * ratio * (size + (k - 1)) / k
        tail = tail - pmf
    return counts


def log_normalise(counts: csr_matrix) -> csr_matrix:
    """log1p of counts per 10,000 over the panel: (n_cells, n_genes), CSR float32 with the indices of ``counts``."""
    totals = np.asarray(counts.sum(axis=1, dtype=np.float64)).ravel()
    values = np.empty_like(counts.data)
    rows_per_block = max(1, int(_BLOCK * counts.shape[0] / max(1, counts.nnz)))
    for first in range(0, counts.shape[0], rows_per_block):
        bounds = counts.indptr[first : first + rows_per_block + 1]
        scale = np.repeat(TARGET_SUM / np.maximum(totals[first : first + rows_per_block], 1.0), np.diff(bounds))
        values[bounds[0] : bounds[-1]] = np.log1p(counts.data[bounds[0] : bounds[-1]] * scale)
    return csr_matrix((values, counts.indices.copy(), counts.indptr.copy()), shape=counts.shape)
