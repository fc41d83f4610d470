from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from screen_statistics import SHARED

from bench.simulation import truth
from bench.simulation.drugs import Pharmacology, hill
from bench.simulation.facts import sciplex_drugs
from bench.simulation.molecules import drugs_of, fingerprints
from bench.simulation.world import build_world
from methods.conditions import parse_key

DRUGS = SHARED / "meta" / "sciplex3_drugs.csv"
NINE = {
    "Alvespimycin", "Belinostat", "Dacinostat", "Flavopiridol", "Givinostat", "Hesperadin", "Quisinostat", "TAK-901",
    "Tanespimycin",
}  # fmt: skip


@pytest.fixture(scope="module")
def full() -> Pharmacology:
    effects = build_world("sim_drug_full").effects
    assert isinstance(effects, Pharmacology)
    return effects


@given(low=st.floats(0.1, 1e5), factor=st.floats(1.0, 1e3), ec50=st.floats(1.0, 1e5), slope=st.floats(0.6, 2.5))
def test_the_dose_response_rises_from_zero_to_one(low, factor, ec50, slope):
    below, above = hill(low, np.array(ec50), np.array(slope)), hill(low * factor, np.array(ec50), np.array(slope))
    assert 0.0 <= below <= above <= 1.0


@given(ec50=st.floats(1.0, 1e5), slope=st.floats(0.6, 2.5))
def test_the_dose_response_is_one_half_at_the_ec50(ec50, slope):
    assert hill(ec50, np.array(ec50), np.array(slope)) == pytest.approx(0.5)


def test_a_higher_dose_never_does_less():
    effects = truth("sim_drug").effects.abs()
    lengths = np.sqrt((effects**2).sum(axis=1))
    conditions = [parse_key(key, "treatment") for key in effects.index]
    table = pd.DataFrame(
        {
            "drug": [c.label for c in conditions],
            "line": [c.cell_type for c in conditions],
            "dose": [c.dose for c in conditions],
        },
    ).assign(length=lengths.to_numpy())
    wide = table.dropna().pivot(index=["drug", "line"], columns="dose", values="length").to_numpy()
    assert wide.shape == (60, 4)
    assert np.all(np.diff(wide, axis=1) >= -1e-9)


def test_drugs_differ_in_ec50_and_slope(full):
    assert np.log10(full.ec50).std() > 0.3
    assert full.slope.min() < 0.8
    assert full.slope.max() > 1.4


def test_most_drugs_do_next_to_nothing_and_a_few_a_lot(full):
    strength = np.abs(full.activity).max(axis=1)
    assert 0.4 < np.mean(strength < 0.15) < 0.8
    assert 0.05 < np.mean(strength > 0.8) < 0.3


def test_drugs_of_like_structure_do_like_things(full):
    similarity = fingerprints(full.drugs) @ fingerprints(full.drugs).T
    effect = full.activity @ full.pathways
    active = np.abs(full.activity).max(axis=1) > 0.3
    one, two = np.triu_indices(len(full.drugs), 1)
    both = active[one] & active[two]
    one, two = one[both], two[both]
    cosine = (
        (effect[one] * effect[two]).sum(axis=1)
        / np.linalg.norm(effect[one], axis=1)
        / np.linalg.norm(effect[two], axis=1)
    )
    like = similarity[one, two] > 0.5
    assert like.sum() >= 50
    assert cosine[like].mean() > cosine[~like].mean() + 0.3


def test_a_small_change_of_structure_changes_little_of_the_map(full):
    """The nearest neighbour in structure predicts whether a drug is active better than chance."""
    similarity = fingerprints(full.drugs) @ fingerprints(full.drugs).T
    np.fill_diagonal(similarity, -1.0)
    strength = np.abs(full.activity).max(axis=1)
    assert np.corrcoef(strength, strength[similarity.argmax(axis=1)])[0, 1] > 0.3


def test_histone_deacetylase_inhibitors_act_alike(full):
    names = [drug.name for drug in full.drugs]
    rows = [names.index(name) for name in ("Belinostat", "Dacinostat", "Givinostat", "Panobinostat", "Quisinostat")]
    assert np.all(full.activity[rows, 0] > 0.8)


def test_structure_alone_decides_activity():
    """A drug's activity does not depend on its name or on counter-ions, only on its canonical SMILES."""
    panobinostat = drugs_of(("Panobinostat",))
    salt = (type(panobinostat[0])("other name", panobinostat[0].smiles + ".Cl"),)
    assert np.array_equal(fingerprints(panobinostat), fingerprints(salt))


def test_cell_lines_differ_in_baseline_and_in_sensitivity(full):
    world = build_world("sim_drug_full")
    baseline = np.corrcoef(world.panel.log_abundance)
    assert np.all((baseline[np.triu_indices(3, 1)] > 0.6) & (baseline[np.triu_indices(3, 1)] < 0.98))
    ratio = full.sensitivity.max(axis=0) / np.maximum(full.sensitivity.min(axis=0), 1e-9)
    assert np.median(ratio) > 1.3


def test_the_nine_out_of_distribution_drugs_are_marked():
    assert {name for name, _, out in sciplex_drugs() if out} == NINE
    assert len(sciplex_drugs()) == 187


@pytest.mark.skipif(not DRUGS.is_file(), reason=f"the published list of drugs is not at {DRUGS}")
def test_drugs_and_structures_are_the_published_ones():
    from rdkit import Chem

    published = pd.read_csv(DRUGS).set_index("condition").drop("control")
    assert set(published.index) == {name for name, _, _ in sciplex_drugs()}
    for drug in drugs_of(()):
        assert Chem.MolToSmiles(Chem.MolFromSmiles(published.loc[drug.name, "smiles"])) == drug.smiles
    assert set(published.index[published["biolord_chemcpa_9"].astype(str) == "True"]) == NINE
