"""Data of Fig. 8: relative signal-to-noise ratio over the most variable genes (paper, Eq. 18 and 19)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from bench.figures.declare import FigureUnavailable

if TYPE_CHECKING:
    from bench.data.dataset import Dataset
    from bench.leaderboard import Leaderboard

GENE_NUMBERS = (50, 100, 200, 500, 1000, 2000, 5000)
ALL_VALUES = "all values"
WITHOUT_ZEROS = "without zeros"
_ROWS_AT_ONCE = 8192
_DISPERSION_BINS = 20
_EPSILON = 1e-12


@dataclass(frozen=True)
class ConditionSums:
    """Sums over the cells of each condition: (conditions, g) each, float64.

    Parameters
    ----------
    cells
        Number of cells: (conditions,).
    expressed
        Cells with a value above zero.
    total, squares
        Sums of the log-normalised values and of their squares.
    raw_total, raw_squares
        The same of the normalised counts, ``expm1`` of the values.
    """

    cells: np.ndarray
    expressed: np.ndarray
    total: np.ndarray
    squares: np.ndarray
    raw_total: np.ndarray
    raw_squares: np.ndarray


def condition_sums(blocks: Iterator[tuple[csr_matrix, np.ndarray]], n_conditions: int) -> ConditionSums:
    """Sums from blocks of cells (n, g) and their condition numbers (n,); cells numbered below 0 do not count."""
    sums: list[np.ndarray] | None = None
    cells = np.zeros(n_conditions)
    for matrix, codes in blocks:
        kept = np.flatnonzero(codes >= 0)
        member = csr_matrix((np.ones(kept.size), (codes[kept], kept)), shape=(n_conditions, matrix.shape[0]))
        cells += np.asarray(member.sum(axis=1)).ravel()
        values = matrix.astype(np.float64)
        parts = []
        for change in (np.sign, np.array, np.square, np.expm1, lambda x: np.square(np.expm1(x))):
            changed = values.copy()
            changed.data = change(values.data)
            parts.append((member @ changed).toarray())
        sums = parts if sums is None else [a + b for a, b in zip(sums, parts, strict=True)]
    if sums is None:
        raise FigureUnavailable("the data set has no cells")
    return ConditionSums(cells, *sums)


def most_variable(sums: ConditionSums) -> np.ndarray:
    """Genes by normalised dispersion, largest first: (g,); what scanpy ranks with ``flavor="seurat"``.

    Dispersion of the normalised counts, standardised among genes of like mean (Satija et al. 2015).
    """
    n = sums.cells.sum()
    mean = sums.raw_total.sum(axis=0) / n
    variance = (sums.raw_squares.sum(axis=0) / n - mean**2) * n / (n - 1)
    mean[mean == 0] = _EPSILON
    dispersion = variance / mean
    dispersion[dispersion == 0] = np.nan
    table = pd.DataFrame({"mean": np.log1p(mean), "dispersion": np.log(dispersion)})
    binned = table.groupby(pd.cut(table["mean"], bins=_DISPERSION_BINS), observed=True)["dispersion"]
    centre, spread = binned.transform("mean"), binned.transform("std")
    # A gene alone in its bin has no spread to be measured by; its dispersion counts as one spread.
    alone = spread.isna()
    spread[alone], centre[alone] = centre[alone], 0.0
    normalised = ((table["dispersion"] - centre) / spread).fillna(-np.inf).to_numpy()
    return np.argsort(-normalised, kind="stable")


def signal_and_noise(sums: ConditionSums, *, zeros: bool) -> tuple[np.ndarray, np.ndarray]:
    """Between- and within-condition variance of every gene: (g,) each; Eq. 18 is the ratio of their sums.

    Parameters
    ----------
    sums
        Sums per condition.
    zeros
        Whether zeros count as values. If not, means and variances of a gene are over the cells that express it, and
        over the conditions in which some cell does.
    """
    counts = sums.expressed if not zeros else np.broadcast_to(sums.cells[:, None], sums.total.shape)
    present = counts > 0
    safe = np.where(present, counts, 1.0)
    means = sums.total / safe
    totals = np.maximum(counts.sum(axis=0), 1.0)
    overall = sums.total.sum(axis=0) / totals
    conditions = np.maximum(present.sum(axis=0), 1)
    signal = np.where(present, (means - overall) ** 2, 0.0).sum(axis=0) / conditions
    noise = (sums.squares - counts * means**2).clip(min=0.0).sum(axis=0) / totals
    return signal, noise


def signal_to_noise_frame(dataset: str, sums: ConditionSums) -> pd.DataFrame:
    """SNR (Eq. 18) and its ratio to that of the fewest genes (Eq. 19), with and without zeros."""
    order = most_variable(sums)
    sizes = sorted({min(size, order.size) for size in GENE_NUMBERS})
    rows = []
    for name, zeros in ((ALL_VALUES, True), (WITHOUT_ZEROS, False)):
        signal, noise = signal_and_noise(sums, zeros=zeros)
        ratios = [signal[order[:size]].sum() / (noise[order[:size]].sum() + _EPSILON) for size in sizes]
        rows += [
            (dataset, name, size, ratio, ratio / ratios[0] if ratios[0] > 0 else np.nan)
            for size, ratio in zip(sizes, ratios, strict=True)
        ]
    return pd.DataFrame(rows, columns=["dataset", "values", "genes", "snr", "relative"])


def build(boards: Sequence[Leaderboard]) -> pd.DataFrame:
    """All data sets of the boards; perturbed cells alone. It describes the data: no method sees it."""
    datasets = {board.evaluator.task.dataset.name: board.evaluator.task.dataset for board in boards}
    frames = []
    for name, dataset in datasets.items():
        keys = sorted(key for key, condition in dataset.conditions.items() if not condition.is_control)
        codes = pd.Index(keys).get_indexer(pd.Index(dataset.obs["condition"].astype(str)))
        frames.append(signal_to_noise_frame(name, condition_sums(_blocks(dataset, codes), len(keys))))
    return pd.concat(frames, ignore_index=True)


def _blocks(dataset: Dataset, codes: np.ndarray) -> Iterator[tuple[csr_matrix, np.ndarray]]:
    for start in range(0, codes.size, _ROWS_AT_ONCE):
        rows = np.arange(start, min(start + _ROWS_AT_ONCE, codes.size))
        yield dataset.cells(rows).X, codes[rows]
