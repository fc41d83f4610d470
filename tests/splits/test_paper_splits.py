"""The checked-in tasks of the paper: reproducible from the facts, and what Appendix A.2 says."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from bench.paths import splits_dir
from bench.splits import Split, read_split, split_toml
from bench.splitting.facts import published_table, sciplex_drugs, sciplex_names
from bench.splitting.paper import PAPER_TASKS
from methods.conditions import parse_key

META = Path(__file__).resolve().parents[2] / "../shared/data/meta"
NINE = {
    "Alvespimycin",
    "Belinostat",
    "Dacinostat",
    "Flavopiridol",
    "Givinostat",
    "Hesperadin",
    "Quisinostat",
    "TAK-901",
    "Tanespimycin",
}


def task(name: str) -> Split:
    return read_split(splits_dir() / f"{name}.toml")


def drugs_of(keys: tuple[str, ...]) -> set[str]:
    return {parse_key(key, "treatment").label for key in keys}


def every_key(split: Split) -> list[str]:
    parts = split.conditions
    return [*parts.train, *parts.validation, *parts.test]


@pytest.mark.parametrize("make", PAPER_TASKS, ids=lambda make: make.__name__)
def test_the_checked_in_file_is_what_the_facts_give(make):
    split = make()
    assert (splits_dir() / f"{split.task}.toml").read_text(encoding="utf-8") == split_toml(split)


@pytest.mark.parametrize(("name", "tested"), [("adamson_single", 26), ("adamson_single_released", 22)])
def test_adamson_holds_out_its_share_of_the_86_genes(name, tested):
    split = task(name)
    assert len(split.conditions.test) == tested
    assert sorted(every_key(split)) == sorted(published_table("adamson").conditions)


def test_the_released_adamson_test_set_is_part_of_the_papers():
    assert set(task("adamson_single_released").conditions.test) < set(task("adamson_single").conditions.test)


def test_norman_tests_all_131_doubles_and_gives_methods_all_105_singles():
    parts = task("norman_double").conditions
    assert len(parts.test) == 131
    assert all("+" in key for key in parts.test)
    assert len(parts.train) + len(parts.validation) == 105
    assert not any("+" in key for key in (*parts.train, *parts.validation))


def test_every_norman_double_has_both_singles_and_most_keep_them_while_fitting():
    parts = task("norman_double").conditions
    genes = [set(key.split("+")) for key in parts.test]
    assert all(pair <= {*parts.train, *parts.validation} for pair in genes)
    assert sum(pair <= set(parts.train) for pair in genes) == 131


def test_sciplex_covariate_tests_30_percent_of_the_groups_of_drugs_that_are_not_ood():
    split = task("sciplex3_covariate")
    assert len(every_key(split)) == 178 * 12
    assert len(split.conditions.test) == round(0.3 * 178 * 12)
    assert not drugs_of(tuple(every_key(split))) & NINE


def test_sciplex_ood_tests_every_group_of_the_nine_drugs():
    split = task("sciplex3_ood")
    assert drugs_of(split.conditions.test) == NINE
    assert set(Counter(parse_key(key, "treatment").label for key in split.conditions.test).values()) == {12}


def test_both_sciplex_tasks_train_on_the_same_conditions():
    covariate, ood = task("sciplex3_covariate").conditions, task("sciplex3_ood").conditions
    assert {*covariate.train, *covariate.validation} == {*ood.train, *ood.validation}


def test_the_second_list_of_ood_drugs_is_chemcpas():
    expected = {name for name, drug in sciplex_drugs().items() if drug.ood_chemcpa}
    assert len(expected) == 9
    assert drugs_of(task("sciplex3_ood_chemcpa").conditions.test) == expected


@pytest.mark.parametrize("name", ["sciplex3_ood", "sciplex3_ood_chemcpa"])
def test_ood_validation_is_whole_drugs_that_are_not_fitted(name):
    parts = task(name).conditions
    assert not drugs_of(parts.validation) & drugs_of(parts.train)


def test_every_tested_group_of_sciplex_has_its_drug_in_training():
    parts = task("sciplex3_covariate").conditions
    assert drugs_of(parts.test) | drugs_of(parts.validation) <= drugs_of(parts.train)


needs_meta = pytest.mark.skipif(not META.is_dir(), reason=f"the published lists are not at {META}")


@needs_meta
@pytest.mark.parametrize("name", ["adamson", "norman"])
def test_the_gene_lists_are_the_published_ones(name):
    published = (META / f"{name}_conditions.txt").read_text().split()
    assert sorted(parse_key(key).key for key in published) == sorted(published_table(name).conditions)


@needs_meta
def test_the_drug_facts_are_the_published_ones():
    published = pd.read_csv(META / "sciplex3_drugs.csv").set_index("condition").drop(index="control")
    drugs = sciplex_drugs()
    assert set(drugs) == set(published.index)
    for name, drug in drugs.items():
        row = published.loc[name]
        assert (drug.smiles, drug.name, drug.target) == (row["smiles"], row["name"].strip(), row["Target"])
        assert (drug.ood, drug.ood_chemcpa) == (row["biolord_chemcpa_9"], row["chemcpa_split_ood_finetuning"])


@needs_meta
def test_the_group_facts_are_the_published_cells_at_24_hours_under_the_short_names():
    counts = pd.read_csv(META / "sciplex3_cell_counts.csv")
    counts = counts[counts["time"] == 24]
    names = sciplex_names()
    assert set(names) == set(counts["perturbation"])
    expected: Counter[str] = Counter()
    for row in counts.itertuples():
        expected[f"{names[row.perturbation]}@{row.dose_value:g}|{row.cell_line}"] += row.n_cells
    assert published_table("sciplex3").cells == expected


def test_a_short_name_is_the_first_word_of_the_long_one():
    odd = {long: short for long, short in sciplex_names().items() if short != long.split(" ")[0]}
    assert odd == {"(+)-JQ1": "JQ1"}
