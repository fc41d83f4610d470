"""Checks of every value of a canonical matrix, a block of rows at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bench.data.blocks import row_blocks
from bench.errors import DataError

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_SUM_SLACK = 1e-3  # relative: float32 rounding of log1p, summed over a cell
_RATIO_SLACK = 1e-3


def check_storage(matrix: Any, field: str, shape: tuple[int, int], origin: str) -> None:
    """Check that a matrix is CSR float32 of the right shape with sorted indices.

    Raises
    ------
    DataError
        If it is not.
    """
    if getattr(matrix, "format", None) != "csr" or matrix.dtype != np.float32:
        kind = f"{getattr(matrix, 'format', type(matrix).__name__)} {getattr(matrix, 'dtype', '')}"
        raise DataError(
            f"{origin}, {field}: is {kind}, must be CSR float32; `scipy.sparse.csr_matrix(X, dtype='float32')`"
        )
    if matrix.shape != shape:
        raise DataError(f"{origin}, {field}: shape is {matrix.shape}, must be {shape} (cells, genes)")
    if not matrix.has_canonical_format:
        raise DataError(f"{origin}, {field}: indices are unsorted or repeated; call `.sum_duplicates()`")


def check_values(
    matrix: csr_matrix, counts: csr_matrix | None, target_sum: float, cells: pd.Index, genes: pd.Index, origin: str
) -> None:
    """Check that values are log1p of counts per ``target_sum``, and counts the counts they come from.

    A cell's values may sum to less than ``target_sum`` before the logarithm: the rest are genes outside the panel.

    Raises
    ------
    DataError
        If one is not finite, not positive, or a cell's are too large; or counts are not whole or not proportional.
    """
    whole = bool(matrix.nnz)
    for first, last in row_blocks(matrix.indptr):
        start, stop = int(matrix.indptr[first]), int(matrix.indptr[last])
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
