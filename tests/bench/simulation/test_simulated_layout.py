from __future__ import annotations

import numpy as np
import pytest

from bench.data.canonical import check_canonical
from bench.errors import DataError
from bench.simulation import PRESETS, simulate
from bench.simulation.design import MIN_CELLS, make_design
from bench.simulation.facts import adamson_singles, norman_doubles, norman_singles, sciplex_drugs
from bench.simulation.world import build_world

TINY = ("sim_single_tiny", "sim_double_tiny", "sim_drug_tiny")
DEMO = ("sim_single", "sim_double", "sim_drug")


def test_every_kind_of_screen_comes_in_three_sizes():
    assert set(PRESETS) == {
        f"sim_{kind}{size}" for kind in ("single", "double", "drug") for size in ("_tiny", "", "_full")
    }
    assert all(name == preset.name for name, preset in PRESETS.items())


@pytest.mark.parametrize("name", TINY)
def test_a_tiny_screen_is_canonical_and_small(name):
    adata = simulate(name)
    check_canonical(adata, name)
    assert adata.n_obs <= 1000
    assert 60 <= adata.n_vars <= 100
    assert adata.obs["condition"].value_counts().min() >= MIN_CELLS


@pytest.mark.parametrize("name", DEMO)
def test_a_demo_screen_is_canonical(name, request):
    adata = request.getfixturevalue(name)
    check_canonical(adata, name)
    assert 500 <= adata.n_vars <= 1000
    assert 1000 <= adata.obs["control"].sum() <= 2000


def test_the_condition_key_names_the_cell_type_only_where_there_are_several(sim_drug):
    assert set(simulate("sim_single_tiny").obs["cell_type"]) == {"K562"}
    assert not simulate("sim_single_tiny").obs["condition"].str.contains("|", regex=False).any()
    assert sim_drug.obs["condition"].str.contains("|", regex=False).all()
    assert set(sim_drug.obs["cell_type"]) == {"A549", "K562", "MCF7"}


def test_controls_of_a_drug_screen_have_no_dose_and_no_structure(sim_drug):
    control = sim_drug.obs["control"].to_numpy()
    assert sim_drug.obs["dose"].isna().to_numpy()[control].all()
    assert (sim_drug.obs["smiles"].to_numpy()[control] == "").all()
    assert set(sim_drug.obs["dose"].to_numpy()[~control]) == {10.0, 100.0, 1000.0, 10000.0}


@pytest.mark.parametrize("name", ["sim_single_tiny", "sim_double_tiny", "sim_single", "sim_double"])
def test_a_few_perturbed_genes_are_not_measured(name):
    world = build_world(name)
    outside = set(world.design.genes) - set(world.panel.genes)
    assert outside == world.design.unmeasured
    assert 1 <= len(outside) <= 0.15 * len(world.design.genes)


def test_doubles_have_both_of_their_singles():
    for name in ("sim_double_tiny", "sim_double", "sim_double_full"):
        design = make_design(PRESETS[name])
        assert all(set(key.split("+")) <= set(design.genes) for key in design.interactions)


@pytest.mark.parametrize(
    ("name", "n_conditions", "n_cells", "n_genes"),
    [
        ("sim_single_full", 86 + 1, 65_000, 5000),
        ("sim_double_full", 105 + 131 + 1, 91_000, 5000),
        ("sim_drug_full", 187 * 12 + 3, 685_000, 2000),
    ],
)
def test_a_full_screen_has_the_shape_of_the_published_one(name, n_conditions, n_cells, n_genes):
    design = make_design(PRESETS[name])
    assert len(design.cells) == n_conditions
    assert sum(design.cells.values()) == pytest.approx(n_cells, rel=0.05)
    assert PRESETS[name].n_genes == n_genes


def test_full_screens_have_the_published_names():
    single, double, drug = (make_design(PRESETS[f"sim_{kind}_full"]) for kind in ("single", "double", "drug"))
    assert set(single.genes) == set(adamson_singles())
    assert set(double.genes) == set(norman_singles())
    assert set(double.interactions) == {key for key, _ in norman_doubles()}
    labels = {condition.label for condition in drug.cells if not condition.is_control}
    assert labels == {name for name, _, _ in sciplex_drugs()}


@pytest.mark.parametrize("name", ["sim_drug", "sim_drug_tiny"])
def test_drug_screens_hold_out_of_distribution_drugs_and_others(name):
    known = {drug: out for drug, _, out in sciplex_drugs()}
    labels = {condition.label for condition in make_design(PRESETS[name]).cells if not condition.is_control}
    assert {known[label] for label in labels} == {True, False}


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(DataError, match=r"'sim_triple'.*sim_double"):
        simulate("sim_triple")


def test_cell_names_are_unique_across_conditions(sim_drug):
    assert sim_drug.obs_names.is_unique
    assert np.all(
        [
            name.rpartition(":")[0] == key
            for name, key in zip(sim_drug.obs_names, sim_drug.obs["condition"], strict=True)
        ]
    )
