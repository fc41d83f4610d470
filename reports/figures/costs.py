"""What a score costs: time and memory of a method against how well it predicts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from reports.figures.style import canvas, looks, panel_legend, plain_log, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COSTS = (("seconds", "seconds to fit and predict"), ("gibibytes", "peak memory (GiB)"))


def score_by_cost(frame: pd.DataFrame, heading: str = "") -> Figure:
    """Per task two panels: score against time and against peak memory, one point per method.

    Parameters
    ----------
    frame
        Columns ``task``, ``method``, ``metric`` and ``genes`` (labels; one of each per task), ``better``, ``value``,
        ``seconds``, ``gibibytes`` (medians over seeds; host memory, or the GPU's where one was used).
    heading
        What the figure was made from.
    """
    tasks = list(dict.fromkeys(frame["task"]))
    shown = looks(frame)
    with style():
        figure, axes = canvas(2 * len(tasks), heading, columns=4, height=2.1)
        handles: dict[str, object] = {}
        for index, task in enumerate(tasks):
            here = frame[frame["task"] == task]
            for axis, (column, label) in zip(axes[2 * index :], _COSTS, strict=False):
                for row in here.itertuples(index=False):
                    look = shown[row.method]
                    (handles[row.method],) = axis.plot(
                        [getattr(row, column)], [row.value], color=look.colour, marker=look.marker, linestyle=""
                    )
                plain_log(axis, "x")
                axis.set_title(task)
                axis.set_xlabel(label)
            axes[2 * index].set_ylabel(f"{here['metric'].iloc[0]}, {here['genes'].iloc[0]}")
        panel_legend(figure, handles.values(), handles.keys(), columns=4)
    return figure
