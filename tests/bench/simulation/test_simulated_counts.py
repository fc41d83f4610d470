from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.stats import chisquare, nbinom

from bench.simulation.counts import LARGE_MEAN, draw_counts, log_normalise


@pytest.mark.parametrize("mean", [0.02, 0.5, 4.0, LARGE_MEAN - 1e-9, LARGE_MEAN, 40.0])
@pytest.mark.parametrize("dispersion", [0.05, 0.4, 5.0])
def test_counts_follow_the_negative_binomial_law(mean, dispersion):
    n = 20_000
    drawn = draw_counts(np.random.default_rng(0), np.full((n, 1), mean), np.array([dispersion])).toarray().ravel()
    law = nbinom(1 / dispersion, 1 / (1 + mean * dispersion))
    edges = np.unique(law.ppf(np.linspace(0.02, 0.98, 9)))
    observed = np.bincount(np.searchsorted(edges, drawn), minlength=edges.size + 1)
    expected = n * np.diff(np.concatenate([[0.0], law.cdf(edges), [1.0]]))
    assert chisquare(observed, expected).pvalue > 1e-4


@settings(max_examples=30, deadline=None)
@given(
    mean=st.floats(1e-6, 1e4), dispersion=st.floats(0.02, 20.0), seed=st.integers(0, 2**31), n_genes=st.integers(1, 7)
)
def test_counts_are_sorted_whole_positive_numbers(mean, dispersion, seed, n_genes):
    rng = np.random.default_rng(seed)
    means = mean * rng.lognormal(0, 1, (6, n_genes))
    counts = draw_counts(rng, means, np.full(n_genes, dispersion))
    assert counts.has_canonical_format
    assert counts.dtype == np.float32
    assert np.all(counts.data >= 1)
    assert np.all(counts.data == np.rint(counts.data))


def test_normalised_values_are_those_of_scanpy():
    import scanpy
    from anndata import AnnData

    counts = csr_matrix(np.random.default_rng(0).poisson(0.7, (30, 12)).astype(np.float32))
    adata = AnnData(counts.copy())
    scanpy.pp.normalize_total(adata, target_sum=1e4)
    scanpy.pp.log1p(adata)
    assert np.allclose(log_normalise(counts).toarray(), adata.X.toarray(), rtol=1e-6)


def test_a_cell_without_counts_stays_empty():
    normalised = log_normalise(csr_matrix(np.array([[0, 0], [3, 1]], dtype=np.float32)))
    assert normalised[0].nnz == 0
    assert np.expm1(normalised[1].toarray()).sum() == pytest.approx(1e4, rel=1e-5)


def test_normalising_leaves_the_counts_alone():
    counts = csr_matrix(np.array([[2, 0], [3, 1]], dtype=np.float32))
    normalised = log_normalise(counts)
    normalised.indices[:] = 0
    assert np.array_equal(counts.toarray(), [[2, 0], [3, 1]])
