"""Walking over the rows of a sparse matrix a block at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

_BLOCK = 1_000_000  # stored values looked at together


def row_blocks(indptr: np.ndarray, n_values: int = _BLOCK) -> Iterator[tuple[int, int]]:
    """Cut the rows of a CSR matrix into (first, last + 1) blocks of about ``n_values`` stored values."""
    n_rows = indptr.size - 1
    first = 0
    while first < n_rows:
        last = int(np.searchsorted(indptr, int(indptr[first]) + n_values, side="right")) - 1
        last = min(max(last, first + 1), n_rows)
        yield first, last
        first = last
