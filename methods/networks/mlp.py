"""Multi-layer perceptrons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import nn

Layer = Callable[[], nn.Module]
WidthLayer = Callable[[int], nn.Module]


def mlp(sizes: Sequence[int], *, activation: Layer = nn.ReLU, norm: WidthLayer | None = None) -> nn.Sequential:
    """Linear, norm, activation for every hidden layer; the last layer is linear and bare.

    Rows are (..., sizes[0]) in and (..., sizes[-1]) out; a batch norm needs (B, sizes[0]) with B > 1
    while training.

    Parameters
    ----------
    sizes
        Widths from input to output, at least two.
    activation
        Makes one activation.
    norm
        Makes the normalisation of a hidden layer of a width, as ``nn.BatchNorm1d`` does; ``None`` for none.
    """
    layers: list[nn.Module] = []
    for inside, outside in pairwise(sizes[:-1]):
        layers += [nn.Linear(inside, outside), *([norm(outside)] if norm else []), activation()]
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))
