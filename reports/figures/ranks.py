"""Where each method stands on each task."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from reports.figures.style import canvas, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def rank_over_tasks(frame: pd.DataFrame, heading: str = "") -> Figure:
    """Mean rank over the headline metrics, methods by tasks; a dash where a method was not ranked.

    Parameters
    ----------
    frame
        Columns ``task``, ``method``, ``metric``, ``genes``, ``rank`` (1 is best; missing where not ranked).
    heading
        What the figure was made from.
    """
    table = frame.groupby(["method", "task"], sort=False)["rank"].mean().unstack("task")
    table = table.loc[table.mean(axis=1).sort_values(na_position="last").index]
    values = table.to_numpy(dtype=float)
    with style():
        figure, (axis,) = canvas(
            1, heading, columns=1, height=0.9 + 0.24 * len(table), width=min(7.0, 3.2 + 1.1 * table.shape[1])
        )
        shown = np.ma.masked_invalid(values)
        edges = [np.arange(size + 1) - 0.5 for size in values.shape]
        # A mesh, not an image: the PDF stays a vector file.
        axis.pcolormesh(edges[1], edges[0], shown, cmap="cividis", vmin=1, vmax=max(2.0, np.nanmax(values)))
        axis.invert_yaxis()
        middle = (1 + np.nanmax(values)) / 2
        for row, column in np.ndindex(values.shape):
            rank = values[row, column]
            text, colour = ("–", "black") if np.isnan(rank) else (f"{rank:.1f}", "white" if rank < middle else "black")
            axis.text(column, row, text, ha="center", va="center", color=colour, fontsize=7)
        axis.set_xticks(range(table.shape[1]), table.columns, rotation=20, ha="right")
        axis.set_yticks(range(len(table)), table.index)
        axis.spines[:].set_visible(False)
        axis.tick_params(length=0)
        axis.set_title("mean rank over the\nheadline metrics (1 is best)")
    return figure
