"""Trains scGPT's perturbation mode on pairs of control and perturbed cells, and predicts with it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from methods.base import Progress
from methods.conditions import Condition
from methods.networks.batches import DeviceCells, epoch
from methods.networks.divergence import finite
from methods.networks.early_stopping import BestState
from methods.networks.scgpt import PerturbationTransformer
from methods.networks.seeding import seeded
from methods.scgpt_checkpoint import CheckpointError, ScgptCheckpoint, load_weights
from methods.scgpt_settings import ScgptSettings, ScgptTraining
from methods.training_cells import TrainingCells
from methods.validation import ValidationConditions

_TOKENS_AT_ONCE = 1 << 17
"""Genes × cells of one forward pass of a prediction."""
_REPORT_EVERY = 20


class GeneTokens:
    """Which row of the network's embedding each gene of the panel has.

    Without a checkpoint every gene has a row of its own. With one, only the rows of the panel's genes are kept:
    the others never get a gradient, so Adam leaves them as they are. Genes that the vocabulary lacks share
    the padding token's row, as in the release; the network tells them apart by their values and flags alone.

    Parameters
    ----------
    genes
        Panel.
    checkpoint
        Pretrained network, if there is one.
    """

    def __init__(self, genes: Sequence[str], checkpoint: ScgptCheckpoint | None) -> None:
        self.unknown: list[str] = []
        self.padding_row: int | None = None
        self.kept: list[int | None] = [None] * len(genes)
        self.row_of = np.arange(len(genes))
        if checkpoint is None:
            return
        known = [gene for gene in genes if gene in checkpoint.vocabulary]
        if not known:
            raise CheckpointError(
                f"{checkpoint.folder}: none of the {len(genes)} genes of the panel, such as {genes[0]!r}, is in its "
                "vocabulary; both must name genes by the same symbols"
            )
        self.unknown = [gene for gene in genes if gene not in checkpoint.vocabulary]
        self.padding_row = 0
        self.kept = [checkpoint.padding_row, *(checkpoint.vocabulary[gene] for gene in known)]
        position = {gene: row for row, gene in enumerate(known, start=1)}
        self.row_of = np.array([position.get(gene, self.padding_row) for gene in genes])


class FittedTransformer:
    """A trained network and the tokens of the panel; ``unknown`` are genes that the checkpoint has no token of."""

    def __init__(
        self, network: PerturbationTransformer, tokens: Tensor, schedule: ScgptTraining, unknown: Sequence[str] = ()
    ) -> None:
        self.network, self.tokens, self._schedule, self.unknown = network, tokens, schedule, unknown

    @torch.no_grad()
    def predict(self, controls: np.ndarray, perturbed: Sequence[int]) -> np.ndarray:
        """Control cells, (n, n_genes), as they would be with the genes at these positions perturbed: the same shape."""
        self.network.eval()
        device = self.tokens.device
        flags = torch.zeros(1, controls.shape[1], dtype=torch.int64, device=device)
        flags[0, list(perturbed)] = 1
        cells = torch.from_numpy(controls).float().to(device)
        at_once = max(1, _TOKENS_AT_ONCE // controls.shape[1])
        with _precision(self._schedule.precision, device):
            parts = [self.network(self.tokens, part, flags.expand(len(part), -1)) for part in cells.split(at_once)]
        out: np.ndarray = torch.cat(parts).float().cpu().numpy()
        return out


def fit_transformer(
    cells: TrainingCells,
    validation: ValidationConditions,
    checkpoint: ScgptCheckpoint | None,
    settings: ScgptSettings,
    *,
    seed: int,
    device: str,
    progress: Progress,
) -> FittedTransformer:
    """Train on pairs of cells, from the checkpoint where there is one.

    Parameters
    ----------
    cells
        Conditions whose perturbed genes are all in the panel and whose cell type has controls.
    validation
        What the best epoch is judged on; without any the last is kept.
    """
    schedule = settings.scratch_training if checkpoint is None else settings.fine_tuning
    size = settings.scratch_size if checkpoint is None else checkpoint.size
    genes = GeneTokens(cells.panel.sorted_genes.tolist(), checkpoint)
    with seeded(seed, device):
        network = PerturbationTransformer(
            len(genes.kept),
            size,
            padding_row=genes.padding_row,
            dropout=schedule.dropout,
            trained_unperturbed_flag=settings.trained_unperturbed_flag,
        )
        if checkpoint is not None:
            load_weights(network, checkpoint, genes.kept)
        network.to(device)
        fitted = FittedTransformer(network, torch.from_numpy(genes.row_of).to(device), schedule, genes.unknown)
        partners = paired_controls(cells, seed, within_cell_type=settings.pair_within_cell_type)
        best = BestState(network, schedule.patience)
        pairs = _Pairs(cells, partners, validation.fitting, device)
        optimiser = torch.optim.Adam(network.parameters(), lr=schedule.learning_rate, fused=True)
        n_steps = math.ceil(len(pairs.rows) / schedule.batch_size)
        for number in range(schedule.epochs):
            network.train()
            losses = []
            for step, batch in enumerate(epoch(len(pairs.rows), schedule.batch_size, device), start=number * n_steps):
                rate = schedule.learning_rate * schedule.decay**number * min(1.0, (step + 1) / max(1, schedule.warm_up))
                for group in optimiser.param_groups:
                    group["lr"] = rate
                loss = _loss(fitted, pairs, batch, settings, schedule)
                optimiser.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), schedule.gradient_norm)
                optimiser.step()
                losses.append(loss.detach())
                if step % _REPORT_EVERY == 0:
                    progress(step + 1, schedule.epochs * n_steps, loss=loss.item())
            finite(float(torch.stack(losses).mean()), number + 1, rate)
            if validation:
                best.offer(_score(fitted, cells, validation, settings))
                if best.exhausted:
                    break
        best.restore()
    return fitted


def paired_controls(cells: TrainingCells, seed: int, *, within_cell_type: bool) -> np.ndarray:
    """Row of the control that each cell is predicted from, (n,): a random one, the same in every epoch.

    A control is paired with itself.

    Parameters
    ----------
    within_cell_type
        Whether partners are of the same cell type.
    """
    rng = np.random.default_rng(seed)
    partners = np.arange(cells.condition_of.size)
    rows_of = [np.flatnonzero(cells.condition_of == number) for number in range(len(cells.conditions))]
    of_each = list(zip(cells.conditions, rows_of, strict=True))
    control_rows = {condition.cell_type: rows for condition, rows in of_each if condition.is_control}
    everywhere = np.sort(np.concatenate(list(control_rows.values())))
    for condition, rows in of_each:
        if not condition.is_control:
            pool = control_rows[condition.cell_type] if within_cell_type else everywhere
            partners[rows] = rng.choice(pool, size=rows.size)
    return partners


class _Pairs:
    """All pairs of cells, on the device."""

    def __init__(self, cells: TrainingCells, partners: np.ndarray, rows: np.ndarray, device: str) -> None:
        self.cells = DeviceCells(cells.matrix, device)
        self.rows = torch.from_numpy(rows).to(device)
        self.partners = torch.from_numpy(partners).to(device)
        self.condition_of = torch.from_numpy(cells.condition_of).to(device)
        column = {gene: position for position, gene in enumerate(cells.panel.sorted_genes)}
        flags = torch.zeros(len(cells.conditions), len(column), dtype=torch.int64)
        for number, condition in enumerate(cells.conditions):
            flags[number, [column[gene] for gene in condition.perturbations]] = 1
        self.flags = flags.to(device)

    def batch(self, numbers: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Controls, (B, n_genes), the cells to predict from them, and flags of the perturbed genes."""
        rows = self.rows[numbers]
        return self.cells.rows(self.partners[rows]), self.cells.rows(rows), self.flags[self.condition_of[rows]]


def _loss(
    fitted: FittedTransformer, pairs: _Pairs, numbers: Tensor, settings: ScgptSettings, schedule: ScgptTraining
) -> Tensor:
    """Mean squared error over some genes of a batch of cells."""
    controls, targets, flags = pairs.batch(numbers)
    chosen = sampled_genes(flags, schedule.sequence_length, keep_perturbed=settings.keep_perturbed_genes)
    tokens, controls, targets, flags = fitted.tokens[chosen], controls[:, chosen], targets[:, chosen], flags[:, chosen]
    with _precision(schedule.precision, flags.device):
        predicted = fitted.network(tokens, controls, flags)
    return torch.nn.functional.mse_loss(predicted.float(), targets)


def sampled_genes(flags: Tensor, length: int, *, keep_perturbed: bool) -> Tensor:
    """Positions of random genes, (<= length,), the same for all cells of a batch.

    Parameters
    ----------
    flags
        1 for the perturbed genes of each cell, (B, n_genes).
    keep_perturbed
        Whether genes that are perturbed in any of the cells come first.
    """
    priority = torch.rand(flags.shape[1], device=flags.device)
    if keep_perturbed:
        priority = priority + flags.amax(dim=0)
    return priority.topk(min(length, flags.shape[1])).indices


def _score(
    fitted: FittedTransformer, cells: TrainingCells, validation: ValidationConditions, settings: ScgptSettings
) -> float:
    """How well the mean profiles of the validation conditions are predicted; higher is better."""
    column = {gene: position for position, gene in enumerate(cells.panel.sorted_genes)}

    def move(controls: np.ndarray, condition: Condition) -> np.ndarray:
        cells: np.ndarray = fitted.predict(controls, [column[gene] for gene in condition.perturbations])
        return cells

    predicted = validation.predicted(move, cells.control_cells(settings.validation_cells))
    if settings.selection == "r_squared":
        return validation.r_squared(predicted)
    return validation.expression_correlation(predicted)


def _precision(name: Literal["float32", "bfloat16"], device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=name == "bfloat16")
