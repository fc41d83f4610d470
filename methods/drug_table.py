"""Vectors of a screen's drugs, RDKit's descriptors unless supplied, standardised over the training drugs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from methods.base import Resources, Unsupported
from methods.conditions import Condition
from methods.molecules import descriptors, molecule_vectors

STRUCTURE = "structure"
INDEX = "index"
DoseScale = Literal["linear", "log"]


def told_apart_by(conditions: Iterable[Condition]) -> str:
    """``"structure"`` where drugs are told apart by vectors of their molecules, else ``"index"``.

    A screen of which one treatment has no structure (a cytokine, say) tells all apart by their number
    alone, and no new one can be predicted.
    """
    treatments = [condition for condition in conditions if not condition.is_control]
    return STRUCTURE if treatments and all(condition.smiles for condition in treatments) else INDEX


@dataclass(frozen=True)
class DrugTable:
    """How the vector of any drug is made.

    Parameters
    ----------
    names
        Drugs of the training conditions, sorted.
    resources
        Where vectors of molecules come from; ``None`` where drugs are told apart by their number.
    kept
        Components that vary over the training drugs, (d,) int.
    centre, spread
        Their means and standard deviations over the training drugs, (d,).
    largest_score
        Bound on a standardised component; ``None`` for none.
    largest_dose
        In nM, over the training conditions; 0 where there are no doses.
    """

    names: tuple[str, ...]
    resources: Resources | None
    kept: np.ndarray
    centre: np.ndarray
    spread: np.ndarray
    largest_score: float | None
    largest_dose: float

    @classmethod
    def of(
        cls,
        conditions: Iterable[Condition],
        resources: Resources,
        *,
        smallest_spread: float,
        largest_score: float | None,
    ) -> DrugTable:
        """Table of the drugs of the training conditions.

        Raises
        ------
        Unsupported
            If a structure cannot be read, or the user's vectors lack one.
        """
        treated = [condition for condition in conditions if not condition.is_control]
        structures = {condition.label: condition.smiles for condition in treated}
        names = tuple(sorted(structures))
        dose = largest_dose(treated)
        if told_apart_by(treated) == INDEX:
            kept = np.arange(len(names))
            return cls(names, None, kept, np.zeros(len(names)), np.ones(len(names)), largest_score, dose)
        raw = _vectors([structures[name] for name in names], resources)
        kept = np.flatnonzero(raw.std(axis=0) > smallest_spread)
        if kept.size == 0:
            raise Unsupported("the vectors of the training drugs do not differ")
        chosen = raw[:, kept]
        return cls(names, resources, kept, chosen.mean(axis=0), chosen.std(axis=0), largest_score, dose)

    @property
    def width(self) -> int:
        """Length of a vector."""
        return int(self.kept.size)

    def vector(self, condition: Condition) -> np.ndarray:
        """Standardised descriptors of a condition's drug, (d,) float32; zeros for the control.

        Raises
        ------
        Unsupported
            If nothing is known of the drug.
        """
        if condition.is_control:
            return np.zeros(self.width, dtype=np.float32)
        if self.resources is None:
            if condition.label not in self.names:
                raise Unsupported(
                    f"{condition.label} is not among the training drugs, and drugs have no structures here"
                )
            one_hot = np.zeros(self.width, dtype=np.float32)
            one_hot[self.names.index(condition.label)] = 1.0
            return one_hot
        raw = _vectors([condition.smiles], self.resources)[0, self.kept]
        scores = (raw - self.centre) / self.spread
        if self.largest_score is not None:
            scores = np.clip(scores, -self.largest_score, self.largest_score)
        vector: np.ndarray = scores.astype(np.float32)
        return vector


def largest_dose(conditions: Iterable[Condition]) -> float:
    """Largest dose among conditions, in nM; 0 where there are no doses."""
    return max((condition.dose or 0.0 for condition in conditions if not condition.is_control), default=0.0)


def dose_share(condition: Condition, largest: float, scale: DoseScale) -> float:
    """Dose as a share of the largest in training; 1 for the control and where there are no doses.

    Parameters
    ----------
    largest
        Largest training dose in nM.
    scale
        Whether the share is that of the dose or of log(1 + dose in nM).
    """
    if condition.is_control or condition.dose is None or not largest:
        return 1.0
    return condition.dose / largest if scale == "linear" else math.log1p(condition.dose) / math.log1p(largest)


def _vectors(structures: Sequence[str | None], resources: Resources) -> np.ndarray:
    """Finite vectors of drugs, (n, d) float64."""
    vectors = molecule_vectors(structures, resources, rdkit=descriptors).astype(np.float64)
    finite: np.ndarray = np.nan_to_num(vectors, nan=0.0, posinf=0.0, neginf=0.0)
    return finite
