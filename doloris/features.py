"""Frozen features of genes: principal components of the training-condition means (A.7)."""

from __future__ import annotations

import numpy as np

from doloris.data import TrainingCells


def condition_means(cells: TrainingCells) -> np.ndarray:
    """Mean profile of every condition, controls included: (n_conditions, n_genes), float64."""
    from scipy.sparse import csr_matrix

    n = len(cells.conditions)
    membership = csr_matrix(
        (np.ones(cells.n_cells), (cells.labels, np.arange(cells.n_cells))), shape=(n, cells.n_cells)
    )
    means: np.ndarray = (membership @ cells.values).toarray() / np.bincount(cells.labels, minlength=n)[:, None]
    return means


def gene_features(means: np.ndarray, n_components: int) -> np.ndarray:
    """Scores of the genes on the first principal components of the condition means.

    Genes are observations and conditions are variables, columns centred (section 2 of the specification).

    Parameters
    ----------
    means
        (n_conditions, n_genes).
    n_components
        Wanted; where there are fewer conditions or genes, the missing components are zero.

    Returns
    -------
    (n_genes, n_components), float32; the sign of a component makes its largest entry positive.
    """
    profiles = means.T - means.mean(axis=1)
    left, singular, _ = np.linalg.svd(profiles, full_matrices=False)
    kept = min(n_components, singular.size)
    scores = left[:, :kept] * singular[:kept]
    scores *= np.where(scores[np.abs(scores).argmax(axis=0), np.arange(kept)] < 0, -1.0, 1.0)
    out = np.zeros((profiles.shape[0], n_components), dtype=np.float32)
    out[:, :kept] = scores
    return out
