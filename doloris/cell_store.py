"""Training cells on the device: any rows as a dense batch without a trip to the host."""

from __future__ import annotations

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
        self._starts = torch.from_numpy(cells.indptr.astype("int64")).to(device)
        self._columns = torch.from_numpy(cells.indices.astype("int32")).to(device)
        self._values = torch.from_numpy(cells.data).to(device)

    def rows(self, index: Tensor) -> Tensor:
        """Rows as a dense batch: (B,) int64 to (B, G) float32."""
        if self._dense is not None:
            return self._dense[index]
        first, count = self._starts[index], self._starts[index + 1] - self._starts[index]
        row = torch.repeat_interleave(torch.arange(index.numel(), device=index.device), count)
        within = torch.arange(row.numel(), device=index.device) - (count.cumsum(0) - count)[row]
        place = first[row] + within
        out = torch.zeros(index.numel(), self.shape[1], device=index.device)
        out[row, self._columns[place].long()] = self._values[place]
        return out
