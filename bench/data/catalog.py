"""Public data sets the checked-in tasks use: where their files come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from methods.conditions import Modality


@dataclass(frozen=True)
class Source:
    """Where a public data set comes from.

    Parameters
    ----------
    title
        What it is.
    modality
        Whether genes were perturbed or treatments given.
    file
        Name of the file to get.
    url
        Where to get it.
    perturbations
        Number of distinct perturbations (without control, dose and cell type) the checked-in tasks expect.
    """

    title: str
    modality: Modality
    file: str
    url: str
    perturbations: int


KNOWN: Mapping[str, Source] = MappingProxyType(
    {
        "adamson": Source(
            title="Adamson et al. 2016, CRISPRi of 86 genes in K562, as processed by GEARS",
            modality="gene",
            file="perturb_processed.h5ad",
            url="https://dataverse.harvard.edu/api/access/datafile/6154417 (zipped: adamson/perturb_processed.h5ad)",
            perturbations=86,
        ),
        "norman": Source(
            title="Norman et al. 2019, CRISPRa of 105 genes and 131 pairs in K562, as processed by GEARS",
            modality="gene",
            file="perturb_processed.h5ad",
            url="https://dataverse.harvard.edu/api/access/datafile/6154020 (zipped: norman/perturb_processed.h5ad)",
            perturbations=236,
        ),
        "sciplex3": Source(
            title="Srivatsan et al. 2020, sci-Plex3: 187 drugs at 4 doses in 3 cell lines",
            modality="treatment",
            file="sciplex_complete_v2.h5ad",
            url="chemCPA (https://github.com/theislab/chemCPA, preprocessing; it has SMILES) or scPerturb "
            "(https://zenodo.org/records/10044268, SrivatsanTrapnell2020_sciplex3.h5ad; without SMILES)",
            perturbations=187,
        ),
    }
)
