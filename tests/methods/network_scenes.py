"""Small screens and small networks, on which training takes a second."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import anndata
import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from methods.base import Method, Query, Resources, TrainingData
from methods.conditions import Condition, Modality, TaskKind, parse_key

SMILES = {"X": "CCO", "Y": "c1ccccc1", "Z": "CC(=O)O", "W": "CCN", "V": "CCCl"}


def make_screen(
    keys: Sequence[str],
    *,
    modality: Modality = "gene",
    kind: TaskKind = TaskKind.DOUBLE_GENE,
    n_genes: int = 24,
    n_cells: int = 30,
    n_controls: int = 60,
    validation: Sequence[str] = (),
    structures: bool = True,
    seed: int = 0,
) -> TrainingData:
    """A screen in which every perturbation moves its own third of the genes up or down, and effects add up.

    Genes are G0, G1, ...; gene perturbations are named as genes; cell types shift all genes.
    """
    rng = np.random.default_rng(seed)
    conditions = [_condition(key, modality, structures) for key in keys]
    labels, blocks = [], []
    for condition in conditions:
        n = n_controls if condition.is_control else n_cells
        labels += [condition.key] * n
        blocks.append(np.maximum(true_mean(condition, n_genes) + 0.3 * rng.standard_normal((n, n_genes)), 0.0))
    obs = pd.DataFrame(
        {
            "condition": labels,
            "control": [label.startswith("ctrl") for label in labels],
            "cell_type": [label.partition("|")[2] or "only" for label in labels],
            "validation": np.isin(labels, list(validation)),
        },
        index=[f"cell{i:05d}" for i in range(len(labels))],
    )
    genes = pd.DataFrame(index=[f"G{i}" for i in range(n_genes)])
    adata = anndata.AnnData(csr_matrix(np.concatenate(blocks).astype(np.float32)), obs, genes)
    return TrainingData(adata, {condition.key: condition for condition in conditions}, kind)


def true_mean(condition: Condition, n_genes: int) -> np.ndarray:
    """Mean profile of a condition of :func:`make_screen`: (n_genes,)."""
    mean = 1.5 + 0.5 * np.sin(np.arange(n_genes)) + (0.4 if condition.cell_type == "t" else 0.0)
    for name in condition.perturbations:
        rng = np.random.default_rng(sum(map(ord, name)))
        moved = rng.choice(n_genes, size=n_genes // 3, replace=False)
        mean[moved] += rng.choice([-1.0, 1.0], size=moved.size) * (1.0 if condition.dose in (None, 100.0) else 0.5)
    return np.asarray(np.maximum(mean, 0.1))


def _condition(key: str, modality: Modality, structures: bool) -> Condition:
    condition = parse_key(key, modality)
    if modality == "gene" or condition.is_control or not structures:
        return condition
    return replace(condition, smiles=SMILES.get(condition.label))


def ask(train: TrainingData, key: str, modality: Modality = "gene", *, structures: bool = True) -> Query:
    """Query with the training controls of its cell type."""
    condition = _condition(key, modality, structures)
    labels = train.adata.obs["condition"].to_numpy()
    return Query(condition, train.adata[labels == Condition((), condition.cell_type).key].copy())


def shrunk(cls: type[Method], **settings: Any) -> type[Method]:
    """The method with some settings changed."""
    return type(cls.__name__, (cls,), {"presets": {"default": replace(cls.presets["default"], **settings)}})


def fitted(cls: type[Method], train: TrainingData, *, seed: int = 0) -> Method:
    """The method fitted on the CPU."""
    method = cls()
    method.fit(train, seed=seed, device="cpu", progress=lambda *_, **__: None)
    return method


def shuffled(train: TrainingData, *, seed: int = 1) -> TrainingData:
    """The same training data with cells and genes in another order."""
    rng = np.random.default_rng(seed)
    adata = train.adata[rng.permutation(train.adata.n_obs), rng.permutation(train.adata.n_vars)].copy()
    return replace(train, adata=adata)


def with_gene_vectors(train: TrainingData, *, width: int = 8, seed: int = 0) -> TrainingData:
    """The same training data with random unit vectors of its genes supplied by the user."""
    vectors = np.random.default_rng(seed).standard_normal((len(train.genes), width))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return replace(train, resources=Resources(gene_vectors=pd.DataFrame(vectors, index=train.genes)))


def relative_error(method: Method, train: TrainingData, keys: Sequence[str], modality: Modality = "gene") -> float:
    """Squared error of predicted mean shifts as a share of the squared true shifts, over conditions."""
    errors, sizes = 0.0, 0.0
    means = train.condition_means(controls=True)
    for key in keys:
        query = ask(train, key, modality)
        control = train.control_mean(query.condition.cell_type)
        truth = means.loc[key].to_numpy() if key in means.index else true_mean(query.condition, len(train.genes))
        predicted = method.predict(query, n_cells=60, seed=0).mean(axis=0)
        errors += float(np.sum((predicted - truth) ** 2))
        sizes += float(np.sum((control - truth) ** 2))
    return errors / sizes
