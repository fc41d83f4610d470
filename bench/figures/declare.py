"""How a figure is declared: what computes its data frame and what draws it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.errors import BenchError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from bench.leaderboard import Leaderboard

Build = Callable[[Sequence["Leaderboard"]], "pd.DataFrame"]
Draw = Callable[["pd.DataFrame", str], "Figure"]


class FigureUnavailable(BenchError):
    """There is nothing to draw; the message says what is missing and how to get it."""


@dataclass(frozen=True)
class FigureSpec:
    """One figure.

    Parameters
    ----------
    name
        Stem of its files.
    title
        What it shows, for a listing and a caption.
    paper
        Its number in the paper, ``"2"``; ``""`` if the paper has none like it.
    per_task
        Whether it is drawn once for every task rather than once for all.
    build
        Leaderboards (one per task) -> tidy frame; raises :class:`FigureUnavailable`.
    draw
        Tidy frame and heading -> figure.
    """

    name: str
    title: str
    paper: str
    per_task: bool
    build: Build
    draw: Draw
