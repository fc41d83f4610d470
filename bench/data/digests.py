"""Digests of the parts of a data set, of what they say and not of how they are stored."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bench.data.blocks import row_blocks

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


def hash_names(names: pd.Index) -> bytes:
    """Digest of names in their order."""
    return hashlib.sha256(json.dumps([str(name) for name in names]).encode()).digest()


def hash_column(values: pd.Series) -> bytes:
    """Digest of a column of strings, truth values or numbers; any NaN is like any other, categories are strings."""
    if values.dtype == bool or pd.api.types.is_float_dtype(values):
        numbers = np.where(np.isnan(values.to_numpy(np.float64)), np.nan, values.to_numpy(np.float64))
        return hashlib.sha256(numbers.astype("<f8").tobytes()).digest()
    codes, levels = pd.factorize(values.astype(object), sort=True)
    digest = hashlib.sha256(json.dumps([str(level) for level in levels]).encode())
    digest.update(codes.astype("<i8").tobytes())
    return digest.digest()


def hash_matrix(matrix: csr_matrix) -> bytes:
    """Digest of the non-zero values and their places; a block of rows is copied at a time."""
    lengths, indices, values = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()
    for first, last in row_blocks(matrix.indptr):
        block = matrix[first:last]
        block.sum_duplicates()
        block.eliminate_zeros()
        lengths.update(np.diff(block.indptr).astype("<i8").tobytes())
        indices.update(block.indices.astype("<i4").tobytes())
        values.update(block.data.astype("<f4").tobytes())
    return lengths.digest() + indices.digest() + values.digest()
