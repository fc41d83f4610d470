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
    """Keep the genes of the panel, perturbed ones first, then by descending score.

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
    counts = normalised.counts
    kept = replace(
        normalised,
        values=_columns(normalised.values, columns),
        counts=None if counts is None else _columns(counts, columns),
    )
    told = (
        f"{rule.genes:,} of {len(var):,} genes: {perturbed.size} perturbed ones, then by {rule.score} over "
        f"{int(seen.sum()):,} cells that every checked-in task trains on"
    )
    return kept, var.iloc[columns], told


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


def _columns(matrix: csr_matrix, columns: np.ndarray) -> csr_matrix:
    kept = matrix[:, columns]
    kept.sort_indices()
    return kept
