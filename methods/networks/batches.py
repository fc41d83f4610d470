"""Training cells on the device, and the minibatches of an epoch."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from scipy.sparse import csr_matrix
from torch import Tensor

DENSE_BYTES = 4 << 30
"""A training set up to this size is held dense on the device."""


class DeviceCells:
    """Cells whose rows are asked for as dense batches on the device.

    Sets up to ``dense_bytes`` lie on the device as one dense float32 tensor; a larger set stays sparse
    on the host and each batch is made dense there.

    Parameters
    ----------
    cells
        (n, g).
    device
        Where batches are wanted.
    dense_bytes
        Largest dense tensor to hold.
    """

    def __init__(self, cells: csr_matrix, device: str, dense_bytes: int = DENSE_BYTES) -> None:
        self.shape: tuple[int, int] = cells.shape
        self._device = torch.device(device)
        self._host = cells
        self._dense: Tensor | None = None
        if 4 * cells.shape[0] * cells.shape[1] <= dense_bytes:
            self._dense = torch.from_numpy(cells.toarray()).float().to(self._device)

    def rows(self, index: Tensor) -> Tensor:
        """Rows as a dense batch on the device: (B,) int64 to (B, g) float32."""
        if self._dense is not None:
            return self._dense[index]
        rows = self._host[index.cpu().numpy()].toarray()
        return torch.from_numpy(rows).float().to(self._device)


def epoch(n: int, batch_size: int, device: str) -> Iterator[Tensor]:
    """Index batches of one shuffled pass over n cells, drawn from torch's global generator.

    Batches are of nearly equal size, so that no batch norm meets a last batch of one cell.

    Yields
    ------
    (B,) int64 on the device, B <= batch_size.
    """
    order = torch.randperm(n, device=device)
    yield from order.tensor_split(math.ceil(n / batch_size))
