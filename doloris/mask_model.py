"""Which genes a cell will express: the released graph network, and log odds moved by a predicted effect."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch_geometric.nn import GATConv

from doloris.conditioning import ConditionRows, DrugEncoder
from doloris.config import DolorisConfig
from doloris.detection import detection_offset
from doloris.layers import Mlp

_CHUNK = 32
"""Cells that pass the graph network at a time: every cell is a graph of its own."""


@dataclass(frozen=True)
class MaskInputs:
    """What a mask model may use.

    Parameters
    ----------
    rows
        Conditions, one per cell.
    source
        The control cell, or what stands for it in training: (B, G).
    effect
        Predicted change of the log odds, (B, G), or ``None`` without an effect model.
    own
        1 where the gene is perturbed, (B, G), or ``None`` without an effect model.
    """

    rows: ConditionRows
    source: Tensor
    effect: Tensor | None = None
    own: Tensor | None = None

    def at(self, cells: Tensor) -> MaskInputs:
        """Some of the cells."""
        effect, own = (None if part is None else part[cells] for part in (self.effect, self.own))
        return MaskInputs(self.rows[cells], self.source[cells], effect, own)


class MaskModel(nn.Module):
    """Log odds that each gene is expressed, given a condition and a control cell (3.5)."""

    same_shapes = False
    """Whether every batch is computed with the same shapes."""

    @abstractmethod
    def log_odds(self, inputs: MaskInputs) -> Tensor:
        """Log odds of expression: (B, G)."""

    @torch.no_grad()
    def probabilities(self, inputs: MaskInputs) -> Tensor:
        """Probabilities of expression, a few cells at a time: (B, G)."""
        chunks = torch.arange(len(inputs.rows), device=inputs.source.device).split(_CHUNK)
        return torch.sigmoid(torch.cat([self.log_odds(inputs.at(chunk)) for chunk in chunks]))


class GraphMaskModel(MaskModel):
    """The released network (section 6): one graph per cell, whose nodes carry the control's values.

    Parameters
    ----------
    n_genes
        Panel genes; the first nodes.
    n_nodes, edges
        The gene graph.
    drug_vectors
        Frozen drug vectors; ``None`` for a gene screen.
    """

    def __init__(
        self,
        n_genes: int,
        n_nodes: int,
        edges: Tensor,
        drug_vectors: Tensor | None,
        n_cell_types: int,
        config: DolorisConfig,
    ) -> None:
        super().__init__()
        width, heads, norm, dropout = config.widths.mask, config.widths.heads, config.norm, config.dropout
        self.n_genes = n_genes
        self.register_buffer("edges", edges)
        self.nodes = nn.Embedding(n_nodes, width)
        self.shared_norm = nn.LayerNorm(width)
        self.value = Mlp([1, width, width], norm, dropout)
        self.cell_type = None
        if n_cell_types > 1:
            self.cell_type_embedding = nn.Embedding(n_cell_types, 8 * width)
            self.cell_type = Mlp([8 * width, width, width], norm, dropout)
        self.drugs = None
        if drug_vectors is not None:
            self.drugs = DrugEncoder(drug_vectors, width, 2 * width, config)
            self.with_drug = Mlp([2 * width, width, width], norm, dropout)
        self.perturbed = nn.Parameter(torch.empty(1, width))
        nn.init.xavier_normal_(self.perturbed)
        self.convolution = GATConv(width, width // heads, heads=heads)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        self.read = Mlp([width] * 4, norm, dropout)
        self.weight = nn.Parameter(torch.empty(n_genes, width))
        nn.init.xavier_normal_(self.weight)
        self.bias = nn.Parameter(torch.zeros(n_genes))

    def log_odds(self, inputs: MaskInputs) -> Tensor:
        """See :class:`MaskModel`; the source is scaled, effects are not used."""
        rows, source = inputs.rows, inputs.source
        cells, n_nodes = len(rows), self.nodes.num_embeddings
        measured = nn.functional.pad(source, (0, n_nodes - self.n_genes))
        nodes = self.shared_norm(self.nodes.weight) + self.shared_norm(self.value(measured[..., None]))
        if self.cell_type is not None:
            nodes = nodes + self.shared_norm(self.cell_type(self.cell_type_embedding(rows.cell_type)))[:, None]
        if self.drugs is not None:
            drug = self.drugs(rows.drug.clamp_min(0), rows.dose)[:, None].expand(-1, n_nodes, -1)
            nodes = self.with_drug(torch.cat([nodes, drug], dim=2))
        else:
            cell, slot = torch.nonzero(rows.genes >= 0, as_tuple=True)
            nodes = nodes.index_put((cell, rows.genes[cell, slot]), self.perturbed.expand(len(cell), -1))
        edges = self.get_buffer("edges")
        offset = torch.arange(cells, device=edges.device)[:, None, None] * n_nodes
        edges = (edges + offset).permute(1, 0, 2).reshape(2, -1)
        hidden = self.convolution(nodes.reshape(cells * n_nodes, -1), edges).reshape(cells, n_nodes, -1)
        hidden = self.dropout(torch.relu(self.norm(hidden[:, : self.n_genes])))
        out: Tensor = (self.read(hidden) * self.weight).sum(dim=2) + self.bias + source
        return out


class CalibratedMaskModel(MaskModel):
    """Control log odds, plus the cell's level of detection, plus a re-weighted predicted effect.

    A network of a few hundred weights, the same for all genes, sees a gene's log odds in controls, its predicted
    change and whether it is perturbed, and scales and shifts the change. It is trained with the cross-entropy
    of Eq. 14 on effects predicted without the condition at hand, so it learns how far they can be trusted.

    Parameters
    ----------
    log_odds
        Of a control cell of ordinary detection: (n_cell_types, G).
    """

    same_shapes = True

    def __init__(self, log_odds: Tensor) -> None:
        super().__init__()
        self.register_buffer("control_log_odds", log_odds)
        self.weigh = Mlp([3, 16, 16, 2], "layer", 0.0)
        self.weigh.start_at_zero()

    def change(self, rows: ConditionRows, effect: Tensor, own: Tensor) -> Tensor:
        """Change of the log odds from control to the condition: (B, G)."""
        base = self.get_buffer("control_log_odds")[rows.cell_type]
        out = self.weigh(torch.stack([base / 4.0, effect, own.to(effect.dtype)], dim=2))
        return effect * (1.0 + out[..., 0]) + out[..., 1]

    def control(self, rows: ConditionRows, source: Tensor) -> Tensor:
        """Log odds of the control cell itself, at its level of detection: (B, G); needs values, not their scale."""
        base = self.get_buffer("control_log_odds")[rows.cell_type]
        return base + detection_offset((source > 0).sum(dim=1), base)[:, None]

    def log_odds(self, inputs: MaskInputs) -> Tensor:
        """See :class:`MaskModel`."""
        assert inputs.effect is not None
        assert inputs.own is not None
        return self.control(inputs.rows, inputs.source) + self.change(inputs.rows, inputs.effect, inputs.own)
