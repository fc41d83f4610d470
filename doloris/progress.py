"""Where training reports to."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives progress."""

    def __call__(self, step: int, total: int, **figures: float) -> None:
        """Report that ``step`` of ``total`` is done, with figures such as ``loss=0.3``."""


def silent(step: int, total: int, **figures: float) -> None:
    """Report nothing."""
