"""The gene panel: the field's scores, and nothing of what is held out."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from anndata import AnnData
from scipy.sparse import csr_matrix

from bench.data.normalise import Normalised
from bench.data.panel import PanelRule, _keep_columns, cut_to_panel, gene_scores
from bench.errors import DataError
from bench.splits import Split, SplitConditions, write_split
from bench.splitting import seen as module
from bench.splitting.seen import seen_by_every_task

VARIANCE = PanelRule(12, "variance")


def values(n_cells: int = 200, n_genes: int = 300, seed: int = 0) -> csr_matrix:
    rng = np.random.default_rng(seed)
    counts = rng.poisson(rng.gamma(0.3, 3.0, n_genes) * rng.gamma(2.0, 0.5, (n_cells, n_genes)))
    counts[:, 7] = 0
    dense = np.log1p(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1) * 1e4).astype(np.float32)
    return csr_matrix(dense)


def counted(matrix: csr_matrix) -> csr_matrix:
    """Whole numbers with the same zeros, sharing their positions with the values as the importer's do."""
    return csr_matrix((np.ceil(matrix.data), matrix.indices, matrix.indptr), shape=matrix.shape)


def labelled(n_cells: int = 200) -> pd.DataFrame:
    labels = [("ctrl", "A", "B", "A+B")[i % 4] for i in range(n_cells)]
    obs = pd.DataFrame({"condition": labels, "perturbation": labels}, index=[f"cell{i}" for i in range(n_cells)])
    return obs.assign(control=obs["condition"] == "ctrl")


def named(n_genes: int = 300) -> pd.DataFrame:
    return pd.DataFrame(index=[f"G{i}" for i in range(n_genes - 1)] + ["B"])


def cut(matrix: csr_matrix, rule: PanelRule, seen: np.ndarray, counts: csr_matrix | None = None):
    return cut_to_panel(Normalised(matrix, counts, 1e4, ""), named(matrix.shape[1]), labelled(), rule, seen)


def test_dispersion_is_scanpys():
    matrix = values()
    holder = AnnData(matrix.copy())
    with np.errstate(all="ignore"):
        sc.pp.highly_variable_genes(holder, flavor="seurat", n_top_genes=50)
    theirs = holder.var["dispersions_norm"].to_numpy()
    ours = gene_scores(matrix, np.ones(200, dtype=bool), "dispersion")
    known = np.isfinite(theirs) & (np.asarray(matrix.sum(axis=0)).ravel() > 0)
    assert known.sum() > 200
    assert ours[known] == pytest.approx(theirs[known], rel=1e-4, abs=1e-4)
    chosen = np.argsort(-ours, kind="stable")[:50]
    assert set(chosen) == set(np.flatnonzero(holder.var["highly_variable"]))


def test_variance_is_of_the_log_values_of_the_cells_that_may_decide():
    matrix, seen = values(), np.arange(200) % 3 == 0
    expected = matrix.toarray()[seen].var(axis=0, ddof=1)
    expected[matrix.toarray()[seen].max(axis=0) == 0] = -np.inf
    assert gene_scores(matrix, seen, "variance") == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_scores_do_not_depend_on_the_size_of_the_blocks(monkeypatch):
    from bench.data import blocks

    matrix, seen = values(), np.arange(200) % 3 == 0
    whole = gene_scores(matrix, seen, "dispersion")
    monkeypatch.setattr(blocks.row_blocks, "__defaults__", (97,))
    assert gene_scores(matrix, seen, "dispersion") == pytest.approx(whole, rel=1e-9, abs=1e-9)


def test_perturbed_genes_come_first_then_the_most_variable():
    dense = values().toarray()
    normalised, var, told = cut(values(), VARIANCE, np.ones(200, dtype=bool), counts=counted(values()))
    assert var.index[0] == "B"  # A is not measured
    spread = dense.var(axis=0, ddof=1)
    assert list(var.index[1:]) == [f"G{i}" for i in np.argsort(-spread[:-1])[:11]]
    assert normalised.values.shape == (200, 12)
    assert normalised.values.has_sorted_indices
    columns = [int(name[1:]) if name != "B" else 299 for name in var.index]
    assert np.array_equal(normalised.values.toarray(), dense[:, columns])
    assert np.array_equal(normalised.counts.toarray(), np.ceil(dense[:, columns]))
    assert told.startswith("12 of 300 genes: 1 perturbed ones, then by variance over 200 cells")


@pytest.mark.parametrize("size", [1, 15, 150, 299])
@pytest.mark.parametrize("block", [1, 50, 10**6])
def test_any_columns_in_any_order_are_kept_in_place(monkeypatch, size, block):
    from bench.data import blocks

    monkeypatch.setattr(blocks.row_blocks, "__defaults__", (block,))
    matrix = values()
    dense = matrix.toarray()
    kept, counts = _keep_columns(matrix, counted(matrix), np.random.default_rng(size).permutation(300)[:size])
    chosen = np.random.default_rng(size).permutation(300)[:size]
    assert np.array_equal(kept.toarray(), dense[:, chosen])
    assert np.array_equal(counts.toarray(), np.ceil(dense[:, chosen]))
    alone, none = _keep_columns(values(), None, chosen)
    assert np.array_equal(alone.toarray(), kept.toarray())
    assert none is None
    assert kept.has_canonical_format
    assert all(np.all(np.diff(kept.indices[a:b]) > 0) for a, b in itertools.pairwise(kept.indptr))


@pytest.mark.parametrize("score", ["variance", "dispersion"])
def test_what_is_held_out_does_not_change_the_panel(score):
    seen = np.arange(200) % 4 != 3
    altered = values().toarray()
    altered[~seen] = np.random.default_rng(1).permuted(altered[~seen] * 5, axis=1)
    rule = PanelRule(40, score)
    _, before, _ = cut(values(), rule, seen)
    _, after, _ = cut(csr_matrix(altered), rule, seen)
    _, leaking, _ = cut(csr_matrix(altered), rule, np.ones(200, dtype=bool))
    assert list(before.index) == list(after.index)
    assert list(before.index) != list(leaking.index)


def test_a_file_no_larger_than_the_panel_is_kept_as_it_is():
    matrix = values()
    normalised, var, told = cut(matrix, PanelRule(300, "variance"), np.zeros(200, dtype=bool))
    assert normalised.values is matrix
    assert len(var) == 300
    assert told == "all 300 genes of the file"


def test_no_cell_to_decide_is_an_error():
    with pytest.raises(DataError, match="0 cells are in the training side of every task"):
        cut(values(), VARIANCE, np.zeros(200, dtype=bool))


def test_more_perturbed_genes_than_the_panel_holds_are_an_error():
    obs = labelled().assign(perturbation=[f"G{i}" for i in range(200)])
    with pytest.raises(DataError, match="200 perturbed genes do not fit into 12"):
        cut_to_panel(Normalised(values(), None, 1e4, ""), named(), obs, VARIANCE, np.ones(200, dtype=bool))


def test_only_cells_that_every_task_trains_on_are_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "splits_dir", lambda: tmp_path)
    obs = labelled()
    for task, train, test, dataset in (
        ("one", "A", "B", "mine"),
        ("two", "B", "A+B", "mine"),
        ("three", "A", "B", "x"),
    ):
        conditions = SplitConditions(train=(train,), test=(test,))
        split = Split(
            schema=1, task=task, kind="unseen_gene", dataset=dataset, modality="gene", source="s", conditions=conditions
        )
        write_split(split, tmp_path / f"{task}.toml")
    seen = seen_by_every_task("mine", obs)
    assert not seen[~obs["control"]].any()  # what one task trains on the other tests, or does not use
    assert 15 < seen[obs["control"]].sum() < 45  # about 60 % of 50
    assert set(obs["condition"][seen_by_every_task("x", obs)]) == {"ctrl", "A"}
    assert seen_by_every_task("nobody's", obs).all()
