"""GraphVCI: a variational counterfactual model that decodes cells through a gene graph."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import pandas as pd

from methods.base import Method, Progress, Query, TrainingData, Unsupported
from methods.conditions import Condition, TaskKind
from methods.drug_table import INDEX, DoseScale, DrugTable, dose_share, largest_dose, told_apart_by
from methods.gene_graph import coexpression_edges, graph_names, named_edges
from methods.gene_vectors import gene_vectors, summed_vector, vector_source
from methods.molecules import molecule_source
from methods.moved_controls import moved_controls
from methods.presets import NetworkConfig, configured
from methods.training_cells import TrainingCells, left_out
from methods.validation import ValidationConditions

if TYPE_CHECKING:
    from methods.networks.graphvci import GraphVciNetwork

Code = Callable[[Condition], np.ndarray]
"""Vector of what a condition's cells received, zeros for control; raises Unsupported where nothing is known."""


@dataclass(frozen=True)
class GraphVciConfig(NetworkConfig):
    """Settings; the defaults are those of the authors' run script, but where a departure is named.

    Parameters
    ----------
    outcome, covariate, hidden, latent, node
        Widths of the cell embedding, the cell type's embedding, the hidden layers, the latent and the
        genes' node features.
    own, match, agreement
        Weights of the three terms: a cell's likelihood, its counterfactual's likeness to real cells, and
        the divergence between the latents of both.
    samples
        Draws from the posterior for a cell's likelihood.
    learning_rate, weight_decay
        Adam. Departure: the authors' rate of 3e-4 needs their 1000 epochs.
    decay_every, decay
        Every so many epochs the rate is multiplied by ``decay``; ``None`` for never. Departure: the authors' first
        decay comes after 450 epochs.
    batch_size
        Cells in a batch.
    epochs
        At most so many passes. Departure: authors train 1000; on a CPU that takes hours.
    validate_every, patience
        Epochs between looks at the validation conditions (R squared of their mean profiles), and looks
        without improvement before training ends. Departure: the release stops early on its test split.
    match_cells
        How many real cells a counterfactual is compared with; ``None`` for all of the condition. Departure:
        authors draw 20; under their Gaussian of variance 1 the gradient depends on the cells' mean alone,
        so that all cells give the expectation of what a draw gives.
    start
        The decoder's mean is a deviation from the training conditions' ``"mean"`` profile, or from ``"zero"``.
        Departure: authors start from zero, which costs most of the passes that are affordable here.
    dose
        Doses are a share of the largest on a ``"linear"`` or a ``"log"`` scale. Departure: on the authors'
        linear scale the lower three of four doses, each ten times the last, are all but zero.
    neighbours, threshold
        Co-expression graph that stands in for an absent gene graph: at most so many sources of a gene, of
        at least this |Pearson| over training controls. Departure: the authors' graph of motifs is not
        available for other data.
    treatment
        Width of the treatment in ``graphvci-emb``, a linear map of the gene's or drug's vector.
    n_components
        Length of the vectors that stand in for absent gene vectors in ``graphvci-emb``.
    smallest_spread, largest_score
        See :class:`methods.chemcpa.ChemCpaConfig`; of drug vectors in ``graphvci-emb``.
    prediction
        Latents of control cells are the posterior's ``"mean"``, or a ``"sample"`` of it.
    """

    outcome: int = 256
    covariate: int = 16
    hidden: int = 128
    latent: int = 128
    node: int = 128
    own: float = 1.0
    match: float = 50.0
    agreement: float = 0.1
    samples: int = 3
    learning_rate: float = 2e-3
    weight_decay: float = 4e-7
    batch_size: int = 64
    decay_every: int | None = None
    decay: float = 0.1
    epochs: int = 100
    validate_every: int = 2
    patience: int | None = 5
    match_cells: int | None = None
    neighbours: int = 20
    threshold: float = 0.4
    treatment: int = 64
    n_components: int = 32
    smallest_spread: float = 0.01
    largest_score: float | None = 5.0
    start: Literal["mean", "zero"] = "mean"
    dose: DoseScale = "log"
    prediction: Literal["mean", "sample"] = "mean"


class _GraphVci(Method):
    """What both ways to write a treatment share."""

    presets: ClassVar[Mapping[str, GraphVciConfig]] = {
        "default": GraphVciConfig(),
        "released": GraphVciConfig(
            learning_rate=3e-4,
            decay_every=450,
            epochs=1000,
            validate_every=10,
            patience=20,
            validation_cells=None,
            match_cells=20,
            start="zero",
            dose="linear",
        ),
    }

    def __init__(self, preset: str = "default", prediction: str = "", epochs: int = 0) -> None:
        self.config = configured(
            self.presets, preset, epochs=epochs, prediction=prediction, predictions=("mean", "sample")
        )

    def configuration(self) -> Mapping[str, object]:
        """All settings."""
        return asdict(self.config)

    @abstractmethod
    def _code(self, cells: TrainingCells, train: TrainingData) -> Code:
        """How the treatments of the conditions are written."""

    @abstractmethod
    def _without(self, cells: TrainingCells) -> Callable[[Condition], bool]:
        """Whether a validation condition can be predicted without being fitted on."""

    @property
    @abstractmethod
    def _treatment_width(self) -> int | None:
        """Width that the network maps a treatment's vector to; ``None`` where it is taken as it is."""

    def fit(self, train: TrainingData, *, seed: int, device: str, progress: Progress) -> None:
        """Train the networks."""
        import torch

        from methods.networks.batches import DeviceCells
        from methods.networks.graphvci import GraphVciData, GraphVciTrainer
        from methods.networks.seeding import seeded

        everything = TrainingCells.of(train)
        cells = everything.with_controls()
        self._vector = self._code(cells, train)
        cells = cells.only(lambda condition: _is_known(self._vector, condition), that="whose genes all have vectors")
        self._left_out = left_out(everything, cells)
        validation = ValidationConditions.of(cells, can=self._without(cells))
        fitting = validation.fitting
        self._panel, self._device = cells.panel, device
        self._types = {name: row for row, name in enumerate(cells.cell_types)}
        edges = self._edges(train, cells.panel.sorted_genes)

        def tensor(values: object) -> torch.Tensor:
            return torch.as_tensor(np.asarray(values), device=device)

        used = {cells.conditions[index] for index in np.unique(cells.condition_of[fitting])}
        treatments = sorted({_treatment(condition) for condition in used if not condition.is_control}, key=repr)
        number = {treatment: row for row, treatment in enumerate(treatments)}
        counterparts = np.full((len(self._types), len(treatments)), -1)
        treatment_of = np.full(len(cells.conditions), -1)
        vectors = np.zeros((len(treatments), self._vector(cells.conditions[0]).size), dtype=np.float32)
        for row, condition in enumerate(cells.conditions):
            if condition in used and not condition.is_control:
                treatment_of[row] = number[_treatment(condition)]
                counterparts[self._types[condition.cell_type], treatment_of[row]] = row
                vectors[treatment_of[row]] = self._vector(condition)
        data = GraphVciData(
            cells=DeviceCells(cells.matrix[fitting], device),
            condition_of=tensor(cells.condition_of[fitting]),
            treatments=tensor([self._vector(condition) for condition in cells.conditions]),
            types=tensor([self._types[condition.cell_type] for condition in cells.conditions]),
            n_types=len(self._types),
            edges=tensor(edges),
            treatment_of=tensor(treatment_of),
            treatment_vectors=tensor(vectors),
            counterparts=tensor(counterparts),
            means=tensor(cells.means.astype(np.float32)),
        )
        controls = cells.control_cells(self.config.validation_cells)

        def score(network: GraphVciNetwork) -> float:
            return validation.r_squared(validation.predicted(partial(self._move, network), controls))

        with seeded(seed, device):
            trainer = GraphVciTrainer(data, self.config, self._treatment_width, device)
            trainer.run(progress, score if validation else None)
        self._network = trainer.network

    def predict(self, query: Query, *, n_cells: int, seed: int) -> np.ndarray:
        """Control cells decoded under the treatment: (n_cells, n_genes), log-normalised."""
        if query.condition.cell_type not in self._types:
            raise Unsupported(f"no training control cells of cell type {query.condition.cell_type!r}")
        move = partial(self._move, self._network)
        return moved_controls(self._panel, query, move, n_cells=n_cells, seed=seed, device=self._device)

    def record(self) -> Mapping[str, object]:
        """Training conditions that were not fitted on."""
        return self._left_out

    def _edges(self, train: TrainingData, genes: pd.Index) -> np.ndarray:
        """Source and target of the edges between genes of the panel: (2, n_edges)."""
        if not train.resources.gene_graphs:
            found = coexpression_edges(train, neighbours=self.config.neighbours, threshold=self.config.threshold)
            return _edge_index(found, genes)
        supplied = named_edges(train.resources)
        edges = _edge_index(supplied, genes)
        if not edges.size:
            raise Unsupported(
                f"no edge of the gene graphs supplied joins two genes of the panel: they name genes such as "
                f"{supplied['source'].iloc[0]}, the panel such as {genes[0]}"
            )
        return edges

    def _move(self, network: GraphVciNetwork, controls: np.ndarray, condition: Condition) -> np.ndarray:
        """Cells of a condition from control cells, both (n, g), genes sorted; slightly negative values can occur."""
        import torch

        vector = torch.from_numpy(self._vector(condition)).to(self._device)
        kind = torch.tensor([self._types[condition.cell_type]], device=self._device)
        with torch.no_grad():
            cells = network.predict(
                torch.from_numpy(controls).to(self._device), vector, kind, draw=self.config.prediction == "sample"
            )
            moved: np.ndarray = cells.cpu().numpy()
        return moved


class GraphVci(_GraphVci):
    """Graph-based variational counterfactual inference (Wu et al. 2023, GraphVCI).

    Written from a description of https://github.com/yulun-rayn/graphVCI (commit 64c6aab) with its
    submodule (39aab90), outcome Gaussian, decoder by dot products. A cell's latent is read off the cell,
    what it received and its type; decoded under another treatment it must look like real cells of that
    treatment and type, and give the same latent. A treatment is a column of its own, times its dose; a
    combination is the sum of its columns. An untrained column means nothing: there is no mechanism for
    unseen genes or drugs. Validation conditions of treatments that occur nowhere else are fitted on;
    the best network on the others is kept.

    Parameters
    ----------
    preset
        ``default``, or ``released``: the authors' values wherever a departure is named, but for the early stopping.
    prediction
        ``mean`` or ``sample``; the preset's when empty.
    epochs
        At most so many passes; the preset's when 0.
    """

    name = "graphvci"
    tasks = frozenset({TaskKind.DOUBLE_GENE, TaskKind.UNSEEN_COVARIATE})
    by_default = False

    def label(self, conditions: Collection[Condition], supplied: Collection[str]) -> str:
        """``graphvci+go`` with the user's gene graph of that name, ``graphvci-coexpr`` without any."""
        return _with_graphs(self.name, supplied)

    def _code(self, cells: TrainingCells, train: TrainingData) -> Code:
        names = sorted(_perturbations(cells.conditions))
        largest = largest_dose(cells.conditions)

        def code(condition: Condition) -> np.ndarray:
            unseen = [name for name in condition.perturbations if name not in names]
            if unseen:
                raise Unsupported(f"{', '.join(unseen)} occurs in no training condition, so its column is untrained")
            columns = np.isin(names, condition.perturbations).astype(np.float32)
            return columns * np.float32(dose_share(condition, largest, self.config.dose))

        return code

    def _without(self, cells: TrainingCells) -> Callable[[Condition], bool]:
        fitted = _perturbations(cells.conditions[index] for index in np.unique(cells.condition_of[~cells.held_out]))
        return lambda condition: fitted.issuperset(condition.perturbations)

    @property
    def _treatment_width(self) -> None:
        return None


class GraphVciEmb(_GraphVci):
    """GraphVCI whose treatments are linear maps of gene or drug vectors: a variant of this benchmark.

    It differs from ``graphvci`` in that alone, and can be asked for unseen genes and drugs. The vector is
    that of the gene, summed over a combination, or of the drug's molecule, times its dose.

    Parameters
    ----------
    preset
        ``default``, or ``released``: the authors' values wherever a departure is named, but for the early stopping.
    prediction
        ``mean`` or ``sample``; the preset's when empty.
    epochs
        At most so many passes; the preset's when 0.
    """

    name = "graphvci-emb"
    tasks = frozenset(TaskKind)
    by_default = False

    def label(self, conditions: Collection[Condition], supplied: Collection[str]) -> str:
        """Says where the graph comes from, and the vectors of genes or drugs unless supplied."""
        genes = any(condition.modality == "gene" for condition in conditions)
        vectors = vector_source(supplied) if genes else molecule_source(conditions, supplied)
        return "-".join(filter(None, (_with_graphs(self.name, supplied), vectors)))

    def _code(self, cells: TrainingCells, train: TrainingData) -> Code:
        treated = [condition for condition in cells.conditions if not condition.is_control]
        if any(condition.modality == "gene" for condition in treated):
            vectors = gene_vectors(cells, train.resources, n_components=self.config.n_components)
            return lambda condition: summed_vector(vectors, condition)
        if told_apart_by(treated) == INDEX:
            raise Unsupported("some treatments have no structure, so they have no vectors")
        seen = {cells.conditions[index] for index in np.unique(cells.condition_of[~cells.held_out])}
        drugs = DrugTable.of(
            seen,
            train.resources,
            smallest_spread=self.config.smallest_spread,
            largest_score=self.config.largest_score,
        )
        scale = np.float32(1 / np.sqrt(drugs.width))  # vectors of standard scores get a typical length of 1
        return lambda condition: (
            drugs.vector(condition) * scale * np.float32(dose_share(condition, drugs.largest_dose, self.config.dose))
        )

    def _without(self, cells: TrainingCells) -> Callable[[Condition], bool]:
        known = set(cells.conditions)  # each has a vector, so none needs to be fitted on
        return known.__contains__

    @property
    def _treatment_width(self) -> int:
        return self.config.treatment


def _is_known(code: Code, condition: Condition) -> bool:
    try:
        code(condition)
    except Unsupported:
        return False
    return True


def _treatment(condition: Condition) -> tuple[tuple[str, ...], float | None]:
    return condition.perturbations, condition.dose


def _perturbations(conditions: Iterable[Condition]) -> set[str]:
    return {name for condition in conditions for name in condition.perturbations}


def _with_graphs(name: str, supplied: Collection[str]) -> str:
    """The method's name with those of the user's gene graphs, or what stands in for them."""
    graphs = graph_names(supplied)
    return "+".join([name, *graphs]) if graphs else f"{name}-coexpr"


def _edge_index(edges: pd.DataFrame, genes: pd.Index) -> np.ndarray:
    """Rows of source and target genes of the edges within the panel, no self loops: (2, n_edges) int64."""
    source, target = (genes.get_indexer(pd.Index(edges[end].astype(str))) for end in ("source", "target"))
    inside = (source >= 0) & (target >= 0) & (source != target)
    index = np.unique(np.stack([source[inside], target[inside]]), axis=1)
    return index.astype(np.int64).reshape(2, -1)
