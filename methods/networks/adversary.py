"""An adversary reads a label off a latent that should not hold it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from methods.networks.mlp import mlp


class Adversary(nn.Module):
    """Classifier of a latent (Lotfollahi et al. 2023, CPA).

    Train it on ``loss(latent.detach())`` plus ``penalty``; the network that makes the latent is
    trained on minus ``loss(latent)``.

    Parameters
    ----------
    width
        Width of the latent.
    hidden
        Widths of the hidden layers.
    n_classes
        Number of labels.
    """

    def __init__(self, width: int, hidden: Sequence[int], n_classes: int) -> None:
        super().__init__()
        self.layers = mlp((width, *hidden, n_classes), norm=nn.BatchNorm1d)

    def forward(self, latent: Tensor) -> Tensor:
        """Logits: (B, width) to (B, n_classes)."""
        out: Tensor = self.layers(latent)
        return out

    def loss(self, latent: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy of the labels, (B,) int64; mean over cells."""
        return nn.functional.cross_entropy(self(latent), labels)

    def loss_and_penalty(self, latent: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Cross-entropy, and the mean squared gradient of the summed logits in the latent.

        The latent is detached here; both terms can be differentiated in the classifier's weights.
        """
        given = latent.detach().requires_grad_()
        logits = self(given)
        (gradient,) = torch.autograd.grad(logits.sum(), given, create_graph=True)
        return nn.functional.cross_entropy(logits, labels), gradient.square().mean()
