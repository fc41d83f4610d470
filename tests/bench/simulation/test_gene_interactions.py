from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from screen_statistics import SHARED, fit_double

from bench.simulation import oracle_cells, truth
from bench.simulation.facts import norman_doubles, norman_singles
from bench.simulation.interactions import INTERACTIONS, groups_alike, quota
from bench.simulation.world import build_world

META = SHARED / "meta"
needs_shared = pytest.mark.skipif(not META.is_dir(), reason=f"facts about the real screens are not at {META}")


def published_fits() -> pd.DataFrame:
    fits = pd.read_csv(META / "norman_double_vs_single_fits.csv")
    classes = {key: name for key, name in norman_doubles() if name}
    return fits.assign(interaction=["+".join(sorted(name.split("_"))) for name in fits["name"]]).assign(
        interaction=lambda frame: frame["interaction"].map(classes)
    )


@pytest.fixture(scope="module")
def simulated_fits() -> pd.DataFrame:
    """Doubles of sim_double fitted by their singles on 350 fresh cells, over genes with .25 counts or more."""
    world, pairs = build_world("sim_double"), truth("sim_double").pairs
    seen = world.preset.depth * np.exp(world.panel.log_abundance[0]) >= 0.25

    def mean(key: str, n_cells: int, seed: int) -> np.ndarray:
        return np.asarray(oracle_cells("sim_double", key, n_cells, seed).mean(axis=0)).ravel()[seen]

    control = mean("ctrl", 3000, 0)
    single = {gene: mean(gene, 350, 1) - control for gene in {gene for key in pairs for gene in key.split("+")}}
    rows = {}
    for key, pair in pairs.items():
        first, second = (single[gene] for gene in key.split("+"))
        a, b, correlation = fit_double(first, second, mean(key, 350, 2) - control)
        rows[key] = (pair.interaction, a, b, correlation, np.corrcoef(first, second)[0, 1])
    return pd.DataFrame.from_dict(rows, orient="index", columns=["interaction", "a", "b", "sum", "singles"])


def test_classes_come_in_the_published_proportions():
    assert quota(88) == {name: interaction.pairs for name, interaction in INTERACTIONS.items()}
    assert sum(quota(25).values()) == 25
    assert pd.Series(
        {key: pair.interaction for key, pair in truth("sim_double").pairs.items()}
    ).value_counts().to_dict() == quota(25)


def test_full_keeps_every_published_class_and_draws_the_others():
    drawn = {key: pair.interaction for key, pair in truth("sim_double_full").pairs.items()}
    assert all(drawn[key] == name for key, name in norman_doubles() if name)
    counts = pd.Series(drawn).value_counts()
    for name, interaction in INTERACTIONS.items():
        assert counts[name] / 131 == pytest.approx(interaction.pairs / 88, abs=0.01)


@needs_shared
def test_classes_and_names_are_the_published_ones():
    published = json.loads((META / "norman_interaction_classes.json").read_text())
    assert {name: sorted(keys) for name, keys in published.items()} == {
        name: sorted(key for key, given in norman_doubles() if given == name) for name in INTERACTIONS
    }
    listed = [line.strip() for line in (META / "norman_conditions.txt").read_text().split() if line.strip()]
    genes = {tuple(sorted(set(line.split("+")) - {"ctrl"})) for line in listed}
    assert genes == {(gene,) for gene in norman_singles()} | {tuple(key.split("+")) for key, _ in norman_doubles()}


@needs_shared
@pytest.mark.parametrize("name", INTERACTIONS)
def test_coefficients_of_a_class_are_the_published_medians(name):
    fits = published_fits().query("interaction == @name")
    interaction = INTERACTIONS[name]
    assert interaction.first == pytest.approx(fits["ts_coef_first"].median(), abs=0.01)
    assert interaction.second == pytest.approx(fits["ts_coef_second"].median(), abs=0.01)
    noise_and_novel = np.sqrt(1 / fits["corr_fit"].median() ** 2 - 1)
    assert 0.0 < interaction.novel < 1.1 * noise_and_novel


def test_fitted_coefficients_spread_as_published(simulated_fits):
    """Published: medians .74 and .69, quartiles .49-.92 and .53-.88; the plain sum correlates .85 with the double."""
    coefficients = simulated_fits[["a", "b"]].to_numpy()
    assert 0.55 < np.median(coefficients[:, 0]) < 0.9
    assert 0.55 < np.median(coefficients[:, 1]) < 0.9
    low, high = np.quantile(coefficients, [0.25, 0.75])
    assert 0.35 < low < 0.65
    assert 0.75 < high < 1.1
    assert 0.78 < simulated_fits["sum"].median() < 0.93


@needs_shared
def test_published_coefficients_lie_in_the_same_ranges():
    fits = published_fits()
    coefficients = fits[["ts_coef_first", "ts_coef_second"]].to_numpy()
    assert np.all((np.median(coefficients, axis=0) > 0.55) & (np.median(coefficients, axis=0) < 0.9))
    low, high = np.quantile(coefficients, [0.25, 0.75])
    assert 0.35 < low < 0.65
    assert 0.75 < high < 1.1
    assert 0.78 < fits["corr_sum"].median() < 0.93


def test_classes_differ_as_their_names_say(simulated_fits):
    by_class = simulated_fits.assign(total=simulated_fits["a"] + simulated_fits["b"]).groupby("interaction").median()
    assert by_class.loc["synergy", "total"] > by_class.loc["suppressor", "total"]
    assert by_class.loc["additive", "total"] > by_class.loc["neomorphic", "total"]
    assert by_class["sum"].idxmin() == "neomorphic"
    assert by_class.loc["redundant", "singles"] > 0.6
    gap = (simulated_fits["a"] - simulated_fits["b"]).abs().groupby(simulated_fits["interaction"]).median()
    assert gap["epistasis"] > gap["additive"]


def test_a_pair_still_hits_both_of_its_genes():
    effects, pairs = truth("sim_double").effects, truth("sim_double").pairs
    for key in pairs:
        for gene in key.split("+"):
            if gene in effects:
                assert effects.loc[key, gene] > 0.5 * effects.loc[gene, gene]


def test_genes_linked_by_pairs_that_act_alike_form_groups():
    pairs = {"A+B": "synergy", "C+D": "redundant", "B+C": "redundant", "E+F": "additive", "G+H": "synergy"}
    assert sorted(map(sorted, groups_alike(pairs))) == [["A", "B", "C", "D"], ["G", "H"]]
