"""How many genes a cell shows: one number per cell beside the log odds of each gene."""

from __future__ import annotations

import torch
from torch import Tensor

_NEWTON_STEPS = 12
_ROUNDS = 6


def detection_offset(count: Tensor, log_odds: Tensor) -> Tensor:
    r"""Offset b of each cell with :math:`\sum_g \sigma(a_g + b) =` its number of expressed genes: (B,).

    Parameters
    ----------
    count
        Expressed genes, (B,); kept half a gene away from none and all.
    log_odds
        a, (B, G) or (G,).
    """
    wanted = count.to(log_odds.dtype).clamp(0.5, log_odds.shape[-1] - 0.5)
    offset = torch.zeros_like(wanted)
    for _ in range(_NEWTON_STEPS):
        probability = torch.sigmoid(log_odds + offset[:, None])
        slope = (probability * (1.0 - probability)).sum(dim=1).clamp_min(1e-6)
        offset = offset + ((wanted - probability.sum(dim=1)) / slope).clamp(-2.0, 2.0)
    return offset


def ordinary_log_odds(on: Tensor) -> Tensor:
    """Log odds of each gene in a cell of ordinary detection: (G,).

    They solve, with the offsets of the cells, that expected and observed numbers agree for every gene; offsets
    have mean 0. Half a cell on either side keeps the odds of unseen genes finite.

    Parameters
    ----------
    on
        (n_cells, G) bool.
    """
    seen = on.sum(dim=0).float()
    n_cells = on.shape[0]
    observed = (seen + 0.5) / (n_cells + 1.0)
    log_odds = torch.log(observed / (1.0 - observed))
    for _ in range(_ROUNDS):
        offset = detection_offset(on.sum(dim=1), log_odds)
        offset = offset - offset.mean()
        for _ in range(3):
            probability = torch.sigmoid(log_odds + offset[:, None])
            expected = probability.mean(dim=0)
            slope = (probability * (1.0 - probability)).mean(dim=0).clamp_min(1e-6)
            log_odds = log_odds + ((observed - expected) / slope).clamp(-1.0, 1.0)
    return log_odds
