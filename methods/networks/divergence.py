"""A training that has left the finite numbers is an error, not a prediction."""

from __future__ import annotations

import math


class TrainingDiverged(ArithmeticError):
    """The training loss is no longer finite; the message says when and what to lower."""


def finite(loss: float, epoch: int, learning_rate: float) -> float:
    """The loss of an epoch, if it is finite.

    Raises
    ------
    TrainingDiverged
        If it is not.
    """
    if not math.isfinite(loss):
        raise TrainingDiverged(f"the training loss is {loss} in epoch {epoch}; lower learning_rate ({learning_rate:g})")
    return loss
