"""Screens of a few cells whose means can be worked out by hand."""

from collections.abc import Callable, Mapping, Sequence

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from methods.base import Query, TrainingData
from methods.conditions import Condition, TaskKind, parse_key

Screen = Callable[..., TrainingData]


def build(
    profiles: Mapping[str, Sequence[Sequence[float]]],
    kind: TaskKind = TaskKind.UNSEEN_GENE,
    modality: str = "gene",
    genes: Sequence[str] | None = None,
) -> TrainingData:
    """Training data with the given cells of each condition."""
    labels = [key for key, cells in profiles.items() for _ in cells]
    cells = np.array([cell for group in profiles.values() for cell in group], dtype=np.float32)
    conditions = {key: parse_key(key, modality) for key in profiles}
    obs = pd.DataFrame(
        {
            "condition": labels,
            "control": [conditions[label].is_control for label in labels],
            "cell_type": [conditions[label].cell_type or "only" for label in labels],
            "validation": False,
        },
        index=[f"cell{i}" for i in range(len(labels))],
    )
    names = list(genes) if genes is not None else [f"G{i}" for i in range(cells.shape[1])]
    return TrainingData(anndata.AnnData(csr_matrix(cells), obs, pd.DataFrame(index=names)), conditions, kind)


def asked(train: TrainingData, condition: str | Condition, modality: str = "gene") -> Query:
    """Query with the training controls of its cell type."""
    if isinstance(condition, str):
        condition = parse_key(condition, modality)
    labels = train.adata.obs["condition"].to_numpy()
    return Query(condition, train.adata[labels == Condition((), condition.cell_type).key].copy())


@pytest.fixture(scope="session")
def screen() -> Screen:
    return build


@pytest.fixture(scope="session")
def predict() -> Callable[..., np.ndarray]:
    """Fit a method and predict one condition: (n_cells, n_genes)."""

    def run(cls, train, condition, *, n_cells=3, seed=0, modality="gene"):
        method = cls()
        method.fit(train, seed=0, device="cpu", progress=lambda *_, **__: None)
        return method.predict(asked(train, condition, modality), n_cells=n_cells, seed=seed)

    return run
