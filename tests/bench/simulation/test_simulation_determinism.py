from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys

import numpy as np
import pytest
from scipy.sparse import csr_matrix, vstack

from bench.paths import PROJECT
from bench.simulation import oracle_cells, simulate
from bench.simulation.generator import condition_counts, fresh_counts
from bench.simulation.world import build_world

DIGEST = """
import hashlib, numpy as np
from bench.simulation import simulate
np.random.seed(7)
counts = simulate("sim_single").layers["counts"]
print(hashlib.sha256(counts.data.tobytes() + counts.indices.tobytes() + counts.indptr.tobytes()).hexdigest())
"""


def same(x: csr_matrix, y: csr_matrix) -> bool:
    return x.shape == y.shape and (x != y).nnz == 0


def test_the_same_name_gives_the_same_cells_whatever_the_threads_and_the_global_seed(sim_single):
    counts = sim_single.layers["counts"]
    here = hashlib.sha256(counts.data.tobytes() + counts.indices.tobytes() + counts.indptr.tobytes()).hexdigest()
    for threads in ("1", "4"):
        limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), threads)
        environment = {**os.environ, **limits, "PYTHONHASHSEED": threads}
        run = subprocess.run(
            [sys.executable, "-c", DIGEST], cwd=PROJECT, env=environment, capture_output=True, text=True, check=True
        )
        assert run.stdout.strip() == here


def test_building_the_truth_anew_changes_nothing():
    first = simulate("sim_drug_tiny")
    build_world.cache_clear()
    assert same(first.layers["counts"], simulate("sim_drug_tiny").layers["counts"])


def test_global_random_states_are_left_alone():
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002
    before = random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
    simulate("sim_double_tiny")
    oracle_cells("sim_double_tiny", "ctrl", 5, seed=1)
    assert random.getstate() == before[0]
    assert np.array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002


@pytest.mark.parametrize("name", ["sim_single_tiny", "sim_double_tiny", "sim_drug_tiny"])
def test_generating_condition_by_condition_in_any_order_gives_the_same_cells(name):
    world = build_world(name)
    adata = simulate(name)
    labels = adata.obs["condition"].astype(str).to_numpy()
    for condition in reversed(world.design.cells):
        alone = vstack(list(condition_counts(world, condition)), format="csr")
        assert same(alone, adata.layers["counts"][labels == condition.key])


def test_a_large_condition_is_generated_in_blocks_that_do_not_depend_on_its_size():
    world = build_world("sim_single_tiny")
    control = world.condition("ctrl")
    blocks = list(fresh_counts(world, control, 1200, seed=0))
    assert [block.shape[0] for block in blocks] == [512, 512, 176]
    shorter = list(fresh_counts(world, control, 1100, seed=0))
    assert same(blocks[0], shorter[0])
    assert same(blocks[1], shorter[1])
