"""The GraphVCI network: encoder and decoder of cells, both conditioned on a learned gene graph."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from methods.base import Progress
from methods.graphvci import GraphVciConfig
from methods.networks.batches import DeviceCells, epoch
from methods.networks.epochs import Epochs
from methods.networks.mlp import mlp

_SMALLEST = 1e-3


@dataclass(frozen=True)
class GraphVciData:
    """What the network is trained on.

    Parameters
    ----------
    cells
        Cells to fit on.
    condition_of
        Condition of each cell, (n_cells,) int64.
    treatments
        Treatment vector of each condition, zeros for control: (n_conditions, width) float32.
    types
        Cell type of each condition, (n_conditions,) int64.
    n_types
        Number of cell types.
    edges
        Source and target genes of the graph, without self loops: (2, n_edges) int64.
    treatment_of
        Treatment, with its dose, of each condition, -1 for control: (n_conditions,) int64.
    treatment_vectors
        Vector of each such treatment, (n_treatments, width) float32.
    counterparts
        Condition of a cell type under a treatment, -1 where no cell is fitted on: (n_types, n_treatments) int64.
    means
        Mean profile of each condition, (n_conditions, n_genes) float32.
    """

    cells: DeviceCells
    condition_of: Tensor
    treatments: Tensor
    types: Tensor
    n_types: int
    edges: Tensor
    treatment_of: Tensor
    treatment_vectors: Tensor
    counterparts: Tensor
    means: Tensor


class GeneGraph(nn.Module):
    """One attention-like layer over a gene graph: learned node features, learned weight of every edge.

    Parameters
    ----------
    n_genes
        Number of nodes.
    width
        Width of the node features, in and out.
    edges
        Source and target, (2, n_edges); self loops are added.
    """

    def __init__(self, n_genes: int, width: int, edges: Tensor) -> None:
        super().__init__()
        loops = torch.arange(n_genes, device=edges.device).expand(2, -1)
        self.register_buffer("edges", torch.cat([edges, loops], dim=1), persistent=False)
        self.features = nn.Parameter(torch.randn(n_genes, width))
        self.logits = nn.Parameter(torch.ones(self.edges.shape[1]))
        self.linear = nn.Linear(width, width)

    def forward(self) -> Tensor:
        """Nodes: (n_genes, width)."""
        source, target = self.edges
        strength = (self.logits - self.logits.detach().max()).exp()
        total = strength.new_zeros(len(self.features)).index_add(0, target, strength)
        weight = strength / total[target]
        message = weight[:, None] * (self.features @ self.linear.weight.T)[source]
        received = torch.zeros_like(self.features).index_add(0, target, message)
        return torch.relu(received + self.linear.bias)


class GraphVciNetwork(nn.Module):
    """Encoder, gene graph and decoder.

    Parameters
    ----------
    n_genes
        Width of a cell.
    width
        Length of a treatment vector.
    n_types
        Number of cell types.
    edges
        Gene graph, (2, n_edges).
    config
        Sizes.
    treatment_width
        Width that treatment vectors are mapped to; ``None`` where they are taken as they are.
    """

    def __init__(
        self,
        n_genes: int,
        width: int,
        n_types: int,
        edges: Tensor,
        config: GraphVciConfig,
        treatment_width: int | None,
    ) -> None:
        super().__init__()
        treatment, hidden, latent = treatment_width or width, config.hidden, config.latent
        self.treatment = nn.Linear(width, treatment_width, bias=False) if treatment_width else nn.Identity()
        self.outcome = nn.Linear(n_genes, config.outcome)
        self.types = nn.Embedding(n_types, config.covariate)
        self.encoder = mlp((config.outcome + treatment + config.covariate, hidden, hidden, latent), norm=nn.BatchNorm1d)
        self.graph = GeneGraph(n_genes, config.node, edges)
        self.summary = nn.Linear(config.node, 2 * latent)
        self.decoder = mlp((latent + treatment, hidden, hidden), norm=nn.BatchNorm1d)
        self.readout = nn.Linear(config.node, 2 * hidden)
        self.register_buffer("offset", torch.zeros(n_genes))

    def posterior(self, cells: Tensor, treatments: Tensor, types: Tensor, nodes: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the latent, twice (B, latent).

        Parameters
        ----------
        cells, treatments, types
            (B, g), (B, width) and (B,): a cell, what it received and its type.
        nodes
            Output of the graph, (g, node).
        """
        parts = [torch.relu(self.outcome(cells)), self.treatment(treatments), self.types(types)]
        encoded = self.encoder(torch.cat(parts, dim=1))
        context = torch.relu(self.summary(nodes.mean(dim=0))).view(2, -1)
        heads = torch.relu(encoded[:, None] + context)
        return heads[:, 0], softplus(heads[:, 1]) + _SMALLEST

    def decode(self, latent: Tensor, treatments: Tensor, nodes: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of cells, twice (B, g), from latents, (B, latent), and treatments, (B, width)."""
        decoded = self.decoder(torch.cat([latent, self.treatment(treatments)], dim=1))
        mean_map, spread_map = self.readout(nodes).chunk(2, dim=1)
        return self.offset + decoded @ mean_map.T, softplus(decoded @ spread_map.T) + _SMALLEST

    def predict(self, controls: Tensor, treatment: Tensor, types: Tensor, *, draw: bool) -> Tensor:
        """Control cells, (B, g), had they received a treatment, (width,): (B, g).

        Parameters
        ----------
        draw
            Whether latents are drawn from the posterior rather than its mean.
        """
        nodes = self.graph()
        treatments = treatment.expand(len(controls), -1)
        mean, spread = self.posterior(controls, torch.zeros_like(treatments), types.expand(len(controls)), nodes)
        latent = torch.normal(mean, spread) if draw else mean
        return self.decode(latent, treatments, nodes)[0]


class GraphVciTrainer:
    """Trains a new network.

    Parameters
    ----------
    data
        What to train on.
    config
        How.
    treatment_width
        See :class:`GraphVciNetwork`.
    device
        Where.
    """

    def __init__(self, data: GraphVciData, config: GraphVciConfig, treatment_width: int | None, device: str) -> None:
        self._data, self._config, self._device = data, config, device
        width = data.treatments.shape[1]
        network = GraphVciNetwork(data.cells.shape[1], width, data.n_types, data.edges, config, treatment_width)
        self.network = network.to(device)
        if config.start == "mean":
            self.network.offset.copy_(data.means[data.condition_of.unique()].mean(dim=0))
        self._judge = copy.deepcopy(self.network).requires_grad_(requires_grad=False)
        self._optimiser = torch.optim.Adam(
            self.network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
        )
        treated = data.treatment_of[data.condition_of]
        self._treated = treated[treated >= 0]
        self._by_condition = torch.argsort(data.condition_of, stable=True)
        self._count = torch.bincount(data.condition_of, minlength=len(data.types))
        self._first = self._count.cumsum(0) - self._count

    def run(self, progress: Progress, validate: Callable[[GraphVciNetwork], float] | None) -> None:
        """Train; see :meth:`methods.networks.epochs.Epochs.run`."""
        config = self._config
        every = config.decay_every or config.epochs + 1
        schedule = torch.optim.lr_scheduler.StepLR(self._optimiser, every, config.decay)

        def once() -> Tensor:
            loss = self._epoch()
            schedule.step()
            return loss

        epochs = Epochs(config.epochs, config.validate_every, config.patience, config.learning_rate)
        epochs.run(self.network, once, progress, validate)

    def _epoch(self) -> Tensor:
        self._judge.load_state_dict(self.network.state_dict())
        self._judge_nodes = self._judge.graph().detach()
        batches = epoch(self._data.cells.shape[0], self._config.batch_size, self._device)
        return torch.stack([self._step(index) for index in batches]).mean()

    def _step(self, index: Tensor) -> Tensor:
        data, config, network = self._data, self._config, self.network
        cells, conditions = data.cells.rows(index), data.condition_of[index]
        treatments, types = data.treatments[conditions], data.types[conditions]
        nodes = network.graph()
        mean, spread = network.posterior(cells, treatments, types, nodes)

        draws = mean + spread * torch.randn(config.samples + 1, *mean.shape, device=mean.device)
        own_mean, own_spread = network.decode(draws[:-1].flatten(0, 1), treatments.repeat(config.samples, 1), nodes)
        residual = (cells - own_mean.view(config.samples, *cells.shape)) / own_spread.view(config.samples, *cells.shape)
        own = own_spread.log().mean() + 0.5 * residual.square().mean()

        other = self._treated[torch.randint(len(self._treated), (len(index),), device=self._device)]
        counterpart = data.counterparts[types, other]
        there = counterpart >= 0
        other_treatments = data.treatment_vectors[other]
        imagined, _ = network.decode(draws[-1], other_treatments, nodes)
        distance = 0.5 * (imagined - self._real(counterpart)).square().mean(dim=1)
        match = (distance * there).sum() / there.sum().clamp_min(1)

        judged, judged_spread = self._judge.posterior(imagined, other_treatments, types, self._judge_nodes)
        variance_ratio = (spread / judged_spread).square()
        gap = ((mean - judged) / judged_spread).square()
        agreement = 0.5 * (variance_ratio + gap - 1 - variance_ratio.log()).mean()

        loss: Tensor = config.own * own + config.match * match + config.agreement * agreement
        self._optimiser.zero_grad()
        loss.backward()
        self._optimiser.step()
        return loss.detach()

    def _real(self, counterpart: Tensor) -> Tensor:
        """Mean of real cells of conditions, (B,) with -1 for none: (B, g)."""
        known = counterpart.clamp_min(0)
        n = self._config.match_cells
        if n is None:
            return self._data.means[known]
        place = (torch.rand(len(known), n, device=self._device) * self._count[known, None]).long()
        rows = self._by_condition[self._first[known, None] + place]
        return self._data.cells.rows(rows.flatten()).view(len(known), n, -1).mean(dim=1)
