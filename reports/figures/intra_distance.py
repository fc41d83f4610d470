"""Fig. 2: how far the cells that a method predicts for one condition lie from each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from reports.figures.style import QUIET, TRUTH, canvas, looks, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TRUE_CELLS = "held-out cells"


def intra_distance(frame: pd.DataFrame, heading: str = "") -> Figure:
    """Boxes over conditions, one panel per task; the held-out cells' own median is the line to reach.

    Parameters
    ----------
    frame
        Columns ``task``, ``method`` (``held-out cells`` for the truth), ``condition``, ``intra_distance``:
        mean Euclidean distance between two cells of the condition.
    heading
        What the figure was made from.
    """
    tasks = list(dict.fromkeys(frame["task"]))
    shown = looks(frame[frame["method"] != TRUE_CELLS])
    tallest = int(frame.groupby("task")["method"].nunique().max())
    with style():
        figure, axes = canvas(len(tasks), heading, columns=2, height=0.7 + 0.22 * tallest)
        for axis, task in zip(axes, tasks, strict=True):
            here = frame[frame["task"] == task]
            medians = here.groupby("method")["intra_distance"].median().sort_values()
            names = [name for name in medians.index if name != TRUE_CELLS]
            if TRUE_CELLS in medians:
                axis.axvline(medians[TRUE_CELLS], color=TRUTH, linewidth=0.8, linestyle="--", zorder=0)
                names.append(TRUE_CELLS)
            for place, name in enumerate(names):
                values = here.loc[here["method"] == name, "intra_distance"].dropna().to_numpy()
                colour = TRUTH if name == TRUE_CELLS else shown[name].colour
                axis.boxplot(
                    [values],
                    positions=[place],
                    orientation="horizontal",
                    widths=0.6,
                    showfliers=False,
                    patch_artist=True,
                    boxprops={"facecolor": "white", "edgecolor": colour, "linewidth": 0.9},
                    medianprops={"color": colour, "linewidth": 1.8},
                    whiskerprops={"color": QUIET, "linewidth": 0.7},
                    capprops={"color": QUIET, "linewidth": 0.7},
                )
            axis.set_yticks(range(len(names)), names)
            axis.set_title(task)
            axis.set_xlabel("distance between two cells of a condition")
    return figure
