"""How alike perturbed genes, or drugs, are: one matrix of cosines per source of knowledge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.sparse import csr_matrix, diags, identity
from scipy.sparse.linalg import ArpackNoConvergence, eigsh

from doloris.data import Priors, TrainingCells

_COMPONENTS = 20
_DENSE = 1500
"""Genes up to which all eigenvectors are computed at once, which is quick and cannot fail to converge."""
_RESTARTS = 30
"""Of the iteration for some eigenvectors; co-expression of real screens needs up to 15, noise without end."""
_MULTIPLICATIONS = 20
"""By the matrix, where that iteration gives up."""
_WALK = (0.5, 0.5, 0.25)
"""Weights of no step, one step and two steps along a graph."""


def gene_similarities(
    cells: TrainingCells, priors: Priors, names: Sequence[str], trained: Sequence[str]
) -> dict[str, np.ndarray]:
    """Cosine between every named gene and every trained one, by source.

    Sources: the genes' rows of the signed co-expression matrix over all training controls, centred per cell
    type; the same with entries within two standard errors of 0 removed; both again on their leading
    eigenvectors; every edge list, as short random walks; token embeddings.

    Parameters
    ----------
    names, trained
        Gene symbols; a gene that a source does not know has similarity 0 there.

    Returns
    -------
    Name of the source -> (len(names), len(trained)), float64.
    """
    index = {gene: position for position, gene in enumerate(cells.genes)}
    rows = np.array([index.get(name, -1) for name in names])
    columns = np.array([index.get(name, -1) for name in trained])
    correlation, n_controls = _control_correlation(cells)
    distinct = np.sign(correlation) * np.maximum(np.abs(correlation) - 2.0 / np.sqrt(n_controls), 0.0)
    vectors: dict[str, np.ndarray] = {}
    for name, matrix in (("co-expression", correlation), ("distinct co-expression", distinct)):
        vectors[name] = matrix
        vectors[f"{name}, leading"] = _leading(matrix)
    if priors.token_embeddings is not None:
        vectors["tokens"] = np.nan_to_num(priors.token_embeddings)
    found = {name: _cosines(matrix, rows, columns) for name, matrix in vectors.items()}
    for name, edges in priors.edges.items():
        found[name] = _walk_cosines(edges, names, trained)
    return found


def drug_similarity(vectors: np.ndarray, trained: Sequence[int]) -> np.ndarray:
    """Cosine between every drug and the trained ones, over columns standardised on the trained drugs."""
    seen = vectors[list(trained)].astype(np.float64)
    spread = seen.std(axis=0)
    kept = spread > 1e-8
    standard = (vectors[:, kept] - seen[:, kept].mean(axis=0)) / spread[kept]
    everything = np.arange(len(vectors))
    return _cosines(standard, everything, np.asarray(trained, dtype=np.int64))


def _control_correlation(cells: TrainingCells) -> tuple[np.ndarray, int]:
    """Signed Pearson correlation over the training controls, centred per cell type, diagonal 0; number of controls."""
    gram = np.zeros((len(cells.genes), len(cells.genes)))
    count = 0
    for cell_type in np.unique(cells.cell_type[cells.control]):
        controls = cells.controls_of(int(cell_type))
        mean = np.asarray(controls.mean(axis=0), dtype=np.float64).ravel()
        gram += (controls.T @ controls).toarray() - controls.shape[0] * np.outer(mean, mean)
        count += controls.shape[0]
    sd = np.sqrt(np.maximum(np.diag(gram), 0.0))
    scale = np.divide(1.0, sd, out=np.zeros_like(sd), where=sd > 1e-8)
    correlation = gram * scale[:, None] * scale
    np.fill_diagonal(correlation, 0.0)
    return correlation, count


def _leading(matrix: np.ndarray) -> np.ndarray:
    """Scores on the eigenvectors of largest absolute eigenvalue: (n, <= 20)."""
    values, vectors = _some_eigenvectors(matrix) if len(matrix) > _DENSE else np.linalg.eigh(matrix)
    kept = np.argsort(-np.abs(values), kind="stable")[:_COMPONENTS]
    scores: np.ndarray = vectors[:, kept] * values[kept]
    return scores


def _some_eigenvectors(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Leading eigenvalues and vectors; of a spectrum without gaps, vectors that span about the leading ones."""
    try:
        # a fixed start makes the iteration repeatable
        start = np.linspace(0.5, 1.5, len(matrix))
        values, vectors = eigsh(matrix, k=_COMPONENTS, which="LM", v0=start, maxiter=_RESTARTS)
    except ArpackNoConvergence:
        values, vectors = _subspace_iteration(matrix)
    return values, vectors


def _subspace_iteration(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues and vectors of the matrix within a subspace that was multiplied by it a number of times."""
    basis = np.random.default_rng(0).standard_normal((len(matrix), 2 * _COMPONENTS))
    for _ in range(_MULTIPLICATIONS):
        basis = np.linalg.qr(matrix @ basis)[0]
    values, within = np.linalg.eigh(basis.T @ matrix @ basis)
    return values, basis @ within


def _unit(vectors: np.ndarray) -> np.ndarray:
    norm = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(norm > 1e-12, norm, np.inf))


def _cosines(vectors: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Cosines between rows of a matrix; -1 stands for an unknown gene, whose cosines are 0."""
    padded = np.vstack([_unit(vectors), np.zeros(vectors.shape[1])])
    cosines: np.ndarray = padded[rows] @ padded[columns].T
    return cosines


def _walk_cosines(edges: np.ndarray, names: Sequence[str], trained: Sequence[str]) -> np.ndarray:
    nodes = {name: row for row, name in enumerate(sorted(set(edges.ravel().tolist()) | set(names) | set(trained)))}
    size = len(nodes)
    first = np.array([nodes[name] for name in edges[:, 0].tolist()], dtype=np.int64)
    second = np.array([nodes[name] for name in edges[:, 1].tolist()], dtype=np.int64)
    adjacency = csr_matrix((np.ones(len(edges)), (first, second)), shape=(size, size))
    adjacency = csr_matrix(adjacency + adjacency.T)
    adjacency.data[:] = 1.0
    degree = np.maximum(np.asarray(adjacency.sum(axis=1)).ravel(), 1.0)
    step = diags(degree**-0.5) @ adjacency @ diags(degree**-0.5)
    none, one, two = _WALK

    def walk(wanted: Sequence[str]) -> csr_matrix:
        start = csr_matrix(identity(size, format="csr")[[nodes[name] for name in wanted]])
        once = start @ step
        walked = csr_matrix(none * start + one * once + two * (once @ step))
        norm = np.sqrt(np.asarray(walked.multiply(walked).sum(axis=1)).ravel())
        return csr_matrix(diags(1.0 / norm) @ walked)

    cosines: np.ndarray = (walk(names) @ walk(trained).T).toarray()
    return cosines


def blend(similarities: Mapping[str, np.ndarray], chosen: Sequence[str]) -> np.ndarray:
    """Mean of the chosen similarities."""
    return np.asarray(np.mean([similarities[name] for name in chosen], axis=0))
