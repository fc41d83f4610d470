"""Cells of one condition, with the statistics that several metrics share computed once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
from scipy.sparse import csr_matrix

from bench.errors import TooFewCells
from bench.metrics.device import Array, Device, to_device, to_host
from bench.metrics.moments import Moments, column_moments
from bench.metrics.pairwise import cross_sum, within_sum
from bench.metrics.wasserstein import quantile_grid, wasserstein_rows

_BLOCK_BYTES = 1 << 26  # one dense block of cells: 64 MiB
_ROWS_AT_ONCE = 2048  # a block of distances then takes 32 MiB
_GENES_AT_ONCE = 256  # sorted genes that stay in the processor's cache


class Cells:
    """(n, g) cells, log-normalised, sparse; only blocks of them are ever dense.

    Parameters
    ----------
    matrix
        (n, g) CSR without duplicate entries.
    device
        ``"cpu"`` for numpy, a torch device for torch.
    """

    def __init__(self, matrix: csr_matrix, device: Device = "cpu") -> None:
        self.device = device
        self.n, self.g = matrix.shape
        self._matrix = matrix
        self._restrictions: dict[str, Cells] = {}

    @property
    def matrix(self) -> csr_matrix:
        """The cells: (n, g) CSR."""
        return self._matrix

    @cached_property
    def moments(self) -> Moments:
        """Mean, variance and zeros of every gene."""
        return column_moments(self.matrix)

    @property
    def mean(self) -> np.ndarray:
        """Centroid: (g,), float64."""
        return self.moments.mean

    @property
    def variance(self) -> np.ndarray:
        """Unbiased variance per gene: (g,), float64."""
        return self.moments.variance

    @cached_property
    def intra_distance(self) -> float:
        """Mean Euclidean distance between two different cells (paper, Fig. 2).

        Raises
        ------
        TooFewCells
            If there are fewer than two cells.
        """
        if self.n < 2:
            raise TooFewCells(f"a distance between different cells needs 2 cells, there is {self.n}")
        total, step = 0.0, self._rows_at_once
        centre = self.matrix[0].toarray()[0].astype(np.float64)  # a cell, so that equal cells cancel exactly
        for start in range(0, self.n, step):
            block = self._rows(start, step, centre)
            total += within_sum(block)
            for other in range(start + step, self.n, step):
                total += 2.0 * cross_sum(block, self._rows(other, step, centre))
        return total / (self.n * (self.n - 1))

    def distance_to(self, other: Cells) -> float:
        """Mean Euclidean distance between a cell of this and a cell of the other sample."""
        centre = (self.mean + other.mean) / 2.0
        total = 0.0
        for start in range(0, self.n, self._rows_at_once):
            block = self._rows(start, self._rows_at_once, centre)
            for begin in range(0, other.n, other._rows_at_once):
                total += cross_sum(block, other._rows(begin, other._rows_at_once, centre))
        return total / (self.n * other.n)

    def wasserstein_to(self, other: Cells) -> np.ndarray:
        """Wasserstein-1 distance of every gene between the two samples: (g,), float64."""
        grid = quantile_grid(self.n, other.n, self.device)
        step = max(1, min(_GENES_AT_ONCE, _BLOCK_BYTES // (8 * (self.n + other.n))))
        slab = max(step, _BLOCK_BYTES // (8 * max(self.n, other.n)))
        distances = np.empty(self.g)
        blocks = zip(self._gene_blocks(slab, step), other._gene_blocks(slab, step), strict=True)
        for (start, mine), (_, theirs) in blocks:
            distances[start : start + step] = to_host(wasserstein_rows(mine, theirs, grid))
        return distances

    def take(self, rows: np.ndarray) -> Cells:
        """The cells of these rows."""
        return Cells(self.matrix[rows], self.device)

    def on(self, name: str, genes: np.ndarray) -> Cells:
        """These cells on some genes, remembered under ``name``."""
        if name not in self._restrictions:
            self._restrictions[name] = _CellsOnGenes(self, genes)
        return self._restrictions[name]

    @property
    def _rows_at_once(self) -> int:
        return max(1, min(_ROWS_AT_ONCE, _BLOCK_BYTES // (8 * self.g)))

    def _rows(self, start: int, step: int, centre: np.ndarray) -> Array:
        block = self.matrix[start : start + step].toarray().astype(np.float64, copy=False)
        block -= centre
        return to_device(block, self.device)

    def _gene_blocks(self, slab: int, step: int) -> Iterator[tuple[int, Array]]:
        """Dense blocks of genes, (step, n) each, cut from slabs so that CSR is sliced few times."""
        for start in range(0, self.g, slab):
            width = min(slab, self.g - start)
            dense = (self.matrix if width == self.g else self.matrix[:, start : start + width]).toarray()
            for offset in range(0, width, step):
                block = np.ascontiguousarray(dense[:, offset : offset + step].T)
                yield start + offset, to_device(block, self.device)


class _CellsOnGenes(Cells):
    """Some genes of other cells; cut out only when distances between the cells are asked for."""

    def __init__(self, whole: Cells, genes: np.ndarray) -> None:
        self.device = whole.device
        self.n, self.g = whole.n, genes.size
        self._whole = whole
        self._genes = genes
        self._restrictions = {}

    @cached_property
    def matrix(self) -> csr_matrix:
        return self._whole.matrix[:, self._genes]

    @cached_property
    def moments(self) -> Moments:
        return self._whole.moments.on(self._genes)
