"""The data frames behind the figures, against hand-made truths."""

import numpy as np
import pandas as pd
import pytest
import scanpy
from anndata import AnnData
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.stats import spearmanr

from bench.boards import open_boards
from bench.figures import costs, intra_distance, paired, ranks
from bench.figures.activation import activation_frame, active_fraction, calibration_error
from bench.figures.bimodal_genes import bimodal_frame, bimodality_coefficient, is_bimodal, smaller_mode
from bench.figures.cell_numbers import by_cells
from bench.figures.signal_to_noise import condition_sums, most_variable, signal_and_noise, signal_to_noise_frame
from bench.figures.values import scored_methods
from bench.figures.variants import entrants
from bench.protocols import CALIBRATED
from bench.store import Store

RNG = np.random.default_rng(0)


def test_the_bimodality_coefficient_knows_the_textbook_distributions():
    n = 200_000
    values = np.column_stack([np.repeat([0.0, 1.0], n // 2), RNG.uniform(size=n), RNG.normal(size=n)])
    assert bimodality_coefficient(values) == pytest.approx([1, 5 / 9, 1 / 3], abs=5e-3)


def test_constant_genes_and_too_few_cells_have_no_bimodality():
    assert np.isnan(bimodality_coefficient(np.full((50, 2), 3.0))).all()
    assert np.isnan(bimodality_coefficient(np.array([[0.0], [1.0], [2.0]]))).all()
    assert smaller_mode(np.full((50, 1), 3.0)) == 0


def test_a_gene_is_bimodal_with_two_full_modes_but_not_with_a_few_outliers():
    n = 400
    mixture = np.where(np.arange(n) < 120, 0.0, RNG.normal(3, 0.3, n))
    outliers = np.where(np.arange(n) < 8, RNG.normal(3, 0.3, n), 0.0)
    assert is_bimodal(np.column_stack([mixture, outliers, RNG.normal(3, 0.3, n)])).tolist() == [True, False, False]
    assert smaller_mode(mixture[:, None])[0] == pytest.approx(0.3)


def test_a_gene_histogram_holds_every_cell_once_with_zeros_apart():
    values = np.array([[0.0, 1.0], [0.0, 2.0], [3.0, 2.0], [1.5, 0.0]])
    frame = bimodal_frame("A", ["g0", "g1"], {"control": values[:2], "perturbed": values})
    assert frame.groupby(["gene", "group"])["fraction"].sum().to_numpy() == pytest.approx(1.0)
    zeros = frame[frame["high"] == 0].set_index(["gene", "group"])["fraction"]
    assert zeros["g0", "control"] == 1
    assert zeros["g0", "perturbed"] == 0.5
    assert zeros["g1", "perturbed"] == 0.25


def test_perfect_probabilities_have_no_calibration_error_and_shifted_ones_their_shift():
    observed = np.linspace(0, 0.8, 101)
    assert calibration_error(observed, observed) == 0
    assert calibration_error(observed + 0.1, observed) == pytest.approx(0.1)
    assert np.isnan(calibration_error(np.zeros(0), np.zeros(0)))


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=30))
def test_a_calibration_error_is_never_more_than_the_mean_absolute_error(pairs):
    predicted, observed = np.array(pairs).T
    error = calibration_error(predicted, observed)
    assert 0 <= error <= np.abs(predicted - observed).mean() + 1e-12


def test_a_gene_is_active_above_a_twentieth():
    cells = csr_matrix(np.array([[0.0, 0.05, 0.06], [0.0, 1.0, 0.0]]))
    assert active_fraction(cells).tolist() == [0, 0.5, 0.5]


def test_the_activation_frame_has_an_error_for_either_panel():
    predicted, observed = np.array([0.01, 0.5]), np.array([0.02, 0.4])
    frame = activation_frame({"A": predicted}, {"A": observed}, ["g0", "g1"])
    assert frame["error_all"].iloc[0] == pytest.approx((0.01 + 0.1) / 2)
    assert frame["error_active"].iloc[0] == pytest.approx(0.1), "the gene below 0.05 does not count"


def screen(n=120, g=70):
    """Cells of three conditions, a third of the values zero, with condition numbers; the last are controls."""
    codes = np.repeat([0, 1, 2, -1], n // 4)
    cells = (
        RNG.gamma(2.0, 1.0, (n, g))
        * (1 + 0.3 * codes[:, None] * RNG.uniform(size=g))
        * (RNG.uniform(size=(n, g)) > 0.3)
    )
    return csr_matrix(np.log1p(cells).astype(np.float32)), codes


def sums_of(cells, codes, at_once):
    blocks = ((cells[i : i + at_once], codes[i : i + at_once]) for i in range(0, cells.shape[0], at_once))
    return condition_sums(blocks, 3)


def test_the_signal_to_noise_ratio_is_equation_18():
    cells, codes = screen()
    x, y = cells.toarray()[codes >= 0].astype(float), codes[codes >= 0]
    means = np.stack([x[y == c].mean(axis=0) for c in range(3)])
    between = ((means - x.mean(axis=0)) ** 2).sum(axis=1).mean()
    within = ((x - means[y]) ** 2).sum(axis=1).mean()
    signal, noise = signal_and_noise(sums_of(cells, codes, at_once=17), zeros=True)
    assert signal.sum() / noise.sum() == pytest.approx(between / within)


def test_without_zeros_means_and_variances_are_over_the_cells_that_express_a_gene():
    cells, codes = screen()
    x, y = cells.toarray()[codes >= 0].astype(float), codes[codes >= 0]
    masked = np.ma.masked_equal(x, 0)
    means = np.ma.stack([masked[y == c].mean(axis=0) for c in range(3)])
    signal, noise = signal_and_noise(sums_of(cells, codes, at_once=1000), zeros=False)
    assert signal == pytest.approx(((means - masked.mean(axis=0)) ** 2).mean(axis=0).filled(0))
    assert noise == pytest.approx(((masked - means[y]) ** 2).mean(axis=0).filled(0))


def test_a_gene_that_nobody_expresses_has_neither_signal_nor_noise():
    cells, codes = screen()
    empty = cells.toarray()
    empty[:, 3] = 0
    for zeros in (True, False):
        signal, noise = signal_and_noise(sums_of(csr_matrix(empty), codes, at_once=50), zeros=zeros)
        assert (signal[3], noise[3]) == (0, 0)
        assert np.isfinite(signal).all()
        assert np.isfinite(noise).all()


def test_genes_are_ranked_as_scanpy_ranks_highly_variable_ones():
    cells, codes = screen(n=400, g=150)
    adata = AnnData(cells[codes >= 0])
    adata.uns["log1p"] = {"base": None}
    scanpy.pp.highly_variable_genes(adata, flavor="seurat", n_top_genes=40)
    ours = most_variable(sums_of(cells, codes, at_once=64))[:40]
    theirs = np.flatnonzero(adata.var["highly_variable"])
    assert set(ours) == set(theirs)


def test_relative_ratios_start_at_one_and_end_with_all_genes():
    cells, codes = screen()
    frame = signal_to_noise_frame("toy", sums_of(cells, codes, at_once=50))
    for _, line in frame.groupby("values"):
        assert line["genes"].tolist() == [50, 70]
        assert line["relative"].iloc[0] == 1


def test_scores_by_cells_carry_spearmans_correlation():
    cells, value = RNG.integers(20, 500, 40), RNG.normal(size=40)
    frame = by_cells(cells, value)
    assert frame["correlation"].iloc[0] == pytest.approx(spearmanr(cells, value).statistic)
    assert np.isnan(by_cells(np.full(5, 30), np.arange(5.0))["correlation"]).all(), (
        "equal numbers correlate with nothing"
    )


def test_intra_distances_are_averaged_over_seeds_with_the_truth_as_a_row_of_its_own():
    rows = [("t", "m", seed, "A", "intra_distance", "all", 2.0 + seed) for seed in (0, 1)]
    rows += [("t", "m", seed, "A", "intra_distance_true", "all", 4.0) for seed in (0, 1)]
    rows += [("t", "oracle", 0, "A", "intra_distance", "all", 9.0)]
    scores = pd.DataFrame(rows, columns=["task", "method", "seed", "condition", "metric", "genes", "value"])
    frame = intra_distance.intra_distance_frame(scores[scores["method"] != "oracle"])
    assert dict(zip(frame["method"], frame["intra_distance"], strict=True)) == {"m": 2.5, "held-out cells": 4.0}
    assert "oracle" not in set(intra_distance.intra_distance_frame(scores, without=("oracle",))["method"])


def test_the_paired_frame_agrees_with_the_comparison_table(board):
    frame = paired.paired_frame(board, "random-cells", "additive")
    comparison = board.comparison("additive")
    for section in comparison.sections:
        if section.column.genes != "all":
            continue
        here = frame[(frame["metric"] == section.column.label) & (frame["genes"] == section.column.group)]
        if len(here):
            (row,) = [one for one in section.differences if one.method == "random-cells"]
            assert here["difference"].mean() == pytest.approx(row.difference)
            assert here["mean"].iloc[0] == pytest.approx(row.difference)
            assert (here["low"].iloc[0], here["high"].iloc[0]) == pytest.approx((row.low, row.high))


def test_ranks_agree_with_the_table_and_leave_out_partial_methods(board):
    frame = ranks.ranks_of(board)
    table = board.table()
    place = {(column.metric, column.genes): index for index, column in enumerate(table.columns)}
    for (metric, genes), part in frame.groupby(["metric", "genes"]):
        column = place[metric, genes]
        best = {row.name for row in table.rows if row.cells[column] and row.cells[column].rank == "best"}
        first = part.loc[part["rank"].idxmin(), "method"]
        assert first in best
        assert np.isnan(part.set_index("method")["rank"]["linear"]), "linear lacks conditions"


def test_costs_are_what_the_runs_recorded(board):
    frame = costs.build([board]).set_index("method")
    seconds = [
        record.details["fit_seconds"] + record.details["predict_seconds"]
        for record in board.records
        if record.method == "additive"
    ]
    assert frame.loc["additive", "seconds"] == pytest.approx(np.median(seconds))
    assert frame.loc["additive", "gibibytes"] > 0.01


def test_methods_are_ordered_by_coverage_first_and_those_without_scores_left_out(declined_results):
    (board,) = open_boards(["sim_double_tiny"], Store(declined_results), CALIBRATED)
    names = scored_methods(board)
    assert names[-1] == "declining[only=SAMD1+TGFBR2]"
    assert sorted(names[:-1]) == ["perturbed-mean", "random-cells"]


def test_a_method_less_a_part_or_with_other_steps_is_no_entrant(varied_results):
    (board,) = open_boards(["sim_double_tiny"], Store(varied_results), CALIBRATED)
    assert len(scored_methods(board)) > len(entrants(board))
    assert [name for name in entrants(board) if name.startswith("varied")] == ["varied"]
