"""Numbers that the CPA adapter chooses for its package."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from package_screens import gene_screen

from methods.packages.cpa_screen import CpaScreen, batch_size_for
from methods.packages.validation import validation_cells


@given(n_training=st.integers(130, 100_000), n_validation=st.integers(0, 20_000).filter(lambda n: n != 1))
def test_no_last_batch_holds_one_cell(n_training, n_validation):
    size = batch_size_for(n_training, n_validation, 512)
    assert 2 <= size <= 512
    assert n_training % size != 1
    assert n_validation % size != 1


def test_the_preferred_size_is_taken_where_an_epoch_has_steps_enough():
    assert batch_size_for(20_000, 3000, 512) == 512
    assert batch_size_for(2000, 300, 512) == 100
    assert batch_size_for(20_000, 513, 512) == 511


def test_a_part_of_one_cell_does_not_make_all_batches_small():
    assert batch_size_for(20_000, 1, 512) == 512


def test_one_cell_alone_is_never_held_out():
    train = gene_screen(validation="A+B")
    cells = np.flatnonzero(train.adata.obs["condition"] == "A+B")
    all_of_it = validation_cells(train, usable=np.ones(train.adata.n_obs, dtype=bool), seed=0, unseen_allowed=False)
    assert np.flatnonzero(all_of_it).tolist() == cells.tolist()
    train.adata.X.data[train.adata.X.indptr[cells[1]] :] = 0  # the last cells; those without a count are left out
    (held_out,) = np.nonzero(CpaScreen(train).adata(seed=0, unseen_allowed=False).obs["split"] == "valid")
    assert len(held_out) > 10
