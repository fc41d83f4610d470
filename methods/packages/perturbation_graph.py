"""The graph over perturbed genes that GEARS and BioLord read: GO similarity, or co-expression in its place."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from methods.base import TrainingData
from methods.gene_graph import coexpression_edges, named_edges

NEIGHBOURS = 20
COEXPRESSION_THRESHOLD = 0.1  # of |Pearson|; GEARS' authors cut the Jaccard index of GO terms there


def perturbation_edges(train: TrainingData) -> pd.DataFrame:
    """The perturbation graph: ``source``, ``target``, ``weight``, sorted; every gene in it links to itself.

    The user's edges, else co-expression in the training controls; per target the 20 strongest sources
    and itself, as GEARS' authors cut their GO graph.
    """
    edges = named_edges(train.resources)
    if edges.empty:
        edges = coexpression_edges(train, neighbours=NEIGHBOURS, threshold=COEXPRESSION_THRESHOLD)
        nodes = set(train.genes.astype(str))
    else:
        nodes = set(edges["source"]) | set(edges["target"])
    others = edges[edges["source"] != edges["target"]]
    strongest = others.sort_values("weight", ascending=False, kind="stable").groupby("target").head(NEIGHBOURS)
    loops = pd.DataFrame({"source": sorted(nodes), "target": sorted(nodes), "weight": 1.0})
    return pd.concat([strongest, loops]).sort_values(["target", "source"], ignore_index=True)


def linked_genes(edges: pd.DataFrame, trained: Collection[str]) -> set[str]:
    """Genes that receive from one whose embedding is trained: from a source of a gene that is perturbed in training."""
    fed = edges.loc[edges["target"].isin(trained), "source"]
    return set(edges.loc[edges["source"].isin(fed), "target"])
