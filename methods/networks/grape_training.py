"""Aligns GRAPE's views, trains it on cells of whole conditions, and predicts means."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from methods.base import Progress
from methods.grape_settings import GrapeSettings
from methods.grape_views import Views
from methods.networks.batches import DeviceCells, epoch
from methods.networks.divergence import finite
from methods.networks.grape import Grape, projector, similarity_graph
from methods.networks.graph_attention import Knockouts
from methods.networks.seeding import seeded
from methods.training_cells import TrainingCells

_REPORT_EVERY = 10


class FittedGrape:
    """A trained network with the genes' vectors and the graph it ended with.

    Parameters
    ----------
    order
        Position among the sorted genes of each node: coding genes come first, (n_genes,).
    """

    def __init__(self, network: Grape, views: Sequence[Tensor], order: np.ndarray, settings: GrapeSettings) -> None:
        self._network, self._settings, self._order = network.eval(), settings, order
        self._node_of = np.argsort(order)
        with torch.no_grad():
            self._nodes, self._graph = _nodes_and_graph(network, views, settings)[:2]

    @torch.no_grad()
    def shift(self, perturbed: Sequence[int]) -> np.ndarray:
        """Shift of every gene's mean, sorted genes, when those at these positions are knocked out: (n_genes,)."""
        nodes = torch.tensor([[int(self._node_of[position]) for position in perturbed]], device=self._nodes.device)
        knockouts = Knockouts(nodes.long(), self._settings.factor_when_predicting)
        shift = self._network.readout(self._network.attention(self._nodes, self._graph, knockouts))[0]
        out: np.ndarray = shift.cpu().numpy()[self._node_of]
        return out


def fit_grape(
    cells: TrainingCells,
    views: Views,
    coding: np.ndarray,
    settings: GrapeSettings,
    *,
    seed: int,
    device: str,
    progress: Progress,
) -> FittedGrape:
    """Align the views, then regress cells on their condition's prediction.

    Parameters
    ----------
    cells
        Conditions whose perturbed genes are all in the panel and whose cell type has controls.
    coding
        Which of the sorted genes are coding, (n_genes,) bool.
    """
    order = np.argsort(~coding, kind="stable")
    with seeded(seed, device):
        both = [torch.from_numpy(view[order]).to(device) for view in (views.first, views.second)]
        network = Grape([view.shape[1] for view in both], len(order), int(coding.sum()), settings).to(device)
        _align(network, both, settings)
        _train(network, both, _Targets(cells, order, device), settings, seed, progress)
    return FittedGrape(network, both, order, settings)


def batches_of_conditions(
    condition_of: np.ndarray, batch_size: int, n_conditions: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Batches of one pass over the cells, each with cells of few conditions: row numbers, (B,).

    The shuffled cells of each condition are cut into groups of nearly equal size, at most
    ``batch_size / n_conditions``; a batch is ``n_conditions`` random groups.
    """
    shuffled = rng.permutation(condition_of.size)
    by_condition = shuffled[np.argsort(condition_of[shuffled], kind="stable")]
    sizes = np.bincount(condition_of)
    parts = np.split(by_condition, np.cumsum(sizes)[:-1])
    n_groups = _groups(sizes, batch_size, n_conditions)
    groups = [group for part, n in zip(parts, n_groups, strict=True) if n for group in np.array_split(part, n)]
    order = rng.permutation(len(groups))
    for start in range(0, len(order), n_conditions):
        yield np.concatenate([groups[number] for number in order[start : start + n_conditions]])


def _groups(sizes: np.ndarray, batch_size: int, n_conditions: int) -> np.ndarray:
    """Number of groups that each condition's cells are cut into."""
    return -(-sizes // max(1, batch_size // n_conditions))


class _Targets:
    """Cells to regress on, in the network's order of genes, and what was done to them."""

    def __init__(self, cells: TrainingCells, order: np.ndarray, device: str) -> None:
        self.cells = DeviceCells(cells.matrix[:, order], device)
        self.condition_of = cells.condition_of
        self.device = device
        node_of = {gene: node for node, gene in enumerate(cells.panel.sorted_genes[order])}
        self.knocked = _padded([[node_of[gene] for gene in c.perturbations] for c in cells.conditions]).to(device)
        controls = np.stack([cells.control_means[c.cell_type][order] for c in cells.conditions])
        self.controls = torch.from_numpy(controls).float().to(device)
        perturbed = [not condition.is_control for condition in cells.conditions]
        self.mean_shift = torch.from_numpy((cells.means[:, order] - controls)[perturbed].mean(axis=0)).float()

    def batch(self, rows: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        """Cells (B, n), their conditions (C,), and the place of each cell's condition among them (B,)."""
        conditions, place = np.unique(self.condition_of[rows], return_inverse=True)
        index = torch.from_numpy(rows).to(self.device)
        return (
            self.cells.rows(index),
            torch.from_numpy(conditions).to(self.device),
            torch.from_numpy(place).to(self.device),
        )


def _padded(groups: Sequence[Sequence[int]]) -> Tensor:
    longest = max(1, *(len(group) for group in groups))
    return torch.tensor([[*group, *[-1] * (longest - len(group))] for group in groups])


def _align(network: Grape, views: Sequence[Tensor], settings: GrapeSettings) -> None:
    """Make the second view of a gene the one most like its first (InfoNCE, in one direction)."""
    device = views[0].device
    projectors = nn.ModuleList(projector(settings) for _ in views).to(device)
    trained = [*network.fusion.heads.parameters(), *projectors.parameters()]
    optimiser = torch.optim.Adam(trained, lr=settings.learning_rate, fused=True)
    for _ in range(settings.alignment_epochs):
        for genes in epoch(len(views[0]), settings.alignment_batch, str(device)):
            one, other = (
                functional.normalize(project(functional.relu(view)), dim=1)
                for project, view in zip(projectors, network.fusion.views([view[genes] for view in views]), strict=True)
            )
            loss = functional.cross_entropy(one @ other.T, torch.arange(len(genes), device=device))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()


def _train(
    network: Grape, views: Sequence[Tensor], targets: _Targets, settings: GrapeSettings, seed: int, progress: Progress
) -> None:
    optimiser = torch.optim.Adam(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    if settings.start == "mean":
        network.readout.start_at(targets.mean_shift)
    network.train()
    step, total = 0, _number_of_steps(targets, settings)
    last = 0.0 if settings.schedule == "linear" else 1.0
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, last, total_iters=total)
    passes = 0
    while step < total:
        passes += 1
        for rows in _epoch(targets, settings, np.random.default_rng([seed, step])):
            loss = _loss(network, views, *targets.batch(rows), targets, settings)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            step += 1
            if step % _REPORT_EVERY == 0 or step == total:
                progress(step, total, loss=finite(loss.item(), passes, settings.learning_rate))
            if step == total:
                break


def _number_of_steps(targets: _Targets, settings: GrapeSettings) -> int:
    if settings.conditions_per_batch is None:
        batches = math.ceil(targets.condition_of.size / settings.batch_size)
    else:
        groups = _groups(np.bincount(targets.condition_of), settings.batch_size, settings.conditions_per_batch)
        batches = math.ceil(groups.sum() / settings.conditions_per_batch)
    return max(settings.least_steps, settings.epochs * batches)


def _epoch(targets: _Targets, settings: GrapeSettings, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Row numbers of the batches of one pass."""
    if settings.conditions_per_batch is not None:
        yield from batches_of_conditions(targets.condition_of, settings.batch_size, settings.conditions_per_batch, rng)
        return
    shuffled = rng.permutation(targets.condition_of.size)
    yield from np.array_split(shuffled, math.ceil(shuffled.size / settings.batch_size))


def _loss(
    network: Grape,
    views: Sequence[Tensor],
    cells: Tensor,
    conditions: Tensor,
    place: Tensor,
    targets: _Targets,
    settings: GrapeSettings,
) -> Tensor:
    """Square and Huber loss of the conditions' means against their cells, and distance of the two graphs."""
    nodes, graph, similarity = _nodes_and_graph(network, views, settings)
    shift = network.readout(network.attention(nodes, graph, Knockouts(targets.knocked[conditions], 0.0)))
    predicted = (targets.controls[conditions] + shift)[place]
    # The release compares shifts from the control in its second loss; the control cancels.
    fit = functional.mse_loss(predicted, cells) + functional.huber_loss(predicted, cells, delta=settings.huber)
    return fit + functional.mse_loss(graph, similarity)


def _nodes_and_graph(network: Grape, views: Sequence[Tensor], settings: GrapeSettings) -> tuple[Tensor, Tensor, Tensor]:
    """Vectors of the genes (n, width), the refined graph and the similarity graph, (n, n) each."""
    separate = network.fusion.views(views)
    nodes = network.fusion(separate)
    with torch.no_grad():
        similarity = similarity_graph([*separate, nodes], settings)
    return nodes, network.refinement(nodes, similarity), similarity
