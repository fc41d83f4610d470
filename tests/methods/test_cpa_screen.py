"""Numbers that the CPA adapter chooses for its package."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from methods.packages.cpa_screen import batch_size_for


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
