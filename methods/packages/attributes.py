"""What BioLord is told of a perturbation: a vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from methods.base import Resources, TrainingData, Unsupported
from methods.conditions import Condition
from methods.molecules import molecule_vectors
from methods.packages.perturbation_graph import perturbation_edges

_SMALLEST_DEVIATION = 1e-3  # a descriptor that varies less over the training drugs is dropped, as by the authors


class Attributes(Protocol):
    """Vectors of perturbations; the control's is 0."""

    def of(self, condition: Condition) -> np.ndarray:
        """Vector of a control, of one gene or of one treatment at its dose, (d,) float32.

        Raises
        ------
        Unsupported
            If nothing is known of it.
        """


@dataclass(frozen=True)
class GeneVectors:
    """The user's gene vectors, or a gene's neighbours in the perturbation graph.

    Parameters
    ----------
    frame
        One row per gene.
    missing
        What a gene without a row lacks, for the message.
    """

    frame: pd.DataFrame
    missing: str

    def of(self, condition: Condition) -> np.ndarray:
        """The gene's row; 0 for the control."""
        if condition.is_control:
            return np.zeros(self.frame.shape[1], dtype=np.float32)
        (gene,) = condition.perturbations
        if gene not in self.frame.index:
            raise Unsupported(f"{gene} has {self.missing}")
        row: np.ndarray = self.frame.loc[gene].to_numpy(dtype=np.float32)
        return row


@dataclass(frozen=True)
class DrugVectors:
    """Molecule vectors, standardised over the training drugs, beside dose / largest training dose.

    Parameters
    ----------
    resources
        Of the training data: the user's vectors, where there are some.
    kept
        Columns that vary over the training drugs, (d,) bool.
    mean, deviation
        Of those columns.
    largest_dose
        In nM.
    """

    resources: Resources
    kept: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    largest_dose: float

    @classmethod
    def fitted(cls, conditions: Sequence[Condition], resources: Resources) -> DrugVectors:
        """Standardise over the drugs of the training conditions that have a vector, each counted once.

        Raises
        ------
        Unsupported
            If none has.
        """
        found, missing = {}, ""
        for structure in sorted({condition.smiles or "" for condition in conditions}):
            try:
                found[structure] = molecule_vectors([structure], resources)[0]
            except Unsupported as why:
                missing = str(why)
        if not found:
            raise Unsupported(missing)
        vectors = np.stack(list(found.values()))
        deviation = vectors.std(axis=0)
        kept = deviation > _SMALLEST_DEVIATION
        doses = [condition.dose for condition in conditions if condition.dose and condition.smiles in found]
        return cls(resources, kept, vectors.mean(axis=0)[kept], deviation[kept], max(doses, default=1.0))

    def of(self, condition: Condition) -> np.ndarray:
        """Standardised vector and dose; 0 for the control."""
        if condition.is_control:
            return np.zeros(self.mean.size + 1, dtype=np.float32)
        vector = (molecule_vectors([condition.smiles], self.resources)[0][self.kept] - self.mean) / self.deviation
        dose = self.largest_dose if condition.dose is None else condition.dose
        return np.append(vector, dose / self.largest_dose).astype(np.float32)


@dataclass(frozen=True)
class Indicators:
    """One column per treatment without a structure, which holds dose / largest training dose."""

    names: tuple[str, ...]
    largest_dose: float

    def of(self, condition: Condition) -> np.ndarray:
        """Indicator of the treatment; 0 for the control."""
        vector = np.zeros(len(self.names), dtype=np.float32)
        if not condition.is_control:
            if condition.label not in self.names:
                raise Unsupported(f"{condition.label} is in no training condition, and has no structure (SMILES)")
            dose = self.largest_dose if condition.dose is None else condition.dose
            vector[self.names.index(condition.label)] = dose / self.largest_dose
        return vector


def attributes_of(train: TrainingData) -> Attributes:
    """What is known of the perturbations of a screen."""
    perturbed = [condition for condition in train.conditions.values() if not condition.is_control]
    treatments = [condition for condition in perturbed if condition.modality == "treatment"]
    if any(condition.smiles for condition in treatments):
        return DrugVectors.fitted(treatments, train.resources)
    if treatments:
        doses = [condition.dose for condition in treatments if condition.dose]
        return Indicators(tuple(sorted({condition.label for condition in treatments})), max(doses, default=1.0))
    if train.resources.gene_vectors is not None:
        return GeneVectors(train.resources.gene_vectors, "no vector")
    return GeneVectors(_neighbours(train, perturbed), "no neighbour in the gene graph that a trained gene has as well")


def _neighbours(train: TrainingData, perturbed: Sequence[Condition]) -> pd.DataFrame:
    """Gene -> weights of its neighbours and of itself, over those that a trained gene has; rows of 0 left out."""
    genes = {gene for condition in perturbed for gene in condition.perturbations}
    edges = perturbation_edges(train)
    known = sorted(set(edges.loc[edges["target"].isin(genes), "source"]))
    table = edges[edges["source"].isin(known)].pivot(index="target", columns="source", values="weight")
    return table.reindex(columns=known).fillna(0.0).astype(np.float32)
