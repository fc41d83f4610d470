"""The canonical data set: what every file in the cache promises, its content hash, and its writing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

import numpy as np
import pandas as pd

from bench.atomic import atomic_file
from bench.errors import DataError
from methods.conditions import Condition, ConditionError, Modality, gene_condition, treatment_condition

if TYPE_CHECKING:
    from anndata import AnnData
    from scipy.sparse import csr_matrix

SCHEMA = 1
OBS_COLUMNS: tuple[str, ...] = ("condition", "control", "cell_type", "perturbation")
TREATMENT_COLUMNS: tuple[str, ...] = ("drug", "dose", "smiles")
PROVENANCE: Mapping[str, type | tuple[type, ...]] = {
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
_REIMPORT = "re-import it with `python -m bench data import`"
_BLOCK = 1_000_000  # stored values looked at together
_SUM_SLACK = 1e-3  # float32 rounding of log1p, summed over a cell
_RATIO_SLACK = 1e-3


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
        if (
            condition.smiles is not None
            and structures.setdefault(condition.label, condition.smiles) != condition.smiles
        ):
            raise DataError(
                f"obs['smiles']: {condition.label!r} has two structures, {structures[condition.label]!r} and "
                f"{condition.smiles!r}; give the drug one structure, or two names"
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
    _check_storage(adata.X, "X", adata.shape, origin)
    if bool(provenance["has_counts"]) != ("counts" in adata.layers):
        raise DataError(
            f"{origin}, uns['bench']['has_counts']: says {provenance['has_counts']} but layers['counts'] is "
            f"{'there' if 'counts' in adata.layers else 'absent'}; {_REIMPORT}"
        )
    counts = adata.layers.get("counts")
    if counts is not None:
        _check_storage(counts, "layers['counts']", adata.shape, origin)
        if not (np.array_equal(counts.indptr, adata.X.indptr) and np.array_equal(counts.indices, adata.X.indices)):
            raise DataError(
                f"{origin}, layers['counts']: its zeros are not where X has them; normalise X from these counts"
            )
    _check_values(adata.X, counts, float(provenance["target_sum"]), adata.obs_names, adata.var_names, origin)


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


def _check_storage(matrix: Any, field: str, shape: tuple[int, int], origin: str) -> None:
    if getattr(matrix, "format", None) != "csr" or matrix.dtype != np.float32:
        kind = f"{getattr(matrix, 'format', type(matrix).__name__)} {getattr(matrix, 'dtype', '')}"
        raise DataError(
            f"{origin}, {field}: is {kind}, must be CSR float32; `scipy.sparse.csr_matrix(X, dtype='float32')`"
        )
    if matrix.shape != shape:
        raise DataError(f"{origin}, {field}: shape is {matrix.shape}, must be {shape} (cells, genes)")
    if not matrix.has_canonical_format:
        raise DataError(f"{origin}, {field}: indices are unsorted or repeated; call `.sum_duplicates()`")


def row_blocks(indptr: np.ndarray, n_values: int = _BLOCK) -> Iterator[tuple[int, int]]:
    """Cut the rows of a CSR matrix into (first, last + 1) blocks of about ``n_values`` stored values."""
    n_rows = indptr.size - 1
    first = 0
    while first < n_rows:
        last = int(np.searchsorted(indptr, indptr[first] + n_values, side="right")) - 1
        last = min(max(last, first + 1), n_rows)
        yield first, last
        first = last


def _check_values(
    matrix: csr_matrix, counts: csr_matrix | None, target_sum: float, cells: pd.Index, genes: pd.Index, origin: str
) -> None:
    whole = bool(matrix.nnz)
    for first, last in row_blocks(matrix.indptr):
        start, stop = matrix.indptr[first], matrix.indptr[last]
        values = matrix.data[start:stop]
        _refuse_bad_values(values, matrix, start, "X", cells, genes, origin)
        whole = whole and bool(np.all(values == np.rint(values)))
        lengths = np.diff(matrix.indptr[first : last + 1])
        rows = np.repeat(np.arange(last - first), lengths)
        with np.errstate(over="ignore"):  # an infinite total is refused like any other that is too high
            linear = np.expm1(values.astype(np.float64))
        totals = np.bincount(rows, weights=linear, minlength=last - first)
        high = np.flatnonzero(~(totals <= target_sum * (1 + _SUM_SLACK)))
        if high.size:
            cell = cells[first + high[0]]
            raise DataError(
                f"{origin}, X: cell {cell!r} sums to {totals[high[0]]:.6g} before the logarithm, more than the "
                f"target of {target_sum:g}: the values are not log1p of counts per {target_sum:g}. "
                "Normalise the counts (scanpy: normalize_total, log1p)"
            )
        if counts is not None:
            block = counts.data[start:stop]
            _refuse_bad_values(block, counts, start, "layers['counts']", cells, genes, origin)
            _check_counts_block(block, linear, lengths, cells[first:last], origin)
    if whole:
        raise DataError(
            f"{origin}, X: every value is a whole number, so these are counts, not log values; "
            "normalise them (scanpy: normalize_total, log1p)"
        )


def _refuse_bad_values(
    values: np.ndarray, matrix: csr_matrix, start: int, field: str, cells: pd.Index, genes: pd.Index, origin: str
) -> None:
    bad = ~(np.isfinite(values) & (values > 0))
    if not bad.any():
        return
    where = int(np.flatnonzero(bad)[0])
    value = values[where]
    row = int(np.searchsorted(matrix.indptr, start + where, side="right")) - 1
    gene = genes[matrix.indices[start + where]]
    what = "a stored zero" if value == 0 else "negative" if value < 0 else "not finite"
    remedy = "call `.eliminate_zeros()`" if value == 0 else "give the values before scaling or correction"
    raise DataError(f"{origin}, {field}: {value:g} ({what}) in cell {cells[row]!r}, gene {gene!r}; {remedy}")


def _check_counts_block(
    counts: np.ndarray, linear: np.ndarray, lengths: np.ndarray, cells: pd.Index, origin: str
) -> None:
    """Counts are whole numbers, and in every cell X before the logarithm is a multiple of them."""
    if np.any(counts != np.rint(counts)):
        odd = counts[counts != np.rint(counts)][0]
        raise DataError(f"{origin}, layers['counts']: {odd!r} is not a whole number; give raw counts or leave them out")
    filled = np.flatnonzero(lengths)
    if not filled.size:
        return
    starts = np.concatenate(([0], np.cumsum(lengths[filled])[:-1]))
    factor = linear / counts
    low, high = np.minimum.reduceat(factor, starts), np.maximum.reduceat(factor, starts)
    wrong = np.flatnonzero(high > low * (1 + _RATIO_SLACK))
    if wrong.size:
        raise DataError(
            f"{origin}, layers['counts']: in cell {cells[filled[wrong[0]]]!r} X is not the normalised counts; "
            "normalise X from these counts, or leave the layer out"
        )


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
    digest.update(_hash_names(adata.obs_names))
    digest.update(_hash_names(adata.var_names))
    for column in columns_of(modality):
        digest.update(column.encode() + _hash_column(adata.obs[column]))
    digest.update(b"X" + _hash_matrix(adata.X))
    if "counts" in adata.layers:
        digest.update(b"counts" + _hash_matrix(adata.layers["counts"]))
    return digest.hexdigest()


def _hash_names(names: pd.Index) -> bytes:
    return hashlib.sha256(json.dumps([str(name) for name in names]).encode()).digest()


def _hash_column(values: pd.Series) -> bytes:
    if values.dtype == bool or pd.api.types.is_float_dtype(values):
        numbers = np.where(np.isnan(values.to_numpy(np.float64)), np.nan, values.to_numpy(np.float64))
        return hashlib.sha256(numbers.astype("<f8").tobytes()).digest()
    codes, levels = pd.factorize(values.astype(object), sort=True)
    digest = hashlib.sha256(json.dumps([str(level) for level in levels]).encode())
    digest.update(codes.astype("<i8").tobytes())
    return digest.digest()


def _hash_matrix(matrix: csr_matrix) -> bytes:
    lengths, indices, values = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()
    for first, last in row_blocks(matrix.indptr):
        block = matrix[first:last]
        block.sum_duplicates()
        block.eliminate_zeros()
        lengths.update(np.diff(block.indptr).astype("<i8").tobytes())
        indices.update(block.indices.astype("<i4").tobytes())
        values.update(block.data.astype("<f4").tobytes())
    return lengths.digest() + indices.digest() + values.digest()


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
