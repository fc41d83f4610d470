"""The parts of a model, built empty or from training cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from doloris.cell_space import CellSpace
from doloris.conditioning import Conditioning, DrugEncoder
from doloris.config import DolorisConfig
from doloris.data import Perturbation, Priors, TrainingCells
from doloris.denoiser import Denoiser
from doloris.detection import ordinary_log_odds
from doloris.effects import EffectModel
from doloris.errors import UnknownPerturbation
from doloris.features import condition_means, gene_features
from doloris.graph import (
    GeneGraph,
    build_graph,
    coexpression_pairs,
    extra_nodes,
    named_pairs,
    node_features,
    token_pairs,
)
from doloris.mask_model import CalibratedMaskModel, GraphMaskModel, MaskModel

_CONTROLS = 2_000
"""Control cells per cell type that log odds of expression are estimated from; more would add time alone."""


@dataclass(frozen=True)
class Reference:
    """Expression patterns of the training cells, from which masks are drawn (A.11).

    Parameters
    ----------
    conditions
        Training conditions that may be the reference.
    patterns
        Of all their cells, eight genes in a byte: (n_cells, ceil(G / 8)) uint8.
    labels
        Position in ``conditions`` of each cell, (n_cells,).
    frequencies
        Share of cells that express each gene: (n_conditions, G) float32.
    """

    conditions: tuple[Perturbation, ...]
    patterns: Tensor
    labels: Tensor
    frequencies: Tensor

    def on(self, condition: int) -> Tensor:
        """Patterns of one condition: (n, G) bool."""
        rows = self.patterns[self.labels == condition].cpu().numpy()
        unpacked = np.unpackbits(rows, axis=1, count=self.frequencies.shape[1]).astype(bool)
        return torch.from_numpy(unpacked).to(self.patterns.device)


@dataclass(frozen=True)
class Parts:
    """Everything a fitted model consists of.

    Parameters
    ----------
    genes
        The panel.
    nodes
        Nodes of the gene graph: the panel, then perturbed genes that are not measured.
    n_cell_types
        Cell types.
    drug_vectors
        Frozen vectors of the drugs, (n_drugs, d); ``None`` for a gene screen.
    denoiser, space
        The diffusion.
    mask
        Mask model, if any.
    effects
        Effect model, if any.
    reference
        Patterns of the training cells, if masks are drawn from them.
    """

    genes: tuple[str, ...]
    nodes: tuple[str, ...]
    n_cell_types: int
    drug_vectors: Tensor | None
    denoiser: Denoiser
    space: CellSpace
    mask: MaskModel | None
    effects: EffectModel | None
    reference: Reference | None

    def check(self, condition: Perturbation) -> None:
        """Tell why a condition cannot be sampled.

        Raises
        ------
        UnknownPerturbation
            If the model has no representation for it.
        """
        what, vectors = repr(condition.label), self.drug_vectors
        if not 0 <= condition.cell_type < self.n_cell_types:
            raise UnknownPerturbation(f"{what}: cell type outside 0..{self.n_cell_types - 1}")
        if condition.is_control:
            return
        if (condition.drug is None) != (vectors is None):
            raise UnknownPerturbation(f"{what}: the model was fitted on {'genes' if vectors is None else 'drugs'}")
        if vectors is not None and condition.drug is not None and not 0 <= condition.drug < len(vectors):
            raise UnknownPerturbation(f"{what}: no such row among {len(vectors)} drug vectors; add it first")
        if self.effects is not None and self.effects.knows(condition):
            return
        known, where = (self.nodes, "") if self.effects is None else (self.effects.entities, " nor in an edge list")
        missing = sorted(set(condition.genes) - set(known))
        if missing:
            raise UnknownPerturbation(f"{what}: {', '.join(missing)} is neither measured nor trained{where}")

    def with_drugs(self, vectors: np.ndarray) -> Parts:
        """The same parts with further drugs: (n, d)."""
        assert self.drug_vectors is not None
        everything = torch.cat([self.drug_vectors, torch.from_numpy(vectors).to(self.drug_vectors)])
        for module in (self.denoiser, self.mask):
            for encoder in module.modules() if module is not None else ():
                if isinstance(encoder, DrugEncoder):
                    encoder.register_buffer("vectors", everything.to(encoder.get_buffer("vectors").device))
        effects = None if self.effects is None else self.effects.with_drugs(everything.cpu().numpy())
        return replace(self, drug_vectors=everything, effects=effects)

    def to(self, device: torch.device) -> Parts:
        """Move the networks to a device."""
        for module in (self.denoiser, self.space, self.mask):
            if module is not None:
                module.to(device)
        return self


def make_graph(cells: TrainingCells, priors: Priors, config: DolorisConfig, rng: np.random.Generator) -> GeneGraph:
    """Gene graph of the training cells and the priors; no edges where no network looks at them."""
    nodes = (*cells.genes, *extra_nodes(cells))
    encoded = cells.drug_vectors is None and config.perturbation_dropout < 1
    if not encoded and config.mask != "graph":
        return build_graph(nodes, [])
    pairs = [
        coexpression_pairs(
            cells, config.coexpression_threshold, config.coexpression_cells, config.coexpression_neighbours, rng
        )
    ]
    if priors.token_embeddings is not None:
        pairs.append(token_pairs(priors.token_embeddings, config.token_threshold))
    if priors.edges:
        pairs.append(named_pairs(priors.edges, nodes))
    return build_graph(nodes, pairs)


def make_features(cells: TrainingCells, graph: GeneGraph, config: DolorisConfig) -> Tensor:
    """Frozen node features (A.7): (n_nodes, n_features)."""
    scaled = condition_means(cells) / float(cells.values.data.max())
    return torch.from_numpy(node_features(gene_features(scaled, config.n_features), graph))


def build_networks(
    genes: Sequence[str],
    n_cell_types: int,
    features: Tensor,
    edges: Tensor,
    drug_vectors: Tensor | None,
    config: DolorisConfig,
) -> tuple[Denoiser, CellSpace, MaskModel | None]:
    """Networks with random weights."""
    conditioning = Conditioning(features, edges, drug_vectors, n_cell_types, config)
    denoiser = Denoiser(len(genes), conditioning, n_cell_types, config)
    space = CellSpace(len(genes), n_cell_types, config)
    mask: MaskModel | None = None
    if config.mask == "graph":
        mask = GraphMaskModel(len(genes), features.shape[0], edges, drug_vectors, n_cell_types, config)
    elif config.mask == "calibrated":
        mask = CalibratedMaskModel(torch.zeros(n_cell_types, len(genes)))
    return denoiser, space, mask


def set_control_log_odds(mask: CalibratedMaskModel, cells: TrainingCells) -> None:
    """Give the mask model the log odds of controls, a random part of many; a cell type without controls keeps zeros."""
    base = mask.get_buffer("control_log_odds")
    for cell_type in np.unique(cells.cell_type[cells.control]):
        controls = cells.controls_of(int(cell_type))
        if controls.shape[0] > _CONTROLS:  # a random part: cells often lie in the order of their batches
            controls = controls[np.random.default_rng(0).choice(controls.shape[0], _CONTROLS, replace=False)]
        on = torch.from_numpy(controls.toarray() > 0).to(base.device)
        base[int(cell_type)] = ordinary_log_odds(on)


def make_reference(cells: TrainingCells, with_controls: bool, device: torch.device) -> Reference:
    """Patterns of the training cells, controls included or not."""
    kept = [number for number, c in enumerate(cells.conditions) if with_controls or not c.is_control]
    position = np.full(len(cells.conditions), -1)
    position[kept] = np.arange(len(kept))
    rows = np.flatnonzero(position[cells.labels] >= 0)
    patterns = np.concatenate(
        [
            np.packbits(cells.values[chunk].toarray() > 0, axis=1)
            for chunk in np.array_split(rows, rows.size // 4096 + 1)
        ]
    )
    frequencies = np.stack([np.asarray(cells.cells_of(number).astype(bool).mean(axis=0)).ravel() for number in kept])
    return Reference(
        tuple(cells.conditions[number] for number in kept),
        torch.from_numpy(patterns).to(device),
        torch.from_numpy(position[cells.labels[rows]]).to(device),
        torch.from_numpy(frequencies.astype(np.float32)).to(device),
    )
