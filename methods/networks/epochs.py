"""The loop over epochs that the networks share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from torch import Tensor, nn

from methods.base import Progress
from methods.networks.divergence import finite
from methods.networks.early_stopping import BestState

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class Epochs:
    """How long to train.

    Parameters
    ----------
    most
        At most so many passes.
    validate_every
        Passes between looks at the validation conditions.
    patience
        Looks without improvement before training ends; ``None`` for never.
    learning_rate
        Named when the loss is no longer finite.
    """

    most: int
    validate_every: int
    patience: int | None
    learning_rate: float

    def run(
        self,
        network: Network,
        once: Callable[[], Tensor],
        progress: Progress,
        validate: Callable[[Network], float] | None,
    ) -> None:
        """Train until the validation score stands still; leave the best weights, in evaluation mode.

        Parameters
        ----------
        network
            What is trained.
        once
            Makes one pass and returns its mean loss.
        validate
            Scores the network, in evaluation mode, on the validation conditions, higher is better;
            ``None`` where there are none: all passes are made and the last weights stay.
        """
        best = BestState(network, self.patience)
        for done in range(1, self.most + 1):
            network.train()
            loss = finite(float(once()), done, self.learning_rate)
            network.eval()
            progress(done, self.most, loss=loss)
            if validate is not None and (done % self.validate_every == 0 or done == self.most):
                best.offer(validate(network))
                if best.exhausted:
                    break
        best.restore()
