"""Canonical names of perturbation conditions.

A *condition* is what one group of cells received: nothing (control), one or more gene
perturbations, or a treatment (drug, cytokine) at a dose; in one cell type. Its canonical
key is the one string by which split files, prediction files and score tables refer to it:

    ctrl                      control
    KLF1                      one gene (also written ``KLF1+ctrl``, ``ctrl+KLF1``)
    GATA1+KLF1                two genes, sorted (also written ``KLF1+GATA1``)
    Belinostat@1000|A549      treatment, dose in nM, cell type
    STAT1|stimulated          gene in a screen with several cell types

The cell type is written only where a screen has more than one. Control keys follow the
same rule (``ctrl|A549``).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

CONTROL = "ctrl"
_DOSE_MARK = "@"
_CELL_TYPE_MARK = "|"

Modality = Literal["gene", "treatment"]


class TaskKind(StrEnum):
    """What the held-out conditions have in common."""

    UNSEEN_GENE = "unseen_gene"
    DOUBLE_GENE = "double_gene"
    UNSEEN_COVARIATE = "unseen_covariate"
    OOD_DRUG = "ood_drug"


class ConditionError(ValueError):
    """A condition name that cannot be read; the message names it and the remedy."""


@dataclass(frozen=True, order=True)
class Condition:
    """One canonical condition.

    Parameters
    ----------
    perturbations
        Sorted gene symbols, or one treatment name; empty for control.
    cell_type
        Cell type (or another covariate such as stimulation); ``""`` where the screen has one.
    dose
        Treatment dose in nM; ``None`` for genes and for treatments without a dose.
    modality
        Whether ``perturbations`` are genes or a treatment.
    smiles
        Canonical SMILES of a drug; not part of the identity.
    """

    perturbations: tuple[str, ...]
    cell_type: str = ""
    dose: float | None = None
    modality: Modality = "gene"
    smiles: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        for name in (*self.perturbations, self.cell_type):
            if _DOSE_MARK in name or _CELL_TYPE_MARK in name:
                raise ConditionError(
                    f"condition {name!r} contains {_DOSE_MARK!r} or {_CELL_TYPE_MARK!r}, which separate "
                    "dose and cell type in a condition key; rename it"
                )
        if tuple(sorted(set(self.perturbations))) != self.perturbations:
            raise ConditionError(
                f"condition {self.perturbations!r}: perturbations must be sorted and unique; "
                "build it with `gene_condition` or `parse_key`"
            )
        if self.dose is not None and not (math.isfinite(self.dose) and self.dose >= 0):
            raise ConditionError(f"condition {self.perturbations!r}: dose {self.dose!r} is not a finite number >= 0")

    @property
    def is_control(self) -> bool:
        """Whether nothing was done to these cells."""
        return not self.perturbations

    @property
    def label(self) -> str:
        """The perturbation without dose and cell type: ``ctrl``, ``A``, ``A+B``, ``Belinostat``."""
        return "+".join(self.perturbations) or CONTROL

    @property
    def key(self) -> str:
        """The canonical key."""
        dose = "" if self.dose is None or self.is_control else f"{_DOSE_MARK}{format_dose(self.dose)}"
        cell_type = f"{_CELL_TYPE_MARK}{self.cell_type}" if self.cell_type else ""
        return f"{self.label}{dose}{cell_type}"

    def __str__(self) -> str:
        return self.key


def format_dose(dose: float) -> str:
    """Write a dose in nM as in a condition key: ``10``, ``1000``, ``0.5``."""
    return f"{dose:.6g}" if dose < 1e6 else f"{dose:.0f}"


def gene_condition(genes: Iterable[str], cell_type: str = "") -> Condition:
    """Canonical condition of a set of perturbed genes; ``ctrl`` entries are dropped.

    Raises
    ------
    ConditionError
        If a gene is named twice or a name is empty.
    """
    named = [gene.strip() for gene in genes]
    if not all(named):
        raise ConditionError(f"condition {'+'.join(named)!r} has an empty gene name")
    kept = sorted(gene for gene in named if gene != CONTROL)
    if len(set(kept)) != len(kept):
        raise ConditionError(f"condition {'+'.join(kept)!r} names a gene twice")
    return Condition(tuple(kept), cell_type=cell_type)


def treatment_condition(
    name: str, *, dose: float | None = None, cell_type: str = "", smiles: str | None = None
) -> Condition:
    """Canonical condition of a treatment; ``name == "ctrl"`` gives the control of that cell type."""
    name = name.strip()
    if not name:
        raise ConditionError("a treatment has an empty name")
    if name == CONTROL:
        return Condition((), cell_type=cell_type, modality="treatment")
    return Condition((name,), cell_type=cell_type, dose=dose, modality="treatment", smiles=smiles)


def parse_key(key: str, modality: Modality = "gene") -> Condition:
    """Read a condition key, canonical or in one of the spellings listed above.

    Raises
    ------
    ConditionError
        If the key is empty or its dose is not a number.
    """
    text, _, cell_type = key.strip().partition(_CELL_TYPE_MARK)
    text, mark, dose_text = text.partition(_DOSE_MARK)
    if modality == "gene":
        if mark:
            raise ConditionError(f"condition {key!r}: a gene perturbation has no dose ({_DOSE_MARK!r})")
        return gene_condition(text.split("+"), cell_type=cell_type)
    try:
        dose = float(dose_text) if mark else None
    except ValueError as error:
        raise ConditionError(f"condition {key!r}: dose {dose_text!r} is not a number (nM)") from error
    return treatment_condition(text, dose=dose, cell_type=cell_type)


def canonical_key(key: str, modality: Modality = "gene") -> str:
    """Canonical spelling of a condition key: ``canonical_key("KLF1+GATA1") == "GATA1+KLF1"``."""
    return parse_key(key, modality).key
