"""The canonical data set: what every file in the cache promises, its content hash, and its writing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast, get_args

import numpy as np
import pandas as pd

from bench.atomic import atomic_file
from bench.data.digests import hash_column, hash_matrix, hash_names
from bench.data.value_checks import check_storage, check_values
from bench.errors import DataError
from methods.conditions import Condition, ConditionError, Modality, gene_condition, treatment_condition

if TYPE_CHECKING:
    from anndata import AnnData

SCHEMA = 1
OBS_COLUMNS: tuple[str, ...] = ("condition", "control", "cell_type", "perturbation")
TREATMENT_COLUMNS: tuple[str, ...] = ("drug", "dose", "smiles")
PROVENANCE: Mapping[str, type | tuple[type, ...]] = MappingProxyType(
    {
        "schema": int,
        "name": str,
        "modality": str,
        "importer": str,
        "source_file": str,
        "source_sha256": str,
        "normalisation": str,
        "target_sum": (float, int),
        "has_counts": bool,
    }
)
_REIMPORT = "re-import it with `python -m bench data import`"


def columns_of(modality: Modality) -> tuple[str, ...]:
    """Obs columns a canonical data set of this modality has."""
    return OBS_COLUMNS + (TREATMENT_COLUMNS if modality == "treatment" else ())


def provenance_of(uns: Mapping[str, Any], origin: str) -> dict[str, str | int | float | bool]:
    """``uns["bench"]`` as plain Python values, checked for its required entries.

    Raises
    ------
    DataError
        If it is absent, an entry is missing or of the wrong type, or the schema is another one.
    """
    stored = uns.get("bench")
    if not isinstance(stored, Mapping):
        raise DataError(f"{origin}, uns['bench']: absent, so this is not a canonical data set; {_REIMPORT}")
    provenance = {str(name): _plain(value) for name, value in stored.items()}
    for name, kind in PROVENANCE.items():
        if name not in provenance:
            raise DataError(f"{origin}, uns['bench']: entry {name!r} is missing; {_REIMPORT}")
        value = provenance[name]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise DataError(
                f"{origin}, uns['bench'][{name!r}]: found {value!r}, must be of type {_type_name(kind)}; {_REIMPORT}"
            )
    if provenance["schema"] != SCHEMA:
        raise DataError(
            f"{origin}, uns['bench']['schema']: found {provenance['schema']}, must be {SCHEMA}; {_REIMPORT}"
        )
    if provenance["modality"] not in get_args(Modality):
        raise DataError(
            f"{origin}, uns['bench']['modality']: found {provenance['modality']!r}, must be 'gene' or 'treatment'; "
            + _REIMPORT
        )
    target_sum = float(provenance["target_sum"])
    if not (np.isfinite(target_sum) and target_sum > 0):
        raise DataError(
            f"{origin}, uns['bench']['target_sum']: found {target_sum!r}, must be a number > 0; {_REIMPORT}"
        )
    return provenance


def conditions_of(obs: pd.DataFrame, modality: Modality) -> dict[str, Condition]:
    """Every condition of a canonical ``obs``, by key, sorted by key.

    The conditions are derived anew from ``perturbation``, ``cell_type``, ``dose`` and ``smiles``,
    so a stored key that is not the canonical one cannot pass.

    Raises
    ------
    DataError
        If ``obs["condition"]`` is not the key derived from the other columns, or one drug has
        several structures.
    """
    parts = ["condition", "perturbation", "cell_type"]
    parts += ["dose", "smiles"] if modality == "treatment" else []
    rows = obs[parts].drop_duplicates()
    several = obs["cell_type"].nunique() > 1
    conditions: dict[str, Condition] = {}
    structures: dict[str, str] = {}
    for row in rows.itertuples(index=False):
        condition = _condition(row, modality, several)
        if condition.key != str(row.condition):
            raise DataError(
                f"obs['condition']: {str(row.condition)!r} is not canonical; its perturbation, dose and cell type "
                f"give {condition.key!r}"
            )
        smiles = condition.smiles or ""
        if structures.setdefault(condition.label, smiles) != smiles:
            raise DataError(
                f"obs['smiles']: {condition.label!r} has two structures, {structures[condition.label]!r} and "
                f"{smiles!r}; give the drug one structure, or two names"
            )
        conditions[condition.key] = condition
    return dict(sorted(conditions.items()))


def _condition(row: Any, modality: Modality, several_cell_types: bool) -> Condition:
    label, cell_type = str(row.perturbation), str(row.cell_type) if several_cell_types else ""
    try:
        if modality == "gene":
            return gene_condition(label.split("+"), cell_type=cell_type)
        dose = None if pd.isna(row.dose) else float(row.dose)
        return treatment_condition(label, dose=dose, cell_type=cell_type, smiles=str(row.smiles) or None)
    except ConditionError as error:
        raise DataError(f"obs['perturbation']: {error}") from error


def check_canonical(adata: AnnData, origin: str) -> None:
    """Check everything the benchmark relies on.

    Parameters
    ----------
    adata
        A data set in memory.
    origin
        What to call it in messages: a file name.

    Raises
    ------
    DataError
        If the matrix is not CSR float32 with sorted indices and no stored zeros; has values that are not finite,
        negative or not log1p of counts per ``target_sum``; counts that are not whole numbers or
        contradict ``X``; repeated cell or gene names; a missing or ill-typed column; a condition
        key that is not canonical; a control flag that contradicts it; or perturbed cells of a cell
        type without controls.
    """
    provenance = provenance_of(adata.uns, origin)
    modality = cast("Modality", provenance["modality"])
    check_names(adata.obs_names, "obs_names", origin)
    check_names(adata.var_names, "var_names", origin)
    check_columns(adata.obs, modality, origin)
    try:
        conditions = conditions_of(adata.obs, modality)
    except DataError as error:
        raise DataError(f"{origin}, {error}") from error
    _check_controls(adata.obs, conditions, origin)
    check_storage(adata.X, "X", adata.shape, origin)
    if bool(provenance["has_counts"]) != ("counts" in adata.layers):
        raise DataError(
            f"{origin}, uns['bench']['has_counts']: says {provenance['has_counts']} but layers['counts'] is "
            f"{'there' if 'counts' in adata.layers else 'absent'}; {_REIMPORT}"
        )
    counts = adata.layers.get("counts")
    if counts is not None:
        check_storage(counts, "layers['counts']", adata.shape, origin)
        if not (np.array_equal(counts.indptr, adata.X.indptr) and np.array_equal(counts.indices, adata.X.indices)):
            raise DataError(
                f"{origin}, layers['counts']: its zeros are not where X has them; normalise X from these counts"
            )
    check_values(adata.X, counts, float(provenance["target_sum"]), adata.obs_names, adata.var_names, origin)


def check_names(names: pd.Index, field: str, origin: str) -> None:
    """Check that names are there, unique and non-empty strings.

    Raises
    ------
    DataError
        If they are not; the message shows the first offenders.
    """
    if len(names) == 0:
        raise DataError(f"{origin}, {field}: there are none; the file is empty")
    if not all(isinstance(name, str) and name for name in names):
        odd = next(name for name in names if not (isinstance(name, str) and name))
        raise DataError(f"{origin}, {field}: {odd!r} is not a non-empty string; name every entry")
    if not names.is_unique:
        repeated = names[names.duplicated()].unique()
        raise DataError(
            f"{origin}, {field}: {len(repeated)} names occur more than once ({', '.join(repeated[:5])}); "
            f"make them unique, for example with `adata.{field}_make_unique()`"
        )


def check_columns(obs: pd.DataFrame, modality: Modality, origin: str) -> None:
    """Check that the required obs columns are there, complete and of the right type.

    Raises
    ------
    DataError
        If one is not.
    """
    for column in columns_of(modality):
        if column not in obs:
            there = ", ".join(map(str, obs.columns))
            raise DataError(f"{origin}, obs: column {column!r} is missing (there are {there}); {_REIMPORT}")
        values = obs[column]
        if column == "control":
            good, wanted = values.dtype == bool, "true or false in every row"
        elif column == "dose":
            good, wanted = pd.api.types.is_float_dtype(values), "numbers in nM, NaN where there is none"
        else:
            kinds = values.cat.categories if isinstance(values.dtype, pd.CategoricalDtype) else values
            good = not values.isna().any() and all(isinstance(value, str) for value in kinds)
            wanted = "a string in every row"
        if not good:
            raise DataError(f"{origin}, obs[{column!r}]: must hold {wanted} (found type {values.dtype}); {_REIMPORT}")


def _check_controls(obs: pd.DataFrame, conditions: Mapping[str, Condition], origin: str) -> None:
    codes, keys = pd.factorize(obs["condition"].astype(object))
    derived = np.array([conditions[key].is_control for key in keys])[codes]
    flagged = obs["control"].to_numpy()
    wrong = np.flatnonzero(derived != flagged)
    if wrong.size:
        cell = obs.index[wrong[0]]
        raise DataError(
            f"{origin}, obs['control']: {wrong.size} cells contradict their condition, first {cell!r} "
            f"({obs['condition'].iloc[wrong[0]]!r}, control {bool(flagged[wrong[0]])}); set control from the condition"
        )
    cell_type = obs["cell_type"].astype(str).to_numpy()
    without = sorted(set(cell_type[~flagged]) - set(cell_type[flagged]))
    if not flagged.any() or without:
        where = f"cell type {', '.join(map(repr, without[:5]))}" if without else "any cell type"
        raise DataError(
            f"{origin}, obs['control']: no control cells in {where}; name the control value, or leave those cells out"
        )
    if flagged.all():
        raise DataError(f"{origin}, obs['control']: every cell is a control; there is nothing to predict")


def content_hash(adata: AnnData) -> str:
    """SHA-256 of everything that decides a result: values, counts, canonical columns, names, target sum.

    The order of indices inside a row, stored zeros, integer widths, the coding of categories and
    all other provenance do not enter it.

    Parameters
    ----------
    adata
        A canonical data set in memory; never copied as a whole.
    """
    provenance = provenance_of(adata.uns, "data set")
    modality = cast("Modality", provenance["modality"])
    digest = hashlib.sha256()
    head = {
        "schema": SCHEMA,
        "modality": modality,
        "shape": list(adata.shape),
        "target_sum": float(provenance["target_sum"]),
    }
    digest.update(json.dumps(head, sort_keys=True).encode())
    digest.update(hash_names(adata.obs_names))
    digest.update(hash_names(adata.var_names))
    for column in columns_of(modality):
        digest.update(column.encode() + hash_column(adata.obs[column]))
    digest.update(b"X" + hash_matrix(adata.X))
    if "counts" in adata.layers:
        digest.update(b"counts" + hash_matrix(adata.layers["counts"]))
    return digest.hexdigest()


def write_dataset(adata: AnnData, path: Path) -> None:
    """Check a canonical data set, stamp its content hash and write it atomically.

    Only what is canonical is written: ``X``, ``layers["counts"]``, the canonical obs columns,
    ``var`` and ``uns["bench"]``. ``adata`` itself is left as it was.

    Raises
    ------
    DataError
        If it is not canonical; nothing is written then.
    """
    from anndata import AnnData

    check_canonical(adata, path.name)
    provenance = provenance_of(adata.uns, path.name)
    columns = columns_of(cast("Modality", provenance["modality"]))
    obs = adata.obs[list(columns)].copy()
    for column in obs:
        if column not in ("control", "dose"):
            obs[column] = obs[column].astype("category").cat.remove_unused_categories()
    stored = AnnData(
        X=adata.X,
        obs=obs,
        var=adata.var,
        layers={"counts": adata.layers["counts"]} if "counts" in adata.layers else None,
        uns={"bench": {**provenance, "content_hash": content_hash(adata)}},
    )
    with atomic_file(path) as partial:
        stored.write_h5ad(partial)


def _plain(value: Any) -> str | int | float | bool:
    """A value as read from HDF5, as the plain Python type it was written as."""
    plain = value.item() if isinstance(value, np.generic) else value
    return plain if isinstance(plain, (str, int, float, bool)) else str(plain)


def _type_name(kind: type | tuple[type, ...]) -> str:
    return " or ".join(each.__name__ for each in kind) if isinstance(kind, tuple) else kind.__name__
