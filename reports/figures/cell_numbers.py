"""Score against the number of held-out cells of a condition: an honest metric does not depend on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from reports.figures.style import canvas, looks, panel_legend, plain_log, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def score_by_cells(frame: pd.DataFrame, heading: str = "") -> Figure:
    """One panel per metric: every condition a point, and per method the median in groups of like cell numbers.

    Parameters
    ----------
    frame
        One task. Columns ``method``, ``condition``, ``cells`` (held-out cells of the condition), ``metric`` and
        ``genes`` (labels), ``value``, ``group_cells`` and ``group_value`` (medians of the condition's group),
        ``correlation`` (Spearman's, of cells and value, per method and metric).
    heading
        What the figure was made from.
    """
    panels = frame[["metric", "genes"]].drop_duplicates().to_numpy().tolist()
    shown = looks(frame)
    with style():
        figure, axes = canvas(len(panels), heading, columns=3, height=2.3)
        handles: dict[str, object] = {}
        for axis, (metric, genes) in zip(axes, panels, strict=True):
            here = frame[(frame["metric"] == metric) & (frame["genes"] == genes)]
            for method, part in here.groupby("method"):
                look = shown[str(method)]
                axis.scatter(part["cells"], part["value"], s=4, alpha=0.25, color=look.colour, linewidths=0)
                line = part[["group_cells", "group_value"]].drop_duplicates().sort_values("group_cells")
                (handles[str(method)],) = axis.plot(
                    line["group_cells"], line["group_value"], color=look.colour, marker=look.marker
                )
            strongest = here.loc[here["correlation"].abs().fillna(-1).idxmax()]
            plain_log(axis, "x")
            axis.set_title(f"{metric}, {genes}")
            axis.text(
                0.98,
                0.98,
                f"largest |Spearman| {abs(strongest['correlation']):.2f}\n({strongest['method']})",
                transform=axis.transAxes,
                ha="right",
                va="top",
                fontsize=6,
            )
            axis.set_xlabel("held-out cells of the condition")
        panel_legend(figure, handles.values(), handles.keys(), columns=4)
    return figure
