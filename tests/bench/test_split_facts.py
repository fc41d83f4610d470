"""What arriving data are checked against."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from bench.data.dataset import Dataset
from bench.splitting.facts import check_against_facts, published_table
from bench.splitting.structure import compound_key
from methods.conditions import Condition


def dataset(name: str, conditions: list[Condition], modality: str = "gene") -> Dataset:
    """A data set of one cell per condition and one control cell per cell type."""
    rows = [
        {
            "condition": condition.key,
            "control": condition.is_control,
            "cell_type": condition.cell_type,
            "perturbation": condition.label,
            "drug": condition.label,
            "dose": float("nan") if condition.dose is None else condition.dose,
            "smiles": condition.smiles or "",
        }
        for condition in conditions
    ]
    obs = pd.DataFrame(rows, index=[f"cell{number}" for number in range(len(rows))])
    return Dataset(name, Path(f"{name}.h5ad"), {"modality": modality}, obs, pd.Index(["G1"]))


def arriving(name: str) -> list[Condition]:
    published = list(published_table(name))
    controls = {Condition((), cell_type=c.cell_type, modality=c.modality) for c in published}
    return [*published, *sorted(controls)]


def sciplex(**smiles: str) -> Dataset:
    conditions = [
        Condition(c.perturbations, c.cell_type, c.dose, c.modality, smiles.get(c.label, c.smiles))
        for c in arriving("sciplex3")
    ]
    return dataset("sciplex3", conditions, "treatment")


@pytest.mark.parametrize("name", ["adamson", "norman"])
def test_a_gene_screen_as_published_has_no_differences(name):
    assert check_against_facts(dataset(name, arriving(name))) == []


def test_missing_and_extra_conditions_are_counted_and_named():
    conditions = [c for c in arriving("adamson") if c.label != "AARS"] + [Condition(("TP53",))]
    missing, extra = check_against_facts(dataset("adamson", conditions))
    assert missing == "1 of 86 published conditions are missing: AARS"
    assert extra == "1 conditions are not published ones: TP53"


def test_a_data_set_that_nothing_is_published_about_has_no_differences():
    assert check_against_facts(dataset("my_screen", arriving("adamson"))) == []


def test_drugs_where_genes_were_published_are_a_difference():
    (difference,) = check_against_facts(dataset("adamson", [], "treatment"))
    assert "'treatment', published is 'gene'" in difference


def test_sciplex_as_published_has_no_differences():
    assert check_against_facts(sciplex()) == []


def test_another_salt_or_tautomer_of_a_drug_is_no_difference():
    keto = "COc1cc(/C=C/C(=O)CC(=O)/C=C/c2ccc(O)c(OC)c2)ccc1O"
    assert check_against_facts(sciplex(Curcumin=keto, Valproic="CCCC(CCC)C(=O)O")) == []


def test_another_structure_of_a_drug_is_named_with_both():
    (difference,) = check_against_facts(sciplex(Belinostat="CCO"))
    assert difference.startswith("the structure of Belinostat is CCO, published is O=C(")


def test_a_drug_without_a_structure_is_a_difference():
    (difference,) = check_against_facts(sciplex(Belinostat=""))
    assert difference == "1 drugs have no SMILES that can be read: Belinostat"


def test_groups_with_more_cells_than_at_24_hours_are_a_difference():
    small = min(published_table("sciplex3").cells.items(), key=lambda item: item[1])
    condition = published_table("sciplex3").conditions[small[0]]
    arrived = dataset("sciplex3", [*arriving("sciplex3"), *[condition] * small[1]], "treatment")
    (difference,) = check_against_facts(arrived)
    assert small[0] in difference
    assert "72 h" in difference


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("CCCC(CCC)C(=O)[O-].[Na+]", "CCCC(CCC)C(=O)O"),
        ("O=C(CCCc1ccccc1)O[Na]", "OC(=O)CCCc1ccccc1"),
        ("N#CC[C@H](C1CCCC1)n1cc(-c2ncnc3[nH]ccc23)cn1", "N#CC[C@@H](C1CCCC1)n1cc(-c2ncnc3[nH]ccc23)cn1"),
    ],
    ids=["salt", "covalent sodium", "stereoisomer"],
)
def test_one_compound_has_one_key_whatever_its_form(first, second):
    assert compound_key(first) == compound_key(second) is not None


def test_two_compounds_have_two_keys():
    assert compound_key("CCO") != compound_key("CCN")


@pytest.mark.parametrize("smiles", ["", "not a structure", "C1CC"])
def test_what_is_no_structure_has_no_key(smiles):
    assert compound_key(smiles) is None
