"""Public data sets the checked-in tasks use: where their files come from and how to import them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Way:
    """One way to get a public data set.

    Parameters
    ----------
    file
        Name of the h5ad file.
    source
        Where it is, with its URL.
    options
        Options of ``bench data import`` that this file needs beside ``--name``.
    """

    file: str
    source: str
    options: str = ""


@dataclass(frozen=True)
class Source:
    """A public data set.

    Parameters
    ----------
    title
        What it is.
    ways
        How to get it, the best one first.
    """

    title: str
    ways: tuple[Way, ...]

    def instructions(self, name: str) -> str:
        """What to fetch and what to type, one sentence per way."""
        return "; or ".join(
            f"get {way.file} from {way.source}, then run "
            f"`python -m bench data import {way.file} --name {name}{' ' if way.options else ''}{way.options}`"
            for way in self.ways
        )


_DATAVERSE = "https://dataverse.harvard.edu/api/access/datafile"
_GEARS_FILE = "perturb_processed.h5ad"

KNOWN: Mapping[str, Source] = MappingProxyType(
    {
        "adamson": Source(
            "Adamson et al. 2016: CRISPRi of 86 genes in K562, processed by GEARS",
            (Way(_GEARS_FILE, f"{_DATAVERSE}/6154417 (a zip; in its folder adamson)"),),
        ),
        "norman": Source(
            "Norman et al. 2019: CRISPRa of 105 genes and 131 pairs in K562, processed by GEARS",
            (Way(_GEARS_FILE, f"{_DATAVERSE}/6154020 (a zip; in its folder norman)"),),
        ),
        "sciplex3": Source(
            "Srivatsan et al. 2020, sci-Plex 3: 187 drugs at four doses in three cell lines",
            (
                Way("sciplex_complete_v2.h5ad", "chemCPA's preprocessing (https://github.com/theislab/chemCPA)"),
                Way(
                    "SrivatsanTrapnell2020_sciplex3.h5ad",
                    "scPerturb (https://zenodo.org/records/10044268)",
                    "--keep time=24 --drop-unlabelled",
                ),
            ),
        ),
    }
)
