"""The one style of all figures: fonts, sizes, colours that colour-blind readers can tell apart, how they are saved."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito 2008, without its yellow, which a white page swallows.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
TRUTH = "#4D4D4D"
QUIET = "#8C8C8C"
_HEADING_CHARACTERS = 20  # to the inch, at the heading's size
TEXT_WIDTH = 7.0  # inches; what a page of a paper leaves

# Entries that would say when and with what a file was written.
_DATED: Mapping[str, tuple[str, ...]] = {"pdf": ("CreationDate", "Creator", "Producer"), "png": ("Software",)}
_RC: Mapping[str, object] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.unicode_minus": True,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "lines.linewidth": 1.2,
    "lines.markersize": 4,
    "figure.dpi": 100,
    "savefig.dpi": 220,
    "pdf.fonttype": 42,  # text stays text
    "text.parse_math": False,  # a dollar sign in a gene's name is a dollar sign
}


@dataclass(frozen=True)
class Look:
    """How one method is drawn: a colour and a marker, so that neither is needed alone."""

    colour: str
    marker: str


@contextmanager
def style() -> Iterator[None]:
    """The style, for as long as the block runs; matplotlib's own settings come back afterwards."""
    from matplotlib import rc_context

    with rc_context(dict(_RC)):
        yield


def looks(frame: pd.DataFrame) -> dict[str, Look]:
    """A look for every method of a frame; no two alike below 63 methods.

    ``frame.attrs["methods"]``, where given, are all methods of the figures drawn together: a method then looks the same
    in each, whoever else is in it.
    """
    ordered = sorted({*frame.attrs.get("methods", ()), *frame["method"]})
    return {
        name: Look(colour, marker)
        for name, colour, marker in zip(ordered, cycle(COLOURS), cycle(MARKERS), strict=False)
    }


def canvas(
    n_panels: int, heading: str, *, columns: int, height: float, width: float = TEXT_WIDTH
) -> tuple[Figure, list[Axes]]:
    """An empty figure with ``n_panels`` panels, row by row, and its heading.

    Parameters
    ----------
    n_panels
        Panels.
    heading
        What the figure was made from, printed small above it.
    columns
        Panels in a row at most.
    height
        Inches per row.
    width
        Inches.
    """
    from matplotlib.figure import Figure

    columns = max(1, min(columns, n_panels))
    rows = max(1, -(-n_panels // columns))
    figure = Figure(figsize=(width, height * rows + 0.3), layout="constrained")
    if heading:
        # Not matplotlib's own wrapping, which reads dollar signs as mathematics whatever it is told.
        text = textwrap.fill(heading, int(_HEADING_CHARACTERS * width))
        figure.suptitle(text, x=0.01, ha="left", fontsize=6.5, color=QUIET)
    axes = [figure.add_subplot(rows, columns, index + 1) for index in range(n_panels)]
    return figure, axes


def plain_log(axis: Axes, which: str) -> None:
    """A logarithmic ``x`` or ``y`` axis with few ticks, written as plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    (axis.set_xscale if which == "x" else axis.set_yscale)("log")
    side = axis.xaxis if which == "x" else axis.yaxis
    low, high = axis.get_xlim() if which == "x" else axis.get_ylim()
    # Within a decade the powers of ten alone would leave an axis without a number.
    steps = (1.0,) if high / low > 100 else (1.0, 2.0, 5.0) if high / low > 4 else (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)
    side.set_major_locator(LogLocator(subs=steps, numticks=6))
    side.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    side.set_minor_locator(NullLocator())


def save(figure: Figure, path: Path, form: str) -> None:
    """Write a figure as ``pdf`` or ``png``; the same figure gives the same bytes."""
    # Drawn in memory: on a full disk matplotlib's PDF writer fails with an error of its own that hides the disk's.
    drawn = BytesIO()
    with style():
        figure.savefig(drawn, format=form, metadata=dict.fromkeys(_DATED[form]))
    path.write_bytes(drawn.getvalue())


def panel_legend(figure: Figure, handles: Iterable[object], labels: Iterable[str], *, columns: int = 5) -> None:
    """One legend for the whole figure, below the panels."""
    figure.legend(
        list(handles), list(labels), loc="outside lower left", ncols=columns, handletextpad=0.3, columnspacing=1.2
    )
