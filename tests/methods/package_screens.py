"""A gene screen small enough for the packages' own training, with one double among the training conditions."""

from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from methods.base import Query, Resources, TrainingData
from methods.conditions import TaskKind, parse_key

N_GENES = 24
CONDITIONS = ("ctrl", "A", "B", "C", "D", "A+B")


def gene_screen(*, validation: str = "D", counts: bool = True, resources: Resources | None = None) -> TrainingData:
    """40 controls and 24 cells of each condition, 24 genes of which four are perturbed; counts per 1,000."""
    rng = np.random.default_rng(0)
    genes = [*"ABCDE", *(f"G{i}" for i in range(N_GENES - 5))]
    base = rng.gamma(2.0, 2.0, N_GENES) + 1
    effects = {gene: np.exp(rng.normal(0, 0.7, N_GENES)) for gene in "ABCD"}
    labels = [key for key in CONDITIONS for _ in range(40 if key == "ctrl" else 24)]
    rates = [
        base * np.prod([effects[g] for g in key.split("+") if g != "ctrl"] or [np.ones(N_GENES)], axis=0)
        for key in labels
    ]
    drawn = rng.poisson(rates).astype(np.float32)
    totals = drawn.sum(axis=1, keepdims=True)
    adata = anndata.AnnData(
        csr_matrix(np.log1p(drawn / totals * 1000)),
        obs=pd.DataFrame(
            {
                "condition": labels,
                "control": [key == "ctrl" for key in labels],
                "cell_type": "K562",
                "validation": [key == validation for key in labels],
            },
            index=[f"cell{i}" for i in range(len(labels))],
        ),
        var=pd.DataFrame(index=genes),
    )
    if counts:
        adata.layers["counts"] = csr_matrix(drawn)
    conditions = {key: parse_key(key) for key in CONDITIONS}
    return TrainingData(adata, conditions, TaskKind.DOUBLE_GENE, target_sum=1000.0, resources=resources or Resources())


def gene_graph() -> Resources:
    """A ring over six genes, one of which is not measured; no link to any of the others."""
    ring = [*"ABCD", "E", "X"]
    edges = pd.DataFrame({"source": ring, "target": [*ring[1:], ring[0]], "weight": 0.5})
    return Resources(gene_graphs={"ring": edges})


def query(train: TrainingData, key: str) -> Query:
    """A condition asked for, with all training controls."""
    return Query(parse_key(key), train.adata[train.adata.obs["control"].to_numpy(dtype=bool)].copy())


def no_progress(step: int, total: int, **figures: float) -> None:
    """Nobody watches."""
