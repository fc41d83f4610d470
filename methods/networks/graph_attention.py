"""Graph attention on a dense adjacency, for many knock-outs of one graph at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn import functional

_SLOPE = 0.2
_NO_EDGE = -1e9


@dataclass(frozen=True)
class Block:
    """Edges from a range of genes to a range of genes.

    Parameters
    ----------
    targets, sources
        Ranges of node numbers, with start and stop.
    edges
        (n_targets, n_sources) bool.
    """

    targets: slice
    sources: slice
    edges: Tensor

    @cached_property
    def barrier(self) -> Tensor:
        """What is added to a logit: so much less than any where there is no edge, else 0.

        Not minus infinity: a row without edges has no softmax then, and its gradient would spoil all others.
        """
        return torch.where(self.edges, 0.0, _NO_EDGE)


@dataclass(frozen=True)
class Knockouts:
    """Nodes whose vectors are multiplied by a factor, in each of several passes.

    Parameters
    ----------
    nodes
        (C, M) int64; entries beyond a pass's number of nodes are -1.
    factor
        What the vectors are multiplied by.
    """

    nodes: Tensor
    factor: float

    def factors(self, where: slice) -> Tensor:
        """Factor of every node of a range in every pass, (C, n)."""
        inside, position = _within(self.nodes, where)
        n = where.stop - where.start
        spare = torch.where(inside, position, n)  # what lies outside goes into a column that is dropped
        ones = torch.ones(len(self.nodes), n + 1, device=self.nodes.device)
        return ones.scatter(1, spare, self.factor)[:, :n]


@dataclass(frozen=True)
class Masks:
    """What dropout leaves, the same for all passes.

    Parameters
    ----------
    nodes
        Factor of every entry of the nodes' vectors, (N, width).
    edges
        Factor of every attention weight of each block, (heads, n_targets, n_sources); 0 where there is no edge.
    """

    nodes: Tensor
    edges: tuple[Tensor, ...]


class GraphAttention(nn.Module):
    """Attention of each node over its neighbours, unweighted edges (Veličković et al. 2018).

    A node without neighbours gets the bias alone. Each target must lie in one block at most.

    Parameters
    ----------
    width, heads, out
        Width of a node's vector, attention heads, and width of each head's output.
    dropout
        Of the vectors and of the attention weights.
    """

    def __init__(self, width: int, heads: int, out: int, dropout: float) -> None:
        super().__init__()
        self.width, self.heads, self.out = width, heads, out
        self.project = nn.Linear(width, heads * out, bias=False)
        self.source = nn.Parameter(torch.empty(heads, out))
        self.target = nn.Parameter(torch.empty(heads, out))
        self.bias = nn.Parameter(torch.zeros(heads * out))
        self.dropout = nn.Dropout(dropout)
        gain = nn.init.calculate_gain("relu")
        for weight in (self.project.weight, self.source, self.target):
            nn.init.xavier_normal_(weight, gain=gain)

    def draw_masks(self, n_nodes: int, blocks: Sequence[Block]) -> Masks:
        """Draw what dropout leaves; all of it when predicting."""
        nodes = self.dropout(torch.ones(n_nodes, self.width, device=self.bias.device))
        return Masks(nodes, tuple(self.dropout(block.edges.float().expand(self.heads, -1, -1)) for block in blocks))

    def forward(self, nodes: Tensor, blocks: Sequence[Block], masks: Masks) -> Tensor:
        """Vectors of the nodes in several passes: (C, N, width) to (C, N, heads × out)."""
        projected = self._projected(nodes * masks.nodes)  # (C, heads, N, out)
        as_source, as_target = self._logits(projected)  # (C, heads, N)
        mixed = torch.zeros_like(projected)
        for block, kept in zip(blocks, masks.edges, strict=True):
            scores = as_target[..., block.targets, None] + as_source[..., None, block.sources]
            # These are the largest tensors of all, so they are changed in place
            scores.add_(block.barrier)
            weights = functional.leaky_relu_(scores, _SLOPE).softmax(dim=-1)
            mixed[..., block.targets, :] = (weights * kept) @ projected[..., block.sources, :]
        return self._finished(mixed)

    def knocked_out(self, nodes: Tensor, blocks: Sequence[Block], masks: Masks, knockouts: Knockouts) -> Tensor:
        """What :meth:`forward` gives for ``nodes`` with some of them multiplied: (N, width) to (C, N, heads × out).

        Projection and attention over all nodes that no pass knocks out are computed once. What a pass has of its own
        are a column of the attention for each knock-out and the knocked-out nodes' rows.
        """
        projected = self._projected(nodes * masks.nodes)  # (heads, N, out)
        as_source, as_target = self._logits(projected)  # (heads, N)
        mixed = projected.new_zeros(len(knockouts.nodes), *projected.shape)
        for block, kept in zip(blocks, masks.edges, strict=True):
            part = _BlockScores(projected[:, block.sources], as_source[:, block.sources], as_target[:, block.targets])
            mixed[:, :, block.targets] = _other_rows(part, block, knockouts, kept)
            passes, which, rows = _own_rows(part, block, knockouts, kept)
            mixed[passes, :, which] = rows
        return self._finished(mixed)

    def _projected(self, nodes: Tensor) -> Tensor:
        vectors: Tensor = self.project(nodes)
        return vectors.unflatten(-1, (self.heads, self.out)).transpose(-2, -3)

    def _logits(self, projected: Tensor) -> tuple[Tensor, Tensor]:
        return (projected * self.source[:, None]).sum(dim=-1), (projected * self.target[:, None]).sum(dim=-1)

    def _finished(self, mixed: Tensor) -> Tensor:
        return mixed.transpose(-2, -3).flatten(-2) + self.bias


@dataclass(frozen=True)
class _BlockScores:
    """Projected sources (heads, S, out), and logits of sources (heads, S) and targets (heads, T)."""

    projected: Tensor
    as_source: Tensor
    as_target: Tensor


def _other_rows(part: _BlockScores, block: Block, knockouts: Knockouts, kept: Tensor) -> Tensor:
    """Outputs of all targets as if none of them were knocked out itself: (C, heads, T, out).

    Sources that no pass knocks out are summed up once, and each pass adds the few others with weights of its own.
    Nothing is ever taken away from a sum, so no digits are lost where a knocked-out source had nearly all the weight.
    """
    inside, position = _within(knockouts.nodes, block.sources)
    special = position[inside].unique()  # (K,)
    factors = knockouts.factors(block.sources)[:, special]  # (C, K)

    linked = block.edges.index_fill(1, special, False)
    scores = functional.leaky_relu(part.as_target[..., None] + part.as_source[:, None], _SLOPE)
    scores = scores.masked_fill(~linked, _NO_EDGE)  # (heads, T, S)
    highest = scores.detach().amax(dim=-1)  # (heads, T)
    weights = (scores - highest[..., None]).exp() * linked
    sums, totals = (weights * kept) @ part.projected, weights.sum(dim=-1)

    own_edges = block.edges[:, special]  # (T, K)
    level = factors[:, None] * part.as_source[:, special]  # (C, heads, K)
    own_scores = functional.leaky_relu(part.as_target[..., None] + level[:, :, None], _SLOPE)
    own_scores = own_scores.masked_fill(~own_edges, _NO_EDGE)  # (C, heads, T, K)
    reference = torch.cat([highest[..., None].expand(len(level), -1, -1, 1), own_scores.detach()], dim=-1).amax(dim=-1)
    shrink = (highest - reference).exp()
    own_weights = (own_scores - reference[..., None]).exp() * own_edges
    own_sums = (own_weights * kept[:, :, special] * factors[:, None, None]) @ part.projected[:, special]
    totals = totals * shrink + own_weights.sum(dim=-1)  # (C, heads, T); at least 1 where there is an edge
    return (sums * shrink[..., None] + own_sums) / totals.where(totals > 0, 1.0)[..., None]


def _own_rows(part: _BlockScores, block: Block, knockouts: Knockouts, kept: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Passes (K,), nodes (K,) and outputs (K, heads, out) of the targets that are knocked out."""
    inside, position = _within(knockouts.nodes, block.targets)
    passes, which = inside.nonzero(as_tuple=True)
    rows = position[passes, which]
    factors = knockouts.factors(block.sources)[passes][:, None]  # (K, 1, S)
    scores = knockouts.factor * part.as_target[:, rows].T[..., None] + part.as_source * factors  # (K, heads, S)
    scores = functional.leaky_relu(scores + block.barrier[rows][:, None], _SLOPE)
    weights = scores.softmax(dim=-1) * kept[:, rows].transpose(0, 1) * factors
    return passes, rows + block.targets.start, torch.einsum("khs,hso->kho", weights, part.projected)


def _within(nodes: Tensor, where: slice) -> tuple[Tensor, Tensor]:
    """Which nodes lie in a range, and their positions in it (any position for those that do not): (C, M) each."""
    inside = (nodes >= where.start) & (nodes < where.stop)
    return inside, torch.where(inside, nodes - where.start, 0)
