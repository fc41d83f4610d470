"""The layouts of perturbation screens people have, one recogniser each.

A recogniser says which obs column means what and by which rule; or ``None`` if the file is laid
out otherwise; or raises :class:`DataError` where the file has its layout but leaves a choice open.
It never guesses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from bench.data.columns import (
    candidates,
    check_hints,
    find_cell_type,
    find_controls,
    find_dose,
    find_modality,
    find_smiles,
    gene_style,
    labels_of,
    modality_by_genes,
)
from bench.data.labels import LabelStyle, as_text, frequent, is_control_word, is_unlabelled, read_labels
from bench.data.reading import Column, Hints, Reading, Table
from bench.errors import DataError
from methods.conditions import CONTROL

_SCPERTURB_MARKS = ("nperts", "perturbation_type", "tissue_type", "dose_value", "ncounts")
_CHEMCPA_UNIT = 1e4  # nM: doses are divided by the largest of sci-Plex


@dataclass(frozen=True)
class Layout:
    """A recogniser, with its name and what it looks for, for messages."""

    name: str
    looks_for: str
    recognise: Callable[[Table, Hints], Reading | None]


def recognise(table: Table, hints: Hints) -> tuple[Reading, list[str]]:
    """Say how a file is read.

    Returns
    -------
    The reading, and the names of other layouts that fit and read every cell alike.

    Raises
    ------
    DataError
        If no layout fits, a column or value the user named is absent, something is left open, or several layouts fit
        and read the cells differently.
    """
    check_hints(table, hints)
    special = [layout for layout in LAYOUTS if hints.layout in (None, layout.name) and layout is not GENERIC]
    readings = [reading for layout in special if (reading := layout.recognise(table, hints)) is not None]
    if not readings and hints.layout in (None, GENERIC.name):
        readings = [reading for reading in [GENERIC.recognise(table, hints)] if reading is not None]
    if not readings:
        raise DataError(_not_recognised(table, hints))
    first, *others = readings
    labels = _cell_labels(table, first, hints)
    for other in others:
        if other.style.modality != first.style.modality or not labels.equals(_cell_labels(table, other, hints)):
            shown = "; ".join(
                f"{reading.layout}: {reading.style.modality}s in obs.{reading.perturbation.name}, "
                f"{frequent(table.obs[reading.perturbation.name], 3)}"
                for reading in readings
            )
            raise DataError(
                f"{table.origin}: fits several layouts that read the cells differently ({shown}); say which with "
                "`--layout` or `--perturbation-key`"
            )
    return first, [other.layout for other in others]


def _cell_labels(table: Table, reading: Reading, hints: Hints) -> pd.Series:
    text = as_text(table.obs[reading.perturbation.name])
    labelled = [label for label in text.unique() if label in reading.style.controls or not is_unlabelled(label)]
    canonical = read_labels(labelled, reading.style, hints.rename, f"{table.origin}, obs.{reading.perturbation.name}")
    return text.map(canonical)


def _not_recognised(table: Table, hints: Hints) -> str:
    tried = [layout for layout in LAYOUTS if hints.layout in (None, layout.name)]
    looked = "; ".join(f"{layout.name}: {layout.looks_for}" for layout in tried)
    message = f"{table.origin}: obs is not laid out as {'any of' if len(tried) > 1 else 'in'} ({looked}). "
    if hints.perturbation is not None:
        values = frequent(as_text(table.obs[hints.perturbation]))
        return f"{message}Say which value of obs.{hints.perturbation} is the control with `--control` ({values})"
    if hints.controls:
        message += f"None of the usual columns has the value {hints.controls[0]!r} of --control. "
    options = [
        f"--perturbation-key {column} --control {value}"
        for column in table.obs
        if not pd.api.types.is_numeric_dtype(table.obs[column].dtype)
        for value in as_text(table.obs[column]).unique()
        if is_control_word(value)
    ]
    could = f" It could be: {'; or '.join(options)}." if options else ""
    columns = ", ".join(f"{name} ({table.obs[name].nunique()} values)" for name in table.obs)
    return f"{message}Name the columns with `--perturbation-key K --control VALUE`.{could} Columns: {columns}"


def _gears(table: Table, hints: Hints) -> Reading | None:
    modality = find_modality(table, hints)
    if modality is not None and modality[0] != "gene":
        return None
    for column in candidates(table, hints, ("condition", "gears_condition")):
        labels = labels_of(table, column.name)
        if CONTROL not in labels or not any("+" in label for label in labels):
            continue
        if hints.controls and find_controls(table, column.name, hints) is None:
            continue
        if any(is_control_word(label) and label != CONTROL for label in labels):
            continue
        style = LabelStyle("gene", frozenset({CONTROL, *hints.controls}), "+")
        rule = "'ctrl' and genes joined by '+', as GEARS writes them"
        return Reading("gears", column, style, rule, find_cell_type(table, hints))
    return None


def _pertpy(table: Table, hints: Hints) -> Reading | None:
    """`norman_2019` (``perturbation_name``) and `sciplex3_raw` (``product_name``); the others are scPerturb's files."""
    usual = ("perturbation_name", "product_name")
    if hints.perturbation not in (None, *usual):
        return None
    for column in candidates(table, hints, usual):
        controls = find_controls(table, column.name, hints)
        if controls is None:
            continue
        cell_type = find_cell_type(table, hints)
        if column.name == "perturbation_name":
            style, rule = gene_style(table, column.name, controls, hints)
            return Reading("pertpy", column, style, rule, cell_type)
        style = LabelStyle("treatment", controls)
        dose = find_dose(table, hints, {"dose": 1.0})
        return Reading("pertpy", column, style, "product names", cell_type, dose, find_smiles(table, hints))
    return None


def _chemcpa(table: Table, hints: Hints) -> Reading | None:
    smiles = find_smiles(table, hints)
    if smiles is None or hints.modality == "gene":
        return None
    for column in candidates(table, hints, ("condition", "drug", "product_name")):
        controls = find_controls(table, column.name, hints)
        if controls is None:
            continue
        dose = find_dose(table, hints, {"dose_val": _CHEMCPA_UNIT})
        if dose is not None and dose.nanomolar == _CHEMCPA_UNIT:
            _refuse_large_fractions(table, dose.column.name)
        style = LabelStyle("treatment", controls)
        return Reading("chemcpa", column, style, "drugs beside structures", find_cell_type(table, hints), dose, smiles)
    return None


def _refuse_large_fractions(table: Table, column: str) -> None:
    largest = pd.to_numeric(table.obs[column].astype(str), errors="coerce").max()
    if largest > 1:
        raise DataError(
            f"{table.origin}, obs.{column}: the largest dose is {largest:g}, but chemCPA's are fractions of 10,000 nM; "
            f"say the unit with `--dose-key {column} --dose-unit`"
        )


def _scperturb(table: Table, hints: Hints) -> Reading | None:
    if hints.perturbation not in (None, "perturbation", "target"):
        return None
    if not any(mark in table.obs for mark in _SCPERTURB_MARKS):
        return None
    for column in candidates(table, hints, ("perturbation",)):
        controls = find_controls(table, column.name, hints) or _control_constructs(table, column.name, hints)
        if controls is None:
            continue
        _refuse_second_perturbation(table, hints)
        modality = find_modality(table, hints)
        dose = find_dose(table, hints, {"dose_value": 1.0})
        if modality is None and dose is not None:
            modality = ("treatment", f"obs.{dose.column.name} holds doses")
        if modality is not None and modality[0] == "treatment":
            style = LabelStyle("treatment", controls)
            cell_type = find_cell_type(table, hints)
            return Reading("scperturb", column, style, modality[1], cell_type, dose, find_smiles(table, hints))
        target = _target_column(table, column.name, controls, hints)
        chosen = column if target is None else target
        style, rule = gene_style(table, chosen.name, controls, hints)
        _require_genes(table, chosen.name, style, hints)
        return Reading("scperturb", chosen, style, rule, find_cell_type(table, hints))
    return None


def _control_constructs(table: Table, column: str, hints: Hints) -> frozenset[str] | None:
    style, _ = gene_style(table, column, frozenset(), hints)
    return style.controls or None


def _refuse_second_perturbation(table: Table, hints: Hints) -> None:
    name = "perturbation_2"
    decided = hints.cell_type is not None or name in hints.covariates
    if name in table.obs and table.obs[name].nunique() > 1 and not decided:
        raise DataError(
            f"{table.origin}, obs.{name}: a second perturbation with several values ({frequent(table.obs[name], 4)}). "
            f"Divide the cells by it with `--covariate-key {name}`, keep one value with `--keep {name}=VALUE`, or pool "
            "them by naming the cell type with `--cell-type-key`"
        )


def _target_column(table: Table, column: str, controls: frozenset[str], hints: Hints) -> Column | None:
    """`target`, where the labels are that gene with a guide's name behind it."""
    if hints.perturbation is not None or "target" not in table.obs:
        return None
    pairs = pd.DataFrame(
        {"label": as_text(table.obs[column]), "target": as_text(table.obs["target"])}
    ).drop_duplicates()
    treated = pairs[~pairs["label"].isin(controls) & ~pairs["label"].map(is_unlabelled)]
    guides = [
        label == target or label.startswith(f"{target}_")
        for label, target in zip(treated["label"], treated["target"], strict=True)
    ]
    same_controls = set(pairs.loc[pairs["label"].isin(controls), "target"]) <= controls
    if guides and all(guides) and same_controls and (treated["label"] != treated["target"]).any():
        return Column("target", f"obs.{column} is this gene with a guide's name behind it")
    return None


def _require_genes(table: Table, column: str, style: LabelStyle, hints: Hints) -> None:
    if find_modality(table, hints) is None and modality_by_genes(table, style, labels_of(table, column)) is None:
        raise DataError(
            f"{table.origin}, obs.{column}: {frequent(table.obs[column], 4)} may be genes or treatments; say which "
            "with `--modality gene` or `--modality treatment`"
        )


def _generic(table: Table, hints: Hints) -> Reading | None:
    if hints.perturbation is None:
        return None
    column = candidates(table, hints, ())[0]
    controls = find_controls(table, column.name, hints)
    if controls is None:
        return None
    modality = find_modality(table, hints)
    cell_type = find_cell_type(table, hints)
    if modality is not None and modality[0] == "treatment":
        style = LabelStyle("treatment", controls)
        dose, smiles = find_dose(table, hints, {}), find_smiles(table, hints)
        return Reading("generic", column, style, modality[1], cell_type, dose, smiles)
    style, rule = gene_style(table, column.name, controls, hints)
    _require_genes(table, column.name, style, hints)
    return Reading("generic", column, style, rule, cell_type)


GENERIC = Layout("generic", "--perturbation-key", _generic)
LAYOUTS: Sequence[Layout] = (
    Layout("gears", "obs.condition with 'ctrl', 'A+ctrl', 'A+B'", _gears),
    Layout("chemcpa", "obs.condition with a control, obs.SMILES, obs.dose_val", _chemcpa),
    Layout("pertpy", "obs.perturbation_name with 'control', or obs.product_name with 'Vehicle'", _pertpy),
    Layout("scperturb", "obs.perturbation with 'control' beside obs.nperts or obs.perturbation_type", _scperturb),
    GENERIC,
)
