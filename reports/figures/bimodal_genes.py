"""Fig. 4: top differential genes whose expression has two modes within one condition."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from reports.figures.style import COLOURS, QUIET, canvas, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIDES = {"control": -1.0, "perturbed": 1.0}
_IN_A_ROW = 10


def bimodal_genes(frame: pd.DataFrame, heading: str = "") -> Figure:
    """Back-to-back histograms per gene, controls to the left, perturbed cells to the right; zeros have their own bar.

    Parameters
    ----------
    frame
        One condition. Columns ``condition``, ``gene``, ``place`` (0 is the most differential), ``group``
        (``control`` or ``perturbed``), ``low`` and ``high`` (edges of the bin; both 0 for exact zeros), ``fraction``
        of the group's cells in it, ``coefficient`` (bimodality coefficient of the group's values; NaN if undefined) and
        ``bimodal``.
    heading
        What the figure was made from.
    """
    genes = frame[["gene", "place"]].drop_duplicates().sort_values("place")["gene"].to_list()
    rows = [genes[start : start + _IN_A_ROW] for start in range(0, len(genes), _IN_A_ROW)]
    step = float((frame["high"] - frame["low"]).max())
    with style():
        figure, axes = canvas(len(rows), heading, columns=1, height=2.1)
        for axis, names in zip(axes, rows, strict=True):
            for place, gene in enumerate(names):
                _gene(axis, frame[frame["gene"] == gene], place, step)
            axis.set_xticks(range(len(names)), [_label(frame[frame["gene"] == gene]) for gene in names], fontsize=6)
            axis.set_xlim(-0.6, _IN_A_ROW - 0.4)
            axis.set_ylabel("expression (log1p)")
        axes[0].set_title(str(frame["condition"].iloc[0]))
        handles = [_swatch(COLOURS[0]), _swatch(COLOURS[1])]
        figure.legend(
            handles,
            ["unperturbed cells", "perturbed cells; b: their bimodality coefficient, * bimodal"],
            loc="outside lower left",
            ncols=2,
        )
    return figure


def _gene(axis: Axes, frame: pd.DataFrame, place: int, step: float) -> None:
    widest = frame["fraction"].max() or 1.0
    for (group, side), colour in zip(_SIDES.items(), COLOURS, strict=False):
        part = frame[frame["group"] == group]
        zero = (part["high"] == 0).to_numpy()
        # Exact zeros stand just below the axis' zero, so that they are not taken for small values.
        bottoms = np.where(zero, -step, part["low"])
        heights = np.where(zero, step, part["high"] - part["low"])
        widths = side * 0.46 * part["fraction"].to_numpy() / widest
        axis.barh(bottoms, widths, height=heights, left=place, align="edge", color=colour, linewidth=0)
    axis.plot([place, place], [-step, frame["high"].max()], color=QUIET, linewidth=0.4)


def _label(frame: pd.DataFrame) -> str:
    perturbed = frame[frame["group"] == "perturbed"].iloc[0]
    mark = "*" if perturbed["bimodal"] else ""
    coefficient = perturbed["coefficient"]
    return f"{perturbed['gene']}{mark}\nb {'–' if math.isnan(coefficient) else f'{coefficient:.2f}'}"


def _swatch(colour: str) -> object:
    from matplotlib.patches import Patch

    return Patch(color=colour)
