"""Checks that predictions can be scored: complete, well-shaped, finite, on the scale of the data."""

from __future__ import annotations

import difflib
from collections.abc import Collection

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from bench.errors import PredictionError
from bench.predictions import Predictions

LARGEST = 30.0
"""log1p of a trillion transcripts: no log-normalised value comes near it."""

_ENOUGH_VALUES = 50  # stored values from which on "all of them are integers" cannot be chance
_NAMED = 5
_NORMALISE = "log-normalise them with scanpy.pp.normalize_total(adata, target_sum=1e4), then scanpy.pp.log1p(adata)"


def check_predictions(
    predictions: Predictions,
    genes: pd.Index,
    conditions: Collection[str],
    n_cells: int,
    largest: float = LARGEST,
) -> None:
    """Check predictions against a task.

    Parameters
    ----------
    predictions
        What a method or a file predicted.
    genes
        Gene panel of the task.
    conditions
        Keys of its test conditions; each must be predicted or declared unsupported.
    n_cells
        Fewest cells per condition that the protocol scores.
    largest
        Largest value there can be; log1p of the counts per cell where they are known.

    Raises
    ------
    PredictionError
        For a gene panel that differs, a condition missing, unknown or both predicted and unsupported, a
        matrix of the wrong shape, a value that is not finite, a cell's value below 0, or values that look like counts.
        The message names condition, gene, value and remedy.
    """
    _check_genes(predictions.genes, genes)
    _check_conditions(predictions, conditions)
    for key, cells in predictions.cells.items():
        _check_shape(key, cells, len(genes), predictions.output, n_cells)
        _check_values(key, cells, genes, predictions.output, largest)
    _check_not_counts(predictions, genes)


def _check_genes(found: pd.Index, expected: pd.Index) -> None:
    if found.equals(expected):
        return
    missing, extra = expected.difference(found, sort=False), found.difference(expected, sort=False)
    if len(missing) or len(extra):
        raise PredictionError(
            f"genes: {len(missing)} of the task's {len(expected)} genes are missing {_some(missing)} and {len(extra)} "
            f"are not in its panel {_some(extra)}; predict exactly the panel"
        )
    if len(found) != len(expected):
        twice = found[found.duplicated()]
        raise PredictionError(f"genes: {len(twice)} genes occur twice {_some(twice)}; predict each once")
    first = int(np.argmax(found.to_numpy() != expected.to_numpy()))
    raise PredictionError(
        f"genes: column {first} is {found[first]!r} but the panel has {expected[first]!r} there; reorder the columns "
        "by gene name"
    )


def _check_conditions(predictions: Predictions, conditions: Collection[str]) -> None:
    named = {**predictions.unsupported, **predictions.cells}
    for key in named:
        if key not in conditions:
            close = difflib.get_close_matches(key, conditions, n=1)
            hint = f" (closest: {close[0]!r})" if close else ""
            raise PredictionError(f"condition {key!r} is not a test condition of the task{hint}; rename or remove it")
    both = sorted(set(predictions.cells) & set(predictions.unsupported))
    if both:
        raise PredictionError(f"condition {both[0]!r} is both predicted and declared unsupported; drop one of the two")
    missing = [key for key in conditions if key not in named]
    if missing:
        raise PredictionError(
            f"{len(missing)} of {len(conditions)} test conditions are missing {_some(missing)}; predict them, or "
            "declare them unsupported with a reason"
        )


def _check_shape(key: str, cells: csr_matrix, n_genes: int, output: str, n_cells: int) -> None:
    rows, columns = cells.shape
    if columns != n_genes:
        raise PredictionError(f"condition {key!r}: {columns} columns, the gene panel has {n_genes}; predict every gene")
    if output == "mean" and rows != 1:
        raise PredictionError(
            f"condition {key!r}: {rows} rows, a method with output 'mean' gives one mean profile; give that one row"
        )
    if output == "cells" and rows < n_cells:
        raise PredictionError(
            f"condition {key!r}: {rows} predicted cells, the protocol scores {n_cells}; predict at least {n_cells}"
        )


def _check_values(key: str, cells: csr_matrix, genes: pd.Index, output: str, largest: float) -> None:
    finite = np.isfinite(cells.data)
    if not finite.all():
        row, gene, value = _entry(cells, genes, int(np.argmin(finite)))
        raise PredictionError(
            f"condition {key!r}, cell {row}, gene {gene!r}: value {value} is not finite "
            f"({int((~finite).sum())} such values); a prediction without a number is never averaged away"
        )
    negative = cells.data < 0
    if output == "cells" and negative.any():  # a mean may lie below 0; the lift clips the cells made of it
        row, gene, value = _entry(cells, genes, int(np.argmax(negative)))
        raise PredictionError(
            f"condition {key!r}, cell {row}, gene {gene!r}: value {value:g} is negative ({int(negative.sum())} such "
            "values); log-normalised expression is >= 0: clip it where the prediction is made"
        )
    if cells.data.size and cells.data.max() > largest:
        row, gene, value = _entry(cells, genes, int(np.argmax(cells.data)))
        raise PredictionError(
            f"condition {key!r}, cell {row}, gene {gene!r}: value {value:g} is too large for log-normalised "
            f"expression; these look like counts: {_NORMALISE}"
        )


def _check_not_counts(predictions: Predictions, genes: pd.Index) -> None:
    """Raw counts may be small, but no log-normalised data are all integers."""
    seen, largest = 0, ("", -1, 1.0)
    for key, cells in predictions.cells.items():
        if not np.equal(np.mod(cells.data, 1), 0).all():
            return
        seen += int(np.count_nonzero(cells.data))
        if cells.data.size and cells.data.max() > largest[2]:
            largest = (key, int(np.argmax(cells.data)), float(cells.data.max()))
    if seen < _ENOUGH_VALUES or largest[1] < 0:
        return
    key, position, _ = largest
    row, gene, value = _entry(predictions.cells[key], genes, position)
    raise PredictionError(
        f"condition {key!r}, cell {row}, gene {gene!r}: value {value:g}, and all {seen} values above 0 are integers; "
        f"these look like counts: {_NORMALISE}"
    )


def _entry(cells: csr_matrix, genes: pd.Index, position: int) -> tuple[int, str, float]:
    """Row, gene and value of a stored entry."""
    row = int(np.searchsorted(cells.indptr, position, side="right")) - 1
    return row, str(genes[cells.indices[position]]), float(cells.data[position])


def _some(names: Collection[str]) -> str:
    """The first few names, in brackets; nothing for none."""
    if not len(names):
        return ""
    shown = ", ".join(repr(str(name)) for name in list(names)[:_NAMED])
    return f"({shown}{', ...' if len(names) > _NAMED else ''})"
