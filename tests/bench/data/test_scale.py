from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from bench.data.scale import UNDO, cell_units, detect_scale

FORWARD: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "linear": lambda values: values,
    "log": np.log1p,
    "log2": lambda values: np.log2(1 + values),
    "log10": lambda values: np.log10(1 + values),
    "log_twice": lambda values: np.log1p(np.log1p(values)),
}


def counts(seed: int, n_cells: int = 60, n_genes: int = 40) -> np.ndarray:
    """Counts like those of cells: uneven genes, uneven depth, half of them zero, a one in every cell."""
    rng = np.random.default_rng(seed)
    depth = rng.lognormal(0, 0.5, (n_cells, 1))
    drawn = rng.poisson(depth * rng.gamma(0.5, 4.0, n_genes)).astype(float)
    drawn[:, 0], drawn[:, 1] = 1, 2
    return drawn


def normalised(drawn: np.ndarray, kind: str, target_sum: float) -> np.ndarray:
    return FORWARD[kind](drawn / drawn.sum(axis=1, keepdims=True) * target_sum)


seeds, targets, kinds = st.integers(0, 10_000), st.sampled_from([1e3, 1e4, 1e5]), st.sampled_from(sorted(FORWARD))


@given(seeds, targets, kinds)
@settings(max_examples=40, deadline=None)
def test_values_of_a_whole_transcriptome_are_told_with_their_total(seed: int, target_sum: float, kind: str) -> None:
    scale = detect_scale(csr_matrix(normalised(counts(seed), kind, target_sum).astype(np.float32)))
    assert scale.kind == kind
    assert scale.total == pytest.approx(target_sum, rel=1e-4)


@given(seeds, targets, kinds)
@settings(max_examples=40, deadline=None)
def test_values_of_some_genes_are_told_without_a_total(seed: int, target_sum: float, kind: str) -> None:
    some_genes = normalised(counts(seed, 200), kind, target_sum)[:, :12]
    scale = detect_scale(csr_matrix(some_genes.astype(np.float32)))
    assert (scale.kind, scale.total) == (kind, None)


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_counts_are_told_from_everything_else(seed: int) -> None:
    assert detect_scale(csr_matrix(counts(seed).astype(np.float32))).kind == "counts"


@given(seeds, kinds)
@settings(max_examples=20, deadline=None)
def test_undoing_a_scale_gives_back_the_linear_values(seed: int, kind: str) -> None:
    linear = normalised(counts(seed), "linear", 1e4)
    np.testing.assert_allclose(UNDO[kind](FORWARD[kind](linear)), linear, rtol=1e-6)


def smooth(values: np.ndarray) -> np.ndarray:
    return np.abs(values + np.random.default_rng(0).normal(0, 0.3, values.shape))


@pytest.mark.parametrize(
    ("values", "kind", "evidence"),
    [
        (np.array([[1.0, np.nan], [2.0, 1.0]]), "not_finite", "1 values are NaN or infinite"),
        (np.array([[1.0, np.inf], [2.0, 1.0]]), "not_finite", "NaN or infinite"),
        (np.array([[1.5, -0.5], [2.0, 1.0]]), "scaled", "smallest value is -0.5"),
        (np.zeros((2, 2)), "empty", "every value is 0"),
        (np.array([[1.0, 0.0], [0.0, 1.0]]), "binary", "0 or 1"),
        (smooth(normalised(counts(0), "log", 1e4)), "unknown", "no whole numbers, share no total"),
        (np.array([[0.7, 1.3], [0.2, 3.1]]), "unknown", "values up to 3.1"),
    ],
)
def test_what_is_no_expression_scale_is_named(values: np.ndarray, kind: str, evidence: str) -> None:
    scale = detect_scale(csr_matrix(values.astype(np.float32)))
    assert scale.kind == kind
    assert evidence in scale.evidence


def test_a_cells_unit_is_what_one_molecule_counts_for() -> None:
    drawn = counts(1)
    values = csr_matrix(normalised(drawn, "log", 1e4).astype(np.float32))
    np.testing.assert_allclose(cell_units(values, "log"), 1e4 / drawn.sum(axis=1), rtol=1e-5)


def test_an_empty_cell_has_no_unit() -> None:
    assert np.isnan(cell_units(csr_matrix(np.array([[0.0, 0.0], [1.0, 0.0]])), "linear")).tolist() == [True, False]
