"""Cells of one condition, with the statistics that several metrics share computed once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from bench.errors import TooFewCells
from bench.metrics.device import Array, Device, to_device, to_host
from bench.metrics.lazy import lazy
from bench.metrics.moments import Moments, column_mean, column_moments
from bench.metrics.pairwise import cross_sum, within_sum
from bench.metrics.wasserstein import quantile_grid, sorted_rows, wasserstein_rows

_BLOCK_BYTES = 1 << 26  # one dense block of cells: 64 MiB
_ROWS_AT_ONCE = 2048  # a block of distances then takes 32 MiB
_SORTED_AT_ONCE = 1 << 17  # sorted values that stay in the processor's cache


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

    @lazy
    def moments(self) -> Moments:
        """Mean and variance of every gene."""
        return column_moments(self.matrix)

    @lazy
    def mean(self) -> np.ndarray:
        """Centroid: (g,), float64."""
        return column_mean(self.matrix)

    @property
    def variance(self) -> np.ndarray:
        """Unbiased variance per gene: (g,), float64."""
        return self.moments.variance

    @lazy
    def zero_fraction(self) -> float:
        """Fraction of all values that are exactly zero."""
        return 1.0 - np.count_nonzero(self.matrix.data) / (self.n * self.g)

    @lazy
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
        # A cell as the centre, so that equal cells cancel exactly.
        centre = to_device(self.matrix[:1].toarray()[0].astype(np.float64), self.device)
        for start in range(0, self.n, step):
            block = self._rows(start, step)
            total += within_sum(block, centre)
            for other in range(start + step, self.n, step):
                total += 2.0 * cross_sum(block, self._rows(other, step), centre)
        return total / (self.n * (self.n - 1))

    def distance_to(self, other: Cells) -> float:
        """Mean Euclidean distance between a cell of this and a cell of the other sample."""
        centre = to_device((self.mean + other.mean) / 2.0, self.device)
        total, step = 0.0, self._rows_at_once
        for start in range(0, self.n, step):
            block = self._rows(start, step)
            for begin in range(0, other.n, step):
                total += cross_sum(block, other._rows(begin, step), centre)
        return total / (self.n * other.n)

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

    def _rows(self, start: int, step: int) -> Array:
        """Dense cells ``start`` to ``start + step``: (step, g)."""
        everything = start == 0 and step >= self.n
        return to_device((self.matrix if everything else self.matrix[start : start + step]).toarray(), self.device)

    def gene_block(self, genes: slice) -> np.ndarray:
        """Dense values of some genes: (n, genes)."""
        everything = genes.start == 0 and genes.stop >= self.g
        block: np.ndarray = (self.matrix if everything else self.matrix[:, genes]).toarray()
        return block


class _CellsOnGenes(Cells):
    """Some genes of other cells; cut out only when distances between the cells are asked for."""

    def __init__(self, whole: Cells, genes: np.ndarray) -> None:
        self.device = whole.device
        self.n, self.g = whole.n, genes.size
        self._whole = whole
        self._genes = genes
        self._restrictions = {}

    @lazy
    def matrix(self) -> csr_matrix:
        return self._whole.matrix[:, self._genes]

    @lazy
    def moments(self) -> Moments:
        return self._whole.moments.on(self._genes)

    @lazy
    def mean(self) -> np.ndarray:
        return np.asarray(self._whole.mean[self._genes])


@dataclass(frozen=True)
class HalvesDistance:
    """Wasserstein-1 distances per gene between halves of two samples: (g,) each.

    Parameters
    ----------
    across
        Predicted half to true half, mean over the four choices.
    predicted
        Predicted half to the other predicted half.
    true
        True half to the other true half.
    """

    across: np.ndarray
    predicted: np.ndarray
    true: np.ndarray

    def on(self, genes: np.ndarray) -> HalvesDistance:
        """The same on some genes."""
        return HalvesDistance(self.across[genes], self.predicted[genes], self.true[genes])


def gene_wasserstein(x: Cells, y: Cells) -> np.ndarray:
    """Wasserstein-1 distance of every gene between two samples: (g,), float64."""
    grid = quantile_grid(x.n, y.n, x.device)
    distances = np.empty(x.g)
    for genes, mine, theirs in _gene_blocks(x, y):
        distances[genes] = to_host(wasserstein_rows(sorted_rows(mine), sorted_rows(theirs), grid))
    return distances


def halves_wasserstein(predicted: Cells, true: Cells) -> HalvesDistance:
    """Distances per gene between the first and the second halves of two samples.

    The halves of both samples have the same number of cells: half of the smaller sample's.

    Raises
    ------
    TooFewCells
        If either sample has fewer than two cells.
    """
    half = min(predicted.n, true.n) // 2
    if half == 0:
        raise TooFewCells(
            f"two halves need 2 cells on either side, there are {predicted.n} predicted and {true.n} true"
        )
    grid = quantile_grid(half, half, predicted.device)
    across, within_predicted, within_true = np.empty((3, predicted.g))
    for genes, x, y in _gene_blocks(predicted, true):
        x1, x2 = sorted_rows(x[:, :half]), sorted_rows(x[:, half : 2 * half])
        y1, y2 = sorted_rows(y[:, :half]), sorted_rows(y[:, half : 2 * half])
        across[genes] = to_host(sum(wasserstein_rows(a, b, grid) for a in (x1, x2) for b in (y1, y2))) / 4.0
        within_predicted[genes] = to_host(wasserstein_rows(x1, x2, grid))
        within_true[genes] = to_host(wasserstein_rows(y1, y2, grid))
    return HalvesDistance(across, within_predicted, within_true)


def _gene_blocks(x: Cells, y: Cells) -> Iterator[tuple[slice, Array, Array]]:
    """Dense blocks of the same genes of both samples, (genes, n) and (genes, m).

    They are cut from wider slabs, because every cut from CSR reads all of it.
    """
    step = max(1, _SORTED_AT_ONCE // (x.n + y.n))
    slab = max(step, _BLOCK_BYTES // (8 * max(x.n, y.n)))
    for start in range(0, x.g, slab):
        whole = slice(start, min(start + slab, x.g))
        dense = x.gene_block(whole), y.gene_block(whole)
        for offset in range(0, whole.stop - start, step):
            mine, theirs = (
                to_device(np.ascontiguousarray(block[:, offset : offset + step].T), x.device) for block in dense
            )
            yield slice(start + offset, min(start + offset + step, whole.stop)), mine, theirs
