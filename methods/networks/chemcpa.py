"""The chemCPA network and its alternating training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from methods.base import Progress
from methods.chemcpa import ChemCpaConfig
from methods.networks.adversary import Adversary
from methods.networks.batches import DeviceCells, epoch
from methods.networks.epochs import Epochs
from methods.networks.mlp import mlp


@dataclass(frozen=True)
class Treatments:
    """What n conditions, or the n cells of a batch, received.

    Parameters
    ----------
    drugs
        Descriptors, (n, d) float32.
    doses
        Share of the largest dose, (n,) float32.
    drugged
        1 where the drug's latent is added, 0 where there is no drug: (n,) float32.
    types
        Number of the cell type, (n,) int64.
    """

    drugs: Tensor
    doses: Tensor
    drugged: Tensor
    types: Tensor

    def of(self, index: Tensor) -> Treatments:
        """Those of some rows, (B,) int64."""
        return Treatments(self.drugs[index], self.doses[index], self.drugged[index], self.types[index])


@dataclass(frozen=True)
class ChemCpaData:
    """What the network is trained on.

    Parameters
    ----------
    cells
        Cells to fit on.
    condition_of
        Condition of each cell, (n_cells,) int64.
    treatments
        One row per condition.
    drug_class
        Number of each condition's drug, 0 for control: (n_conditions,) int64.
    n_drugs, n_types
        Numbers of drugs, with the control, and of cell types.
    """

    cells: DeviceCells
    condition_of: Tensor
    treatments: Treatments
    drug_class: Tensor
    n_drugs: int
    n_types: int


class ChemCpaNetwork(nn.Module):
    """Encoder and decoder of cells, encoder of drugs, doser, and a vector per cell type.

    Parameters
    ----------
    n_genes
        Width of a cell.
    width
        Length of a drug's descriptors.
    n_types
        Number of cell types.
    config
        Sizes.
    """

    def __init__(self, n_genes: int, width: int, n_types: int, config: ChemCpaConfig) -> None:
        super().__init__()
        hidden = (config.hidden,) * config.depth
        self._floor = config.smallest_variance
        self.encoder = mlp((n_genes, *hidden, config.latent), norm=nn.BatchNorm1d)
        self.decoder = mlp((config.latent, *hidden, 2 * n_genes), norm=nn.BatchNorm1d)
        drug_hidden = (config.drug_hidden,) * config.drug_depth
        self.drug_encoder = mlp((width, *drug_hidden, config.latent), norm=nn.BatchNorm1d)
        self.doser = mlp((width + 1, *((config.doser_hidden,) * config.doser_depth), 1), norm=nn.BatchNorm1d)
        self.types = nn.Embedding(n_types, config.latent)
        self.activation = nn.ReLU() if config.activation == "relu" else nn.Identity()

    def decode(self, basal: Tensor, treatments: Treatments) -> tuple[Tensor, Tensor]:
        """Mean and variance of cells, twice (B, g), from their basal latents, (B, k), and B or 1 treatments."""
        scale = torch.sigmoid(self.doser(torch.cat([treatments.drugs, treatments.doses[:, None]], dim=1)))
        drug = treatments.drugged[:, None] * scale * self.drug_encoder(treatments.drugs)
        mean, spread = self.decoder(basal + drug + self.types(treatments.types)).chunk(2, dim=1)
        return self.activation(mean), nn.functional.softplus(spread).clamp_min(self._floor)

    def predict(self, cells: Tensor, treatments: Treatments) -> tuple[Tensor, Tensor]:
        """Mean and variance of control cells, (B, g), had they received B or 1 treatments: twice (B, g)."""
        return self.decode(self.encoder(cells), treatments)


class ChemCpaTrainer:
    """Trains a new network against new adversaries.

    Parameters
    ----------
    data
        What to train on.
    config
        How.
    device
        Where.
    """

    def __init__(self, data: ChemCpaData, config: ChemCpaConfig, device: str) -> None:
        self._data, self._config, self._device = data, config, device
        width = data.treatments.drugs.shape[1]
        self.network = ChemCpaNetwork(data.cells.shape[1], width, data.n_types, config).to(device)
        hidden = (config.adversary_hidden,) * config.adversary_depth
        self._drug_adversary = Adversary(config.latent, hidden, data.n_drugs).to(device)
        self._type_adversary = Adversary(config.latent, hidden, data.n_types).to(device)
        self._optimiser = torch.optim.Adam(
            self.network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
        )
        self._adversary_optimiser = torch.optim.Adam(
            [*self._drug_adversary.parameters(), *self._type_adversary.parameters()],
            lr=config.adversary_rate,
            weight_decay=config.adversary_decay,
            fused=True,
        )
        doser = {id(parameter) for parameter in self.network.doser.parameters()}
        self._doser = list(self.network.doser.parameters())
        self._rest = [parameter for parameter in self.network.parameters() if id(parameter) not in doser]

    def run(self, progress: Progress, validate: Callable[[ChemCpaNetwork], float] | None) -> None:
        """Train; see :meth:`methods.networks.epochs.Epochs.run`."""
        config = self._config
        schedules = [
            torch.optim.lr_scheduler.StepLR(optimiser, config.decay_every, config.decay)
            for optimiser in (self._optimiser, self._adversary_optimiser)
        ]
        self._steps = 0

        def once() -> Tensor:
            loss = self._epoch()
            for schedule in schedules:
                schedule.step()
            return loss

        epochs = Epochs(config.epochs, config.validate_every, config.patience, config.learning_rate)
        epochs.run(self.network, once, progress, validate)

    def _epoch(self) -> Tensor:
        losses = []
        for index in epoch(self._data.cells.shape[0], self._config.batch_size, self._device):
            self._steps += 1
            if self._steps % self._config.adversary_steps == 0:
                self._train_adversaries(index)
            else:
                losses.append(self._train_autoencoder(index))
        return torch.stack(losses).mean() if losses else torch.zeros(())

    def _train_autoencoder(self, index: Tensor) -> Tensor:
        data, config = self._data, self._config
        cells, conditions = data.cells.rows(index), data.condition_of[index]
        treatments = data.treatments.of(conditions)
        basal = self.network.encoder(cells)
        mean, variance = self.network.decode(basal, treatments)
        likelihood = 0.5 * (variance.log() + (cells - mean).square() / variance).mean()
        loss: Tensor = (
            likelihood
            - config.drug_adversary * self._drug_adversary.loss(basal, data.drug_class[conditions])
            - config.type_adversary * self._type_adversary.loss(basal, treatments.types)
        )
        self._optimiser.zero_grad()
        loss.backward()
        if config.clip is not None:
            nn.utils.clip_grad_norm_(self._rest, config.clip)
            nn.utils.clip_grad_norm_(self._doser, config.clip)
        self._optimiser.step()
        return likelihood.detach()

    def _train_adversaries(self, index: Tensor) -> None:
        data, config = self._data, self._config
        conditions = data.condition_of[index]
        with torch.no_grad():
            basal = self.network.encoder(data.cells.rows(index))
        drug_loss, drug_penalty = self._drug_adversary.loss_and_penalty(basal, data.drug_class[conditions])
        types = data.treatments.types[conditions]
        type_loss, type_penalty = self._type_adversary.loss_and_penalty(basal, types)
        loss = drug_loss + type_loss + config.penalty * (drug_penalty + type_penalty)
        self._adversary_optimiser.zero_grad()
        loss.backward()
        self._adversary_optimiser.step()
