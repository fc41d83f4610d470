"""Training cells on the device: any rows as a dense batch without a trip to the host."""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

DENSE_BYTES = 2 << 30
"""Cells that fit in this are held dense, larger sets as CSR."""


class CellStore:
    """Cells on a device, dense where they are few and CSR where they are many.

    Parameters
    ----------
    cells
        (n, G).
    device
        Where batches are wanted.
    dense_bytes
        Largest dense array to hold.
    """

    def __init__(self, cells: csr_matrix, device: torch.device, dense_bytes: int = DENSE_BYTES) -> None:
        self.shape: tuple[int, int] = cells.shape
        self._dense: Tensor | None = None
        if cells.shape[0] * cells.shape[1] * 4 <= dense_bytes:
            self._dense = torch.from_numpy(cells.toarray()).to(device)
            return
        self._longest = int(np.diff(cells.indptr).max(initial=0))
        self._starts = torch.from_numpy(cells.indptr.astype("int64")).to(device)
        self._columns = torch.from_numpy(cells.indices.astype("int32")).to(device)
        self._values = torch.from_numpy(cells.data).to(device)

    def rows(self, index: Tensor) -> Tensor:
        """Rows as a dense batch: (B,) int64 to (B, G) float32."""
        if self._dense is not None:
            return self._dense[index]
        # as wide as the longest row, so that every batch has one shape and the host need not ask for lengths
        first, count = self._starts[index], self._starts[index + 1] - self._starts[index]
        within = torch.arange(self._longest, device=index.device)
        inside = within < count[:, None]
        place = torch.where(inside, first[:, None] + within, 0)
        columns = torch.where(inside, self._columns[place].long(), self.shape[1])
        out = torch.zeros(index.numel(), self.shape[1] + 1, device=index.device)
        return out.scatter_(1, columns, self._values[place])[:, :-1]
