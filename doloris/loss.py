"""Reconstruction losses on expressed genes or on all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import Tensor

Normalisation = Literal["cell", "batch"]


def masked_error_per_cell(predicted: Tensor, clean: Tensor, weight: Tensor) -> Tensor:
    """Squared error over the weighted genes of each cell, averaged over cells (Eq. 9, 13); all inputs (B, G)."""
    error = (weight * (clean - predicted).square()).sum(dim=1)
    return (error / weight.sum(dim=1).clamp_min(1e-8)).mean()


def masked_error_per_batch(predicted: Tensor, clean: Tensor, weight: Tensor) -> Tensor:
    """Squared error over the weighted genes of the whole batch, as the release divides it; all inputs (B, G)."""
    return (weight * (clean - predicted).square()).sum() / weight.sum().clamp_min(1e-8)


LOSSES: dict[Normalisation, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "cell": masked_error_per_cell,
    "batch": masked_error_per_batch,
}
"""Losses by what they are normalised over."""
