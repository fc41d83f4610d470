"""The gene graph: co-expression, token similarity and named edge lists, in panel order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from doloris.data import Priors, TrainingCells
from doloris.errors import CellsError


@dataclass(frozen=True)
class GeneGraph:
    """Undirected, unweighted graph over genes.

    Parameters
    ----------
    nodes
        Panel genes in panel order, then other genes that were perturbed.
    edges
        (2, m) int64, both directions of every edge, no self loops, sorted.
    """

    nodes: tuple[str, ...]
    edges: np.ndarray


def coexpression(values: np.ndarray) -> np.ndarray:
    """|Pearson| between the columns, (n_genes, n_genes) float32; 0 for constant columns and on the diagonal."""
    centred = values - values.mean(axis=0)
    norm = np.sqrt((centred**2).sum(axis=0))
    unit = np.divide(centred, norm, out=np.zeros_like(centred), where=norm > 0).astype(np.float32)
    absolute: np.ndarray = np.abs(unit.T @ unit)
    np.fill_diagonal(absolute, 0.0)
    return absolute


def similar_pairs(similarity: np.ndarray, threshold: float, neighbours: int | None) -> np.ndarray:
    """Pairs above a threshold, (m, 2) with first < second; ``neighbours`` keeps those among either's strongest."""
    keep = similarity > threshold
    if neighbours is not None and neighbours < similarity.shape[0]:
        order = np.argpartition(-similarity, neighbours - 1, axis=1)[:, :neighbours]
        strongest = np.zeros_like(keep)
        np.put_along_axis(strongest, order, values=True, axis=1)
        keep &= strongest | strongest.T
    first, second = np.nonzero(np.triu(keep, 1))
    return np.stack([first, second], axis=1)


def coexpression_pairs(
    cells: TrainingCells, threshold: float, n_cells: int, neighbours: int | None, rng: np.random.Generator
) -> np.ndarray:
    """Pairs co-expressed over random training controls (section 2 of the specification): (m, 2).

    Where there are fewer controls than asked for, all are used.
    """
    controls = np.flatnonzero(cells.control)
    rows = rng.permutation(controls)[: min(n_cells, controls.size)]
    return similar_pairs(coexpression(cells.values[rows].toarray()), threshold, neighbours)


def token_pairs(embeddings: np.ndarray, threshold: float) -> np.ndarray:
    """Pairs of genes whose token embeddings have at least this cosine, (m, 2); rows of NaN have no token."""
    known = np.flatnonzero(np.isfinite(embeddings).all(axis=1))
    unit = embeddings[known] / np.maximum(np.linalg.norm(embeddings[known], axis=1, keepdims=True), 1e-12)
    similarity = unit @ unit.T
    first, second = np.nonzero(np.triu(similarity >= threshold, 1))
    return np.stack([known[first], known[second]], axis=1)


def named_pairs(lists: Mapping[str, np.ndarray], nodes: Sequence[str]) -> np.ndarray:
    """Edges of the named lists that join two nodes, as node numbers: (m, 2).

    Raises
    ------
    CellsError
        If a list has no edge between two nodes.
    """
    index = {name: position for position, name in enumerate(nodes)}
    found: list[tuple[int, int]] = []
    for source, edges in lists.items():
        inside = [(index[a], index[b]) for a, b in edges.tolist() if a in index and b in index and a != b]
        if not inside:
            raise CellsError(
                f"edge list {source!r}: none of its {len(edges)} edges joins two genes of the panel; "
                "check that it names genes by the panel's symbols"
            )
        found += inside
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def build_graph(nodes: Sequence[str], pairs: Iterable[np.ndarray]) -> GeneGraph:
    """Union of pairs as a graph, each edge once in each direction."""
    stacked = np.concatenate([np.zeros((0, 2), dtype=np.int64), *(np.asarray(p, dtype=np.int64) for p in pairs)])
    stacked = stacked[stacked[:, 0] != stacked[:, 1]]
    both = np.concatenate([stacked, stacked[:, ::-1]])
    return GeneGraph(tuple(nodes), np.ascontiguousarray(np.unique(both, axis=0).T))


def extra_nodes(cells: TrainingCells) -> tuple[str, ...]:
    """Perturbed genes that are not measured, sorted."""
    perturbed = {gene for condition in cells.conditions for gene in condition.genes}
    return tuple(sorted(perturbed - set(cells.genes)))


def released_numbering(graph: GeneGraph, priors: Priors) -> np.ndarray:
    """Number that the release gives each node: (n_nodes,).

    Genes of the token vocabulary come first, in vocabulary order; then the others in the order of their first
    appearance in the edge list, which holds a self loop of every node (sections 2 and 11).
    """
    n_nodes = len(graph.nodes)
    upper = graph.edges[:, graph.edges[0] < graph.edges[1]]
    loops = np.tile(np.arange(n_nodes), (2, 1))
    seen = np.unique(np.hstack([upper, loops]).T, axis=0).ravel()
    rank = np.zeros(0) if priors.token_rank is None else priors.token_rank
    ranked = np.argsort(rank, kind="stable")[(rank < 0).sum() :]
    order = list(dict.fromkeys([*ranked.tolist(), *seen.tolist()]))
    number = np.empty(n_nodes, dtype=np.int64)
    number[order] = np.arange(n_nodes)
    return number


def as_released(graph: GeneGraph, priors: Priors) -> GeneGraph:
    """The graph with its edges renumbered as the release numbers them.

    Features and perturbed genes keep their numbers, so edges join other genes than they name (section 9, item 1).
    """
    renumbered = released_numbering(graph, priors)[graph.edges]
    order = np.lexsort((renumbered[1], renumbered[0]))
    return GeneGraph(graph.nodes, np.ascontiguousarray(renumbered[:, order]))


def node_features(features: np.ndarray, graph: GeneGraph) -> np.ndarray:
    """Features of all nodes: those of panel genes, and for other nodes the mean over their measured neighbours.

    Returns
    -------
    (n_nodes, n_features), float32; zero for a node without measured neighbour.
    """
    n_panel = features.shape[0]
    n_nodes = len(graph.nodes)
    source, target = graph.edges
    inside = (source >= n_panel) & (target < n_panel)
    weights = csr_matrix((np.ones(int(inside.sum())), (source[inside], target[inside])), shape=(n_nodes, n_panel))
    counts = np.maximum(np.asarray(weights.sum(axis=1)).ravel(), 1.0)
    out: np.ndarray = ((weights @ features) / counts[:, None]).astype(np.float32)
    out[:n_panel] = features
    return out
