from __future__ import annotations

import numpy as np
import pytest
from screen_statistics import energy_distance

from bench.errors import DataError
from bench.simulation import oracle_cells, true_mean, truth
from bench.simulation.world import build_world


def strongest(name: str, n: int) -> list[str]:
    effects = truth(name).effects
    lengths = (effects**2).sum(axis=1).sort_values(ascending=False)
    return list(lengths.index[:n])


@pytest.mark.parametrize("name", ["sim_single", "sim_double", "sim_drug"])
def test_fresh_cells_cannot_be_told_from_the_simulated_ones(name, request):
    adata = request.getfixturevalue(name)
    labels = adata.obs["condition"].astype(str).to_numpy()
    to_oracle, to_control = [], []
    for key in strongest(name, 8):
        cells = adata.X[labels == key].toarray()
        control = "ctrl" if "ctrl" in labels else f"ctrl|{key.partition('|')[2]}"
        to_oracle.append(energy_distance(cells, oracle_cells(name, key, 300, seed=1).toarray()))
        to_control.append(energy_distance(cells, adata.X[labels == control][:300].toarray()))
    assert abs(np.mean(to_oracle)) < 0.05 * np.mean(to_control)
    assert max(to_oracle) < 0.3 * np.mean(to_control)


@pytest.mark.parametrize("name", ["sim_single", "sim_double"])
def test_fresh_controls_cannot_be_told_from_the_simulated_ones(name, request):
    adata = request.getfixturevalue(name)
    control = adata.X[adata.obs["control"].to_numpy()][:600].toarray()
    fresh = oracle_cells(name, "ctrl", 600, seed=0).toarray()
    strong = oracle_cells(name, strongest(name, 1)[0], 600, seed=0).toarray()
    assert abs(energy_distance(control, fresh)) < 0.02 * energy_distance(control, strong)


def test_fresh_cells_are_none_of_the_simulated_ones(sim_single):
    control = sim_single.X[sim_single.obs["control"].to_numpy()][:200].toarray()
    fresh = oracle_cells("sim_single", "ctrl", 200, seed=0).toarray()
    assert not {cell.tobytes() for cell in control} & {cell.tobytes() for cell in fresh}


def test_a_seed_fixes_the_fresh_cells():
    first, again, other = (oracle_cells("sim_drug_tiny", "ctrl|A549", 20, seed).toarray() for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_fresh_cells_are_log_normalised_over_the_panel():
    cells = oracle_cells("sim_double_tiny", "ctrl", 50, seed=0)
    assert cells.dtype == np.float32
    assert np.allclose(np.expm1(cells.toarray().astype(float)).sum(axis=1), 1e4, rtol=1e-4)


def test_the_true_mean_is_where_many_cells_average():
    key = strongest("sim_single_tiny", 1)[0]
    cells = oracle_cells("sim_single_tiny", key, 3000, seed=5).toarray()
    error = np.sqrt(((true_mean("sim_single_tiny", key) - cells.mean(axis=0)) ** 2).mean())
    assert error < 3 * np.sqrt((cells.var(axis=0) * (1 / 3000 + 1 / 4096)).mean())


def test_an_unknown_condition_is_refused():
    with pytest.raises(DataError, match=r"'sim_single_tiny', condition 'NOSUCH'"):
        oracle_cells("sim_single_tiny", "NOSUCH", 5, seed=0)


def test_the_truth_covers_every_condition():
    for name in ("sim_single_tiny", "sim_double_tiny", "sim_drug_tiny"):
        known, world = truth(name), build_world(name)
        keys = [condition.key for condition in world.design.cells]
        assert list(known.effects.index) == keys
        assert list(known.effects.columns) == list(world.panel.genes)
        assert list(known.escape.index) == keys
        assert set(known.pairs) == {key for key in keys if "+" in key}
        controls = [condition.key for condition in world.design.cells if condition.is_control]
        assert not known.effects.loc[controls].to_numpy().any()
