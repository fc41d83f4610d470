"""Vectors of genes: those the user supplied, else principal components of the training cells."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from methods.base import Resources, Unsupported
from methods.conditions import Condition
from methods.training_cells import TrainingCells

_MOST_CELLS = 10_000


def gene_vectors(cells: TrainingCells, resources: Resources, *, n_components: int = 32) -> pd.DataFrame:
    """One vector per gene, scaled to a typical length of 1.

    Parameters
    ----------
    cells
        Training cells, for when the user supplied no vectors.
    resources
        Prior knowledge.
    n_components
        Length of the vectors made from the cells.

    Returns
    -------
    (n, d) float32, indexed by gene symbol; vectors of zeros and vectors that are not finite are left out.
    """
    if resources.gene_vectors is None:
        return _component_vectors(cells, n_components)
    supplied = resources.gene_vectors
    values = supplied.to_numpy(dtype=np.float64)
    length = np.linalg.norm(values, axis=1)
    valid = np.isfinite(length) & (length > 0)
    if not valid.any():
        raise Unsupported("no gene vector that was supplied is finite and not zero")
    scaled = values[valid] / np.median(length[valid])
    return pd.DataFrame(scaled.astype(np.float32), index=supplied.index[valid].astype(str)).sort_index()


def vector_source(supplied: Collection[str]) -> str:
    """Suffix of a method's label that says where its gene vectors come from: ``""`` or ``"pca"``."""
    return "" if "gene_vectors" in supplied else "pca"


def summed_vector(vectors: pd.DataFrame, condition: Condition) -> np.ndarray:
    """Sum of the vectors of a condition's genes, (d,); zero for the control.

    Raises
    ------
    Unsupported
        If the condition is a treatment, or a gene has no vector.
    """
    if condition.modality == "treatment" and not condition.is_control:
        raise Unsupported(f"{condition.label} is a treatment, which has no gene vector")
    missing = [gene for gene in condition.perturbations if gene not in vectors.index]
    if missing:
        raise Unsupported(f"no gene vector of {', '.join(missing)}")
    total: np.ndarray = vectors.loc[list(condition.perturbations)].to_numpy().sum(axis=0)
    return total


def _component_vectors(cells: TrainingCells, n_components: int) -> pd.DataFrame:
    """Unit vectors of the genes' loadings on the first components of the standardised cells.

    Genes that vary together get similar vectors. Cells of validation conditions take no part, as those
    of test conditions do not; of many cells, evenly spaced ones are used.
    """
    from scipy.sparse.linalg import svds

    rows = np.flatnonzero(~cells.held_out)
    rows = rows[np.linspace(0, rows.size - 1, min(rows.size, _MOST_CELLS)).astype(int)]
    values = cells.matrix[rows].toarray().astype(np.float64)
    values -= values.mean(axis=0)
    spread = values.std(axis=0)
    measured = spread > 0
    values = values[:, measured] / spread[measured]
    rank = min(n_components, *(size - 1 for size in values.shape))
    if rank < 1:
        raise Unsupported("too few cells or genes vary for gene vectors to be made of them")
    _, singular, loadings = svds(values, k=rank, v0=np.ones(min(values.shape)))
    vectors = (singular[:, None] * loadings).T[:, ::-1]
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return pd.DataFrame(vectors.astype(np.float32), index=cells.panel.sorted_genes[measured])
