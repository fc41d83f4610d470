"""Finding the column that means something: controls, cell type, dose, structure, modality, joined genes.

What the user named comes first. Each finder returns what it found with the rule that found it,
``None`` if there is nothing, and raises where several answers are possible.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd

from bench.data.labels import (
    CONTROL_CONSTRUCT,
    PLASMID,
    LabelStyle,
    as_text,
    closest,
    frequent,
    is_control_word,
    is_unlabelled,
)
from bench.data.reading import Column, Dose, Hints, Table
from bench.errors import DataError
from methods.conditions import Modality

NANOMOLAR: Mapping[str, float] = MappingProxyType(
    {"pM": 1e-3, "nM": 1.0, "uM": 1e3, "µM": 1e3, "μM": 1e3, "mM": 1e6, "M": 1e9}
)
_CELL_TYPES = ("cell_type", "cell_line", "celltype")
_SMILES = ("SMILES", "smiles", "canonical_smiles")
_GENE_KINDS = ("crispr", "genetic", "knock", "shrna", "overexpression", "cas9")
_TREATMENT_KINDS = ("drug", "compound", "small molecule", "chemical", "cytokine", "ligand", "treatment")
_JOINTS = ("+", ",", ";")
_NUMBER = re.compile(r"_\d+$")


def check_hints(table: Table, hints: Hints) -> None:
    """Refuse columns that are not there, and hints that contradict each other.

    Raises
    ------
    DataError
        The message lists the columns there are and the closest.
    """
    named = [
        ("--perturbation-key", hints.perturbation),
        ("--cell-type-key", hints.cell_type),
        ("--dose-key", hints.dose),
        ("--smiles-key", hints.smiles),
        *(("--covariate-key", column) for column in hints.covariates),
    ]
    for option, column in named:
        if column is not None:
            require_column(table.obs, column, f"{table.origin}, {option}")
    if hints.modality == "gene" and (hints.dose or hints.smiles):
        raise DataError("--modality gene: genes have no dose and no structure; leave out --dose-key and --smiles-key")


def require_column(obs: pd.DataFrame, column: str, where: str) -> None:
    """Raise a :class:`DataError` with the closest name and all columns if a column is not there."""
    if column not in obs:
        there = ", ".join(map(str, obs.columns))
        raise DataError(
            f"{where}: there is no obs column {column!r} ({closest(column, obs.columns)}; columns: {there})"
        )


def candidates(table: Table, hints: Hints, usual: Sequence[str]) -> list[Column]:
    """Columns the perturbation labels may be in: the one the user named, else the layout's usual ones."""
    if hints.perturbation is not None:
        return [Column(hints.perturbation, "named by --perturbation-key")]
    return [Column(name, "usual name") for name in usual if name in table.obs]


def labels_of(table: Table, column: str) -> list[str]:
    """Distinct labels of a column, those that say nothing left out."""
    return [label for label in as_text(table.obs[column]).unique() if not is_unlabelled(label)]


def find_controls(table: Table, column: str, hints: Hints) -> frozenset[str] | None:
    """Labels of a column that mean control.

    Raises
    ------
    DataError
        If a value the user named is absent from the column the user named, or several usual names of a control occur.
    """
    present = set(as_text(table.obs[column]).unique())
    if hints.controls:
        absent = [value for value in hints.controls if value not in present]
        if not absent:
            return frozenset(hints.controls)
        if hints.perturbation is None:
            return None
        raise DataError(
            f"{table.origin}, --control {absent[0]}: obs.{column} has no such value "
            f"({closest(absent[0], present)}); frequent values: {frequent(as_text(table.obs[column]))}"
        )
    words = sorted(label for label in present if is_control_word(label))
    if len(words) > 1:
        raise DataError(
            f"{table.origin}, obs.{column}: {', '.join(map(repr, words))} may all mean control; name those that do "
            "with `--control VALUE` (repeat it for several)"
        )
    return frozenset(words) or None


def find_cell_type(table: Table, hints: Hints) -> tuple[Column, ...]:
    """Columns that make up the cell type; empty if the file has none.

    Raises
    ------
    DataError
        If several columns divide the cells differently, or the only ones have missing values.
    """
    further = tuple(Column(name, "named by --covariate-key") for name in hints.covariates)
    if hints.cell_type is not None:
        return (Column(hints.cell_type, "named by --cell-type-key"), *further)
    present = [name for name in _CELL_TYPES if name in table.obs]
    complete = [name for name in present if not table.obs[name].isna().any()]
    if present and not complete:
        missing = int(table.obs[present[0]].isna().sum())
        raise DataError(
            f"{table.origin}, obs.{present[0]}: {missing} cells have no value; name another column with "
            "`--cell-type-key`, or leave those cells out with `--keep`"
        )
    varying = [name for name in complete if table.obs[name].nunique() > 1]
    for other in varying[1:]:
        if not _same_division(table.obs[varying[0]], table.obs[other]):
            shown = "; ".join(f"obs.{name}: {frequent(table.obs[name], 4)}" for name in varying)
            raise DataError(
                f"{table.origin}: several columns may be the cell type ({shown}); name one with --cell-type-key"
            )
    if varying:
        return (Column(varying[0], "usual name, several values"), *further)
    return (*(Column(name, "usual name, one value") for name in complete[:1]), *further)


def _same_division(one: pd.Series, other: pd.Series) -> bool:
    pairs = pd.DataFrame({"one": one.astype(str).to_numpy(), "other": other.astype(str).to_numpy()}).drop_duplicates()
    return bool(pairs["one"].is_unique and pairs["other"].is_unique)


def find_modality(table: Table, hints: Hints) -> tuple[Modality, str] | None:
    """Whether genes were perturbed or treatments given, from anything but the labels themselves."""
    if hints.modality is not None:
        return hints.modality, "said by --modality"
    if hints.dose is not None or hints.smiles is not None:
        return "treatment", "it has doses or structures"
    if "perturbation_type" in table.obs:
        kinds = {kind.lower() for kind in as_text(table.obs["perturbation_type"]).unique() if not is_unlabelled(kind)}
        shown = ", ".join(sorted(kinds))
        if kinds and all(any(word in kind for word in _GENE_KINDS) for kind in kinds):
            return "gene", f"obs.perturbation_type is {shown}"
        if kinds and all(any(word in kind for word in _TREATMENT_KINDS) for kind in kinds):
            return "treatment", f"obs.perturbation_type is {shown}"
    if any(name in table.obs for name in _SMILES):
        return "treatment", "obs has structures (SMILES)"
    return None


def modality_by_genes(table: Table, style: LabelStyle, labels: Sequence[str]) -> tuple[Modality, str] | None:
    """``gene`` if nearly all labels are made of genes of the file."""
    treated = [label for label in labels if label not in style.controls]
    known = [label for label in treated if all(part in table.genes for part in style.parts(label))]
    if treated and len(known) >= 0.9 * len(treated):
        return "gene", f"{len(known)} of {len(treated)} labels are genes of the file"
    return None


def find_dose(table: Table, hints: Hints, usual: Mapping[str, float]) -> Dose | None:
    """Column of doses, with nM per unit of it.

    Parameters
    ----------
    usual
        The layout's usual columns, and nM per unit of each where the file does not say otherwise.

    Raises
    ------
    DataError
        If the unit is not known.
    """
    name = hints.dose or next((name for name in usual if name in table.obs and table.obs[name].notna().any()), None)
    if name is None:
        return None
    rule = "named by --dose-key" if hints.dose else "usual name"
    if hints.dose_unit is not None:
        return Dose(Column(name, f"{rule}, {hints.dose_unit} by --dose-unit"), NANOMOLAR[hints.dose_unit])
    if "dose_unit" in table.obs:
        units = sorted({unit for unit in as_text(table.obs["dose_unit"]).unique() if not is_unlabelled(unit)})
        if len(units) == 1 and units[0] in NANOMOLAR:
            return Dose(Column(name, f"{rule}, {units[0]} by obs.dose_unit"), NANOMOLAR[units[0]])
        if units:
            raise DataError(
                f"{table.origin}, obs.dose_unit: {', '.join(units[:5])} is not one of {', '.join(NANOMOLAR)}; "
                "convert the doses and say the unit with `--dose-unit`"
            )
    if name in usual:
        return Dose(Column(name, f"{rule}, in units of {usual[name]:g} nM there"), usual[name])
    raise DataError(f"{table.origin}, --dose-key {name}: say the unit with `--dose-unit` ({', '.join(NANOMOLAR)})")


def find_smiles(table: Table, hints: Hints) -> Column | None:
    """Column of structures."""
    if hints.smiles is not None:
        return Column(hints.smiles, "named by --smiles-key")
    return next((Column(name, "usual name") for name in _SMILES if name in table.obs), None)


def gene_style(table: Table, column: str, controls: frozenset[str], hints: Hints) -> tuple[LabelStyle, str]:
    """How the labels of a gene screen name their genes.

    Parameters
    ----------
    column
        Obs column of the labels.
    controls
        Labels that mean control.

    Raises
    ------
    DataError
        If labels hold ``_`` and nothing says whether it joins two genes.
    """
    labels = [label for label in labels_of(table, column) if label not in controls and label not in hints.rename]
    if any(PLASMID.search(label) for label in labels):
        constructs = {label for label in labels if CONTROL_CONSTRUCT.search(PLASMID.sub("", label))}
        chosen = controls if hints.controls else controls | constructs
        style = LabelStyle("gene", frozenset(chosen), suffix=PLASMID)
        _refuse_underscores(table, column, [label for label in labels if "_" in PLASMID.sub("", label)], chosen)
        return style, "plasmid names behind the genes are cut off"
    for joint in _JOINTS:
        if any(joint in label for label in labels):
            return LabelStyle("gene", controls, joint), f"genes joined by {joint!r}"
    doubtful = [label for label in labels if "_" in label and label not in table.genes]
    if not doubtful:
        return LabelStyle("gene", controls), "one gene per label"
    if len(doubtful) == len(labels) and all(_NUMBER.search(label) for label in labels):
        return LabelStyle("gene", controls, suffix=_NUMBER), "guide numbers behind the genes are cut off"
    if _parts_agree_with_nperts(table, column, [*doubtful, *controls]):
        return LabelStyle("gene", controls, "_"), "genes joined by '_': as many as obs.nperts says"
    if all(part in table.genes for label in doubtful for part in label.split("_")):
        return LabelStyle("gene", controls, "_"), "genes joined by '_': every part is a gene of the file"
    unknown = [label for label in doubtful if any(part not in table.genes for part in label.split("_"))]
    _refuse_underscores(table, column, unknown, controls)
    raise AssertionError("unreachable: a doubtful label has an unknown part")


def _refuse_underscores(table: Table, column: str, labels: Sequence[str], controls: frozenset[str]) -> None:
    open_labels = [label for label in labels if label not in controls]
    if open_labels:
        raise DataError(
            f"{table.origin}, obs.{column}: '_' in {', '.join(map(repr, open_labels[:5]))} ({len(open_labels)} labels) "
            "may join two genes or belong to one name; say which with `--rename 'LABEL=A+B'` or `--rename 'LABEL=A'`, "
            "or name a column of genes with `--perturbation-key`"
        )


def _parts_agree_with_nperts(table: Table, column: str, labels: Sequence[str]) -> bool:
    if "nperts" not in table.obs:
        return False
    numbers = pd.to_numeric(table.obs["nperts"].astype(str), errors="coerce").to_numpy()
    text = as_text(table.obs[column])
    written = text.map({label: label.count("_") + 1 for label in text.unique()}).to_numpy()
    concerned = text.isin(labels).to_numpy() & ~text.map(is_control_word).to_numpy()
    return bool(concerned.any() and np.array_equal(written[concerned], numbers[concerned]))
