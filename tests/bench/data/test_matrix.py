from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h5py
import numpy as np
import pytest
from anndata.io import write_elem
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csc_matrix, csr_matrix

from bench.data import matrix as module
from bench.data.matrix import open_matrix, read_rows
from bench.errors import DataError

N_ROWS, N_COLUMNS = 12, 5


@contextmanager
def stored(value: Any) -> Iterator[h5py.File]:
    """A file in memory that holds a matrix at ``X``."""
    with h5py.File("memory.h5ad", "w", driver="core", backing_store=False) as file:
        write_elem(file, "X", value)
        yield file


def some_matrix(seed: int, dtype: str = "float32") -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.poisson(0.6, (N_ROWS, N_COLUMNS)) * rng.integers(0, 2, (N_ROWS, 1))).astype(dtype)


FORMATS = {"csr": csr_matrix, "csc": csc_matrix, "dense": np.asarray}


@given(
    st.integers(0, 1000),
    st.lists(st.integers(0, N_ROWS - 1), max_size=20),
    st.sampled_from(sorted(FORMATS)),
    st.sampled_from(["float32", "float64", "int64"]),
    st.integers(1, 8),
    st.integers(1, 8),
)
def test_any_rows_of_any_storage_are_those_of_the_matrix(
    seed: int, rows: list[int], storage: str, dtype: str, gap: int, at_once: int
) -> None:
    dense = some_matrix(seed, dtype)
    before = module._GAP, module._READ
    module._GAP, module._READ = gap, at_once
    try:
        with stored(FORMATS[storage](dense)) as file:
            found = read_rows(open_matrix(file["X"], "X", "memory"), np.array(rows, dtype=int))
    finally:
        module._GAP, module._READ = before
    assert found.dtype == np.float32
    assert found.has_canonical_format
    np.testing.assert_array_equal(found.toarray(), dense[rows])


@pytest.mark.parametrize("storage", sorted(FORMATS))
def test_all_rows_or_a_mask_can_be_read(storage: str) -> None:
    dense = some_matrix(3)
    mask = np.arange(N_ROWS) % 3 == 0
    with stored(FORMATS[storage](dense)) as file:
        matrix = open_matrix(file["X"], "X", "memory")
        np.testing.assert_array_equal(read_rows(matrix).toarray(), dense)
        np.testing.assert_array_equal(read_rows(matrix, mask).toarray(), dense[mask])


@pytest.mark.parametrize("rows", [[-1], [N_ROWS], np.ones(N_ROWS + 1, dtype=bool)])
def test_rows_that_are_not_there_are_an_index_error(rows: Any) -> None:
    with stored(csr_matrix(some_matrix(0))) as file, pytest.raises(IndexError):
        read_rows(open_matrix(file["X"], "X", "memory"), np.asarray(rows))


@pytest.mark.parametrize("kind", [csr_matrix, csc_matrix])
@pytest.mark.parametrize(("part", "value"), [("indices", 99), ("indices", -1), ("indptr", 2), ("indptr", 10**6)])
def test_positions_out_of_range_never_reach_compiled_code(kind: Any, part: str, value: int) -> None:
    with stored(kind(some_matrix(1))) as file:
        file[f"X/{part}"][-1] = value
        with pytest.raises(DataError, match=r"^memory, X: .*the file is damaged"):
            read_rows(open_matrix(file["X"], "X", "memory"))


def test_what_is_no_matrix_is_refused() -> None:
    with stored(np.arange(3)) as file, pytest.raises(DataError, match=r"memory, X: a data set of shape \(3,\)"):
        open_matrix(file["X"], "X", "memory")
    with stored({"data": 1}) as file, pytest.raises(DataError, match="must be a CSR, CSC or dense matrix"):
        open_matrix(file["X"], "X", "memory")
    with stored(csr_matrix(some_matrix(1))) as file:
        del file["X/indptr"]
        with pytest.raises(DataError, match="must be a CSR, CSC or dense matrix"):
            open_matrix(file["X"], "X", "memory")


def test_parts_of_different_sizes_are_refused() -> None:
    with stored(csr_matrix(some_matrix(1))) as file:
        file["X"].attrs["shape"] = np.array([N_ROWS + 1, N_COLUMNS])
        with pytest.raises(DataError, match="contradict each other"):
            open_matrix(file["X"], "X", "memory")
