"""Small screens in the layouts people have, and one in the canonical form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy.sparse import csr_matrix

GENES = ("AHR", "BAK1", "CBL", "CNN1", "FEV", "HK2", "JUN", "KLF1", "LCK", "MAPK1", "TP53", "ZAP70")
ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
ASPIRIN_TOO = "O=C(C)Oc1ccccc1C(=O)O"
CAFFEINE = "CN1C=NC2=C1C(=O)N(C(=O)N2C)C"


def draw_counts(n_cells: int, n_genes: int = len(GENES), seed: int = 0) -> csr_matrix:
    """Counts with about half of them zero, at least one in every cell."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(rng.gamma(1.0, 2.0, n_genes), (n_cells, n_genes))
    counts[:, 0] += 1
    return csr_matrix(counts.astype(np.float32))


def log_normalised(counts: csr_matrix, target_sum: float = 1e4) -> csr_matrix:
    """log1p of counts per ``target_sum``."""
    totals = np.asarray(counts.sum(axis=1)).ravel()
    values = counts.copy()
    values.data = np.log1p(values.data * np.repeat(target_sum / totals, np.diff(values.indptr))).astype(np.float32)
    return values


def screen(obs: Mapping[str, Sequence[Any]], genes: Sequence[str] = GENES, x: Any = None, **parts: Any) -> AnnData:
    """A screen with these obs columns."""
    frame = pd.DataFrame(dict(obs))
    frame.index = pd.Index([f"cell{i}" for i in range(len(frame))])
    matrix = draw_counts(len(frame), len(genes)) if x is None else x
    return AnnData(X=matrix, obs=frame, var=pd.DataFrame(index=pd.Index(list(genes))), **parts)


def cycle(values: Sequence[Any], n_cells: int) -> list[Any]:
    """Values in turn, as many as there are cells."""
    return [values[i % len(values)] for i in range(n_cells)]


def save(adata: AnnData, folder: Path, name: str = "screen.h5ad") -> Path:
    path = folder / name
    adata.write_h5ad(path)
    return path


def gears(n_cells: int = 40) -> AnnData:
    """GEARS: Ensembl identifiers in the index, symbols beside them, log values."""
    labels = cycle(["ctrl", "AHR+ctrl", "ctrl+KLF1", "KLF1+AHR", "BAK1+CBL"], n_cells)
    adata = screen({"condition": labels, "cell_type": ["K562"] * n_cells, "dose_val": ["1+1"] * n_cells})
    adata.var["gene_name"] = list(GENES)
    adata.var.index = pd.Index([f"ENSG{i:011d}" for i in range(len(GENES))])
    adata.X = log_normalised(adata.X)
    return adata


def scperturb(n_cells: int = 40) -> AnnData:
    """scPerturb, a gene screen with pairs: ``A_B`` and ``nperts``."""
    labels = cycle(["control", "AHR", "KLF1", "KLF1_AHR"], n_cells)
    return screen(
        {
            "perturbation": labels,
            "nperts": cycle([0, 1, 1, 2], n_cells),
            "perturbation_type": ["CRISPR"] * n_cells,
            "cell_line": ["K562"] * n_cells,
        }
    )


def scperturb_guides(n_cells: int = 40) -> AnnData:
    """scPerturb with guides behind the genes, their target, and a second perturbation."""
    return screen(
        {
            "perturbation": cycle(["control", "LCK_1", "LCK_2", "ZAP70_1", "ZAP70_2"], n_cells),
            "target": cycle(["control", "LCK", "LCK", "ZAP70", "ZAP70"], n_cells),
            "perturbation_2": [["stimulated", "unstimulated"][i // 5 % 2] for i in range(n_cells)],
            "nperts": cycle([1, 2, 2, 2, 2], n_cells),
            "perturbation_type": ["CRISPR"] * n_cells,
            "celltype": ["T cells"] * n_cells,
        }
    )


def adamson(n_cells: int = 40) -> AnnData:
    """Adamson 2016 as scPerturb has it: plasmid names behind the genes, constructs without target, no label."""
    labels = cycle(["62(mod)_pBA581", "AHR_pDS255", "KLF1_pDS006-1", "*", None], n_cells)
    return screen({"perturbation": labels, "nperts": [1] * n_cells, "perturbation_type": ["CRISPR"] * n_cells})


def pertpy_norman(n_cells: int = 40) -> AnnData:
    """pertpy's ``norman_2019``."""
    labels = cycle(["control", "AHR", "KLF1", "KLF1+AHR"], n_cells)
    return screen({"perturbation_name": labels, "guide_identity": [f"{label}_guide" for label in labels]})


def sciplex(n_cells: int = 60) -> AnnData:
    """sci-Plex 3 as scPerturb and pertpy have it: doses in nM, targets of drugs, two names of the cell line."""
    labels = cycle(["control", "Aspirin", "Caffeine", "Caffeine"], n_cells)
    lines = [["A549", "K562"][i // 4 % 2] for i in range(n_cells)]
    return screen(
        {
            "perturbation": labels,
            "target": cycle(["Vehicle", "COX", "ADORA", "ADORA"], n_cells),
            "dose_value": cycle([np.nan, 10.0, 100.0, 10000.0], n_cells),
            "dose_unit": ["nM"] * n_cells,
            "cell_line": lines,
            "celltype": [{"A549": "epithelial", "K562": "lymphoblast"}[line] for line in lines],
            "time": [24.0] * n_cells,
            "perturbation_type": ["drug"] * n_cells,
        }
    )


def chemcpa(n_cells: int = 60) -> AnnData:
    """chemCPA: structures, doses as fractions of 10,000 nM."""
    return screen(
        {
            "condition": cycle(["control", "Aspirin", "Caffeine", "Aspirin"], n_cells),
            "SMILES": cycle(["CS(C)=O", f"{ASPIRIN_TOO} |r|", CAFFEINE, ASPIRIN], n_cells),
            "dose_val": np.array(cycle([1.0, 0.001, 0.01, 1.0], n_cells), dtype=np.float32),
            "cell_type": [["A549", "K562"][i // 4 % 2] for i in range(n_cells)],
        }
    )


def kang(n_cells: int = 40) -> AnnData:
    """A stimulation under names no layout has."""
    return screen(
        {"stim": cycle(["CTRL", "STIM"], n_cells), "cell_type": [["B", "NK"][i // 2 % 2] for i in range(n_cells)]}
    )


def provenance(modality: str = "gene", *, has_counts: bool = True) -> dict[str, Any]:
    return {
        "schema": 1,
        "name": "screen",
        "modality": modality,
        "importer": "test@1",
        "source_file": "screen.h5ad",
        "source_sha256": "",
        "normalisation": "scanpy",
        "target_sum": 1e4,
        "has_counts": has_counts,
    }


def canonical_genes_screen(n_cells: int = 24) -> AnnData:
    """A canonical gene screen of two cell types."""
    labels = cycle(["ctrl", "AHR", "AHR+KLF1"], n_cells)
    lines = [["A549", "K562"][i // 3 % 2] for i in range(n_cells)]
    counts = draw_counts(n_cells)
    adata = screen(
        {
            "condition": [f"{label}|{line}" for label, line in zip(labels, lines, strict=True)],
            "control": [label == "ctrl" for label in labels],
            "cell_type": lines,
            "perturbation": labels,
        },
        x=log_normalised(counts),
        layers={"counts": counts},
    )
    adata.uns["bench"] = provenance()
    return adata


def canonical_drug_screen(n_cells: int = 24) -> AnnData:
    """A canonical drug screen of one cell type."""
    drugs = cycle(["ctrl", "Aspirin", "Caffeine"], n_cells)
    doses = cycle([np.nan, 10.0, 1000.0], n_cells)
    counts = draw_counts(n_cells)
    adata = screen(
        {
            "condition": cycle(["ctrl", "Aspirin@10", "Caffeine@1000"], n_cells),
            "control": [drug == "ctrl" for drug in drugs],
            "cell_type": ["A549"] * n_cells,
            "perturbation": drugs,
            "drug": drugs,
            "dose": doses,
            "smiles": cycle(["", ASPIRIN, CAFFEINE], n_cells),
        },
        x=log_normalised(counts),
        layers={"counts": counts},
    )
    adata.uns["bench"] = provenance("treatment")
    return adata
