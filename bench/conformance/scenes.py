"""Tiny tasks that a method is put through."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from bench.data.canonical import columns_of, conditions_of
from bench.exchange import queries_for
from methods.base import Query, Resources, TrainingData
from methods.conditions import Condition, Modality, TaskKind

if TYPE_CHECKING:
    from anndata import AnnData

SIMULATIONS = ("sim_single_tiny", "sim_double_tiny", "sim_drug_tiny")
_VECTOR_LENGTH = 16
_N_ASKED = 4


@dataclass(frozen=True)
class Scene:
    """A task small enough to be fitted several times in a minute.

    Parameters
    ----------
    name
        What is particular about it.
    train
        What the method is handed.
    queries
        Conditions it is asked for.
    """

    name: str
    train: TrainingData
    queries: tuple[Query, ...]

    def copy(self) -> Scene:
        """The same task in memory of its own."""
        train = replace(self.train, adata=self.train.adata.copy(), conditions=dict(self.train.conditions))
        return Scene(self.name, train, tuple(replace(query, controls=query.controls.copy()) for query in self.queries))

    def with_resources(self) -> Scene:
        """The same task with made-up prior knowledge about every gene and drug in it."""
        return replace(self, train=replace(self.train, resources=_made_up_resources(self)))

    def with_genes(self, order: np.ndarray) -> Scene:
        """The same task with its gene panel in another order, (n_genes,)."""
        train = replace(self.train, adata=self.train.adata[:, order].copy())
        queries = tuple(replace(query, controls=query.controls[:, order].copy()) for query in self.queries)
        return replace(self, train=train, queries=queries)


def simulated_scenes() -> tuple[Scene, ...]:
    """The scenes that ``python -m bench check`` uses, on the tiny simulated screens."""
    from bench.simulation import simulate

    return make_scenes(*(simulate(name) for name in SIMULATIONS))


def make_scenes(single: AnnData, double: AnnData, drug: AnnData) -> tuple[Scene, ...]:
    """One or two scenes of every kind of task.

    Parameters
    ----------
    single, double, drug
        Canonical data sets: single-gene and double-gene screens of one cell type, a drug screen of
        several.
    """
    measured = set(single.var_names)
    genes = [key for key in _conditions(single) if key in measured][-_N_ASKED:]
    doubles = [key for key, condition in _conditions(double).items() if len(condition.perturbations) == 2]
    two_types = split_cell_types(single)
    in_two_types = [key for key, condition in _conditions(two_types).items() if condition.label in genes]
    drugs = [condition for condition in _conditions(drug).values() if not condition.is_control]
    new_drugs = sorted({condition.label for condition in drugs})[-2:]
    return (
        _scene("unseen gene", single, TaskKind.UNSEEN_GENE, genes, n_validation=1),
        _scene("unseen gene, two cell types, no validation", two_types, TaskKind.UNSEEN_GENE, in_two_types),
        _scene("double gene", double, TaskKind.DOUBLE_GENE, doubles[:_N_ASKED], n_validation=1),
        _scene(
            "unseen covariate of a gene",
            two_types,
            TaskKind.UNSEEN_COVARIATE,
            [key for key in in_two_types if key.endswith("|B")],
            n_validation=1,
        ),
        _scene(
            "unseen covariate of a drug",
            drug,
            TaskKind.UNSEEN_COVARIATE,
            [condition.key for condition in drugs][:: max(2, len(drugs) // _N_ASKED)],
            n_validation=1,
        ),
        _scene(
            "unseen drug",
            drug,
            TaskKind.OOD_DRUG,
            [condition.key for condition in drugs if condition.label in new_drugs],
            n_validation=1,
        ),
    )


def training_data_from(
    adata: AnnData,
    kind: TaskKind,
    test_keys: Collection[str],
    *,
    validation_keys: Collection[str] = (),
    resources: Resources | None = None,
) -> TrainingData:
    """Training data of a canonical data set with some of its conditions held out.

    Parameters
    ----------
    adata
        The data set, in memory; it is copied.
    test_keys, validation_keys
        Conditions held out, and those marked for early stopping.
    """
    conditions = _conditions(adata)
    labels = adata.obs["condition"].astype(str)
    train = adata[~labels.isin(list(test_keys)).to_numpy()].copy()
    train.obs = train.obs[list(columns_of(_modality(adata)))].copy()
    train.obs["condition"] = train.obs["condition"].astype(str)
    train.obs["validation"] = train.obs["condition"].isin(list(validation_keys)).to_numpy()
    train.uns = {}
    return TrainingData(
        adata=train,
        conditions={key: conditions[key] for key in sorted(set(train.obs["condition"]))},
        kind=kind,
        target_sum=float(adata.uns["bench"]["target_sum"]),
        resources=resources or Resources(),
    )


def split_cell_types(adata: AnnData) -> AnnData:
    """Copy of a screen of one cell type whose every other cell is said to be of another: A and B."""
    both = adata.copy()
    cell_type = np.where(np.arange(both.n_obs) % 2 == 0, "A", "B")
    both.obs["cell_type"] = cell_type
    both.obs["condition"] = [
        f"{label}|{name}" for label, name in zip(both.obs["condition"].astype(str), cell_type, strict=True)
    ]
    return both


def _scene(name: str, adata: AnnData, kind: TaskKind, test_keys: Sequence[str], *, n_validation: int = 0) -> Scene:
    conditions = _conditions(adata)
    rest = [key for key, condition in conditions.items() if not condition.is_control and key not in set(test_keys)]
    train = training_data_from(adata, kind, test_keys, validation_keys=rest[:n_validation])
    asked = [conditions[key] for key in test_keys[:: -(-len(test_keys) // _N_ASKED)]]
    return Scene(name, train, tuple(queries_for(train, asked)))


def _conditions(adata: AnnData) -> dict[str, Condition]:
    return conditions_of(adata.obs, _modality(adata))


def _modality(adata: AnnData) -> Modality:
    return cast("Modality", str(adata.uns["bench"]["modality"]))


def _made_up_resources(scene: Scene) -> Resources:
    rng = np.random.default_rng(0)
    asked = [query.condition for query in scene.queries]
    everything = [*scene.train.conditions.values(), *asked]
    genes = sorted({*scene.train.genes, *(gene for condition in everything for gene in condition.perturbations)})
    smiles = sorted({condition.smiles for condition in everything if condition.smiles})
    return Resources(
        gene_graphs={
            "made-up": pd.DataFrame(
                {"source": genes, "target": rng.permutation(genes), "weight": rng.random(len(genes))}
            )
        },
        gene_vectors=_vectors(genes, rng),
        drug_vectors=_vectors(smiles, rng),
    )


def _vectors(names: Sequence[str], rng: np.random.Generator) -> pd.DataFrame:
    return pd.DataFrame(rng.standard_normal((len(names), _VECTOR_LENGTH)).astype(np.float32), index=list(names))
