"""Fig. 8: the signal-to-noise ratio of perturbations as more genes are taken in, with and without zeros."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from reports.figures.style import COLOURS, MARKERS, canvas, panel_legend, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def signal_to_noise(frame: pd.DataFrame, heading: str = "") -> Figure:
    """Relative SNR over the number of highly variable genes, one panel per data set.

    Parameters
    ----------
    frame
        Columns ``dataset``, ``values`` (``all values`` or ``without zeros``), ``genes`` (how many), ``snr``,
        ``relative`` (to the fewest genes).
    heading
        What the figure was made from.
    """
    datasets = list(dict.fromkeys(frame["dataset"]))
    with style():
        figure, axes = canvas(2 * len(datasets), heading, columns=4, height=2.0)
        handles: dict[str, object] = {}
        for index, dataset in enumerate(datasets):
            for axis, column, label in zip(
                axes[2 * index :], ("relative", "snr"), ("relative SNR", "SNR"), strict=False
            ):
                for place, values in enumerate(dict.fromkeys(frame["values"])):
                    line = frame[(frame["dataset"] == dataset) & (frame["values"] == values)].sort_values("genes")
                    (handles[values],) = axis.plot(
                        line["genes"], line[column], color=COLOURS[place], marker=MARKERS[place]
                    )
                axis.set_xscale("log")
                ticks = _apart(sorted(frame.loc[frame["dataset"] == dataset, "genes"].unique()))
                axis.set_xticks(ticks, [str(tick) for tick in ticks], rotation=45)
                axis.minorticks_off()
                axis.set_ylim(bottom=0)
                axis.set_title(dataset)
                axis.set_xlabel("most variable genes")
                axis.set_ylabel(label)
        panel_legend(figure, handles.values(), handles.keys())
    return figure


def _apart(sizes: list[int]) -> list[int]:
    """Sizes that leave room for each other's labels on a logarithmic axis; the largest stays."""
    return [
        size for size, larger in zip(sizes, [*sizes[1:], None], strict=True) if larger is None or larger > 1.4 * size
    ]
