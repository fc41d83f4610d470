"""Data of Fig. 5: predicted probabilities of activation against observed frequencies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bench.figures.declare import FigureUnavailable
from bench.figures.variants import entrants
from bench.protocols import CALIBRATED
from reports.figures.activation import LEAST_SHOWN

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from bench.leaderboard import Leaderboard

ACTIVE_ABOVE = 0.05
"""Expression above which a gene counts as active (paper, section 4.3)."""
_N_CONDITIONS = 2
_BINS = 10


def active_fraction(cells: csr_matrix) -> np.ndarray:
    """Fraction of cells in which each gene is active: (n, g) -> (g,), float64."""
    return np.asarray((cells > ACTIVE_ABOVE).mean(axis=0), dtype=np.float64).ravel()


def calibration_error(predicted: np.ndarray, observed: np.ndarray) -> float:
    """Expected calibration error over ten equal bins of the predicted probability.

    Mean over genes of |mean predicted − mean observed| of the gene's bin; NaN without genes.
    """
    if predicted.size == 0:
        return float("nan")
    place = np.minimum((predicted * _BINS).astype(int), _BINS - 1)
    gaps = np.bincount(place, predicted - observed, minlength=_BINS)
    return float(np.abs(gaps).sum() / predicted.size)


def activation_frame(
    predicted: Mapping[str, np.ndarray], observed: Mapping[str, np.ndarray], genes: Sequence[str]
) -> pd.DataFrame:
    """Probabilities beside frequencies, with the calibration error of either panel.

    Parameters
    ----------
    predicted
        Condition -> probability that each gene is active: (g,).
    observed
        Condition -> frequency among the held-out cells: (g,).
    genes
        Names, (g,).
    """
    frames = []
    for condition, probability in predicted.items():
        frequency = observed[condition]
        shown = probability > LEAST_SHOWN
        frames.append(
            pd.DataFrame(
                {
                    "condition": condition,
                    "gene": list(genes),
                    "predicted": probability,
                    "observed": frequency,
                    "error_all": calibration_error(probability, frequency),
                    "error_active": calibration_error(probability[shown], frequency[shown]),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def build(boards: Sequence[Leaderboard]) -> pd.DataFrame:
    """The two conditions with the most held-out cells, predicted by the best method that predicts cells.

    A baseline is taken only where nothing else predicts cells.

    Raises
    ------
    FigureUnavailable
        If no method predicts cells.
    """
    (board,) = boards
    evaluator = board.evaluator
    records = {record.method: record for record in reversed(board.records) if record.status == "finished"}
    of_cells = [name for name in entrants(board) if records[name].details.get("output") == "cells"]
    models = [name for name in of_cells if records[name].details.get("role") != "baseline"]
    if not of_cells:
        raise FigureUnavailable(f"no method on {evaluator.task.name} predicts cells; means have no activation")
    method = (models or of_cells)[0]
    cells = evaluator.scored_cells(records[method], CALIBRATED)
    truths = evaluator.reference(CALIBRATED).truths
    largest = sorted(cells, key=lambda key: -truths[key].cells.n)[:_N_CONDITIONS]
    frame = activation_frame(
        {key: active_fraction(cells[key]) for key in largest},
        {key: active_fraction(truths[key].cells.matrix) for key in largest},
        [str(gene) for gene in evaluator.held_out.genes],
    )
    return frame.assign(method=method)
