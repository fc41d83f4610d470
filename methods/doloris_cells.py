"""Training data of the benchmark as the Doloris library takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from methods.base import Resources, TrainingData, Unsupported
from methods.conditions import Condition
from methods.molecules import molecule_vectors

if TYPE_CHECKING:
    from doloris import Perturbation, Priors, TrainingCells

WHOLE_DOSE = 10_000.0
"""Dose in nM of a treatment that has none: one unit of the network's input."""


@dataclass(frozen=True)
class DrugVectors:
    """Drugs of a screen as numbers.

    Parameters
    ----------
    names
        Trained treatments, sorted.
    vectors
        (n_drugs, d) float32: the user's, or those of RDKit with every column standardised over the trained drugs; one
        column per treatment in a screen of treatments without structures.
    of_new
        Vectors of further structures, (n, d) float32; raises ``Unsupported`` where there is none.
    """

    names: tuple[str, ...]
    vectors: np.ndarray
    of_new: Callable[[Sequence[str | None]], np.ndarray]


@dataclass(frozen=True)
class DolorisCells:
    """A screen in the terms of the library.

    Parameters
    ----------
    training, priors
        What the model is fitted on.
    cell_types
        Name of a cell type -> its number.
    drugs
        Its drugs; ``None`` for a gene screen.
    """

    training: TrainingCells
    priors: Priors
    cell_types: Mapping[str, int]
    drugs: DrugVectors | None

    def cell_type(self, condition: Condition) -> int:
        """Number of a condition's cell type.

        Raises
        ------
        Unsupported
            If it was not trained.
        """
        if condition.cell_type not in self.cell_types:
            raise Unsupported(f"no training cells of cell type {condition.cell_type!r}")
        return self.cell_types[condition.cell_type]


def doloris_cells(train: TrainingData) -> DolorisCells:
    """Training cells and priors of a task.

    Raises
    ------
    Unsupported
        If the screen mixes treatments with and without a readable structure.
    """
    from doloris import TrainingCells

    conditions = list(train.conditions.values())
    cell_types = {name: number for number, name in enumerate(sorted({c.cell_type for c in conditions}))}
    structures = {c.label: c.smiles for c in conditions if c.modality == "treatment" and not c.is_control}
    drugs = _drug_vectors(structures, train.resources) if structures else None
    numbers = {name: number for number, name in enumerate(drugs.names)} if drugs else {}
    position = {condition.key: number for number, condition in enumerate(conditions)}
    validation = set(train.validation.obs["condition"].astype(str))
    training = TrainingCells(
        values=train.adata.X,
        genes=tuple(train.genes),
        conditions=tuple(perturbation(c, cell_types[c.cell_type], numbers.get(c.label)) for c in conditions),
        labels=train.adata.obs["condition"].astype(str).map(position).to_numpy(),
        n_cell_types=len(cell_types),
        drug_vectors=drugs.vectors if drugs else None,
        validation=frozenset(position[key] for key in validation),
    )
    return DolorisCells(training, _priors(train), cell_types, drugs)


def perturbation(condition: Condition, cell_type: int, drug: int | None) -> Perturbation:
    """A condition in the terms of the library."""
    from doloris import Perturbation

    if condition.is_control:
        return Perturbation(cell_type=cell_type)
    if condition.modality == "gene":
        return Perturbation(genes=condition.perturbations, cell_type=cell_type)
    dose = WHOLE_DOSE if condition.dose is None else condition.dose
    return Perturbation(drug=drug, dose=dose, cell_type=cell_type)


def _drug_vectors(structures: Mapping[str, str | None], resources: Resources) -> DrugVectors:
    names = tuple(sorted(structures))
    if not any(structures.values()):
        return DrugVectors(names, np.eye(len(names), dtype=np.float32), _no_structure)
    raw = molecule_vectors([structures[name] for name in names], resources)
    if resources.drug_vectors is not None:
        return DrugVectors(names, raw, lambda smiles: molecule_vectors(smiles, resources))
    centre, spread = raw.mean(axis=0), raw.std(axis=0)
    scale = np.where(spread > 0, spread, np.inf).astype(np.float32)  # a column that never varies tells nothing
    return DrugVectors(
        names, (raw - centre) / scale, lambda smiles: (molecule_vectors(smiles, resources) - centre) / scale
    )


def _no_structure(smiles: Sequence[str | None]) -> np.ndarray:
    raise Unsupported(f"the trained treatments have no structures, so {smiles[0] or 'a new one'} cannot be placed")


def _priors(train: TrainingData) -> Priors:
    from doloris import Priors

    edges = {
        name: graph[["source", "target"]].to_numpy(dtype=str) for name, graph in train.resources.gene_graphs.items()
    }
    vectors = train.resources.gene_vectors
    if vectors is None:
        return Priors(edges)
    position = {gene: row for row, gene in enumerate(vectors.index)}
    rank = np.array([position.get(gene, -1) for gene in train.genes])
    embeddings = np.where(rank[:, None] >= 0, vectors.to_numpy()[rank], np.nan)
    return Priors(edges, embeddings, rank)
