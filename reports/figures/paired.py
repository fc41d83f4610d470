"""Two methods condition by condition: each against the other, and their paired difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from reports.figures.style import QUIET, TRUTH, canvas, looks, style
from reports.numbers import MINUS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def paired_scatter(frame: pd.DataFrame, heading: str = "") -> Figure:
    """Per metric a scatter of two methods and, beside it, the sorted differences with their mean and interval.

    Parameters
    ----------
    frame
        One task, two methods. Columns ``condition``, ``metric`` and ``genes`` (labels), ``better``, ``method``,
        ``reference`` (names), ``value``, ``reference_value``, ``difference`` (method minus reference), and, the same
        in all rows of a metric, ``mean``, ``low``, ``high``, ``p`` of the difference.
    heading
        What the figure was made from.
    """
    panels = frame[["metric", "genes"]].drop_duplicates().to_numpy().tolist()
    colour = looks(frame)[str(frame["method"].iloc[0])].colour
    with style():
        figure, axes = canvas(2 * len(panels), heading, columns=2, height=2.0, width=5.0)
        for index, (metric, genes) in enumerate(panels):
            here = frame[(frame["metric"] == metric) & (frame["genes"] == genes)]
            _scatter(axes[2 * index], here, f"{metric}, {genes}", colour)
            _differences(axes[2 * index + 1], here, colour)
    return figure


def _scatter(axis: Axes, frame: pd.DataFrame, title: str, colour: str) -> None:
    first = frame.iloc[0]
    both = frame[["reference_value", "value"]].to_numpy()
    low, high = float(np.nanmin(both)), float(np.nanmax(both))
    margin = 0.05 * ((high - low) or 1.0)
    edges = (low - margin, high + margin)
    axis.plot(edges, edges, color=QUIET, linewidth=0.7, linestyle="--", zorder=0)
    axis.scatter(frame["reference_value"], frame["value"], s=9, alpha=0.7, color=colour, linewidths=0)
    axis.set_xlim(*edges)
    axis.set_ylim(*edges)
    axis.set_aspect("equal")
    axis.set_title(title)
    axis.set_xlabel(str(first["reference"]))
    axis.set_ylabel(str(first["method"]))


def _differences(axis: Axes, frame: pd.DataFrame, colour: str) -> None:
    first = frame.iloc[0]
    values = np.sort(frame["difference"].to_numpy())
    axis.axhline(0, color=QUIET, linewidth=0.7, linestyle="--", zorder=0)
    axis.scatter(np.arange(values.size), values, s=6, color=colour, linewidths=0)
    axis.axhspan(first["low"], first["high"], color=TRUTH, alpha=0.2, linewidth=0)
    axis.axhline(first["mean"], color=TRUTH, linewidth=1.2)
    sign = {"lower": "below 0: better", "higher": "above 0: better"}.get(first["better"], "")
    mean, low, high = (f"{first[name]:.3g}".replace("-", MINUS) for name in ("mean", "low", "high"))
    axis.set_title(f"mean {mean}, 95 % [{low}, {high}]\nWilcoxon p {first['p']:.2g}, not adjusted", fontsize=6.5)
    axis.set_xlabel("conditions, sorted")
    axis.set_ylabel(f"difference\n({sign})" if sign else "difference")
