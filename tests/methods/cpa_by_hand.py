"""Run in the environment of CPA: the adapter and its package side by side; writes what it found as JSON.

``python cpa_by_hand.py ANSWER_FILE``
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
from package_screens import gene_screen, no_progress, query
from scipy.sparse import csr_matrix

from methods.base import Query, TrainingData, Unsupported
from methods.conditions import TaskKind, treatment_condition
from methods.cpa import Cpa, CpaRdkit
from methods.packages.cpa_settings import GENES
from methods.sampling import draw_rows

SMILES = {"aspirin": "CC(=O)Oc1ccccc1C(=O)O", "ethanol": "CCO", "benzene": "c1ccccc1"}
UNSEEN = "CC(C)Cc1ccc(cc1)C(C)C(=O)O"


class QuickCpa(Cpa):
    """CPA for six epochs."""

    max_epochs = 6


class QuickCpaRdkit(CpaRdkit):
    """CPA with its projection trained, for six epochs."""

    max_epochs = 6


class ShorterCpa(Cpa):
    """CPA for two epochs."""

    max_epochs = 2


def fit(cls: type[Cpa], train: TrainingData, seed: int = 3) -> Cpa:
    method = cls()
    method.fit(train, seed=seed, device="cpu", progress=no_progress)
    return method


def by_hand(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The package's steps for the screen and seed 3: mean and inverse dispersion of A+B for some controls."""
    import cpa

    setup = {
        "perturbation_key": "condition",
        "control_group": "ctrl",
        "dosage_key": "dose",
        "categorical_covariate_keys": ["cell_type"],
        "is_count_data": True,
        "max_comb_len": 2,
    }
    adata = gene_screen(validation="A+B").adata
    adata.X = adata.layers["counts"].copy()
    adata.obs["dose"] = ["1.0+1.0" if "+" in key else "1.0" for key in adata.obs["condition"]]
    adata.obs["split"] = np.where(adata.obs["condition"] == "A+B", "valid", "train")
    cpa.CPA.pert_encoder = cpa.CPA.covars_encoder = None
    cpa.CPA.pert_smiles_map = {}
    cpa.CPA.setup_anndata(adata, **{**setup, "categorical_covariate_keys": ["cell_type"]})
    model = cpa.CPA(adata, split_key="split", valid_split="valid", recon_loss="nb", seed=3, **GENES.model)
    model.train(
        max_epochs=6,
        use_gpu=False,
        batch_size=64,
        plan_kwargs=dict(GENES.plan),
        early_stopping_patience=5,
        check_val_every_n_epoch=5,
        save_path=False,
        enable_progress_bar=False,
        logger=False,
        enable_checkpointing=False,
    )
    asked = adata[rows].copy()
    asked.obs["condition"], asked.obs["dose"] = "A+B", "1.0+1.0"
    asked.obs_names = [f"asked{i}" for i in range(len(rows))]
    cpa.CPA.setup_anndata(asked, **{**setup, "categorical_covariate_keys": ["cell_type"]})
    model.predict(asked, batch_size=512, n_samples=1)
    theta = np.exp(model.module.px_r.detach().numpy().astype(np.float64))
    cpa.CPA.pert_encoder = cpa.CPA.covars_encoder = cpa.CPA.pert_smiles_map = None
    return asked.obsm["CPA_pred"].astype(np.float64), theta


def drug_screen() -> TrainingData:
    """Three drugs at one dose, in two cell types of which one is rarer."""
    rng = np.random.default_rng(0)
    drugs = {name: treatment_condition(name, dose=100.0, smiles=smiles) for name, smiles in SMILES.items()}
    conditions = {}
    for cell_type in ("A549", "MCF7"):
        for name in ("ctrl", *drugs):
            condition = treatment_condition(name, dose=100.0, cell_type=cell_type, smiles=SMILES.get(name))
            conditions[condition.key] = condition
    labels = [key for key in conditions for _ in range(20)]
    drawn = rng.poisson(3.0, (len(labels), 24)).astype(np.float32)
    adata = anndata.AnnData(
        csr_matrix(np.log1p(drawn / drawn.sum(axis=1, keepdims=True) * 1000)),
        obs=pd.DataFrame(
            {
                "condition": labels,
                "control": [key.startswith("ctrl") for key in labels],
                "cell_type": [key.partition("|")[2] for key in labels],
                "validation": [key == "benzene@100|MCF7" for key in labels],
            },
            index=[f"cell{i}" for i in range(len(labels))],
        ),
        var=pd.DataFrame(index=[f"G{i}" for i in range(24)]),
    )
    adata.layers["counts"] = csr_matrix(drawn)
    return TrainingData(adata, conditions, TaskKind.OOD_DRUG, target_sum=1000.0)


def projection(method: Cpa) -> np.ndarray:
    weight: np.ndarray = method._module.pert_network.pert_transformation.weight.detach().numpy().copy()
    return weight


def ends_when_interrupted() -> bool:
    """Whether an interrupt during training goes through."""

    def interrupt(*_: int, **__: float) -> None:
        raise KeyboardInterrupt

    try:
        ShorterCpa().fit(gene_screen(validation="A+B"), seed=0, device="cpu", progress=interrupt)
    except KeyboardInterrupt:
        return True
    return False


def refusal(method: Cpa, asked: Query) -> str:
    try:
        method.predict(asked, n_cells=2, seed=0)
    except Unsupported as why:
        return str(why)
    return "predicted"


def findings() -> dict[str, Any]:
    """What the tests look at."""
    genes = gene_screen(validation="A+B")
    method = fit(QuickCpa, genes)
    asked = query(genes, "A+B")
    predicted = method.predict(asked, n_cells=7, seed=5)
    mean, theta = by_hand(draw_rows(np.arange(40), 7, seed=5))  # the controls come first
    drawn = np.random.default_rng(5).negative_binomial(theta, theta / (theta + mean))
    expected = np.log1p(drawn / drawn.sum(axis=1, keepdims=True) * 1000)
    again = fit(QuickCpa, genes).predict(asked, n_cells=7, seed=5)

    gauss = fit(QuickCpa, gene_screen(validation="A+B", counts=False)).predict(asked, n_cells=7, seed=5)

    drugs = drug_screen()
    as_it_is, mended = fit(QuickCpa, drugs), fit(QuickCpaRdkit, drugs)
    control = drugs.adata[drugs.adata.obs["condition"] == "ctrl|MCF7"].copy()
    new = Query(treatment_condition("ibuprofen", dose=100.0, cell_type="MCF7", smiles=UNSEEN), control)
    unnamed = Query(treatment_condition("nameless", dose=100.0, cell_type="MCF7"), control)
    untouched = projection(fit(ShorterCpa, drugs))
    other_line = drugs.adata[drugs.adata.obs["condition"] == "ctrl|A549"].copy()
    moved = Query(treatment_condition("aspirin", dose=100.0, cell_type="nowhere", smiles=UNSEEN), other_line)
    return {
        "difference": float(np.abs(predicted - expected).max()),
        "again": float(np.abs(predicted - again).max()),
        "gauss": [float(gauss.min()), float(gauss.max()), float(gauss.std(axis=0).min())],
        "unseen gene": refusal(method, query(genes, "E")),
        "three genes": refusal(method, query(genes, "A+B+C")),
        "unseen drug": refusal(as_it_is, new),
        "drug without structure": refusal(as_it_is, unnamed),
        "cell type": refusal(as_it_is, moved),
        "untrained projection moved": float(np.abs(projection(as_it_is) - untouched).max()),
        "mended projection moved": float(np.abs(projection(mended) - untouched).max()),
        "ends when interrupted": ends_when_interrupted(),
        "files written": sorted(path.name for path in Path().iterdir()),
    }


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(findings()))
