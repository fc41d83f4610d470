"""The two views of every gene that GRAPE aligns: named vectors, or what the training cells tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from methods.base import Unsupported
from methods.training_cells import TrainingCells

_MOST_CONTROLS = 5_000


@dataclass(frozen=True)
class Views:
    """Two vectors of each gene of the panel, sorted by name.

    Parameters
    ----------
    first
        (n_genes, d) float32; stands for the release's vectors of descriptions.
    second
        (n_genes, d') float32; stands for the release's vectors of sequences.
    """

    first: np.ndarray
    second: np.ndarray


def make_views(cells: TrainingCells, vectors: pd.DataFrame | None, *, n_components: int, scale: float | None) -> Views:
    """Views of the panel's genes.

    The first is the user's vectors, zero for a gene without one; without vectors, principal components of how
    the training conditions shift each gene. The second is principal components of co-expression in the
    training controls: genes that vary together get similar vectors.

    Parameters
    ----------
    scale
        Root mean square that each gene's vector is given; ``None`` to leave it.

    Raises
    ------
    Unsupported
        If no gene of the panel has a vector.
    """
    first = _responses(cells, n_components) if vectors is None else _named(vectors, cells.panel.sorted_genes)
    second = _coexpression(cells, n_components)
    return Views(_scaled(first, scale), _scaled(second, scale))


def _named(vectors: pd.DataFrame, genes: pd.Index) -> np.ndarray:
    if not genes.isin(vectors.index).any():
        raise Unsupported("the gene vectors supplied have none for any gene of the panel")
    return vectors.reindex(genes).fillna(0.0).to_numpy(dtype=np.float64)


def _responses(cells: TrainingCells, n_components: int) -> np.ndarray:
    """Components of the conditions' mean shifts from their controls: (n_genes, <= n_components)."""
    shifts = [
        cells.means[number] - cells.control_means[condition.cell_type]
        for number, condition in enumerate(cells.conditions)
        if not condition.is_control
    ]
    return _components(np.stack(shifts), n_components)


def _coexpression(cells: TrainingCells, n_components: int) -> np.ndarray:
    """Components of the standardised controls, centred per cell type: (n_genes, <= n_components)."""
    blocks = []
    for controls in cells.control_cells(most=_MOST_CONTROLS).values():
        values = controls.astype(np.float64)
        blocks.append(values - values.mean(axis=0))
    values = np.concatenate(blocks)[:_MOST_CONTROLS]
    spread = values.std(axis=0)
    return _components(np.divide(values, spread, out=np.zeros_like(values), where=spread > 0), n_components)


def _components(rows: np.ndarray, n_components: int) -> np.ndarray:
    """Scores of the columns on the leading components of a matrix: (n_columns, <= n_components)."""
    from scipy.sparse.linalg import svds

    rank = min(n_components, *(size - 1 for size in rows.shape))
    if rank < 1:
        raise Unsupported("too few conditions, controls or genes for gene vectors to be made of them")
    _, singular, loadings = svds(rows, k=rank, v0=np.ones(min(rows.shape)))
    scores: np.ndarray = (singular[:, None] * loadings).T
    return scores


def _scaled(vectors: np.ndarray, scale: float | None) -> np.ndarray:
    if scale is not None:
        size = np.sqrt(np.mean(vectors**2, axis=1, keepdims=True))
        vectors = scale * np.divide(vectors, size, out=np.zeros_like(vectors), where=size > 0)
    out: np.ndarray = vectors.astype(np.float32)
    return out
