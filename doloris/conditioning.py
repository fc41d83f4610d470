"""The condition vector: genes by graph attention, drugs by a vector gated by dose, control by a token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch_geometric.nn import GATConv

from doloris.config import DolorisConfig
from doloris.data import Perturbation
from doloris.layers import Mlp

DOSE_UNIT = 1e4
"""nM in one unit of dose of the network's input (section 1.2: .001 to 1)."""


@dataclass(frozen=True)
class ConditionRows:
    """Conditions as tensors, one row each.

    Parameters
    ----------
    genes
        Node numbers, -1 where there are fewer: (B, most genes).
    drug
        Row of the drug vectors, -1 for none: (B,).
    dose
        In units of 10 µM: (B,).
    cell_type
        (B,).
    control
        (B,), bool.
    """

    genes: Tensor
    drug: Tensor
    dose: Tensor
    cell_type: Tensor
    control: Tensor

    def __getitem__(self, rows: Tensor) -> ConditionRows:
        return ConditionRows(
            self.genes[rows], self.drug[rows], self.dose[rows], self.cell_type[rows], self.control[rows]
        )

    def __len__(self) -> int:
        return int(self.drug.numel())

    def hidden(self, drop: Tensor) -> ConditionRows:
        """The same with the genes or the drug of some rows unknown: ``drop`` (B,) bool."""
        genes, drug = torch.where(drop[:, None], -1, self.genes), torch.where(drop, -1, self.drug)
        return replace(self, genes=genes, drug=drug)


def condition_rows(conditions: Sequence[Perturbation], nodes: Mapping[str, int], device: torch.device) -> ConditionRows:
    """Tensors of conditions; every gene must be among ``nodes``."""
    most = max(1, max((len(condition.genes) for condition in conditions), default=1))
    genes = np.full((len(conditions), most), -1, dtype=np.int64)
    for row, condition in enumerate(conditions):
        genes[row, : len(condition.genes)] = [nodes[gene] for gene in condition.genes]
    control = [condition.is_control for condition in conditions]
    drug = [-1 if condition.drug is None or condition.is_control else condition.drug for condition in conditions]
    return ConditionRows(
        torch.from_numpy(genes).to(device),
        torch.tensor(drug, device=device),
        torch.tensor([condition.dose / DOSE_UNIT for condition in conditions], device=device, dtype=torch.float32),
        torch.tensor([condition.cell_type for condition in conditions], device=device),
        torch.tensor(control, device=device),
    )


class GeneEncoder(nn.Module):
    """Two graph attention layers over frozen gene features (Eq. 22, A.7; section 4).

    Parameters
    ----------
    features
        (n_nodes, n_features), frozen.
    edges
        (2, m) both directions, no self loops.
    """

    def __init__(self, features: Tensor, edges: Tensor, config: DolorisConfig) -> None:
        super().__init__()
        width, heads = config.widths.condition, config.widths.heads
        self.register_buffer("features", features)
        self.register_buffer("edges", edges)
        # with the self loops of graph attention, which the layers would add at every step
        loops = torch.arange(len(features), device=edges.device).expand(2, -1)
        self.register_buffer("looped", torch.cat([edges, loops], dim=1), persistent=False)
        self.scale = nn.LayerNorm(features.shape[1])
        self.convolutions = nn.ModuleList(
            [
                GATConv(inputs, width // heads, heads=heads, add_self_loops=False)
                for inputs in (features.shape[1], width)
            ]
        )
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.dropout = nn.Dropout(config.dropout)

    def forward(self) -> Tensor:
        """Vectors of all nodes, encoded once: (n_nodes, condition width)."""
        nodes = self.scale(self.get_buffer("features"))
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            nodes = self.dropout(torch.relu(norm(convolution(nodes, self.get_buffer("looped")))))
        out: Tensor = nodes
        return out


class DrugEncoder(nn.Module):
    """A molecule's vector gated by its dose (section 4).

    Parameters
    ----------
    vectors
        (n_drugs, d), frozen.
    width, hidden
        Output and hidden width.
    """

    def __init__(self, vectors: Tensor, width: int, hidden: int, config: DolorisConfig) -> None:
        super().__init__()
        self.register_buffer("vectors", vectors)
        self.molecule = Mlp([vectors.shape[1], hidden, width], config.norm, config.dropout)
        self.gate = Mlp([width + 1, width, width, 1], config.norm, config.dropout)

    def forward(self, drug: Tensor, dose: Tensor) -> Tensor:
        """Vectors of (B,) drugs at (B,) doses: (B, width)."""
        molecule = self.molecule(self.get_buffer("vectors")[drug])
        gate = torch.sigmoid(self.gate(torch.cat([molecule, dose[:, None]], dim=1)))
        out: Tensor = gate * molecule
        return out


class Conditioning(nn.Module):
    """Condition rows to condition vectors of trunk width.

    Parameters
    ----------
    features, edges
        Of the gene graph; see :class:`GeneEncoder`.
    drug_vectors
        Frozen drug vectors; ``None`` for a gene screen.
    """

    def __init__(
        self, features: Tensor, edges: Tensor, drug_vectors: Tensor | None, n_cell_types: int, config: DolorisConfig
    ) -> None:
        super().__init__()
        width, trunk = config.widths.condition, config.widths.trunk
        self.pair_rule = config.pair_rule
        self.width = width
        self.control = nn.Parameter(torch.empty(1, width))
        nn.init.xavier_normal_(self.control)
        self.genes = self.drugs = None
        if config.perturbation_dropout < 1:
            if drug_vectors is None:
                self.genes = GeneEncoder(features, edges, config)
            else:
                self.drugs = DrugEncoder(drug_vectors, width, 2 * width, config)
        self.cell_types = None
        if n_cell_types > 1:
            self.cell_types = nn.Embedding(n_cell_types, width)
            self.cell_type_layers = Mlp([width, width, width], config.norm, config.dropout)
            self.cell_type_norm = nn.LayerNorm(width)
        self.decode = Mlp([width, trunk, trunk, trunk], config.norm, config.dropout)

    @property
    def same_shapes(self) -> bool:
        """Whether every batch is computed with the same shapes: drugs and summed pairs take their own rows apart."""
        return self.drugs is None and (self.genes is None or self.pair_rule == "sum_embedded")

    def encode_graph(self) -> Tensor | None:
        """Vectors of all genes; once per step. ``None`` where genes do not reach the network."""
        return None if self.genes is None else self.genes()

    def cell_type_vector(self, cell_type: Tensor) -> Tensor | None:
        """Learned vectors of (B,) cell types; ``None`` where there is one."""
        return None if self.cell_types is None else self.cell_types(cell_type)

    def forward(self, rows: ConditionRows, encoded: Tensor | None) -> Tensor:
        """Condition vectors: (B, trunk width).

        Parameters
        ----------
        rows
            Conditions.
        encoded
            What :meth:`encode_graph` returned.
        """
        parts, present = self._parts(rows, encoded)
        if self.pair_rule == "sum_embedded" or parts.shape[1] == 1:
            out: Tensor = self.decode(self._with_cell_type((parts * present[..., None]).sum(dim=1), rows.cell_type))
            return out
        row, slot = torch.nonzero(present, as_tuple=True)
        decoded = self.decode(self._with_cell_type(parts[row, slot], rows.cell_type[row]))
        return decoded.new_zeros(len(rows), decoded.shape[1]).index_add(0, row, decoded)

    def _with_cell_type(self, vectors: Tensor, cell_type: Tensor) -> Tensor:
        types = self.cell_type_vector(cell_type)
        return vectors if types is None else vectors + self.cell_type_norm(self.cell_type_layers(types))

    def _parts(self, rows: ConditionRows, encoded: Tensor | None) -> tuple[Tensor, Tensor]:
        """Vectors of the single perturbations (B, k, width), the control's token first, and 1 where there is one."""
        parts, present = self._perturbations(rows, encoded)
        first = torch.arange(parts.shape[1], device=parts.device) == 0
        control = rows.control[:, None]
        present = torch.where(control, first.to(present.dtype), present)
        return torch.where((control & first)[..., None], self.control, parts), present

    def _perturbations(self, rows: ConditionRows, encoded: Tensor | None) -> tuple[Tensor, Tensor]:
        if self.drugs is not None:
            return self._drug_vectors(rows)[:, None], (rows.drug >= 0).to(self.control.dtype)[:, None]
        if encoded is None:
            return self.control.new_zeros(len(rows), 1, self.width), self.control.new_zeros(len(rows), 1)
        return encoded[rows.genes.clamp_min(0)], (rows.genes >= 0).to(encoded.dtype)

    def _drug_vectors(self, rows: ConditionRows) -> Tensor:
        """Vectors of (B,) drugs; only drugs pass the encoder, whose batch norm must not see controls: (B, width)."""
        assert self.drugs is not None
        out = self.control.new_zeros(len(rows), self.width)
        known = torch.nonzero(rows.drug >= 0).ravel()
        return out.index_copy(0, known, self.drugs(rows.drug[known], rows.dose[known])) if len(known) else out
