"""Canonical obs of a file: one row per cell with condition, control, cell type, and for drugs dose and structure."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from bench.data.chemistry import canonical_smiles
from bench.data.columns import require_column
from bench.data.labels import as_text, frequent, is_unlabelled, read_labels
from bench.data.reading import Reading, Table
from bench.errors import DataError
from methods.conditions import CONTROL, ConditionError, format_dose, gene_condition, treatment_condition

UNSPECIFIED = "unspecified"


def kept_rows(obs: pd.DataFrame, keep: Sequence[tuple[str, str | None]], origin: str) -> np.ndarray:
    """Rows that in each named column have one of the values named for it; a value ``None`` means true.

    Raises
    ------
    DataError
        If a column or value is not there, or no cell fulfils all.
    """
    kept = np.ones(len(obs), dtype=bool)
    for column in dict.fromkeys(column for column, _ in keep):
        require_column(obs, column, f"{origin}, --keep {column}")
        wanted = ["True" if value is None else value for name, value in keep if name == column]
        matches = [_equals(obs[column], value) for value in wanted]
        for value, match in zip(wanted, matches, strict=True):
            if not match.any():
                values = frequent(obs[column])
                raise DataError(f"{origin}, --keep {column}={value}: no cell has it; frequent values: {values}")
        kept &= np.logical_or.reduce(matches)
    if not kept.any():
        raise DataError(f"{origin}, --keep: no cell fulfils all of them; leave one out")
    return np.flatnonzero(kept)


def _equals(values: pd.Series, wanted: str) -> np.ndarray:
    """Where a column has a value written as text; numbers are compared as numbers."""
    equal: np.ndarray = (values.astype(str) == wanted).to_numpy()
    if pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype):
        with contextlib.suppress(ValueError):
            equal |= values.to_numpy() == float(wanted)
    return equal


def labelled_cells(table: Table, reading: Reading, *, drop: bool) -> np.ndarray:
    """Mask of the cells whose perturbation label says something: (n_cells,).

    Parameters
    ----------
    drop
        Whether cells without a label may be left out.

    Raises
    ------
    DataError
        If there are such cells and they may not.
    """
    column = reading.perturbation.name
    text = as_text(table.obs[column])
    silent = {label for label in text.unique() if is_unlabelled(label)} - reading.style.controls
    labelled: np.ndarray = ~text.isin(silent).to_numpy()
    if silent and not drop:
        raise DataError(
            f"{table.origin}, obs.{column}: {int((~labelled).sum()):,} of {labelled.size:,} cells have no perturbation "
            f"label ({frequent(text[~labelled], 3)}); leave them out with `--drop-unlabelled`, or say that such a "
            "value is the control with `--control`"
        )
    return labelled


def canonical_obs(
    table: Table, reading: Reading, rename: Mapping[str, str], structures: Mapping[str, str]
) -> pd.DataFrame:
    """Canonical obs columns, indexed by cell name.

    Parameters
    ----------
    table
        Cells with a label.
    reading
        How they are read.
    rename
        New names of labels.
    structures
        SMILES by drug, for drugs whose structure the file does not give.

    Raises
    ------
    DataError
        If a label, dose or structure cannot be read, or a cell type is missing.
    """
    obs = pd.DataFrame(index=pd.Index([str(name) for name in table.obs.index], dtype=object))
    column = reading.perturbation.name
    text = as_text(table.obs[column])
    canonical = read_labels(text.unique(), reading.style, rename, f"{table.origin}, obs.{column}")
    obs["perturbation"] = text.map(canonical).to_numpy()
    obs["control"] = (obs["perturbation"] == CONTROL).to_numpy()
    obs["cell_type"] = _cell_type(table, reading)
    if reading.style.modality == "treatment":
        obs["drug"] = obs["perturbation"]
        obs["dose"] = _dose(table, reading, obs["control"].to_numpy())
        obs["smiles"] = _structure(table, reading, obs, structures)
    obs.insert(0, "condition", _condition(obs, reading, table.origin))
    return obs


def _cell_type(table: Table, reading: Reading) -> np.ndarray:
    if not reading.cell_type:
        return np.full(len(table.obs), UNSPECIFIED, dtype=object)
    parts = []
    for column in reading.cell_type:
        missing = int(table.obs[column.name].isna().sum())
        if missing:
            raise DataError(
                f"{table.origin}, obs.{column.name}: {missing} cells have no cell type; leave them out with `--keep`, "
                "or name another column with `--cell-type-key`"
            )
        parts.append(as_text(table.obs[column.name]))
    varying = [part for part in parts if part.nunique() > 1] or parts[:1]
    joined = varying[0]
    for part in varying[1:]:
        joined = joined + "/" + part
    return joined.to_numpy(dtype=object)


def _dose(table: Table, reading: Reading, control: np.ndarray) -> np.ndarray:
    """Doses in nM, rounded as condition keys write them; NaN for controls and where the file has no doses."""
    doses = np.full(len(table.obs), np.nan)
    if reading.dose is None:
        return doses
    column = reading.dose.column.name
    values = table.obs[column]
    numbers = pd.to_numeric(values.astype(object).where(values.notna()).astype(str), errors="coerce").to_numpy(
        np.float64
    )
    bad = ~control & ~(np.isfinite(numbers) & (numbers >= 0))
    if bad.any():
        raise DataError(
            f"{table.origin}, obs.{column}: {int(bad.sum())} treated cells have a dose that is not a number >= 0 "
            f"({frequent(values[bad], 3)}); name another column with `--dose-key`, or leave those cells out with "
            "`--keep`"
        )
    distinct, place = np.unique(numbers[~control], return_inverse=True)
    rounded = np.array([float(format_dose(dose * reading.dose.nanomolar)) for dose in distinct])
    doses[~control] = rounded[place]
    return doses


def _structure(table: Table, reading: Reading, obs: pd.DataFrame, structures: Mapping[str, str]) -> np.ndarray:
    drugs = obs["drug"].to_numpy()
    where = f"{table.origin}, SMILES"
    raw = np.full(len(obs), "", dtype=object)
    if reading.smiles is not None:
        where = f"{table.origin}, obs.{reading.smiles.name}"
        text = as_text(table.obs[reading.smiles.name])
        raw = text.map({value: "" if is_unlabelled(value) else value for value in text.unique()}).to_numpy(dtype=object)
    raw[obs["control"].to_numpy()] = ""
    pairs = pd.DataFrame({"drug": drugs, "raw": raw}).drop_duplicates()
    filled = {
        (drug, text): text or structures.get(drug, "") if drug != CONTROL else ""
        for drug, text in zip(pairs["drug"], pairs["raw"], strict=True)
    }
    canonical = canonical_smiles(filled.values(), where)
    return np.array([canonical[filled[pair]] for pair in zip(drugs, raw, strict=True)], dtype=object)


def _condition(obs: pd.DataFrame, reading: Reading, origin: str) -> np.ndarray:
    several = obs["cell_type"].nunique() > 1
    parts = ["perturbation", "cell_type"] + (["dose"] if "dose" in obs else [])
    groups = obs.groupby(parts, sort=False, dropna=False).ngroup().to_numpy()
    _, first = np.unique(groups, return_index=True)
    distinct = obs.iloc[first]
    doses = distinct["dose"].to_numpy() if "dose" in distinct else np.full(len(distinct), np.nan)
    keys = []
    for label, cell_type, dose in zip(distinct["perturbation"], distinct["cell_type"], doses, strict=True):
        keys.append(_key(str(label), str(cell_type) if several else "", dose, reading, origin))
    return np.array(keys, dtype=object)[groups]


def _key(label: str, cell_type: str, dose: float, reading: Reading, origin: str) -> str:
    try:
        if reading.style.modality == "gene":
            return gene_condition(label.split("+"), cell_type=cell_type).key
        return treatment_condition(label, dose=None if np.isnan(dose) else float(dose), cell_type=cell_type).key
    except ConditionError as error:
        raise DataError(f"{origin}: {error}; `--rename` renames perturbations") from error
