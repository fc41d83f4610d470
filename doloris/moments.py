"""Moments of expression: the controls' (Eq. 12), and those of expressed values alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from doloris.data import TrainingCells

PRIOR_CELLS = 4.0
"""Weight, in cells, of the pooled estimate in a gene's expressed moments: genes are often seen in few cells."""


def column_moments(cells: csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    """Mean and unbiased variance of every column: two (n_genes,), float64; needs two cells."""
    n = cells.shape[0]
    total = np.asarray(cells.sum(axis=0), dtype=np.float64).ravel()
    squares = np.asarray(cells.multiply(cells).sum(axis=0), dtype=np.float64).ravel()
    mean = total / n
    return mean, np.maximum((squares - n * mean**2) / (n - 1), 0.0)


@dataclass(frozen=True)
class ControlMoments:
    """Mean and standard deviation of the training controls of every cell type: (n_cell_types, n_genes), float64."""

    mean: np.ndarray
    sd: np.ndarray


def control_moments(cells: TrainingCells) -> ControlMoments:
    """Control moments per cell type (Eq. 12), zeros included; a cell type without cells has zeros."""
    mean = np.zeros((cells.n_cell_types, len(cells.genes)))
    sd = np.zeros_like(mean)
    for cell_type in np.unique(cells.cell_type[cells.control]):
        mean[cell_type], variance = column_moments(cells.controls_of(int(cell_type)))
        sd[cell_type] = np.sqrt(variance)
    return ControlMoments(mean, sd)


def pooled_moments(cells: TrainingCells) -> ControlMoments:
    """Moments of all training cells in the place of the controls', for the ablation without control moments."""
    mean, variance = column_moments(cells.values)
    return ControlMoments(*(np.tile(row, (cells.n_cell_types, 1)) for row in (mean, np.sqrt(variance))))


@dataclass(frozen=True)
class ExpressedMoments:
    """How a gene's expressed values are distributed in the controls of each cell type.

    A value is modelled as ``mean + slope * level + residual * noise``, where a cell's *level* is the mean
    standardised value of the genes it expresses: cells of few counts have few, but high, values.

    Parameters
    ----------
    mean, sd, slope, residual
        (n_cell_types, n_genes), float64, on the scale of the cells.
    log_odds
        Log odds of expression in the controls: (n_cell_types, n_genes).
    """

    mean: np.ndarray
    sd: np.ndarray
    slope: np.ndarray
    residual: np.ndarray
    log_odds: np.ndarray


def expressed_moments(cells: TrainingCells) -> ExpressedMoments:
    """Moments of the expressed values of the training controls, shrunk towards those of all cells."""
    types = np.unique(cells.cell_type[cells.control]).tolist()
    return _moments_of(cells, {cell_type: cells.controls_of(cell_type) for cell_type in types})


def pooled_expressed_moments(cells: TrainingCells) -> ExpressedMoments:
    """The same of all training cells, for every cell type alike: the ablation without control moments."""
    return _moments_of(cells, dict.fromkeys(range(cells.n_cell_types), cells.values))


def _moments_of(cells: TrainingCells, blocks: Mapping[int, csr_matrix]) -> ExpressedMoments:
    """Moments of the block of every cell type; a cell type without one has the pooled mean and spread."""
    total, squares, seen = _sums(cells.values)
    mean = (total + total.sum() / seen.sum()) / (seen + 1.0)
    spread = float(np.sqrt(max((squares - 2 * mean * total + seen * mean**2).sum() / seen.sum(), 1e-6)))
    shape = (cells.n_cell_types, len(cells.genes))
    out = ExpressedMoments(*(np.zeros(shape) for _ in range(5)))
    out.mean[:], out.sd[:], out.residual[:] = mean, spread, spread
    for cell_type, block in blocks.items():
        _of_cell_type(out, cell_type, block, mean, spread)
    return out


def _of_cell_type(out: ExpressedMoments, row: int, controls: csr_matrix, pooled: np.ndarray, spread: float) -> None:
    total, squares, seen = _sums(controls)
    mean = (total + PRIOR_CELLS * pooled) / (seen + PRIOR_CELLS)
    variance = (squares - 2 * mean * total + seen * mean**2 + PRIOR_CELLS * spread**2) / (seen + PRIOR_CELLS)
    sd = np.sqrt(np.maximum(variance, (0.05 * spread) ** 2))
    out.mean[row], out.sd[row] = mean, sd
    out.log_odds[row] = np.log((seen + 0.5) / (controls.shape[0] - seen + 0.5))

    level = cell_level(controls, mean, sd)
    on = csr_matrix((np.ones_like(controls.data), controls.indices, controls.indptr), shape=controls.shape)
    with_level = csr_matrix(on.multiply(level[:, None]))
    first = np.asarray(with_level.sum(axis=0)).ravel()
    second = np.asarray(csr_matrix(on.multiply((level**2)[:, None])).sum(axis=0)).ravel()
    cross = np.asarray(controls.multiply(level[:, None]).sum(axis=0)).ravel() - mean * first
    typical = max(float(level.var()), 1e-8)
    out.slope[row] = cross / (second + PRIOR_CELLS * typical)
    explained = out.slope[row] * (2 * cross - out.slope[row] * second) / (seen + PRIOR_CELLS)
    out.residual[row] = np.sqrt(np.maximum(sd**2 - np.maximum(explained, 0.0), (0.05 * spread) ** 2))


def cell_level(cells: csr_matrix, mean: np.ndarray, sd: np.ndarray) -> np.ndarray:
    """Mean standardised value of the genes that each cell expresses: (n_cells,); 0 for an empty cell."""
    standard = (cells.data - mean[cells.indices]) / sd[cells.indices]
    sums = np.bincount(np.repeat(np.arange(cells.shape[0]), np.diff(cells.indptr)), standard, cells.shape[0])
    level: np.ndarray = sums / np.maximum(np.diff(cells.indptr), 1)
    return level


def _sums(cells: csr_matrix) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sum, sum of squares and number of the expressed values of every column."""
    total = np.bincount(cells.indices, cells.data, cells.shape[1])
    squares = np.bincount(cells.indices, cells.data.astype(np.float64) ** 2, cells.shape[1])
    return total, squares, np.bincount(cells.indices, minlength=cells.shape[1]).astype(np.float64)
