"""Deterministic DDIM: one step, sampling, and inversion to the latent; pure functions of a denoiser."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from doloris.schedule import Schedule

Denoise = Callable[[Tensor, int], Tensor]
"""``denoise(x_t, i)`` predicts the clean cells (B, G) from noisy ones at position ``i`` of the schedule."""

Slope = Callable[[int], Tensor]
"""``slope(i)`` approximates d x0hat / d x_t, gene by gene, at position ``i``: broadcasts to (B, G)."""


def implied_noise(x_t: Tensor, x_0: Tensor, alpha_bar: Tensor) -> Tensor:
    """The noise that a clean prediction implies (Eq. 6 solved for the noise)."""
    return (x_t - alpha_bar.sqrt() * x_0) / (1.0 - alpha_bar).sqrt()


def step(x_t: Tensor, x_0: Tensor, alpha_bar: Tensor, alpha_bar_to: Tensor) -> Tensor:
    """Move along the implied trajectory from one noise level to another (Eq. 3 with eta = 0), up or down."""
    noise = implied_noise(x_t, x_0, alpha_bar)
    return alpha_bar_to.sqrt() * x_0 + (1.0 - alpha_bar_to).sqrt() * noise


def sample(denoise: Denoise, latent: Tensor, schedule: Schedule) -> Tensor:
    """Cells of a latent (Eq. 5, 16): (B, G) at the last visited step to (B, G) clean."""
    x = latent
    one = torch.ones((), device=latent.device)
    for i in reversed(range(len(schedule))):
        below = schedule.alpha_bar[i - 1] if i else one
        x = step(x, denoise(x, i), schedule.alpha_bar[i], below)
    return x


def invert_explicit(denoise: Denoise, x_0: Tensor, schedule: Schedule) -> Tensor:
    """Latent of clean cells as the release computes it (Eq. 4, 15): (B, G) to (B, G).

    A clean cell is taken for one at the first visited step; every step uses the prediction at the
    level it leaves; the last one jumps to a level without signal, although sampling starts at the
    last visited one (specification, section 9, item 6).
    """
    x = x_0
    none = torch.zeros((), device=x_0.device)
    for i in range(len(schedule)):
        above = schedule.alpha_bar[i + 1] if i + 1 < len(schedule) else none
        x = step(x, denoise(x, i), schedule.alpha_bar[i], above)
    return x


def invert_implicit(denoise: Denoise, x_0: Tensor, schedule: Schedule, slope: Slope, iterations: int) -> Tensor:
    """Latent that :func:`sample` maps back onto the given cells: (B, G) to (B, G).

    Each sampling step is solved for its input by quasi-Newton iteration, whose Jacobian is the
    diagonal that ``slope`` gives. Exact after one iteration for a linear diagonal denoiser.
    """
    x = x_0
    one = torch.ones((), device=x_0.device)
    for i in range(len(schedule)):
        here, below = schedule.alpha_bar[i], schedule.alpha_bar[i - 1] if i else one
        ratio = ((1.0 - below) / (1.0 - here)).sqrt()
        jacobian = below.sqrt() * slope(i) + ratio * (1.0 - here.sqrt() * slope(i))
        guess = x
        for _ in range(iterations):
            guess = guess + (x - step(guess, denoise(guess, i), here, below)) / jacobian
        x = guess
    return x
