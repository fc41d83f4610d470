"""Figs. 6 and 7: what a method loses without one of its parts, or with fewer steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from reports.figures.style import COLOURS, MARKERS, QUIET, canvas, panel_legend, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def ablations(frame: pd.DataFrame, heading: str = "") -> Figure:
    """Score of every setting with its interval, one panel per metric and gene set; the whole method is the line.

    Parameters
    ----------
    frame
        One task. Columns ``method``, ``setting`` (in the order shown, the whole method first), ``metric`` and
        ``genes`` (labels), ``better``, ``mean``, ``low``, ``high``.
    heading
        What the figure was made from.
    """
    panels = frame[["genes", "metric"]].drop_duplicates().to_numpy().tolist()
    settings = list(dict.fromkeys(frame["setting"]))
    n_metrics = max(1, int(frame["metric"].nunique()))
    with style():
        columns = min(3, n_metrics)
        figure, axes = canvas(len(panels), heading, columns=columns, height=0.9 + 0.2 * len(settings))
        for number, (axis, (genes, metric)) in enumerate(zip(axes, panels, strict=True)):
            here = frame[(frame["metric"] == metric) & (frame["genes"] == genes)].set_index("setting")
            present = [name for name in settings if name in here.index]
            axis.axvline(here.loc[present[0], "mean"], color=QUIET, linewidth=0.8, linestyle="--", zorder=0)
            for place, name in enumerate(present):
                row, colour = here.loc[name], COLOURS[place % len(COLOURS)]
                axis.plot([row["low"], row["high"]], [place, place], color=colour, linewidth=1.4)
                axis.plot([row["mean"]], [place], color=colour, marker=MARKERS[place % len(MARKERS)], linestyle="")
            axis.set_yticks(range(len(present)), present if number % columns == 0 else [""] * len(present))
            axis.set_ylim(len(present) - 0.5, -0.5)
            axis.set_title(f"{_in_two_lines(metric)}, {genes}")
            axis.set_xlabel(_direction(here["better"].iloc[0]))
    return figure


def evaluations(frame: pd.DataFrame, heading: str = "") -> Figure:
    """Score against the number of function evaluations, one panel per metric, one line per gene set.

    Parameters
    ----------
    frame
        One task and one method. Columns ``nfe``, ``metric`` and ``genes`` (labels), ``better``, ``mean``, ``low``,
        ``high``, ``seconds`` (prediction, median over seeds).
    heading
        What the figure was made from.
    """
    metrics = list(dict.fromkeys(frame["metric"]))
    scopes = list(dict.fromkeys(frame["genes"]))
    with style():
        figure, axes = canvas(len(metrics) + 1, heading, columns=4, height=2.0)
        handles: dict[str, object] = {}
        for axis, metric in zip(axes, metrics, strict=False):
            here = frame[frame["metric"] == metric]
            for place, genes in enumerate(scopes):
                line = here[here["genes"] == genes].sort_values("nfe")
                if len(line):
                    handles[genes] = _curve(axis, line, place)
            axis.set_title(_in_two_lines(metric))
            axis.set_ylabel(_direction(here["better"].iloc[0]))
        cost = frame[["nfe", "seconds"]].drop_duplicates().sort_values("nfe")
        axes[-1].plot(cost["nfe"], cost["seconds"], color=QUIET, marker="o")
        axes[-1].set_title("time")
        axes[-1].set_ylabel("seconds to predict")
        for axis in axes:
            axis.set_xlabel("function evaluations")
            axis.set_xticks(sorted(frame["nfe"].unique()))
            axis.set_ylim(bottom=min(0.0, axis.get_ylim()[0]))
        panel_legend(figure, handles.values(), handles.keys())
    return figure


def _curve(axis: Axes, line: pd.DataFrame, place: int) -> object:
    colour, marker = COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]
    axis.fill_between(line["nfe"], line["low"], line["high"], color=colour, alpha=0.15, linewidth=0)
    (handle,) = axis.plot(line["nfe"], line["mean"], color=colour, marker=marker)
    return handle


def _direction(better: str) -> str:
    return {"lower": "lower is better", "higher": "higher is better"}.get(better, "closer is better")


def _in_two_lines(metric: str) -> str:
    """What stands in parentheses on a line of its own: a title is not cut to the width of its panel."""
    return metric.replace(" (", "\n(")
