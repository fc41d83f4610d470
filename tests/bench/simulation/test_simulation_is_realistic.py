"""Simulated screens lie where public ones lie: each range holds for both."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from screen_statistics import (
    SHARED,
    Screen,
    bimodal_share,
    depth_spread,
    energy_distance,
    leading_share,
    log_normalised,
    median_dispersion,
    zero_fraction,
)

from bench.simulation import oracle_cells
from methods.conditions import canonical_key

PAPALEXI = SHARED / "papalexi2021_thp1_knockout.h5ad"
NORMAN = SHARED / "norman2019_k562_subset.h5ad"
KANG = SHARED / "kang2018_pbmc_ifnb.h5ad"
needs_shared = pytest.mark.skipif(not PAPALEXI.is_file(), reason=f"public screens are not at {SHARED}")

COUNT_RANGES = {
    "zeros": (0.60, 0.96),
    "depth spread": (0.15, 0.60),
    "dispersion at .3-1 counts": (0.15, 0.60),
    "dispersion at 1-3 counts": (0.10, 0.45),
    "dispersion at 3-10 counts": (0.05, 0.40),
    "bimodal share": (0.02, 0.30),
    "leading axis": (1.2, 5.0),
}
"""Range of each statistic of control cells."""


def count_statistics(counts) -> dict[str, float]:
    return {
        "zeros": zero_fraction(counts),
        "depth spread": depth_spread(counts),
        "dispersion at .3-1 counts": median_dispersion(counts, 0.3, 1),
        "dispersion at 1-3 counts": median_dispersion(counts, 1, 3),
        "dispersion at 3-10 counts": median_dispersion(counts, 3, 10),
        "bimodal share": bimodal_share(counts),
        "leading axis": leading_share(log_normalised(counts)),
    }


def outside(statistics: dict[str, float]) -> dict[str, float]:
    return {
        name: value for name, value in statistics.items() if not COUNT_RANGES[name][0] <= value <= COUNT_RANGES[name][1]
    }


def control_counts(adata):
    if adata.obs["cell_type"].nunique() > 1:
        adata = adata[adata.obs["cell_type"] == "A549"]
    return adata.layers["counts"][adata.obs["control"].to_numpy()]


@cache
def papalexi():
    from anndata import read_h5ad

    adata = read_h5ad(PAPALEXI)
    adata = adata[adata.obs["single_guide"].astype(bool)]
    return adata.X, np.array([canonical_key(key) for key in adata.obs["condition"].astype(str)])


@cache
def papalexi_screen() -> Screen:
    counts, labels = papalexi()
    return Screen(log_normalised(counts), labels)


@cache
def norman_screen() -> Screen:
    from anndata import read_h5ad

    adata = read_h5ad(NORMAN)
    return Screen(adata.X.tocsr(), np.array([canonical_key(key) for key in adata.obs["gears_condition"].astype(str)]))


def screen(adata) -> Screen:
    return Screen(adata.X, adata.obs["condition"].astype(str).to_numpy())


@pytest.mark.parametrize("name", ["sim_single", "sim_double", "sim_drug"])
def test_simulated_controls_look_like_public_ones(name, request):
    assert outside(count_statistics(control_counts(request.getfixturevalue(name)))) == {}


@needs_shared
def test_controls_of_a_knock_out_screen_lie_in_the_same_ranges():
    counts, labels = papalexi()
    assert outside(count_statistics(counts[labels == "ctrl"])) == {}


@needs_shared
def test_blood_monocytes_lie_in_the_same_ranges():
    from anndata import read_h5ad

    adata = read_h5ad(KANG)
    cells = adata.X[((adata.obs["cell_type"] == "CD14 Mono") & (adata.obs["stim"] == "CTRL")).to_numpy()]
    assert outside(count_statistics(cells)) == {}


@pytest.mark.parametrize("name", ["sim_single", "sim_double", "sim_drug"])
def test_counts_vary_more_than_poisson_counts_and_the_less_so_the_higher_the_mean(name, request):
    counts = control_counts(request.getfixturevalue(name))
    trend = [median_dispersion(counts, low, high) for low, high in ((0.3, 1), (1, 3), (3, 100))]
    assert trend[0] > trend[1] > trend[2] > 0.03


def reproducible_share(of: Screen, keys: list[str]) -> tuple[float, float]:
    """Median split-half correlation of effects and the share above .6."""
    correlations = np.array([of.reproducibility(key) for key in keys])
    return float(np.median(correlations)), float(np.mean(correlations > 0.6))


def test_most_simulated_knock_downs_are_weak_and_a_minority_is_strong(sim_single):
    of = screen(sim_single)
    median, share = reproducible_share(of, of.singles)
    assert 0.08 < median < 0.4
    assert 0.1 < share < 0.4


@needs_shared
def test_most_public_knock_outs_are_weak_and_a_minority_is_strong():
    of = papalexi_screen()
    median, share = reproducible_share(of, of.singles)
    assert 0.08 < median < 0.4
    assert 0.1 < share < 0.4


def test_most_simulated_activations_are_reproducible(sim_double):
    of = screen(sim_double)
    median, share = reproducible_share(of, [key for key in of.cells if key != "ctrl"])
    assert 0.65 < median < 0.98
    assert 0.55 < share < 0.95


@needs_shared
def test_most_public_activations_are_reproducible():
    of = norman_screen()
    median, share = reproducible_share(of, [key for key in of.cells if key != "ctrl"])
    assert 0.65 < median < 0.98
    assert 0.55 < share < 0.95


def spread(distances: np.ndarray) -> tuple[float, float]:
    """Upper quartile and 95th percentile of distances to control, over their median."""
    return float(np.quantile(distances, 0.75) / np.median(distances)), float(
        np.quantile(distances, 0.95) / np.median(distances)
    )


def test_simulated_effect_sizes_spread_as_public_ones_do(sim_single, sim_double):
    single, double = screen(sim_single), screen(sim_double)
    quarter, tail = spread(np.array([double.distance_to_control(key) for key in double.cells if key != "ctrl"]))
    assert 1.3 < quarter < 3.0
    assert 2.0 < tail < 6.0
    quarter, tail = spread(np.array([single.distance_to_control(key) for key in single.singles]))
    assert 2.0 < quarter < 8.0
    assert 6.0 < tail < 60.0


@needs_shared
def test_public_effect_sizes_spread_so():
    matrix = pd.read_csv(SHARED / "meta" / "norman_edistance_matrix.csv", index_col=0)
    quarter, tail = spread(matrix.loc["control"].drop("control").to_numpy())
    assert 1.3 < quarter < 3.0
    assert 2.0 < tail < 6.0
    matrix = pd.read_csv(SHARED / "meta" / "adamson_edistance_matrix.csv.gz", index_col=0)
    quarter, tail = spread(matrix.loc["control"].drop("control").to_numpy())
    assert 2.0 < quarter < 8.0
    assert 6.0 < tail < 60.0


def relative_errors(of: Screen) -> tuple[float, float]:
    """Error of the additive rule, and of another half of the cells, over that of the control: means over doubles."""
    additive, control, duplicate = [], [], []
    for key in of.doubles:
        cells = of.cells[key]
        half = cells.shape[0] // 2
        seen, other = (np.asarray(part.mean(axis=0)).ravel() for part in (cells[:half], cells[half:]))
        first, second = (of.change(gene) for gene in key.split("+"))
        additive.append(np.sqrt(((of.control + first + second - seen) ** 2).mean()))
        control.append(np.sqrt(((of.control - seen) ** 2).mean()))
        duplicate.append(np.sqrt(((other - seen) ** 2).mean()))
    return float(np.mean(additive) / np.mean(control)), float(np.mean(duplicate) / np.mean(control))


def test_the_additive_rule_is_good_for_simulated_doubles_but_not_perfect(sim_double):
    additive, duplicate = relative_errors(screen(sim_double))
    assert additive < 0.8
    assert duplicate < 0.9 * additive


@needs_shared
def test_the_additive_rule_is_good_for_public_doubles():
    assert relative_errors(norman_screen())[0] < 0.8


@pytest.mark.parametrize("name", ["sim_single", "sim_double"])
def test_floor_and_ceiling_are_in_order(name, request):
    """Fresh cells < other perturbed cells < control cells, in energy distance to the true cells of a single."""
    of = screen(request.getfixturevalue(name))
    rng = np.random.default_rng(0)
    floor, perturbed, control = [], [], []
    for key in of.singles:
        cells = of.cells[key].toarray()
        others = np.vstack([of.cells[other][:8].toarray() for other in of.singles if other != key])
        floor.append(energy_distance(cells, oracle_cells(name, key, 80, seed=0).toarray()))
        perturbed.append(energy_distance(cells, others[rng.permutation(len(others))]))
        control.append(of.distance_to_control(key))
    assert abs(np.mean(floor)) < 0.1 * np.mean(perturbed)
    assert np.mean(perturbed) < 0.92 * np.mean(control)


@pytest.mark.parametrize("name", ["sim_single", "sim_double"])
def test_the_average_perturbation_is_nearer_than_control(name, request):
    of = screen(request.getfixturevalue(name))
    changes = np.stack([of.change(key) for key in of.singles])
    total = changes.sum(axis=0)
    others = (total - changes) / (len(changes) - 1)
    assert np.mean((changes - others) ** 2) < 0.95 * np.mean(changes**2)
