"""Predictions that cannot be scored are refused, naming condition, gene, value and remedy."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from bench.errors import PredictionError
from bench.prediction_checks import check_predictions
from bench.predictions import Predictions

GENES = pd.Index([f"g{index}" for index in range(6)])
CONDITIONS = ("KLF1", "GATA1")


def matrix(**changed: float) -> csr_matrix:
    """Twelve plausible cells; ``g3=nan`` puts a value at cell 2, gene g3."""
    values = np.random.default_rng(0).uniform(0.1, 3.0, (12, 6))
    for gene, value in changed.items():
        values[2, GENES.get_loc(gene)] = value
    return csr_matrix(values)


GOOD = Predictions(genes=GENES, output="cells", cells={"KLF1": matrix(), "GATA1": matrix()})


def check(predictions: Predictions) -> None:
    check_predictions(predictions, GENES, CONDITIONS, n_cells=10)


def with_cells(cells: csr_matrix) -> Predictions:
    return replace(GOOD, cells={**GOOD.cells, "KLF1": cells})


def test_good_predictions_pass():
    check(GOOD)


def test_all_zero_cells_pass_they_only_score_badly():
    check(replace(GOOD, cells=dict.fromkeys(CONDITIONS, csr_matrix((12, 6)))))


def test_unsupported_conditions_need_no_cells():
    check(replace(GOOD, cells={"KLF1": matrix()}, unsupported={"GATA1": "not in the gene panel"}))


REFUSED = {
    "not a number": (with_cells(matrix(g3=np.nan)), "'KLF1', cell 2, gene 'g3': value nan is not finite"),
    "infinite": (with_cells(matrix(g3=np.inf)), "'KLF1', cell 2, gene 'g3': value inf is not finite"),
    "negative": (with_cells(matrix(g3=-0.5)), "'KLF1', cell 2, gene 'g3': value -0.5 is negative .1 such"),
    "not log-normalised": (with_cells(matrix(g3=812.5)), "'g3': value 812.5 is too large .*normalize_total"),
    "a gene short": (with_cells(matrix()[:, :5]), "'KLF1': 5 columns, the gene panel has 6"),
    "too few cells": (with_cells(matrix()[:9]), "'KLF1': 9 predicted cells, the protocol scores 10"),
    "several rows for a mean": (replace(GOOD, output="mean"), "'KLF1': 12 rows, a method with output 'mean'"),
    "a condition missing": (replace(GOOD, cells={"KLF1": matrix()}), "1 of 2 test conditions are missing .'GATA1'."),
    "an unknown condition": (
        replace(GOOD, cells={**GOOD.cells, "KLF2": matrix()}),
        "'KLF2' is not a test condition .* .closest: 'KLF1'.",
    ),
    "predicted and unsupported": (replace(GOOD, unsupported={"KLF1": "why"}), "'KLF1' is both"),
    "genes in another order": (replace(GOOD, genes=GENES[::-1]), "column 0 is 'g5' but the panel has 'g0'"),
    "other genes": (
        replace(GOOD, genes=pd.Index(["x", *GENES[1:]])),
        "1 of the task's 6 genes are missing .'g0'. and 1 are not in its panel .'x'.",
    ),
    "a gene twice": (replace(GOOD, genes=pd.Index([*GENES, "g0"])), "1 genes occur twice .'g0'."),
}


@pytest.mark.parametrize(("predictions", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_bad_predictions_are_refused(predictions, message):
    with pytest.raises(PredictionError, match=message):
        check(predictions)


def test_small_raw_counts_are_recognised_by_being_integers():
    counts = np.random.default_rng(0).poisson(1.5, (12, 6))
    with pytest.raises(PredictionError, match=r"all \d+ values above 0 are integers.*normalize_total"):
        check(replace(GOOD, cells=dict.fromkeys(CONDITIONS, csr_matrix(counts.astype(np.float32)))))
