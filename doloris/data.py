"""What a model is fitted on: plain arrays, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.sparse import csr_matrix, issparse

from doloris.errors import CellsError


@dataclass(frozen=True)
class Perturbation:
    """What one group of cells received.

    Parameters
    ----------
    genes
        Perturbed gene symbols, in any order; empty for controls and drugs.
    drug
        Row of the drug vectors; ``None`` for controls and genes.
    dose
        Dose of the drug in nM; 0 otherwise.
    cell_type
        Index of the cell type.

    Raises
    ------
    CellsError
        If genes are not a collection of distinct names, there are genes and a drug, or a number is out of range.
    """

    genes: tuple[str, ...] = ()
    drug: int | None = None
    dose: float = 0.0
    cell_type: int = 0

    def __post_init__(self) -> None:
        given: object = self.genes
        if isinstance(given, str):
            raise CellsError(f"genes {self.genes!r}: a tuple of symbols is needed, as in ({self.genes!r},)")
        if len(set(self.genes)) != len(self.genes):
            raise CellsError(f"genes {self.genes!r}: one gene is named twice")
        object.__setattr__(self, "genes", tuple(sorted(self.genes)))  # two orders are one condition
        if self.drug is not None and self.drug < 0:
            raise CellsError(f"drug {self.drug!r} of {self!r} is not a row of the drug vectors")
        if self.genes and self.drug is not None:
            raise CellsError(f"a condition is of genes or of a drug, not of both: {self!r}")
        if not np.isfinite(self.dose) or self.dose < 0:
            raise CellsError(f"dose {self.dose!r} of {self!r} is not a finite number >= 0")

    @property
    def is_control(self) -> bool:
        """Whether nothing was done to these cells."""
        return not self.genes and (self.drug is None or self.dose == 0)

    @property
    def label(self) -> str:
        """A short name for messages and seeds."""
        what = "+".join(self.genes) or ("ctrl" if self.is_control else f"drug {self.drug} at {self.dose:g} nM")
        return f"{what}, cell type {self.cell_type}"


@dataclass(frozen=True)
class TrainingCells:
    """Cells with their conditions.

    Parameters
    ----------
    values
        (n_cells, n_genes), log1p of normalised counts, >= 0; CSR or dense.
    genes
        Gene symbols of the columns.
    conditions
        The distinct conditions, controls included.
    labels
        Index into ``conditions`` of every cell: (n_cells,).
    n_cell_types
        How many cell types there are.
    drug_vectors
        One row per drug, finite; ``None`` for gene screens.
    validation
        Indices into ``conditions`` that early stopping may look at.

    Raises
    ------
    CellsError
        If the parts do not fit together, a value is negative or not finite, or a cell type that has
        perturbed cells has fewer than two controls.
    """

    values: csr_matrix
    genes: tuple[str, ...]
    conditions: tuple[Perturbation, ...]
    labels: np.ndarray
    n_cell_types: int = 1
    drug_vectors: np.ndarray | None = None
    validation: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        matrix = self.values if issparse(self.values) else csr_matrix(np.asarray(self.values, dtype=np.float32))
        matrix = csr_matrix(matrix, dtype=np.float32)
        matrix.eliminate_zeros()
        object.__setattr__(self, "values", matrix)
        object.__setattr__(self, "labels", np.asarray(self.labels, dtype=np.int64))
        _check(self)

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return int(self.values.shape[0])

    @cached_property
    def control(self) -> np.ndarray:
        """Whether each cell is a control: (n_cells,), bool."""
        return np.asarray(np.array([c.is_control for c in self.conditions])[self.labels])

    @cached_property
    def cell_type(self) -> np.ndarray:
        """Cell type of each cell: (n_cells,), int."""
        return np.asarray(np.array([c.cell_type for c in self.conditions])[self.labels])

    def cells_of(self, condition: int) -> csr_matrix:
        """Cells of one condition."""
        return self.values[np.flatnonzero(self.labels == condition)]

    def controls_of(self, cell_type: int) -> csr_matrix:
        """Control cells of one cell type."""
        return self.values[np.flatnonzero(self.control & (self.cell_type == cell_type))]


@dataclass(frozen=True)
class Priors:
    """Knowledge about genes that is not in the cells; every part may be absent.

    Parameters
    ----------
    edges
        Name of a source -> (m, 2) array of gene symbols, undirected.
    token_embeddings
        (n_genes, d), rows of NaN for genes without a token.
    token_rank
        Position of each gene in the token vocabulary, -1 for genes without a token: (n_genes,). Only the
        released node order needs it.

    Raises
    ------
    CellsError
        If an edge list is not a table of two columns.
    """

    edges: Mapping[str, np.ndarray] = field(default_factory=dict)
    token_embeddings: np.ndarray | None = None
    token_rank: np.ndarray | None = None

    def __post_init__(self) -> None:
        for source, edges in self.edges.items():
            if np.ndim(edges) != 2 or np.shape(edges)[1] != 2:
                raise CellsError(
                    f"edge list {source!r}: shape {np.shape(edges)}; two columns of gene symbols are needed"
                )


def _check(cells: TrainingCells) -> None:
    n_cells, n_genes = cells.values.shape
    if len(cells.genes) != n_genes or len(set(cells.genes)) != n_genes:
        raise CellsError(f"genes: {len(set(cells.genes))} distinct names for {n_genes} columns; one name per column")
    if cells.labels.shape != (n_cells,):
        raise CellsError(f"labels: shape {cells.labels.shape}, one label per cell ({n_cells},) is needed")
    if n_cells == 0:
        raise CellsError("values: no cells")
    if cells.labels.min() < 0 or cells.labels.max() >= len(cells.conditions):
        raise CellsError(f"labels: outside 0..{len(cells.conditions) - 1}, the positions in conditions")
    if len(set(cells.conditions)) != len(cells.conditions):
        raise CellsError("conditions: one condition is listed twice; merge its cells")
    if not np.isfinite(cells.values.data).all() or (cells.values.data < 0).any():
        raise CellsError("values: negative or not finite; log1p of normalised counts is needed")
    if cells.values.nnz == 0:
        raise CellsError("values: every entry is zero")
    absent = set(range(len(cells.conditions))) - set(np.unique(cells.labels).tolist())
    if absent:
        raise CellsError(f"conditions: {cells.conditions[min(absent)].label!r} has no cells; leave it out")
    if not any(not c.is_control for c in cells.conditions):
        raise CellsError("conditions: controls only; at least one perturbed condition is needed")
    for condition in cells.conditions:
        if not 0 <= condition.cell_type < cells.n_cell_types:
            raise CellsError(f"{condition.label!r}: cell type outside 0..{cells.n_cell_types - 1}")
        if condition.drug is not None:
            _check_drug(condition, cells.drug_vectors)
    for cell_type in sorted({c.cell_type for c in cells.conditions}):
        controls = int((cells.control & (cells.cell_type == cell_type)).sum())
        if controls < 2:
            raise CellsError(f"cell type {cell_type}: {controls} control cells, at least 2 are needed for its moments")


def _check_drug(condition: Perturbation, vectors: np.ndarray | None) -> None:
    if vectors is None:
        raise CellsError(f"{condition.label!r}: drug conditions need drug_vectors")
    if condition.drug is None or not 0 <= condition.drug < len(vectors):
        raise CellsError(f"{condition.label!r}: no such row among {len(vectors)} drug_vectors")
    if not np.isfinite(vectors[condition.drug]).all():
        raise CellsError(f"{condition.label!r}: its drug vector is not finite")
