"""Published facts the simulation starts from: names of genes and drugs, structures, proportions."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from bench.paths import splits_dir
from methods.conditions import treatment_condition


@cache
def norman_singles() -> tuple[str, ...]:
    """The 105 single perturbations of Norman et al. 2019 (Science 365:786), as GEARS names them."""
    return _lines("norman_singles.txt")


@cache
def norman_doubles() -> tuple[tuple[str, str], ...]:
    """The 131 pairs of Norman et al. 2019 with the interaction class given to 88 of them.

    Returns
    -------
    (canonical pair, class) in alphabetical order; the class is ``""`` where none was given.
    """
    return tuple((row["double"], row["interaction"]) for row in _rows("norman_doubles.csv"))


@cache
def adamson_singles() -> tuple[str, ...]:
    """The 86 single perturbations of Adamson et al. 2016 (Cell 167:1867), as GEARS names them."""
    return _lines("adamson_singles.txt")


@cache
def sciplex_drugs() -> tuple[tuple[str, str, bool], ...]:
    """The 187 compounds of sci-Plex 3 (Srivatsan et al. 2020, Science 367:45).

    Returns
    -------
    (name, SMILES, whether it is one of the nine out-of-distribution drugs of chemCPA and biolord).
    """
    rows = _rows("sciplex3_drugs.csv")
    return tuple((row["name"], row["smiles"], row["out_of_distribution"] == "yes") for row in rows)


@cache
def sciplex_cells() -> Mapping[str, int]:
    """Cells of every (drug, dose, cell line) group of sci-Plex 3 at 24 h, by condition key."""
    text = (splits_dir() / "facts" / "sciplex3_groups.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return {
        treatment_condition(row["condition"], dose=float(row["dose"]), cell_type=row["cell_type"]).key: int(
            row["cells"]
        )
        for row in rows
    }


@cache
def gene_symbols() -> tuple[str, ...]:
    """The 2,000 human gene symbols with which panels are filled up, in a fixed order."""
    return _lines("symbols.txt")


def _text(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8")


def _lines(name: str) -> tuple[str, ...]:
    return tuple(_text(name).split())


def _rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(_text(name).splitlines()))
