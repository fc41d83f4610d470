"""Edges between genes: those the user named, and co-expression in the training controls."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from methods.base import Resources, TrainingData

_COLUMNS = ("source", "target", "weight")


def graph_names(supplied: Collection[str]) -> list[str]:
    """Names of the user's edge lists, sorted; ``supplied`` as in :meth:`methods.base.Method.label`."""
    return sorted(name.partition(":")[2] for name in supplied if name.startswith("gene_graph:"))


def named_edges(resources: Resources) -> pd.DataFrame:
    """Union of the user's edge lists: ``source``, ``target``, ``weight``; an edge named twice keeps its largest weight.

    Edges have a direction here; a method that needs none adds the reverse.
    """
    graphs = [graph[list(_COLUMNS)] for graph in resources.gene_graphs.values()]
    if not graphs:
        return pd.DataFrame({name: pd.Series(dtype=float if name == "weight" else str) for name in _COLUMNS})
    strongest = pd.concat(graphs).sort_values("weight", ascending=False, kind="stable")
    return strongest.drop_duplicates(["source", "target"]).sort_values(["source", "target"], ignore_index=True)


def coexpression_edges(
    train: TrainingData, *, neighbours: int = 20, threshold: float = 0.4, n_cells: int = 5000
) -> pd.DataFrame:
    """|Pearson| between genes over training controls, centred per cell type.

    Parameters
    ----------
    neighbours
        At most so many strongest sources for each target gene.
    threshold
        Smallest |Pearson| that makes an edge.
    n_cells
        The first so many controls are used, sorted by id.

    Returns
    -------
    Columns ``source``, ``target``, ``weight``; no gene is its own source.
    """
    obs = train.adata.obs
    controls = np.flatnonzero(obs["control"].to_numpy(dtype=bool))
    by_id = np.argsort(obs.index.to_numpy(dtype=str)[controls], kind="stable")
    rows = controls[by_id[:n_cells]]
    values = train.adata.X[rows].toarray().astype(np.float64)
    cell_types = obs["cell_type"].astype(str).to_numpy()[rows]
    for cell_type in np.unique(cell_types):
        values[cell_types == cell_type] -= values[cell_types == cell_type].mean(axis=0)
    norm = np.sqrt((values**2).sum(axis=0))
    unit = np.divide(values, norm, out=np.zeros_like(values), where=norm > 0)
    similarity = np.abs(unit.T @ unit)
    np.fill_diagonal(similarity, 0.0)
    kept = min(neighbours, len(similarity) - 1)
    source = np.argsort(-similarity, axis=0, kind="stable")[:kept]  # (kept, n_genes)
    target = np.broadcast_to(np.arange(len(similarity)), source.shape)
    weight = np.take_along_axis(similarity, source, axis=0)
    strong = weight > threshold
    genes = train.genes.to_numpy(dtype=str)
    return pd.DataFrame({"source": genes[source[strong]], "target": genes[target[strong]], "weight": weight[strong]})
