"""Reading a matrix of an h5ad file as CSR float32, some rows or all, without densifying."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bench.errors import DataError

if TYPE_CHECKING:
    import h5py
    from scipy.sparse import csr_matrix

_GAP = 32_768  # stored values: reading over so many unwanted ones is cheaper than another read
_READ = 4_000_000  # stored values, or dense entries, read at once
_ENCODINGS: dict[str, Literal["csr", "csc"]] = {"csr": "csr", "csc": "csc"}


@dataclass(frozen=True)
class StoredMatrix:
    """A matrix as it lies in the file.

    Parameters
    ----------
    node
        HDF5 group (sparse) or data set (dense).
    kind
        How it is stored.
    shape
        (cells, genes).
    where
        File and field, for messages.
    """

    node: h5py.Group | h5py.Dataset
    kind: Literal["csr", "csc", "dense"]
    shape: tuple[int, int]
    where: str


def open_matrix(node: Any, field: str, origin: str) -> StoredMatrix:
    """Describe the matrix in an HDF5 node, without reading it.

    Raises
    ------
    DataError
        If it is no two-dimensional matrix in an encoding AnnData writes.
    """
    import h5py

    if isinstance(node, h5py.Dataset):
        if node.ndim != 2 or node.dtype.kind not in "fiub":
            raise DataError(
                f"{origin}, {field}: a data set of shape {node.shape} and type {node.dtype}, must be a numeric matrix "
                "(cells, genes)"
            )
        return StoredMatrix(node, "dense", (int(node.shape[0]), int(node.shape[1])), f"{origin}, {field}")
    encoding = _text(node.attrs.get("encoding-type", node.attrs.get("h5sparse_format", "")))
    kind = _ENCODINGS.get(encoding.removesuffix("_matrix"))
    shape = node.attrs.get("shape", node.attrs.get("h5sparse_shape"))
    if kind is None or shape is None or any(part not in node for part in ("data", "indices", "indptr")):
        raise DataError(
            f"{origin}, {field}: stored as {encoding or 'an unknown group'!r}, must be a CSR, CSC or dense matrix; "
            "write the file with anndata >= 0.7"
        )
    stored = StoredMatrix(node, kind, (int(shape[0]), int(shape[1])), f"{origin}, {field}")
    major = stored.shape[0] if kind == "csr" else stored.shape[1]
    if node["indptr"].shape != (major + 1,) or node["data"].shape != node["indices"].shape:
        raise DataError(
            f"{origin}, {field}: the sizes of data, indices and indptr contradict each other; the file is damaged"
        )
    return stored


def read_rows(matrix: StoredMatrix, rows: np.ndarray | None = None) -> csr_matrix:
    """Read rows of a stored matrix as CSR float32 with sorted indices.

    Only what lies between the wanted rows is read beside them; the only full-size arrays made are those of the result
    (a CSC matrix is read whole and converted, twice its size).

    Parameters
    ----------
    matrix
        From :func:`open_matrix`.
    rows
        Row numbers in any order, repeats allowed, or a mask; ``None`` for all.

    Raises
    ------
    DataError
        If the file's row pointers or column numbers are out of range.
    IndexError
        If a wanted row is.
    """
    wanted = _row_numbers(rows, matrix.shape[0])
    ascending, place = np.unique(wanted, return_inverse=True)
    if matrix.kind == "csc":
        found = _read_csc(matrix)
        return found if rows is None else found[wanted]
    found = _read_dense(matrix, ascending) if matrix.kind == "dense" else _read_csr(matrix, ascending)
    found.sum_duplicates()
    if ascending.size == wanted.size and bool(np.all(place == np.arange(place.size))):
        return found
    return found[place]


def _row_numbers(rows: np.ndarray | None, n_rows: int) -> np.ndarray:
    if rows is None:
        return np.arange(n_rows)
    wanted = np.asarray(rows)
    if wanted.dtype == bool:
        if wanted.shape != (n_rows,):
            raise IndexError(f"a mask of {wanted.shape} for {n_rows} rows")
        return np.flatnonzero(wanted)
    wanted = wanted.astype(np.int64)
    if wanted.size and (wanted.min() < 0 or wanted.max() >= n_rows):
        raise IndexError(f"rows {wanted.min()}..{wanted.max()} of {n_rows}")
    return wanted


def _check_range(values: np.ndarray, below: int, matrix: StoredMatrix, what: str) -> None:
    # Compiled sparse routines do not check bounds: a damaged file must not reach them.
    if values.size and (values.min() < 0 or values.max() >= below):
        raise DataError(
            f"{matrix.where}: {what} {values.min()}..{values.max()} out of range 0..{below - 1}; the file is damaged"
        )


def _check_pointers(indptr: np.ndarray, matrix: StoredMatrix) -> None:
    if indptr[0] != 0 or np.any(np.diff(indptr) < 0) or indptr[-1] != matrix.node["data"].shape[0]:
        raise DataError(
            f"{matrix.where}: row pointers do not ascend from 0 to the number of values; the file is damaged"
        )


def _read_csr(matrix: StoredMatrix, rows: np.ndarray) -> csr_matrix:
    from scipy.sparse import csr_matrix

    node, n_genes = matrix.node, matrix.shape[1]
    indptr = node["indptr"][:].astype(np.int64)
    _check_pointers(indptr, matrix)
    lengths = indptr[rows + 1] - indptr[rows]
    made = np.concatenate(([0], np.cumsum(lengths)))
    total = int(made[-1])
    width = np.int32 if max(total, n_genes) < np.iinfo(np.int32).max else np.int64
    data = np.empty(total, dtype=np.float32)
    indices: np.ndarray = np.empty(total, dtype=width)
    stored_data, stored_indices = node["data"], node["indices"]
    for first, last in _segments(indptr, rows):
        start, stop = int(indptr[rows[first]]), int(indptr[rows[last - 1] + 1])
        source, target = np.s_[start:stop], np.s_[int(made[first]) : int(made[last])]
        if target.start == target.stop:
            continue
        if stop - start == target.stop - target.start:
            stored_data.read_direct(data, source, target)
            stored_indices.read_direct(indices, source, target)
            continue
        between = np.zeros(rows[last - 1] + 1 - rows[first], dtype=bool)
        between[rows[first:last] - rows[first]] = True
        wanted = np.repeat(between, np.diff(indptr[rows[first] : rows[last - 1] + 2]))
        data[target], indices[target] = stored_data[source][wanted], stored_indices[source][wanted]
    _check_range(indices, n_genes, matrix, "column numbers")
    return csr_matrix((data, indices, made.astype(width)), shape=(rows.size, n_genes), copy=False)


def _segments(indptr: np.ndarray, rows: np.ndarray) -> list[tuple[int, int]]:
    """Runs [first, last) of wanted rows that are close enough in the file to be read in one go."""
    if not rows.size:
        return []
    gap = indptr[rows[1:]] - indptr[rows[:-1] + 1]
    segments: list[tuple[int, int]] = []
    for run in np.split(np.arange(rows.size), np.flatnonzero(gap > _GAP) + 1):
        # Cut long runs so that what is read at once stays bounded.
        steps = (indptr[rows[run] + 1] - indptr[rows[run[0]]]) // _READ
        edges = np.flatnonzero(np.diff(steps)) + 1
        cuts = [int(run[0]), *(int(run[edge]) for edge in edges), int(run[-1]) + 1]
        segments += list(pairwise(cuts))
    return segments


def _read_dense(matrix: StoredMatrix, rows: np.ndarray) -> csr_matrix:
    from scipy.sparse import csr_matrix

    # Read twice, first to count: no block of the result is ever held besides the result itself.
    lengths = [np.count_nonzero(block, axis=1) for block in _dense_blocks(matrix, rows)]
    indptr = np.concatenate([[0], *lengths], dtype=np.int64).cumsum()
    total = int(indptr[-1])
    width = np.int32 if max(total, matrix.shape[1]) < np.iinfo(np.int32).max else np.int64
    data = np.empty(total, dtype=np.float32)
    indices: np.ndarray = np.empty(total, dtype=width)
    start = 0
    for block in _dense_blocks(matrix, rows):
        where = np.nonzero(block)
        stop = start + where[1].size
        data[start:stop], indices[start:stop] = block[where], where[1]
        start = stop
    return csr_matrix((data, indices, indptr.astype(width)), shape=(rows.size, matrix.shape[1]), copy=False)


def _dense_blocks(matrix: StoredMatrix, rows: np.ndarray) -> Iterator[np.ndarray]:
    """Wanted rows, which ascend, a block at a time: (n, n_genes) float32."""
    step = max(1, _READ // max(1, matrix.shape[1]))
    for first in range(0, matrix.shape[0], step):
        last = min(first + step, matrix.shape[0])
        here = rows[np.searchsorted(rows, first) : np.searchsorted(rows, last)]
        if here.size:
            yield matrix.node[first:last][here - first].astype(np.float32)


def _read_csc(matrix: StoredMatrix) -> csr_matrix:
    from scipy.sparse import csc_matrix

    node = matrix.node
    parts = (node["data"][:].astype(np.float32, copy=False), node["indices"][:], node["indptr"][:])
    _check_pointers(parts[2], matrix)
    _check_range(parts[1], matrix.shape[0], matrix, "row numbers")
    found = csc_matrix(parts, shape=matrix.shape, copy=False).tocsr()
    found.sum_duplicates()
    return found


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
