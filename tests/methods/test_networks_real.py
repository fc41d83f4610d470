"""The networks on a corner of real screens, a second or two each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from network_scenes import ask, fitted, shrunk

from methods.base import Resources, TrainingData
from methods.chemcpa import ChemCpa
from methods.conditions import Modality, TaskKind, parse_key
from methods.grape import Grape
from methods.graphvci import GraphVci, GraphVciEmb
from methods.scgpt import Scgpt
from methods.scgpt_settings import ScgptTraining
from methods.sclambda import ScLambda

DATA = Path(__file__).resolve().parents[2] / "../shared/data"
pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the real screens in ../shared/data are not here")


def corner(
    adata: anndata.AnnData, keys: np.ndarray, kind: TaskKind, modality: Modality = "gene", *, n_genes: int, most: int
) -> tuple[TrainingData, dict[str, np.ndarray]]:
    """The perturbed genes and those with most variance, at most so many cells of each condition; means of all."""
    kept = np.concatenate([np.flatnonzero(keys == key)[:most] for key in np.unique(keys)])
    adata, keys = adata[np.sort(kept)].copy(), keys[np.sort(kept)]
    values = adata.X.toarray()
    conditions = {str(key): parse_key(str(key), modality) for key in np.unique(keys)}
    perturbed = {name for condition in conditions.values() for name in condition.perturbations}
    variance = np.where(adata.var_names.isin(perturbed), np.inf, values.var(axis=0))
    genes = np.sort(np.argsort(-variance)[:n_genes])
    adata = adata[:, genes].copy()
    adata.obs["condition"] = keys
    adata.obs["control"] = [conditions[key].is_control for key in keys]
    adata.obs["validation"] = False
    means = {key: values[keys == key][:, genes].mean(axis=0) for key in conditions}
    return TrainingData(adata, conditions, kind), means


def log_normalised(adata: anndata.AnnData) -> anndata.AnnData:
    from scipy.sparse import csr_matrix

    counts = adata.X.toarray()
    per_cell = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1) * 1e4
    return anndata.AnnData(csr_matrix(np.log1p(per_cell).astype(np.float32)), adata.obs, adata.var)


def without(train: TrainingData, *held_out: str) -> TrainingData:
    rest = ~train.adata.obs["condition"].isin(held_out).to_numpy()
    conditions = {key: condition for key, condition in train.conditions.items() if key not in held_out}
    return TrainingData(train.adata[rest].copy(), conditions, train.kind)


def errors(cls, settings, train, means, key, modality: Modality = "gene") -> tuple[float, float]:
    """Mean squared error of the predicted and of the control mean."""
    method = fitted(shrunk(cls, **settings), train)
    query = ask(train, key, modality)
    cells = method.predict(query, n_cells=100, seed=0)
    control = train.control_mean(query.condition.cell_type)
    return float(np.mean((cells.mean(axis=0) - means[key]) ** 2)), float(np.mean((control - means[key]) ** 2))


@pytest.fixture(scope="module")
def norman():
    adata = anndata.read_h5ad(DATA / "norman2019_k562_subset.h5ad")
    labels = adata.obs["condition"].astype(str).str.replace("control", "ctrl").to_numpy()
    wanted = ("ctrl", "KLF1", "MAP2K6", "KLF1+MAP2K6", "MAP2K3", "MAP2K3+MAP2K6", "TGFBR2", "KLF1+TGFBR2", "MAPK1")
    chosen = np.isin(labels, wanted)
    train, means = corner(adata[chosen].copy(), labels[chosen], TaskKind.DOUBLE_GENE, n_genes=100, most=60)
    train = without(train, "KLF1+MAP2K6")
    # No perturbed gene is measured here, so scLAMBDA needs vectors from elsewhere: random ones tell genes apart.
    names = sorted({name for condition in train.conditions.values() for name in condition.perturbations})
    vectors = pd.DataFrame(np.random.default_rng(0).standard_normal((len(names), 16)) / 4, index=names)
    return replace(train, resources=Resources(gene_vectors=vectors)), means


@pytest.fixture(scope="module")
def kang():
    adata = anndata.read_h5ad(DATA / "kang2018_pbmc_ifnb.h5ad")
    types = adata.obs["cell_type"].astype(str).to_numpy()
    chosen = np.isin(types, ("B", "CD14 Mono", "CD4 Naive T"))
    labels = np.where(adata.obs["stim"] == "STIM", "IFNb", "ctrl")
    keys = np.array([f"{label}|{name}" for label, name in zip(labels, types, strict=True)])
    cells = log_normalised(adata[chosen].copy())
    train, means = corner(cells, keys[chosen], TaskKind.UNSEEN_COVARIATE, "treatment", n_genes=100, most=100)
    return without(train, "IFNb|B"), means


@pytest.fixture(scope="module")
def papalexi():
    adata = anndata.read_h5ad(DATA / "papalexi2021_thp1_knockout.h5ad")
    labels = adata.obs["target"].astype(str).str.replace("non-targeting", "ctrl").to_numpy()
    chosen = np.isin(labels, ("ctrl", "IFNGR1", "IFNGR2", "STAT1", "IRF1", "CD86")) & adata.obs["single_guide"]
    cells = log_normalised(adata[chosen].copy())
    train, means = corner(cells, labels[chosen], TaskKind.UNSEEN_GENE, n_genes=298, most=100)
    return without(train, "STAT1"), means


FEW = {"hidden": 64, "batch_size": 64}
SHORT = ScgptTraining(
    learning_rate=2e-3, decay=0.9, warm_up=20, epochs=20, batch_size=16, sequence_length=64, precision="float32"
)


@pytest.mark.parametrize(
    ("cls", "settings"),
    [
        (ScLambda, {"latent": 16, "epochs": 20, **FEW}),
        (GraphVci, {"latent": 32, "epochs": 20, **FEW}),
    ],
)
def test_a_double_of_norman_is_closer_than_control(norman, cls, settings):
    train, means = norman
    model, control = errors(cls, settings, train, means, "KLF1+MAP2K6")
    assert model < control


@pytest.mark.parametrize(
    ("cls", "settings"),
    [
        (ChemCpa, {"latent": 16, "epochs": 80, **FEW}),
        (GraphVci, {"latent": 32, "epochs": 40, **FEW}),
    ],
)
def test_the_response_of_b_cells_to_interferon_is_closer_than_control(kang, cls, settings):
    train, means = kang
    model, control = errors(cls, settings, train, means, "IFNb|B", "treatment")
    assert model < control


@pytest.mark.parametrize(
    ("cls", "settings"),
    [
        (GraphVciEmb, {"latent": 32, "epochs": 60, **FEW}),
        (Scgpt, {"scratch_training": SHORT}),
        (Grape, {"width": 32, "output_width": 32, "least_steps": 120}),
    ],
)
def test_the_knock_out_of_an_unseen_signalling_gene_is_closer_than_control(papalexi, cls, settings):
    train, means = papalexi
    model, control = errors(cls, settings, train, means, "STAT1")
    assert model < control
