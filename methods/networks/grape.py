"""The network of GRAPE: two views of each gene, a graph made of them, attention by biotype, one mean per condition."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from methods.grape_settings import GrapeSettings
from methods.networks.graph_attention import Block, GraphAttention, Knockouts, Masks
from methods.networks.mlp import mlp

_SIMILARITY_HEADS = 3
_REFINEMENT_OUTPUT = 64
_READOUT_WIDTH = 128
_SMALL_START = 0.1
_SCORES_AT_ONCE = 1 << 26
"""Attention weights held at a time; more passes than that are computed one after the other, twice."""


class Grape(nn.Module):
    """Shift of every gene's mean for a set of knocked-out genes (Chi et al. 2025).

    Parameters
    ----------
    view_widths
        Lengths of the two views.
    n_genes, n_coding
        Genes, the coding ones first.
    settings
        Sizes and thresholds.
    """

    def __init__(self, view_widths: Sequence[int], n_genes: int, n_coding: int, settings: GrapeSettings) -> None:
        super().__init__()
        self.fusion = GeneFusion(view_widths, settings)
        self.refinement = GraphRefinement(settings)
        self.attention = BiotypeAttention(n_genes, n_coding, settings)
        self.readout = GeneReadout(n_genes, settings.output_width, running_moments=settings.running_moments)


class GeneFusion(nn.Module):
    """One vector per gene from two views; each view is also kept by itself, for the graph and the alignment."""

    def __init__(self, view_widths: Sequence[int], settings: GrapeSettings) -> None:
        super().__init__()
        self.heads = nn.ModuleList(_ViewHead(width, settings) for width in view_widths)
        sizes = (settings.width * len(view_widths), settings.width, settings.width)
        self.fuse = _normed_mlp(sizes, running_moments=settings.running_moments)

    def views(self, views: Sequence[Tensor]) -> list[Tensor]:
        """Each view brought to the same width: (n_genes, width) each."""
        return [head(view) for head, view in zip(self.heads, views, strict=True)]

    def forward(self, views: Sequence[Tensor]) -> Tensor:
        """Outputs of :meth:`views` to (n_genes, width)."""
        return cast(Tensor, self.fuse(functional.relu(torch.cat(list(views), dim=1))))


class _ViewHead(nn.Module):
    def __init__(self, width: int, settings: GrapeSettings) -> None:
        super().__init__()
        self.precision = 0.5 / settings.rbf_width**2
        self.project = nn.Linear(width, settings.width)
        self.mix = nn.Linear(settings.width, settings.width)
        self.norm = nn.LayerNorm(settings.width)

    def forward(self, view: Tensor) -> Tensor:
        """(n_genes, d) to (n_genes, width)."""
        projected = self.project(torch.exp(-self.precision * view.square()))
        return cast(Tensor, self.norm(self.mix(functional.gelu(projected)) + projected))


def similarity_graph(views: Sequence[Tensor], settings: GrapeSettings) -> Tensor:
    """Mean cosine similarity of the genes over several views, weak ones left out, rows of length 1: (n, n)."""
    mean = sum(_strong_cosines(view, settings.cosine_threshold) for view in views) / len(views)
    return _linked(cast(Tensor, mean), settings)


class GraphRefinement(nn.Module):
    """A graph learned from the similarity graph by convolutions over its strong edges."""

    def __init__(self, settings: GrapeSettings) -> None:
        super().__init__()
        self.settings = settings
        widths = (settings.width, settings.width, settings.width, _REFINEMENT_OUTPUT)
        self.convolutions = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.similarities = nn.ModuleList(
            nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(_SIMILARITY_HEADS)) for width in widths[1:]
        )
        self.weights = nn.Parameter(torch.full((len(widths) - 1,), 0.1))

    def forward(self, nodes: Tensor, similarity: Tensor) -> Tensor:
        """Refined graph, rows of length 1, weak edges left out: (n, width) and (n, n) to (n, n)."""
        threshold = self.settings.edge_threshold * self.settings.threshold_scale(len(nodes))
        adjacency = (similarity >= threshold).float()
        adjacency = adjacency + torch.eye(len(nodes), device=nodes.device)
        from_degree, to_degree = adjacency.sum(dim=0).rsqrt(), adjacency.sum(dim=1).rsqrt()
        smoothing = to_degree[:, None] * adjacency * from_degree
        graph = torch.zeros_like(similarity)
        for convolution, heads, weight in zip(
            self.convolutions, self.similarities, self.weights.softmax(dim=0), strict=True
        ):
            nodes = functional.relu(convolution(smoothing @ nodes))
            cosines = sum(_cosines(head(nodes)) for head in heads) / len(heads)
            graph = graph + weight * functional.normalize(cast(Tensor, cosines), p=1, dim=0)
        return _linked(graph, self.settings)


class BiotypeAttention(nn.Module):
    """Attention over coding–coding, coding–non-coding and non-coding–non-coding edges, added up.

    A kind of edge that the panel cannot have is left out: it would add the same vector to every gene.
    """

    def __init__(self, n_genes: int, n_coding: int, settings: GrapeSettings) -> None:
        super().__init__()
        coding, non_coding = slice(0, n_coding), slice(n_coding, n_genes)
        every = {
            "coding": [(coding, coding)],
            "mixed": [(coding, non_coding), (non_coding, coding)],
            "non_coding": [(non_coding, non_coding)],
        }
        self._ranges = {
            name: ranges
            for name, ranges in every.items()
            if all(t.start < t.stop and s.start < s.stop for t, s in ranges)
        }
        self.relations = nn.ModuleDict({name: _TwoAttentions(settings) for name in self._ranges})

    def forward(self, nodes: Tensor, graph: Tensor, knockouts: Knockouts) -> Tensor:
        """Vectors of the genes in each pass: (n, width) to (C, n, output_width).

        Parameters
        ----------
        graph
            Edges wherever it is above 0, (n, n); row = target.
        """
        edges = graph > 0
        total = torch.zeros((), device=nodes.device)
        for name, ranges in self._ranges.items():
            blocks = [Block(targets, sources, edges[targets, sources]) for targets, sources in ranges]
            total = total + self.relations[name](nodes, blocks, knockouts)
        return total


class _TwoAttentions(nn.Module):
    def __init__(self, settings: GrapeSettings) -> None:
        super().__init__()
        self.first = GraphAttention(settings.width, settings.heads, settings.width, settings.dropout)
        inside = settings.heads * settings.width
        self.second = GraphAttention(inside, settings.heads, settings.output_width, settings.dropout)

    def forward(self, nodes: Tensor, blocks: Sequence[Block], knockouts: Knockouts) -> Tensor:
        """(n, width) to (C, n, output_width)."""
        masks = self.first.draw_masks(len(nodes), blocks)
        hidden = functional.relu(self.first.knocked_out(nodes, blocks, masks, knockouts))
        masks = self.second.draw_masks(len(nodes), blocks)
        scores = self.second.heads * sum(block.edges.numel() for block in blocks)
        parts = hidden.split(max(1, _SCORES_AT_ONCE // scores))
        if len(parts) == 1:
            return self._second(hidden, blocks, masks)
        return torch.cat([checkpoint(self._second, part, blocks, masks, use_reentrant=False) for part in parts])

    def _second(self, hidden: Tensor, blocks: Sequence[Block], masks: Masks) -> Tensor:
        out = functional.relu(self.second(hidden, blocks, masks))
        return out.unflatten(-1, (self.second.heads, self.second.out)).mean(dim=-2)


class GeneReadout(nn.Module):
    """Each gene's shift from its vector, by weights of its own."""

    def __init__(self, n_genes: int, width: int, *, running_moments: bool) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            PassNorm(width, running=running_moments),
            nn.ReLU(),
            nn.Linear(width, _READOUT_WIDTH),
            PassNorm(_READOUT_WIDTH, running=running_moments),
            nn.ReLU(),
            nn.Linear(_READOUT_WIDTH, width),
            PassNorm(width, running=running_moments),
        )
        self.weight = nn.Parameter(torch.empty(n_genes, width))
        self.bias = nn.Parameter(torch.empty(n_genes))
        # Xavier of the release's shapes (n_genes, width, 1) and (n_genes, 1)
        nn.init.normal_(self.weight, std=(2.0 / (n_genes + width)) ** 0.5)
        nn.init.normal_(self.bias, std=(2.0 / (n_genes + 1)) ** 0.5)

    @torch.no_grad()
    def start_at(self, shift: Tensor) -> None:
        """Begin with predictions near a shift, (n_genes,), whatever was knocked out."""
        self.bias.copy_(shift)
        self.weight.mul_(_SMALL_START)

    def forward(self, vectors: Tensor) -> Tensor:
        """(C, n, width) to (C, n)."""
        return cast(Tensor, (self.layers(vectors) * self.weight).sum(dim=-1) + self.bias)


class PassNorm(nn.Module):
    """Batch norm over the genes of each pass by itself, as when passes are computed one after the other.

    Parameters
    ----------
    running
        Whether predictions use running moments, which every pass moves by a tenth; else their own.
    """

    def __init__(self, width: int, *, running: bool, momentum: float = 0.1, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.running, self.momentum, self.epsilon = running, momentum, epsilon
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.register_buffer("running_mean", torch.zeros(width))
        self.register_buffer("running_variance", torch.ones(width))

    def forward(self, vectors: Tensor) -> Tensor:
        """(C, n, width) to the same shape."""
        if self.running and not self.training:
            scaled = (vectors - self.running_mean) * (self.running_variance + self.epsilon).rsqrt()
            return scaled * self.weight + self.bias
        mean = vectors.mean(dim=1, keepdim=True)
        variance = vectors.var(dim=1, keepdim=True, correction=0)
        if self.training:
            unbiased = variance.detach()[:, 0] * vectors.shape[1] / (vectors.shape[1] - 1)
            self._remember(mean.detach()[:, 0], unbiased)
        return (vectors - mean) * (variance + self.epsilon).rsqrt() * self.weight + self.bias

    def _remember(self, means: Tensor, variances: Tensor) -> None:
        for running, found in ((self.running_mean, means), (self.running_variance, variances)):
            age = torch.arange(len(found) - 1, -1, -1, device=found.device)
            shares = self.momentum * (1 - self.momentum) ** age
            running.mul_((1 - self.momentum) ** len(found)).add_(shares @ found)


def _normed_mlp(sizes: tuple[int, ...], *, running_moments: bool) -> nn.Sequential:
    """An MLP with batch norm after every layer, the last included.

    When predicting it normalises by running moments of the training passes, or by the batch's own.
    """

    def norm(width: int) -> nn.Module:
        return nn.BatchNorm1d(width, track_running_stats=running_moments)

    return nn.Sequential(mlp(sizes, norm=norm), norm(sizes[-1]))


def projector(settings: GrapeSettings) -> nn.Sequential:
    """What a view passes through when it is aligned with the other; used in the alignment alone."""
    return _normed_mlp((settings.width, settings.width, settings.projection_width), running_moments=False)


def _cosines(vectors: Tensor) -> Tensor:
    unit = functional.normalize(vectors, dim=1)
    return unit @ unit.T


def _strong_cosines(vectors: Tensor, threshold: float) -> Tensor:
    cosines = _cosines(vectors)
    return cosines * (cosines >= threshold)


def _linked(graph: Tensor, settings: GrapeSettings) -> Tensor:
    """Rows of length 1, entries below the link threshold zeroed."""
    rows = functional.normalize(graph, dim=1)
    return rows * (rows >= settings.link_threshold * settings.threshold_scale(len(graph)))
