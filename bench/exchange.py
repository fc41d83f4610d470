"""Files that a run and its worker exchange.

The worker sees a training file, the conditions asked for and the user's resources; it has no
path to the test cells. Needs numpy, pandas, scipy and anndata alone: isolated environments use it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from methods.base import Output, Query, Resources, TrainingData
from methods.conditions import Condition, TaskKind

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

TRAINING_FILE = "training.h5ad"
CONDITIONS_FILE = "conditions.json"
PREDICTIONS_FILE = "predictions.h5ad"
REPORT_FILE = "report.json"
PROGRESS_FILE = "progress.json"
JOB_FILE = "job.json"
CHECKPOINTS_FILE = "checkpoints.json"


@dataclass(frozen=True)
class Job:
    """One run, as the worker is told of it.

    Parameters
    ----------
    module, class_name
        Where the method is: a module of ``methods`` or the path of a user's file.
    settings
        Arguments of its constructor.
    task_dir
        Folder with the training file and the conditions.
    resources_dir
        Folder with the user's resources, or ``None``.
    output_dir
        Folder the worker writes into.
    n_cells, fit_seed, predict_seed, device
        Arguments of ``fit`` and ``predict_many``.
    """

    module: str
    class_name: str
    settings: Mapping[str, Any]
    task_dir: str
    resources_dir: str | None
    output_dir: str
    n_cells: int
    fit_seed: int
    predict_seed: int
    device: str

    def write(self) -> Path:
        """Write the job file into the output folder and return its path."""
        path = Path(self.output_dir) / JOB_FILE
        path.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")
        return path

    @classmethod
    def read(cls, path: Path) -> Job:
        """Read a job file."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))


def write_training(folder: Path, train: TrainingData, asked: Mapping[str, Condition]) -> None:
    """Write what a worker may see of a task into ``folder``."""
    train.adata.write_h5ad(folder / TRAINING_FILE)
    content = {
        "kind": train.kind.value,
        "target_sum": train.target_sum,
        "conditions": [asdict(condition) for condition in train.conditions.values()],
        "asked": [asdict(condition) for condition in asked.values()],
    }
    (folder / CONDITIONS_FILE).write_text(json.dumps(content), encoding="utf-8")


def read_training(folder: Path, resources: Resources) -> tuple[TrainingData, list[Query]]:
    """Read the training data of a task and the queries."""
    import anndata

    content = json.loads((folder / CONDITIONS_FILE).read_text(encoding="utf-8"))
    adata = anndata.read_h5ad(folder / TRAINING_FILE)
    conditions = [_condition(fields) for fields in content["conditions"]]
    train = TrainingData(
        adata=adata,
        conditions={condition.key: condition for condition in conditions},
        kind=TaskKind(content["kind"]),
        target_sum=content["target_sum"],
        resources=resources,
    )
    return train, queries_for(train, [_condition(fields) for fields in content["asked"]])


def queries_for(train: TrainingData, asked: Sequence[Condition]) -> list[Query]:
    """Pair each condition asked for with the training controls of its cell type."""
    labels = train.adata.obs["condition"].astype(str).to_numpy()
    controls = {
        cell_type: train.adata[labels == Condition((), cell_type=cell_type).key].copy()
        for cell_type in sorted({condition.cell_type for condition in asked})
    }
    return [Query(condition, controls[condition.cell_type]) for condition in asked]


def _condition(fields: dict[str, Any]) -> Condition:
    return Condition(**{**fields, "perturbations": tuple(fields["perturbations"])})


def write_resources(folder: Path, resources: Resources) -> None:
    """Write the user's resources in plain numpy and CSV files; of a pretrained model only its folder is noted."""
    for number, (name, graph) in enumerate(resources.gene_graphs.items()):
        graph.to_csv(folder / f"gene_graph_{number}.csv", index=False)
        (folder / f"gene_graph_{number}.name").write_text(name, encoding="utf-8")
    for name in ("gene_vectors", "drug_vectors"):
        frame: pd.DataFrame | None = getattr(resources, name)
        if frame is not None:
            np.savez(folder / f"{name}.npz", names=frame.index.to_numpy(dtype=str), vectors=frame.to_numpy(np.float32))
    checkpoints = {name: str(path) for name, path in resources.checkpoints.items()}
    (folder / CHECKPOINTS_FILE).write_text(json.dumps(checkpoints), encoding="utf-8")


def read_resources(folder: Path | None) -> Resources:
    """Read what :func:`write_resources` wrote."""
    if folder is None:
        return Resources()
    graphs = {
        name.read_text(encoding="utf-8"): pd.read_csv(
            name.with_suffix(".csv"), dtype={"source": str, "target": str, "weight": float}, keep_default_na=False
        )
        for name in sorted(folder.glob("gene_graph_*.name"))
    }
    vectors = {}
    for name in ("gene_vectors", "drug_vectors"):
        path = folder / f"{name}.npz"
        if path.exists():
            with np.load(path, allow_pickle=False) as content:
                vectors[name] = pd.DataFrame(content["vectors"], index=content["names"])
    checkpoints = json.loads((folder / CHECKPOINTS_FILE).read_text(encoding="utf-8"))
    return Resources(
        gene_graphs=graphs, checkpoints={name: Path(path) for name, path in checkpoints.items()}, **vectors
    )


def write_predictions(
    path: Path,
    genes: pd.Index,
    cells: Mapping[str, csr_matrix],
    *,
    output: Output,
    unsupported: Mapping[str, str],
) -> None:
    """Write a predictions file: ``X`` CSR float32 log-normalised, ``obs.condition``, ``uns["bench"]``."""
    import anndata
    from scipy.sparse import csr_matrix, vstack

    blocks = list(cells.values())
    matrix = vstack(blocks, format="csr") if blocks else csr_matrix(np.empty((0, len(genes)), dtype=np.float32))
    labels = np.repeat(list(cells), [block.shape[0] for block in blocks]) if blocks else np.array([], dtype=str)
    adata = anndata.AnnData(
        X=matrix.astype(np.float32),
        obs=pd.DataFrame({"condition": pd.Categorical(labels)}, index=[f"cell{i}" for i in range(matrix.shape[0])]),
        var=pd.DataFrame(index=pd.Index(genes, dtype=str)),
    )
    adata.uns["bench"] = {"output": output, "unsupported": json.dumps(dict(unsupported))}
    adata.write_h5ad(path, compression="gzip")
