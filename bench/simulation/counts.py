"""Negative-binomial counts and their normalisation."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

TARGET_SUM = 10000.0
_NEGLIGIBLE = 1e-18
_BLOCK = 4_000_000  # stored values normalised together


def draw_counts(rng: np.random.Generator, mean: np.ndarray, dispersion: np.ndarray) -> csr_matrix:
    """Draw negative-binomial counts by inversion of the distribution function.

    One uniform number decides each entry. Since P(count >= 1) <= mean, an entry whose number
    exceeds its mean is 0 without any further computation, which is most of them.

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
    candidate = np.flatnonzero(survival < mean)
    survival, mu = survival.ravel()[candidate], mean.ravel()[candidate]
    phi = dispersion[candidate % mean.shape[1]]
    scaled = mu * phi
    pmf = np.exp(-np.log1p(scaled) / phi)
    tail = 1.0 - pmf  # P(count >= k), k = 1
    positive = survival < tail
    position = candidate[positive]
    counts = np.ones(position.size, dtype=np.float32)

    active = np.arange(position.size)
    survival, tail, pmf = survival[positive], tail[positive], pmf[positive]
    mu, phi, ratio = mu[positive], phi[positive], (scaled / (1.0 + scaled))[positive]
    k = 1
    while active.size:
        pmf = pmf * ratio * (1.0 / phi + (k - 1)) / k
        tail = tail - pmf
        more = (survival < tail) & ((pmf > _NEGLIGIBLE) | (k < mu))
        active = active[more]
        counts[active] += 1.0
        survival, tail, pmf, mu, phi, ratio = (values[more] for values in (survival, tail, pmf, mu, phi, ratio))
        k += 1
    rows, columns = np.divmod(position, mean.shape[1])
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=mean.shape[0]))])
    return csr_matrix((counts, columns.astype(np.int32), indptr.astype(np.int32)), shape=mean.shape)


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
