"""What a prediction must be; the worker and the conformance suite ask the same questions."""

from __future__ import annotations

import numpy as np

from methods.base import Output


class ContractViolation(ValueError):
    """A method returned something the contract forbids; the message says what and what to change."""


def check_prediction(
    prediction: object, *, condition: str, n_cells: int, n_genes: int, output: Output, target_sum: float
) -> np.ndarray:
    """Return the prediction as a float32 array, or explain what is wrong with it.

    Parameters
    ----------
    prediction
        What ``predict`` returned: (n_cells, n_genes), log-normalised.
    condition
        Key of the condition, for the message.
    target_sum
        Counts per cell before log1p. No gene of a cell can exceed ``log1p(target_sum)``, so a
        larger value means that counts, or another scale, were returned.

    Raises
    ------
    ContractViolation
        On a wrong type, shape or scale, on non-finite values, and on negative values in cells.
    """
    where = f"prediction of {condition!r}"
    if hasattr(prediction, "toarray"):
        raise ContractViolation(f"{where} is a sparse matrix; return a dense numpy array")
    if not isinstance(prediction, np.ndarray):
        raise ContractViolation(f"{where} is a {type(prediction).__name__}; return a numpy array")
    if prediction.shape != (n_cells, n_genes):
        raise ContractViolation(
            f"{where} has shape {prediction.shape}; return (n_cells, n_genes) = {(n_cells, n_genes)}"
        )
    if not np.issubdtype(prediction.dtype, np.floating):
        raise ContractViolation(f"{where} has dtype {prediction.dtype}; return log-normalised floating-point values")
    bad = ~np.isfinite(prediction)
    if bad.any():
        raise ContractViolation(f"{where} has {int(bad.sum())} values that are not finite, first in {_first(bad)}")
    if output == "cells" and (prediction < 0).any():
        low = prediction < 0
        raise ContractViolation(
            f"{where} has {int(low.sum())} negative values, first in {_first(low)}; log-normalised "
            "expression is >= 0, clip it in the method"
        )
    limit = np.log1p(target_sum)
    if prediction.max(initial=0) > limit * (1 + 1e-5):
        raise ContractViolation(
            f"{where} reaches {prediction.max():.4g}; log1p of counts per {target_sum:g} cannot exceed {limit:.4g}. "
            "Counts or another scale were returned: normalise and log1p them"
        )
    if output == "mean" and n_cells > 1 and not (prediction == prediction[0]).all():
        raise ContractViolation(f"{where}: output is 'mean' but its rows differ; declare output = 'cells'")
    return prediction.astype(np.float32, copy=False)


def _first(mask: np.ndarray) -> str:
    row, column = np.argwhere(mask)[0]
    return f"row {row}, gene column {column}"
