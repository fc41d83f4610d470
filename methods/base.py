"""The contract between the benchmark and a method.

A method is one module with one subclass of :class:`Method`. It is handed training cells and
asked for cells of conditions it never saw; test cells and the controls they are scored
against are not in what it is handed. This module needs numpy, pandas and anndata alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

import numpy as np
import pandas as pd

from methods.conditions import Condition, TaskKind

if TYPE_CHECKING:
    from anndata import AnnData

Output = Literal["cells", "mean"]
Role = Literal["model", "baseline", "negative control"]


class Unsupported(Exception):
    """The method has no mechanism for this condition or task; the message says why.

    The table shows a dash with this message as its footnote. Never raise it to hide a failure.
    """


class Progress(Protocol):
    """Receives progress; call it as often as is convenient."""

    def __call__(self, step: int, total: int, **figures: float) -> None:
        """Report that ``step`` of ``total`` is done, with figures such as ``loss=0.3``."""


@dataclass(frozen=True)
class Resources:
    """Prior knowledge the user supplied; each part may be absent.

    Parameters
    ----------
    gene_graphs
        Name -> edge list with columns ``source``, ``target``, ``weight``.
    gene_vectors
        One row per gene symbol.
    drug_vectors
        One row per canonical SMILES.
    checkpoints
        Name of a pretrained model -> folder of its files.
    """

    gene_graphs: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    gene_vectors: pd.DataFrame | None = None
    drug_vectors: pd.DataFrame | None = None
    checkpoints: Mapping[str, Path] = field(default_factory=dict)

    @property
    def absent(self) -> tuple[str, ...]:
        """Names of the parts that were not supplied."""
        parts = {field.name: getattr(self, field.name) for field in fields(self)}
        return tuple(name for name, part in parts.items() if part is None or (isinstance(part, Mapping) and not part))


@dataclass(frozen=True)
class TrainingData:
    """Everything a method may learn from.

    Parameters
    ----------
    adata
        Training cells of all training and validation conditions and the training fold of the
        controls. ``X`` is CSR float32, log1p of counts per ``target_sum``; ``layers["counts"]``
        where counts are known. ``obs``: ``condition`` (canonical key), ``control``, ``cell_type``,
        ``validation`` (bool), and for drugs ``drug``, ``dose`` (nM), ``smiles``. ``var_names``
        are the gene panel.
    conditions
        Every condition that occurs in ``adata``, by key.
    kind
        What kind of conditions will be asked for.
    target_sum
        Counts per cell before log1p.
    resources
        Prior knowledge.
    """

    adata: AnnData
    conditions: Mapping[str, Condition]
    kind: TaskKind
    target_sum: float = 1e4
    resources: Resources = field(default_factory=Resources)

    @property
    def genes(self) -> pd.Index:
        """Gene panel, in the order predictions must have."""
        genes: pd.Index = self.adata.var_names
        return genes

    @cached_property
    def fitting(self) -> AnnData:
        """Cells to fit on when the method stops early: all but the validation conditions."""
        return self.adata[~self.adata.obs["validation"].to_numpy()]

    @cached_property
    def validation(self) -> AnnData:
        """Cells of the validation conditions."""
        return self.adata[self.adata.obs["validation"].to_numpy()]

    @cached_property
    def _means(self) -> pd.DataFrame:
        codes, keys = pd.factorize(self.adata.obs["condition"].astype(str), sort=True)
        return pd.DataFrame(_group_means(self.adata, codes, len(keys)), index=keys, columns=self.genes)

    def condition_means(self, *, controls: bool) -> pd.DataFrame:
        """Mean profile of every training and validation condition.

        Parameters
        ----------
        controls
            Whether to include the control conditions.

        Returns
        -------
        (n_conditions, n_genes), float64, log-normalised, indexed by condition key.
        """
        keep = [controls or not self.conditions[key].is_control for key in self._means.index]
        return self._means.loc[keep]

    def control_mean(self, cell_type: str = "") -> np.ndarray:
        """Mean profile of the training controls of a condition's cell type: (n_genes,).

        Raises
        ------
        Unsupported
            If that cell type has no training control.
        """
        key = Condition((), cell_type=cell_type).key
        if key not in self._means.index:
            raise Unsupported(f"no training control cells of cell type {cell_type!r}")
        return self._means.loc[key].to_numpy()


def _group_means(adata: AnnData, codes: np.ndarray, n_groups: int) -> np.ndarray:
    """Mean over the rows of each group, (n_groups, n_genes), without densifying the matrix."""
    from scipy.sparse import csr_matrix

    n_cells = codes.size
    membership = csr_matrix((np.ones(n_cells), (codes, np.arange(n_cells))), shape=(n_groups, n_cells))
    sums = membership @ adata.X
    dense = sums.toarray() if hasattr(sums, "toarray") else np.asarray(sums)
    return dense / np.bincount(codes, minlength=n_groups)[:, None]


@dataclass(frozen=True)
class Query:
    """One condition to predict, with the control cells it starts from.

    Parameters
    ----------
    condition
        What is asked for.
    controls
        Training controls of the condition's cell type, laid out as ``TrainingData.adata``.
    """

    condition: Condition
    controls: AnnData


class Method(ABC):
    """A model of perturbation responses.

    Class attributes
    ----------------
    name
        Name in tables and on the command line; lower case, words joined by ``-``.
    tasks
        Kinds of task it has a mechanism for.
    output
        ``"cells"`` when ``predict`` returns cells, ``"mean"`` when every row is the same mean
        profile; the protocol's one declared rule then makes cells of it and the table says so.
    environment
        Named isolated environment it runs in; ``None`` for the main one.
    role
        ``"baseline"`` for what a model must beat: tables compare every method with the best of them.
        ``"negative control"`` predicts nothing and bounds the scale.
    by_default
        Whether it is run when no method is named; variants and reproductions are run when asked for.
    ablations
        Arguments of the constructor that leave out a part or vary it, one mapping per variant.
    """

    name: ClassVar[str]
    tasks: ClassVar[frozenset[TaskKind]]
    output: ClassVar[Output] = "cells"
    environment: ClassVar[str | None] = None
    role: ClassVar[Role] = "model"
    by_default: ClassVar[bool] = True
    ablations: ClassVar[tuple[Mapping[str, bool | int | float | str], ...]] = ()

    def unavailable(self) -> str | None:
        """Why the method cannot run here (a missing package, say); ``None`` when it can."""
        return None

    def configuration(self) -> Mapping[str, object]:
        """Settings that decide the result; JSON values. They enter the run key."""
        return {}

    def record(self) -> Mapping[str, object]:
        """What the run's record should say of this fit and its predictions; JSON values, asked for at the end."""
        return {}

    def label(self, conditions: Collection[Condition], supplied: Collection[str]) -> str:
        """Name in tables; says what stands in for prior knowledge that was not supplied.

        Parameters
        ----------
        conditions
            Training and validation conditions, controls left out.
        supplied
            What the user supplied: ``"gene_graph:NAME"`` for each edge list, ``"gene_vectors"``, ``"drug_vectors"``,
            ``"checkpoint:NAME"`` for each pretrained model.
        """
        return self.name

    @abstractmethod
    def fit(self, train: TrainingData, *, seed: int, device: str, progress: Progress) -> None:
        """Learn from the training data.

        Parameters
        ----------
        train
            Training cells, their conditions and prior resources.
        seed
            Model seed: same data, seed and device give the same predictions.
        device
            ``"cpu"`` or a torch device name such as ``"cuda:0"``.
        progress
            Called with (step, total, loss=...) as training goes.

        Raises
        ------
        Unsupported
            If the method has no mechanism for this task.
        """

    @abstractmethod
    def predict(self, query: Query, *, n_cells: int, seed: int) -> np.ndarray:
        """Predict cells of one condition.

        Returns
        -------
        (n_cells, n_genes), dense, finite, log-normalised as the training cells, genes in panel order.
        Cells are >= 0; a mean may lie below 0 where the method's formula puts it.

        Raises
        ------
        Unsupported
            If the method has no mechanism for this condition.
        """

    def predict_many(
        self, queries: Iterable[Query], *, n_cells: int, seed: int
    ) -> Iterator[tuple[Query, np.ndarray | Unsupported]]:
        """Predict several conditions; override it to batch over conditions.

        The seed of a condition is derived from ``seed`` and its key, so that a condition's
        prediction does not depend on which others are asked for.
        """
        for query in queries:
            try:
                yield query, self.predict(query, n_cells=n_cells, seed=condition_seed(seed, query.condition))
            except Unsupported as why:
                yield query, why


def condition_seed(seed: int, condition: Condition) -> int:
    """Seed of one condition's prediction, independent of the other conditions asked for."""
    import hashlib

    digest = hashlib.sha256(f"{seed}/{condition.key}".encode()).digest()
    return int.from_bytes(digest[:4], "little")
