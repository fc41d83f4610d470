"""Fig. 5: predicted probability that a gene is active against how often it is, gene by gene."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from reports.figures.style import QUIET, canvas, looks, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEAST_SHOWN = 0.05


def activation(frame: pd.DataFrame, heading: str = "") -> Figure:
    """Two panels per condition: all genes, and those with a predicted probability above 0.05.

    Parameters
    ----------
    frame
        One method. Columns ``method``, ``condition``, ``gene``, ``predicted`` (probability), ``observed`` (frequency
        among the held-out cells), and, the same in all rows of a condition, ``error_all`` and ``error_active``: the
        expected calibration error of either panel.
    heading
        What the figure was made from.
    """
    conditions = list(dict.fromkeys(frame["condition"]))
    method = str(frame["method"].iloc[0])
    colour = looks(frame)[method].colour
    with style():
        figure, axes = canvas(2 * len(conditions), heading, columns=4, height=2.0)
        for index, condition in enumerate(conditions):
            here = frame[frame["condition"] == condition]
            panels = (
                ("all genes", here, here["error_all"].iloc[0]),
                (f"predicted > {LEAST_SHOWN:g}", here[here["predicted"] > LEAST_SHOWN], here["error_active"].iloc[0]),
            )
            for axis, (name, part, error) in zip(axes[2 * index : 2 * index + 2], panels, strict=True):
                axis.plot([0, 1], [0, 1], color=QUIET, linewidth=0.7, linestyle="--", zorder=0)
                # Thousands of points would make the vector file heavy: they alone are drawn as an image.
                axis.scatter(
                    part["predicted"], part["observed"], s=4, alpha=0.5, color=colour, linewidths=0, rasterized=True
                )
                axis.set_xlim(-0.02, 1.02)
                axis.set_ylim(-0.02, 1.02)
                axis.set_aspect("equal")
                axis.set_title(f"{condition}\n{name} ({len(part):,})\ncalibration error {error:.3f}", fontsize=6.5)
                axis.set_xlabel(f"probability predicted by\n{method}")
            axes[2 * index].set_ylabel("observed frequency")
    return figure
