"""Choosing the gene panel of a data set: the perturbed genes, then the genes that vary most among training cells."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from bench.data.blocks import row_blocks
from bench.data.normalise import Normalised
from bench.errors import DataError
from methods.conditions import CONTROL

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_WORTH_A_COPY = 0.9
_BINS = 20  # of mean expression; scanpy's flavour "seurat"


@dataclass(frozen=True)
class PanelRule:
    """Which genes are kept.

    Parameters
    ----------
    genes
        Size of the panel; a file with fewer genes keeps all.
    score
        What ranks the genes that are not perturbed: ``variance`` of the log-normalised values, as the released code of
        Doloris has it; or ``dispersion``, variance over mean of the normalised values, standardised among genes of
        like mean (scanpy's ``highly_variable_genes(flavor="seurat")``, as chemCPA has it).
    """

    genes: int
    score: Literal["variance", "dispersion"]


def cut_to_panel(
    normalised: Normalised, var: pd.DataFrame, obs: pd.DataFrame, rule: PanelRule, seen: np.ndarray
) -> tuple[Normalised, pd.DataFrame, str]:
    """Keep the genes of the panel, perturbed ones first, then by descending score; the given values are used up.

    Perturbed genes are kept whether or not a task tests them: their names belong to the design of the screen. All that
    is measured and decides the panel comes from ``seen`` cells.

    Parameters
    ----------
    normalised
        (cells, genes).
    var
        One row per gene, indexed by symbol.
    obs
        Canonical obs.
    rule
        Which genes.
    seen
        Mask of the cells that may decide: (cells,).

    Returns
    -------
    The values and var of the panel, and what was done, for provenance.

    Raises
    ------
    DataError
        If there are fewer than two cells to decide, or more perturbed genes than the panel holds.
    """
    if len(var) <= rule.genes:
        return normalised, var, f"all {len(var):,} genes of the file"
    if int(seen.sum()) < 2:
        raise DataError(
            f"gene panel: {int(seen.sum())} cells are in the training side of every task on this data set, 2 are "
            "needed; the conditions of the file are not the published ones"
        )
    perturbed = _perturbed(obs, var.index)
    if perturbed.size > rule.genes:
        raise DataError(f"gene panel: {perturbed.size} perturbed genes do not fit into {rule.genes}")
    score = gene_scores(normalised.values, seen, rule.score)
    order = np.argsort(-score, kind="stable")
    others = order[~np.isin(order, perturbed)][: rule.genes - perturbed.size]
    columns = np.concatenate([perturbed, others])
    values, counts = _keep_columns(normalised.values, normalised.counts, columns)
    told = (
        f"{rule.genes:,} of {len(var):,} genes: {perturbed.size} perturbed ones, then by {rule.score} over "
        f"{int(seen.sum()):,} cells that every checked-in task trains on"
    )
    return replace(normalised, values=values, counts=counts), var.iloc[columns], told


def gene_scores(values: csr_matrix, seen: np.ndarray, score: Literal["variance", "dispersion"]) -> np.ndarray:
    """Score of every gene over the ``seen`` cells: (genes,), higher is kept first; -inf for a gene that is always 0.

    Parameters
    ----------
    values
        (cells, genes), log1p of normalised counts; walked over in blocks of rows.
    """
    mean, variance = _moments(values, seen, linear=score == "dispersion")
    if score == "variance":
        return np.where(mean > 0, variance, -np.inf)
    return _standardised_dispersion(mean, variance)


def _perturbed(obs: pd.DataFrame, genes: pd.Index) -> np.ndarray:
    """Columns of the perturbed genes that are measured, in order of first appearance."""
    labels = obs["perturbation"].astype(str).unique()
    named = dict.fromkeys(gene for label in labels for gene in label.split("+") if gene != CONTROL)
    found = genes.get_indexer(pd.Index(list(named)))
    return np.asarray(found[found >= 0])


def _moments(values: csr_matrix, seen: np.ndarray, *, linear: bool) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance (n - 1) of every gene, of the values or of what they were before the logarithm."""
    n_genes = values.shape[1]
    total, squares = np.zeros(n_genes), np.zeros(n_genes)
    lengths = np.diff(values.indptr)
    for first, last in row_blocks(values.indptr):
        stored = slice(values.indptr[first], values.indptr[last])
        wanted = np.repeat(seen[first:last], lengths[first:last])
        column = values.indices[stored][wanted]
        number = values.data[stored][wanted].astype(np.float64)
        if linear:
            number = np.expm1(number)
        total += np.bincount(column, weights=number, minlength=n_genes)
        squares += np.bincount(column, weights=number**2, minlength=n_genes)
    n_cells = int(seen.sum())
    mean = total / n_cells
    return mean, (squares - n_cells * mean**2) / (n_cells - 1)


def _standardised_dispersion(mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    expressed = mean > 0
    dispersion = np.full(mean.size, np.nan)
    dispersion[expressed] = np.log(np.maximum(variance[expressed] / mean[expressed], np.finfo(np.float64).tiny))
    level = pd.cut(pd.Series(np.log1p(np.where(expressed, mean, 1e-12))), bins=_BINS)
    grouped = pd.Series(dispersion).groupby(level, observed=True)
    centre, spread = grouped.transform("mean").to_numpy(), grouped.transform("std").to_numpy()
    alone = np.isnan(spread)  # one gene of this level: nothing to compare with, scanpy gives it 1
    with np.errstate(invalid="ignore", divide="ignore"):
        standardised = np.where(alone, 1.0, (dispersion - centre) / spread)
    return np.where(expressed & np.isfinite(standardised), standardised, -np.inf)


def _keep_columns(
    values: csr_matrix, counts: csr_matrix | None, columns: np.ndarray
) -> tuple[csr_matrix, csr_matrix | None]:
    """Those columns in that order, of both matrices, which have the same zeros; the given ones are used up.

    What is kept is moved to the front of their own arrays, a block of rows at a time: a copy would need a full-size
    data set's memory once more.
    """
    from scipy.sparse import csr_matrix

    n_rows, n_genes = values.shape
    place = np.full(n_genes, -1, dtype=values.indices.dtype)
    place[columns] = np.arange(columns.size)
    indptr, indices = values.indptr.copy(), values.indices
    parts = [values.data] if counts is None else [values.data, counts.data]
    for matrix in (values,) if counts is None else (values, counts):
        # new arrays, not the first zero values of the old ones, which would keep these in memory
        matrix.data, matrix.indices = np.empty(0, matrix.data.dtype), np.empty(0, matrix.indices.dtype)
    lengths = np.diff(indptr)
    kept = np.zeros(n_rows + 1, dtype=indptr.dtype)
    done = 0
    for first, last in row_blocks(indptr):
        stored = slice(indptr[first], indptr[last])
        column = place[indices[stored]]
        wanted = np.flatnonzero(column >= 0)
        row = np.repeat(np.arange(last - first), lengths[first:last])[wanted]
        column = column[wanted]
        order = np.lexsort((column, row))
        target = slice(done, done + wanted.size)
        indices[target] = column[order]
        for data in parts:
            data[target] = data[stored][wanted[order]]
        kept[first + 1 : last + 1] = done + np.cumsum(np.bincount(row, minlength=last - first))
        done += wanted.size
    indices = _front(indices, done)
    made = []
    for position in range(len(parts)):
        parts[position] = _front(parts[position], done)
        matrix = csr_matrix((parts[position], indices, kept), shape=(n_rows, columns.size), copy=False)
        matrix.has_canonical_format = True
        made.append(matrix)
    return made[0], made[1] if counts is not None else None


def _front(array: np.ndarray, size: int) -> np.ndarray:
    """The first values of an array; the memory of the rest is given back where it is worth a copy."""
    return array[:size] if size > _WORTH_A_COPY * array.size else array[:size].copy()
