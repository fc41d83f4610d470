"""Noise schedule: linear betas, cumulative products, and the subset of steps that is visited."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from doloris.errors import ConfigError

Spacing = Literal["leading", "trailing"]


def linear_betas(timesteps: int) -> Tensor:
    """Linear betas from 1e-4 to 0.02, defined for 1000 steps and scaled by 1000 / T: (T,), float64."""
    scale = 1000.0 / timesteps
    return torch.linspace(1e-4 * scale, 0.02 * scale, timesteps, dtype=torch.float64)


def alpha_bars(betas: Tensor) -> Tensor:
    r"""Signal kept after each step, :math:`\bar\alpha_t = \prod_{s \le t} (1 - \beta_s)`: (T,)."""
    return torch.cumprod(1.0 - betas, dim=0)


def visited_steps(timesteps: int, count: int, spacing: Spacing) -> Tensor:
    """Indices of ``count`` evenly spaced steps, ascending: (count,), int64.

    Parameters
    ----------
    spacing
        ``"leading"`` starts at step 0 and so stops short of the last (what ``ddim50`` means in
        guided-diffusion: 0, 10, ..., 490); ``"trailing"`` ends at the last step.

    Raises
    ------
    ConfigError
        If there are fewer steps than asked for.
    """
    if not 1 <= count <= timesteps:
        raise ConfigError(f"sampling_steps: {count} is not between 1 and timesteps = {timesteps}")
    first = 0 if spacing == "leading" else 1
    steps = torch.arange(first, count + first) * timesteps // count
    return steps - first


@dataclass(frozen=True)
class Schedule:
    """The visited steps and how much signal each keeps.

    Parameters
    ----------
    steps
        Original indices, ascending: (n,), int64. The network's time embedding receives these.
    alpha_bar
        Signal kept at each visited step, descending: (n,), float32.
    """

    steps: Tensor
    alpha_bar: Tensor

    def __len__(self) -> int:
        return int(self.steps.numel())

    def to(self, device: torch.device) -> Schedule:
        """The same on another device."""
        return Schedule(self.steps.to(device), self.alpha_bar.to(device))


def make_schedule(timesteps: int, count: int, spacing: Spacing) -> Schedule:
    """Schedule of ``count`` visited steps out of ``timesteps``."""
    steps = visited_steps(timesteps, count, spacing)
    return Schedule(steps, alpha_bars(linear_betas(timesteps))[steps].float())


def add_noise(x_0: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    """Noisy sample at a step (Eq. 1): ``x_0`` and ``noise`` (B, G), ``alpha_bar`` (B, 1)."""
    return alpha_bar.sqrt() * x_0 + (1.0 - alpha_bar).sqrt() * noise
