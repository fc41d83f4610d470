"""From values of any recognised scale to the canonical one: log1p of counts per 10,000."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bench.data.blocks import row_blocks
from bench.data.scale import UNDO, Kind, Scale, cell_units
from bench.errors import DataError

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

TARGET_SUM = 1e4
_BLOCK = 4_000_000  # stored values normalised at once
_TOTALS = ("ncounts", "n_counts", "total_counts", "nCount_RNA", "UMI_count", "n_umi")
_SAME_TOTAL = 1e-3  # relative: cells whose totals differ by less were normalised to one total
_AGREE = 0.9  # fraction of the cells that must lead to the same target sum
_LARGEST_MULTIPLE = 4  # smallest counts of a cell that are believed
_ROUND_TARGET = 0.05  # relative: a target sum so near to 10,000 is 10,000


@dataclass(frozen=True)
class Normalised:
    """Canonical values.

    Parameters
    ----------
    values
        (cells, genes), CSR float32, log1p of counts per ``target_sum``.
    counts
        (cells, genes), CSR float32, with the zeros of ``values``; ``None`` if not known.
    target_sum
        Counts per cell before the logarithm.
    how
        What was done, for provenance and for a person.
    """

    values: csr_matrix
    counts: csr_matrix | None
    target_sum: float
    how: str


def from_counts(counts: csr_matrix) -> Normalised:
    """Normalise counts with scanpy (``normalize_total`` to 10,000, ``log1p``); they are kept."""
    values = _with_data(counts, counts.data.copy())
    _normalize_total(values)
    np.log1p(values.data, out=values.data)
    how = f"counts: scanpy normalize_total({TARGET_SUM:g}), log1p; counts kept"
    return Normalised(values, counts, TARGET_SUM, how)


def from_values(matrix: csr_matrix, scale: Scale, obs: pd.DataFrame, declared: float | None) -> Normalised:
    """Bring values that are already normalised, logged or not, to the canonical scale.

    Values of a whole transcriptome are brought to 10,000 per cell. Of a part of one the total is not in the values;
    they are kept as they are (logged if they were not) and the target sum is looked for in a column of cell totals.

    Parameters
    ----------
    matrix
        (cells, genes), CSR float32; changed in place.
    scale
        A ``linear``, ``log``, ``log2`` or ``log10`` verdict on it.
    obs
        Obs of these cells, for totals.
    declared
        Target sum the user said; ``None`` if not.

    Raises
    ------
    DataError
        If a cell's values sum to more than the target sum.
    """
    whole = scale.total is not None
    target, source = (TARGET_SUM, "") if whole else _target_sum(matrix, scale.kind, obs, declared)
    right_total = scale.total is None or abs(scale.total / TARGET_SUM - 1) < _SAME_TOTAL
    if scale.kind == "log" and right_total:
        how = "log1p, kept" if whole else f"log1p of a part of the genes, kept; {source}"
        return Normalised(matrix, None, target, how)
    undo = UNDO[scale.kind]
    for first, last in row_blocks(matrix.indptr):
        part = slice(matrix.indptr[first], matrix.indptr[last])
        matrix.data[part] = undo(matrix.data[part].astype(np.float64))
    if whole:
        _normalize_total(matrix)
    np.log1p(matrix.data, out=matrix.data)
    done = f"brought to {TARGET_SUM:g} per cell, log1p" if whole else f"log1p; {source}"
    return Normalised(matrix, None, target, f"{_NAMES[scale.kind]}: {done}")


_NAMES = {
    "linear": "normalised without logarithm",
    "log": "log1p of another total",
    "log2": "log2(1 + x)",
    "log10": "log10(1 + x)",
}


def belongs_to_counts(values: csr_matrix, counts: csr_matrix, kind: Kind) -> bool:
    """Whether values, with the logarithm undone, are counts times one number per cell."""
    if not (np.array_equal(values.indptr, counts.indptr) and np.array_equal(values.indices, counts.indices)):
        return False
    lengths = np.diff(values.indptr)
    for first, last in row_blocks(values.indptr):
        part = slice(values.indptr[first], values.indptr[last])
        factor = UNDO[kind](values.data[part].astype(np.float64)) / counts.data[part]
        filled = lengths[first:last][lengths[first:last] > 0]
        if not filled.size:
            continue
        starts = np.concatenate(([0], np.cumsum(filled)[:-1]))
        low, high = np.minimum.reduceat(factor, starts), np.maximum.reduceat(factor, starts)
        if np.any(high > low * (1 + _SAME_TOTAL)):
            return False
    return True


def _target_sum(matrix: csr_matrix, kind: Kind, obs: pd.DataFrame, declared: float | None) -> tuple[float, str]:
    """Target sum of values whose cells do not sum to it, and where it comes from."""
    largest = _largest_sum(matrix, kind)
    if declared is not None:
        target, source = declared, f"target sum {declared:g} by --target-sum"
    else:
        target, source = _by_totals(cell_units(matrix, kind), obs)
    if largest > target * (1 + _SAME_TOTAL):
        raise DataError(
            f"X: a cell sums to {largest:.6g} before the logarithm, more than the target sum of {target:g} "
            f"({source}); say what counts were normalised to with `--target-sum`"
        )
    return target, source


def _largest_sum(matrix: csr_matrix, kind: Kind) -> float:
    largest = 0.0
    lengths = np.diff(matrix.indptr)
    for first, last in row_blocks(matrix.indptr):
        linear = UNDO[kind](matrix.data[matrix.indptr[first] : matrix.indptr[last]].astype(np.float64))
        rows = np.repeat(np.arange(last - first), lengths[first:last])
        largest = max(largest, float(np.bincount(rows, weights=linear, minlength=1).max()))
    return largest


def _by_totals(units: np.ndarray, obs: pd.DataFrame) -> tuple[float, str]:
    """One molecule of a cell counts for target / total, so unit x total is the target, or a small multiple of it."""
    for name in _TOTALS:
        if name not in obs:
            continue
        totals = pd.to_numeric(obs[name].astype(str), errors="coerce").to_numpy(np.float64)
        found = units * totals
        found = found[np.isfinite(found) & (found > 0)]
        if not found.size:
            continue
        # A cell whose smallest count is two or three gives a multiple.
        multiple = found / np.percentile(found, 5)
        whole = np.clip(np.rint(multiple), 1, _LARGEST_MULTIPLE)
        if np.mean(np.abs(multiple / whole - 1) < _ROUND_TARGET) < _AGREE:
            continue
        middle = float(np.median(found / whole))
        target = TARGET_SUM if abs(middle / TARGET_SUM - 1) < _ROUND_TARGET else float(f"{middle:.4g}")
        return target, f"target sum {target:g}: one molecule x obs.{name} is {middle:.5g} in the median cell"
    return TARGET_SUM, f"target sum not in the file, {TARGET_SUM:g} assumed"


def _normalize_total(matrix: csr_matrix) -> None:
    """Scanpy's ``normalize_total`` in place; cells without a count stay empty.

    Cells do not depend on each other, so scanpy is handed a block of them at a time: on a whole matrix it needs another
    8 bytes a value.
    """
    import scanpy as sc
    from anndata import AnnData
    from scipy.sparse import csr_matrix

    for first, last in row_blocks(matrix.indptr, _BLOCK):
        stored = slice(matrix.indptr[first], matrix.indptr[last])
        parts = matrix.data[stored], matrix.indices[stored], matrix.indptr[first : last + 1] - stored.start
        block = csr_matrix(parts, shape=(last - first, matrix.shape[1]), copy=False)
        holder = AnnData(block)
        with warnings.catch_warnings():
            # Cells without counts are counted and reported by the importer.
            warnings.filterwarnings("ignore", message="Some cells have zero counts")
            sc.pp.normalize_total(holder, target_sum=TARGET_SUM)
        matrix.data[stored] = holder.X.data


def _with_data(matrix: csr_matrix, data: np.ndarray) -> csr_matrix:
    """A matrix with the same zeros that shares their positions with the first."""
    from scipy.sparse import csr_matrix

    made = csr_matrix((data, matrix.indices, matrix.indptr), shape=matrix.shape, copy=False)
    made.has_canonical_format = True
    return made
