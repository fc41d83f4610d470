"""Keeps the weights that did best on the validation conditions."""

from __future__ import annotations

import math

from torch import Tensor, nn


class BestState:
    """Best state of a module so far, judged by a score of which higher is better.

    The score must come from validation conditions (:mod:`methods.validation`), never from test ones.

    Parameters
    ----------
    module
        Module that is being trained.
    patience
        Looks without improvement after which :attr:`exhausted` is true; ``None`` for never.
    """

    def __init__(self, module: nn.Module, patience: int | None) -> None:
        self._module = module
        self._patience = patience
        self._best: dict[str, Tensor] | None = None
        self._idle = 0
        self.score = -math.inf

    def offer(self, score: float) -> None:
        """Remember the module's present state if its score is the highest so far; NaN never is."""
        if score > self.score:
            self.score = score
            self._idle = 0
            self._best = {name: value.detach().clone() for name, value in self._module.state_dict().items()}
        else:
            self._idle += 1

    @property
    def exhausted(self) -> bool:
        """Whether the score has not improved for ``patience`` looks."""
        return self._patience is not None and self._idle >= self._patience

    def restore(self) -> None:
        """Put the best state back; without any finite score the module stays as it is."""
        if self._best is not None:
            self._module.load_state_dict(self._best)
