"""Building blocks shared by the networks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from doloris.config import Norm


class SingleRowBatchNorm(nn.BatchNorm1d):
    """Batch norm that doubles a lone training row, as the release does.

    The variance of the doubled row is zero, so the output is the bias whatever the row holds
    (specification, section 9, item 3).
    """

    def forward(self, rows: Tensor) -> Tensor:
        """Normalise (B, d)."""
        if self.training and rows.shape[0] == 1:
            return super().forward(rows.expand(2, -1))[:1]
        return super().forward(rows)


def make_norm(kind: Norm, width: int) -> nn.Module:
    """Normalisation of hidden layers of ``width`` units."""
    return SingleRowBatchNorm(width) if kind == "batch" else nn.LayerNorm(width)


class Mlp(nn.Module):
    """Linear, norm, SiLU, dropout for every hidden layer; the last layer is linear (section 4).

    Parameters
    ----------
    sizes
        Widths from input to output.
    """

    def __init__(self, sizes: Sequence[int], norm: Norm, dropout: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inside, outside in pairwise(sizes[:-1]):
            layers += [nn.Linear(inside, outside), make_norm(norm, outside), nn.SiLU(), nn.Dropout(dropout)]
        layers.append(nn.Linear(sizes[-2], sizes[-1]))
        self.layers = nn.Sequential(*layers)

    def forward(self, rows: Tensor) -> Tensor:
        """Map (B, ..., sizes[0]) to (B, ..., sizes[-1]); leading axes count as rows."""
        flat = self.layers(rows.reshape(-1, rows.shape[-1]))
        out: Tensor = flat.reshape(*rows.shape[:-1], flat.shape[-1])
        return out

    def start_at_zero(self) -> None:
        """Make the output zero until training moves it."""
        last = self.layers[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)


def time_embedding(steps: Tensor, width: int) -> Tensor:
    """Cosines and sines of the step at frequencies down to 1e-4: (B,) to (B, width)."""
    half = width // 2
    frequency = torch.exp(-math.log(1e4) * torch.arange(half, device=steps.device, dtype=torch.float32) / half)
    angle = steps.float()[:, None] * frequency
    return torch.cat([angle.cos(), angle.sin()], dim=1)
