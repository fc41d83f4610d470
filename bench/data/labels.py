"""Perturbation labels as people write them: controls, missing labels, joined genes, guide suffixes."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from bench.errors import DataError
from methods.conditions import CONTROL, ConditionError, Modality, gene_condition, treatment_condition

CONTROL_WORDS = frozenset(
    {
        "control",
        "ctrl",
        "dmso",
        "mock",
        "neg_ctrl",
        "negative_control",
        "negctrl",
        "non_targeting",
        "nontargeting",
        "nt",
        "ntc",
        "pbs",
        "unperturbed",
        "untreated",
        "vehicle",
    }
)
UNLABELLED = frozenset({"", "*", "na", "nan", "none", "unassigned", "unlabelled"})
# A plasmid name behind the gene, as Adamson et al. 2016 write their guides: `SPI1_pDS255`.
PLASMID = re.compile(r"_p[A-Z]{2,}\d+(-\d+)?$")
# Their non-targeting constructs: `62(mod)_pBA581`, `3x_neg_ctrl_pMJ144-1`.
CONTROL_CONSTRUCT = re.compile(r"\(mod\)$|neg_ctrl", re.IGNORECASE)


def is_control_word(label: str) -> bool:
    """Whether a label is one of the usual names of a control: ``control``, ``DMSO``, ``non-targeting``, ..."""
    return label.strip().lower().replace("-", "_").replace(" ", "_") in CONTROL_WORDS


def is_unlabelled(label: str) -> bool:
    """Whether a label says that nothing is known: missing, empty, ``*``, ``NA``, ..."""
    return label.strip().lower() in UNLABELLED


def as_text(values: pd.Series) -> pd.Series:
    """Labels as stripped strings; a missing one is ``"nan"``."""
    text = values.astype(object).where(values.notna(), "nan").astype(str)
    return text.str.strip()


def frequent(values: pd.Series, most: int = 6) -> str:
    """The most frequent values of a column with their numbers, for a message."""
    counted = values.astype(str).value_counts()
    shown = ", ".join(f"{value!r} ({n})" for value, n in counted.head(most).items())
    return shown + (f" and {len(counted) - most} more" if len(counted) > most else "")


def closest(name: str, names: Iterable[str], most: int = 3) -> str:
    """The closest names, or all if none is close, for a message."""
    known = [str(each) for each in names]
    close = difflib.get_close_matches(name, known, n=most)
    return f"closest: {', '.join(close)}" if close else f"there are: {', '.join(known)}"


@dataclass(frozen=True)
class LabelStyle:
    """How the labels of one column are read.

    Parameters
    ----------
    modality
        Whether they name genes or treatments.
    controls
        Labels that mean control.
    separator
        What joins the genes of one label; ``""`` if each label is one gene.
    suffix
        What is cut off behind the gene.
    """

    modality: Modality
    controls: frozenset[str]
    separator: str = ""
    suffix: re.Pattern[str] | None = None

    def read(self, label: str, rename: Mapping[str, str]) -> str:
        """Canonical label: ``ctrl``, ``A``, ``A+B`` (sorted), or the treatment.

        Raises
        ------
        methods.conditions.ConditionError
            If it names a gene twice, is empty, or holds a character that condition keys use.
        """
        if label in self.controls:
            return CONTROL
        if self.modality == "treatment":
            return treatment_condition(rename.get(label, label)).label
        if label in rename:
            return gene_condition(rename[label].split("+")).label
        return gene_condition(rename.get(part, part) for part in self.parts(label)).label

    def parts(self, label: str) -> list[str]:
        """The perturbed genes of a label as written there, or the one treatment."""
        if self.modality == "treatment":
            return [label]
        core = self.suffix.sub("", label) if self.suffix is not None else label
        parts = [part.strip() for part in (core.split(self.separator) if self.separator else [core])]
        return [part for part in parts if part not in self.controls and not is_control_word(part)]


def read_labels(labels: Iterable[str], style: LabelStyle, rename: Mapping[str, str], origin: str) -> dict[str, str]:
    """Canonical label of each distinct label.

    Raises
    ------
    DataError
        If one cannot be read, or a renaming matches none.
    """
    canonical: dict[str, str] = {}
    for label in dict.fromkeys(labels):
        try:
            canonical[label] = style.read(label, rename)
        except ConditionError as error:
            raise DataError(
                f"{origin}: {label!r} cannot be read as a perturbation ({error}); give it another name with "
                f"`--rename '{label}=NAME'`"
            ) from error
    known = set(canonical) | {part for label in canonical for part in style.parts(label)}
    for old in rename:
        if old not in known:
            raise DataError(f"--rename {old}: {origin} has no such value ({closest(old, known)})")
    return canonical
