"""What scale the values of a matrix are on: counts, normalised, log-normalised, or none of these.

Two properties give a scale away. Normalised values of a whole transcriptome sum to the same total in every cell once
the logarithm is undone. And since they come from counts, the values of one cell are then whole multiples of one unit
(one molecule), which still shows in a matrix cut down to a few genes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np

from bench.data.blocks import row_blocks

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Kind = Literal[
    "counts", "binary", "linear", "log", "log2", "log10", "log_twice", "scaled", "not_finite", "empty", "unknown"
]
Transform = Callable[[np.ndarray], np.ndarray]

UNDO: Mapping[Kind, Transform] = MappingProxyType(
    {
        "linear": lambda values: values,
        "log": np.expm1,
        "log2": lambda values: np.exp2(values) - 1,
        "log10": lambda values: np.power(10.0, values) - 1,
        "log_twice": lambda values: np.expm1(np.expm1(values)),
    }
)
_SAMPLE = 1000  # cells looked at
_SPREAD = 1e-3  # relative SD of the totals of cells that were normalised to one total
_NEAR = 0.02  # how close to a whole number a multiple of the unit must be; chance alone gives 4 %
_MULTIPLES = (1.5, 60.0)  # multiples looked at: 1 is the unit itself, larger ones drown in rounding
_FEWEST = 50  # multiples needed for a verdict
_MOST_OFF = 0.2  # fraction that may miss: cells without a single count of one


@dataclass(frozen=True)
class Scale:
    """A verdict on the values of a matrix.

    Parameters
    ----------
    kind
        ``counts``; ``linear`` (normalised, no logarithm), ``log`` (log1p), ``log2`` or ``log10`` (of 1 + value),
        ``log_twice``; or what rules a matrix out: ``binary``, ``scaled`` (negative values), ``not_finite``, ``empty``,
        ``unknown``.
    evidence
        What the verdict rests on, for a person.
    total
        Common total of the cells before the logarithm; ``None`` if there is none.
    """

    kind: Kind
    evidence: str
    total: float | None = None


def detect_scale(matrix: csr_matrix) -> Scale:
    """Tell what scale the values are on.

    Parameters
    ----------
    matrix
        (cells, genes), CSR. Signs and whole numbers are looked for in every value, totals and units in up to 1,000
        cells; the matrix is not copied.
    """
    low, high, whole = np.inf, -np.inf, True
    n_values = 0
    for first, last in row_blocks(matrix.indptr):
        values = matrix.data[matrix.indptr[first] : matrix.indptr[last]]
        values = values[values != 0]
        if not values.size:
            continue
        n_values += values.size
        low, high = min(low, values.min()), max(high, values.max())
        whole = whole and bool(np.all(values == np.rint(values)))
        if not np.isfinite(values).all():
            return Scale("not_finite", f"{int((~np.isfinite(values)).sum())} values are NaN or infinite")
    if n_values == 0:
        return Scale("empty", "every value is 0")
    if low < 0:
        return Scale("scaled", f"the smallest value is {low:.4g}: scaled, centred or corrected values")
    if whole and high == 1:
        return Scale("binary", "every value is 0 or 1")
    if whole:
        return Scale("counts", f"all {n_values:,} non-zero values are whole numbers, the largest {high:g}")
    return _by_totals(matrix) or _by_units(matrix, high)


def _sample(matrix: csr_matrix) -> list[np.ndarray]:
    """Non-zero values of up to 1,000 filled cells, evenly spread, as float64."""
    filled = np.flatnonzero(np.diff(matrix.indptr))
    chosen = filled[np.unique(np.linspace(0, filled.size - 1, min(_SAMPLE, filled.size)).astype(int))]
    rows = (matrix.data[matrix.indptr[row] : matrix.indptr[row + 1]].astype(np.float64) for row in chosen)
    return [row[row > 0] for row in rows if (row > 0).any()]


def _by_totals(matrix: csr_matrix) -> Scale | None:
    rows = _sample(matrix)
    if len(rows) < 3 or max(row.size for row in rows) < 2:
        return None
    for kind, undo in UNDO.items():
        with np.errstate(over="ignore", invalid="ignore"):
            totals = np.array([undo(row).sum() for row in rows])
            spread = totals.std() / totals.mean()
        if spread < _SPREAD:
            total = float(np.median(totals))
            return Scale(kind, f"{_UNDONE[kind]} every cell sums to {total:.6g}", total)
    return None


def _by_units(matrix: csr_matrix, high: float) -> Scale:
    rows = _sample(matrix)
    misses = {kind: _misses(rows, undo) for kind, undo in UNDO.items()}
    ranked = sorted((off, kind) for kind, off in misses.items() if np.isfinite(off))
    if ranked and ranked[0][0] <= _MOST_OFF and (len(ranked) == 1 or ranked[0][0] < ranked[1][0] / 3):
        off, kind = ranked[0]
        return Scale(
            kind,
            f"{_UNDONE[kind]} {1 - off:.0%} of the values are whole multiples of their cell's smallest, "
            "and totals differ between cells: normalised over more genes than the file holds",
        )
    return Scale(
        "unknown",
        f"values up to {high:.4g} that are no whole numbers, share no total, and are no multiples of a unit "
        "(as they are, or with a natural, binary or decimal logarithm undone)",
    )


_UNDONE: Mapping[Kind, str] = MappingProxyType(
    {
        "linear": "as they are,",
        "log": "with log1p undone,",
        "log2": "with log2(1 + x) undone,",
        "log10": "with log10(1 + x) undone,",
        "log_twice": "with log1p undone twice,",
    }
)


def _misses(rows: list[np.ndarray], undo: Transform) -> float:
    """Fraction of values that are not near a whole multiple of their cell's smallest; NaN if too few can be judged."""
    off = seen = 0
    with np.errstate(over="ignore", invalid="ignore"):
        for row in rows:
            linear = undo(row)
            multiple = linear / linear.min()
            judged = multiple[(multiple > _MULTIPLES[0]) & (multiple < _MULTIPLES[1])]
            off += int((np.abs(judged - np.rint(judged)) > _NEAR).sum())
            seen += judged.size
    return off / seen if seen >= _FEWEST else float("nan")


def cell_units(matrix: csr_matrix, kind: Kind) -> np.ndarray:
    """Smallest value of each cell with the logarithm undone: (n_cells,), NaN for empty cells.

    In data that come from counts this is what one molecule of that cell counts for.
    """
    units = np.full(matrix.shape[0], np.nan)
    filled = np.flatnonzero(np.diff(matrix.indptr))
    if filled.size:
        smallest = np.minimum.reduceat(matrix.data, matrix.indptr[filled]).astype(np.float64)
        units[filled] = UNDO[kind](smallest)
    return units
