from __future__ import annotations

import numpy as np
import pytest
import torch
from doloris_scenes import GENES, screen

from doloris import Perturbation, TrainingCells
from doloris.cell_store import CellStore
from doloris.loss import masked_error_per_batch, masked_error_per_cell
from doloris.moments import control_moments, expressed_moments

CLEAN = torch.tensor([[1.0, 0.0, 3.0], [2.0, 0.0, 0.0]])
PREDICTED = torch.tensor([[0.0, 9.0, 1.0], [5.0, 9.0, 9.0]])
EXPRESSED = (CLEAN != 0).float()


def test_the_loss_per_cell_averages_over_each_cells_expressed_genes_first():
    # cell 1: (1 + 4) / 2, cell 2: 9 / 1
    assert masked_error_per_cell(PREDICTED, CLEAN, EXPRESSED).item() == pytest.approx((2.5 + 9.0) / 2)


def test_the_loss_per_batch_divides_by_all_expressed_genes():
    assert masked_error_per_batch(PREDICTED, CLEAN, EXPRESSED).item() == pytest.approx((1 + 4 + 9) / 3)


def test_a_cell_without_expressed_genes_costs_nothing():
    assert masked_error_per_cell(PREDICTED, CLEAN, torch.zeros_like(CLEAN)).item() == 0.0


def test_control_moments_are_the_mean_and_unbiased_deviation_of_each_cell_types_controls():
    rng = np.random.default_rng(0)
    values = rng.poisson(1.0, (12, 3)).astype(np.float32)
    conditions = (Perturbation(), Perturbation(cell_type=1), Perturbation(genes=("A",)))
    cells = TrainingCells(values, ("A", "B", "C"), conditions, np.repeat([0, 1, 2], 4), n_cell_types=2)
    moments = control_moments(cells)
    np.testing.assert_allclose(moments.mean, [values[:4].mean(axis=0), values[4:8].mean(axis=0)], rtol=1e-6)
    np.testing.assert_allclose(moments.sd[1], values[4:8].std(axis=0, ddof=1), rtol=1e-6)


def test_expressed_moments_approach_those_of_the_non_zero_values():
    rng = np.random.default_rng(0)
    on = rng.random((4000, 2)) < [0.3, 0.9]
    values = np.where(on, rng.normal([2.0, 4.0], [0.2, 0.5], on.shape), 0.0).astype(np.float32)
    cells = TrainingCells(values, ("A", "B"), (Perturbation(), Perturbation(genes=("A",))), np.repeat([0, 1], 2000))
    moments = expressed_moments(cells)
    np.testing.assert_allclose(moments.mean[0], [2.0, 4.0], atol=0.05)
    np.testing.assert_allclose(moments.sd[0], [0.2, 0.5], atol=0.05)


def test_moments_do_not_depend_on_the_order_of_cells_or_genes():
    cells = screen()
    rng = np.random.default_rng(1)
    rows, genes = rng.permutation(cells.n_cells), rng.permutation(len(GENES))
    shuffled = TrainingCells(
        cells.values[rows][:, genes], tuple(GENES[g] for g in genes), cells.conditions, cells.labels[rows]
    )
    for name in ("mean", "sd", "slope", "residual", "log_odds"):
        ours, theirs = getattr(expressed_moments(cells), name), getattr(expressed_moments(shuffled), name)
        np.testing.assert_allclose(theirs[0], ours[0][genes], rtol=1e-5, atol=1e-8)


def test_sparse_and_dense_stores_give_the_same_rows():
    cells = screen().values
    picked = torch.tensor([5, 0, 5, 77])
    dense = CellStore(cells, torch.device("cpu")).rows(picked)
    sparse = CellStore(cells, torch.device("cpu"), dense_bytes=0).rows(picked)
    torch.testing.assert_close(sparse, dense)
    np.testing.assert_array_equal(dense.numpy(), cells[picked.numpy()].toarray())
