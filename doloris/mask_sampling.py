"""From probabilities of expression to coherent 0/1 patterns (A.11); pure functions."""

from __future__ import annotations

import torch
from torch import Tensor


def nearest_condition(probability: Tensor, frequencies: Tensor, n_genes: int | None) -> int:
    """The training condition whose frequencies of expression are closest (Eq. 25).

    Parameters
    ----------
    probability
        Predicted, (G,).
    frequencies
        Empirical, (n_conditions, G).
    n_genes
        Compare on so many genes of highest probability only, as the release does; ``None``: on all.
    """
    genes = torch.arange(len(probability), device=probability.device)
    if n_genes is not None and n_genes < len(probability):
        genes = torch.topk(probability, n_genes).indices
    return int((frequencies[:, genes] - probability[genes]).square().sum(dim=1).argmin())


def apply_thresholds(pattern: Tensor, probability: Tensor, high: float, low: float) -> Tensor:
    """Set genes that are almost surely on, or off (Eq. 27): (n, G) bool, with (n, G) or (G,) probabilities."""
    return (pattern | (probability >= high)) & ~(probability <= low)


def reference_patterns(on: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Patterns of ``n`` random cells of the reference condition, with replacement (Eq. 26): (n, G) bool."""
    return on[torch.randint(on.shape[0], (n,), generator=generator, device=on.device)]


def independent_patterns(probability: Tensor, generator: torch.Generator) -> Tensor:
    """Every gene by itself (Eq. 23): (n, G) bool."""
    return torch.rand(probability.shape, generator=generator, device=probability.device) < probability


def moved_patterns(on: Tensor, before: Tensor, after: Tensor, generator: torch.Generator) -> Tensor:
    """Patterns moved from one probability to another with as few changes as possible: (n, G) bool.

    An expressed gene stays with probability min(1, after / before), a silent one turns on with probability
    max(0, (after - before) / (1 - before)); if ``before`` was right, ``after`` is right for the result, and
    what two genes shared in the source they largely keep.

    Parameters
    ----------
    on
        Source patterns, (n, G) bool.
    before, after
        Probabilities in the source and in the target, (n, G), inside (0, 1).
    """
    tiny = torch.finfo(before.dtype).eps
    stay = (after / before.clamp_min(tiny)).clamp_max(1.0)
    start = ((after - before) / (1.0 - before).clamp_min(tiny)).clamp_min(0.0)
    drawn = torch.rand(on.shape, generator=generator, device=on.device)
    return torch.where(on, drawn < stay, drawn < start)
