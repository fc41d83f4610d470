from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bench.hashing import derive_seed, hash_json, unit_hash


def test_a_seed_depends_on_the_named_axes_and_not_on_their_order():
    assert derive_seed(data=0, method="linear") == derive_seed(method="linear", data=0)
    assert derive_seed(data=0, method="linear") != derive_seed(data=1, method="linear")
    assert derive_seed(data=0, method="linear") != derive_seed(data=0, other="linear")


def test_json_hash_ignores_key_order_and_sees_every_value():
    assert hash_json({"a": 1, "b": [2, 3]}) == hash_json({"b": [2, 3], "a": 1})
    assert hash_json({"a": 1, "b": [2, 3]}) != hash_json({"a": 1, "b": [3, 2]})


@given(st.lists(st.text(min_size=1), min_size=2, unique=True), st.integers(0, 2**32 - 1))
def test_a_cells_fold_position_does_not_depend_on_the_other_cells(ids, seed):
    together = unit_hash(ids, seed)
    alone = np.array([unit_hash([cell], seed)[0] for cell in ids])
    np.testing.assert_array_equal(together, alone)
    assert ((together >= 0) & (together < 1)).all()


def test_fold_positions_are_uniform_and_change_with_the_seed():
    ids = [f"cell{i}" for i in range(20_000)]
    first, second = unit_hash(ids, 0), unit_hash(ids, 1)
    counts, _ = np.histogram(first, bins=20, range=(0, 1))
    assert counts.min() > 850
    assert counts.max() < 1150
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03
