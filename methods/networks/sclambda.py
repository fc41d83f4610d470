"""The scLAMBDA network: a variational autoencoder whose latent is a cell state plus a perturbation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from methods.base import Progress
from methods.networks.batches import DeviceCells, epoch
from methods.networks.epochs import Epochs
from methods.networks.mlp import mlp
from methods.sclambda import ScLambdaConfig

_CLAMP = 50.0


def _leaky() -> nn.Module:
    return nn.LeakyReLU(0.2)


class ScLambdaNetwork(nn.Module):
    """Encoders and decoders of cells and of perturbation vectors.

    Parameters
    ----------
    n_genes
        Width of a cell.
    width
        Length of a perturbation vector.
    config
        Sizes.
    """

    def __init__(self, n_genes: int, width: int, config: ScLambdaConfig) -> None:
        super().__init__()
        latent, hidden = config.latent, (config.hidden, config.hidden)
        self.encode_cell = mlp((n_genes, *hidden, 2 * latent), activation=_leaky)
        self.encode_perturbation = mlp((width, *hidden, latent), activation=_leaky)
        self.decode_cell = mlp((latent, *hidden, n_genes), activation=_leaky)
        self.decode_perturbation = mlp((latent, *hidden, width), activation=_leaky)

    def posterior(self, cells: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the cell state: (B, g) to twice (B, k)."""
        mean, log_variance = self.encode_cell(cells).chunk(2, dim=1)
        return mean, log_variance

    def predict(self, cells: Tensor, perturbation: Tensor) -> Tensor:
        """Cells with a perturbation's vector, (width,), added to their sampled states: (B, g) centred to (B, g)."""
        return self.decode(sample(*self.posterior(cells)), perturbation)

    def decode(self, state: Tensor, perturbation: Tensor) -> Tensor:
        """Cells of given states, (B, k), under a perturbation, (width,): (B, g) centred."""
        out: Tensor = self.decode_cell(state + self.encode_perturbation(perturbation[None]))
        return out


class MutualInformation(nn.Module):
    """Neural estimate of the information that cell states hold on perturbations (MINE, Belghazi et al. 2018)."""

    def __init__(self, config: ScLambdaConfig) -> None:
        super().__init__()
        self.statistic = mlp((2 * config.latent, config.hidden, config.hidden, 1), activation=_leaky)

    def forward(self, state: Tensor, joint: Tensor, marginal: Tensor) -> Tensor:
        """Donsker-Varadhan bound: states (B, k) with their own and with other cells' perturbations, (B, k)."""
        own = self._of(state, joint)
        other = self._of(state, marginal)
        out: Tensor = own.mean() - (torch.logsumexp(other, dim=0) - np.log(len(other)))
        return out

    def _of(self, state: Tensor, perturbation: Tensor) -> Tensor:
        values: Tensor = self.statistic(torch.cat([state, perturbation], dim=1))[:, 0]
        return values.clamp(-_CLAMP, _CLAMP)


def sample(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Draw from a diagonal Gaussian."""
    return mean + (0.5 * log_variance).exp() * torch.randn_like(mean)


@dataclass(frozen=True)
class ScLambdaData:
    """What the network is trained on.

    Parameters
    ----------
    cells
        Cells to fit on, log-normalised.
    centre_of
        Row of ``centres`` for each cell, (n,).
    centres
        Mean control profile of each cell type, (n_types, g).
    condition_of
        Row of ``vectors`` for each cell, (n,).
    vectors
        Perturbation vector of each condition, (n_conditions, width); zeros for controls.
    """

    cells: DeviceCells
    centre_of: Tensor
    centres: Tensor
    condition_of: Tensor
    vectors: Tensor


class ScLambdaTrainer:
    """Trains a network; both it and the information estimate are new.

    Parameters
    ----------
    data
        What to train on.
    config
        How.
    device
        Where.
    """

    def __init__(self, data: ScLambdaData, config: ScLambdaConfig, device: str) -> None:
        self._data, self._config, self._device = data, config, device
        self.network = ScLambdaNetwork(data.cells.shape[1], data.vectors.shape[1], config).to(device)
        self._information = MutualInformation(config).to(device)
        self._optimiser = torch.optim.Adam(self.network.parameters(), lr=config.learning_rate, fused=True)
        self._information_optimiser = torch.optim.Adam(
            self._information.parameters(),
            lr=config.learning_rate,
            weight_decay=config.information_decay,
            fused=True,
        )

    def run(self, progress: Progress, validate: Callable[[ScLambdaNetwork], float] | None) -> None:
        """Train; see :meth:`methods.networks.epochs.Epochs.run`."""
        config = self._config
        schedules = [
            torch.optim.lr_scheduler.StepLR(optimiser, config.decay_every, config.decay)
            for optimiser in (self._optimiser, self._information_optimiser)
        ]

        def once() -> Tensor:
            batches = epoch(self._data.cells.shape[0], config.batch_size, self._device)
            loss = torch.stack([self._step(index) for index in batches]).mean()
            for schedule in schedules:
                schedule.step()
            return loss

        epochs = Epochs(config.epochs, config.validate_every, config.patience, config.learning_rate)
        epochs.run(self.network, once, progress, validate)

    def _step(self, index: Tensor) -> Tensor:
        data, config = self._data, self._config
        cells = data.cells.rows(index) - data.centres[data.centre_of[index]]
        vectors = data.vectors[data.condition_of[index]]
        mean, log_variance = self.network.posterior(cells)
        attacked = self._attack(cells, vectors, sample(mean, log_variance).detach())
        perturbation = self.network.encode_perturbation(attacked)
        reconstruction = self.network.decode_cell(sample(mean, log_variance) + perturbation)
        vector_error = (self.network.decode_perturbation(perturbation) - vectors).square().sum(dim=1).mean()
        cell_error = (reconstruction - cells).square().sum(dim=1).mean()
        divergence = 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(dim=1).mean()

        information = self._informed(mean, perturbation.detach())
        loss: Tensor = (
            0.5 / config.variance * cell_error
            + 0.5 * vector_error
            + divergence
            + config.information_weight * information
        )
        self._optimiser.zero_grad()
        loss.backward()
        self._optimiser.step()
        return loss.detach()

    def _informed(self, state: Tensor, perturbation: Tensor) -> Tensor:
        """Information between states and perturbations, (B, k), with its gradient in the states alone.

        One pass serves both players: the estimate takes its step upwards, and what is returned goes into
        the loss that the encoder takes downwards.
        """
        given = state.detach().requires_grad_()
        information = self._information(given, perturbation, self._others(len(state)))
        self._information_optimiser.zero_grad()
        (-information).backward()
        self._information_optimiser.step()
        assert given.grad is not None
        slope = -given.grad  # of the information: minus it was differentiated
        return information.detach() + (slope * (state - given.detach())).sum()

    def _attack(self, cells: Tensor, vectors: Tensor, state: Tensor) -> Tensor:
        """Perturbation vectors moved a little to where the cells are reconstructed worse; controls stay at zero."""
        given = vectors.clone().requires_grad_()
        reconstruction = self.network.decode_cell(state + self.network.encode_perturbation(given))
        error = (reconstruction - cells).square().sum(dim=1).mean()
        (gradient,) = torch.autograd.grad(error, given)
        return vectors + self._config.attack * vectors.norm(dim=1, keepdim=True) * gradient.sign()

    @torch.no_grad()
    def _others(self, n: int) -> Tensor:
        """Encoded perturbations of randomly drawn training cells, (n, k)."""
        drawn = torch.randint(self._data.cells.shape[0], (n,), device=self._device)
        encoded: Tensor = self.network.encode_perturbation(self._data.vectors)
        return encoded[self._data.condition_of[drawn]]
