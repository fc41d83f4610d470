"""Facts about the published data sets: which conditions, drugs and structures they hold.

The files in ``splits/facts`` are what the paper's split files are made from, and what arriving
data are checked against; ``splits/facts/README.md`` names their sources.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.paths import splits_dir
from bench.splitting.structure import compound_keys, smiles_by_drug
from bench.splitting.table import ConditionTable
from methods.conditions import parse_key, treatment_condition

if TYPE_CHECKING:
    from bench.data.dataset import Dataset

_GENE_LISTS = {"adamson": "adamson_conditions.txt", "norman": "norman_conditions.txt"}
_DRUGS = "sciplex3"
PUBLISHED = (*_GENE_LISTS, _DRUGS)


@dataclass(frozen=True)
class DrugFact:
    """One drug of sci-Plex 3.

    Parameters
    ----------
    condition
        Short name, as chemCPA writes it: the first word of the catalogue name.
    name
        Catalogue name.
    smiles, target, pathway
        As published.
    ood
        Whether it is one of the nine drugs of the paper's out-of-distribution test.
    ood_chemcpa
        Whether it is one of the nine of chemCPA's ``split_ood_finetuning``.
    """

    condition: str
    name: str
    smiles: str
    target: str
    pathway: str
    ood: bool
    ood_chemcpa: bool


def _rows(file: str) -> list[dict[str, str]]:
    with (splits_dir() / "facts" / file).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def sciplex_drugs() -> dict[str, DrugFact]:
    """The 187 drugs of sci-Plex 3 by short name."""
    return {
        row["condition"]: DrugFact(
            row["condition"],
            row["name"],
            row["smiles"],
            row["target"],
            row["pathway"],
            row["ood"] == "yes",
            row["ood_chemcpa"] == "yes",
        )
        for row in _rows("sciplex3_drugs.csv")
    }


def sciplex_names() -> dict[str, str]:
    """Short name by the name scPerturb's file has (188 names of 187 drugs: two salts of ENMD-2076)."""
    return {row["name"]: row["condition"] for row in _rows("sciplex3_names.csv")}


def published_table(dataset: str) -> ConditionTable:
    """Perturbed conditions of a published data set, with their cells where a source gives them.

    Parameters
    ----------
    dataset
        ``"adamson"``, ``"norman"`` or ``"sciplex3"`` (24 h groups).
    """
    if dataset in _GENE_LISTS:
        lines = (splits_dir() / "facts" / _GENE_LISTS[dataset]).read_text(encoding="utf-8").split()
        return ConditionTable.of(map(parse_key, lines))
    drugs = sciplex_drugs()
    cells = {
        treatment_condition(
            row["condition"],
            dose=float(row["dose"]),
            cell_type=row["cell_type"],
            smiles=drugs[row["condition"]].smiles,
        ): int(row["cells"])
        for row in _rows("sciplex3_groups.csv")
    }
    return ConditionTable.of(cells, {condition.key: n for condition, n in cells.items()})


def check_against_facts(dataset: Dataset) -> list[str]:
    """Differences between a data set and what is published about the set of that name.

    Returns
    -------
    One sentence per difference; empty if there is none, or if nothing is published under that name
    (``dataset.name not in PUBLISHED``).
    """
    if dataset.name not in PUBLISHED:
        return []
    published = published_table(dataset.name)
    modality = next(iter(published)).modality
    if dataset.modality != modality:
        return [f"its modality is {dataset.modality!r}, published is {modality!r}"]
    arrived = ConditionTable.of_dataset(dataset)
    differences = _condition_differences(arrived, published)
    if dataset.name == _DRUGS:
        differences += _structure_differences(arrived, published)
        differences += _time_differences(arrived, published)
    return differences


def _condition_differences(arrived: ConditionTable, published: ConditionTable) -> list[str]:
    missing = [key for key in published.conditions if key not in arrived.conditions]
    extra = [key for key in arrived.conditions if key not in published.conditions]
    sentences = []
    if missing:
        sentences.append(f"{len(missing)} of {len(published)} published conditions are missing: {_listed(missing)}")
    if extra:
        sentences.append(f"{len(extra)} conditions are not published ones: {_listed(extra)}")
    return sentences


def _structure_differences(arrived: ConditionTable, published: ConditionTable) -> list[str]:
    here, there = smiles_by_drug(arrived), smiles_by_drug(published)
    keys_here, keys_there = compound_keys(here), compound_keys(there)
    shared = sorted({condition.label for condition in arrived} & set(there))
    without = [drug for drug in shared if drug not in keys_here]
    differ = [drug for drug in shared if drug in keys_here and keys_here[drug] != keys_there.get(drug)]
    sentences = [f"the structure of {drug} is {here[drug]}, published is {there[drug]}" for drug in differ]
    if without:
        sentences.append(f"{len(without)} drugs have no SMILES that can be read: {_listed(without)}")
    return sentences


def _time_differences(arrived: ConditionTable, published: ConditionTable) -> list[str]:
    """Groups larger than the published 24 h groups: A549 was also sampled at 72 h for 47 drugs."""
    if arrived.cells is None or published.cells is None:
        return []
    larger = [key for key, n in arrived.cells.items() if n > published.cells.get(key, n)]
    if not larger:
        return []
    return [
        f"{len(larger)} groups have more cells than were published for 24 h ({_listed(larger)}); "
        "leave out the 72 h cells before importing"
    ]


def _listed(names: Iterable[str], most: int = 8) -> str:
    named = list(names)
    return ", ".join(named[:most]) + (f" and {len(named) - most} more" if len(named) > most else "")
