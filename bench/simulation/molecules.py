"""Drugs and the numbers that describe their structure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from bench.simulation.facts import sciplex_drugs

if TYPE_CHECKING:
    from rdkit.Chem import Mol

FINGERPRINT_BITS = 2048
FINGERPRINT_RADIUS = 2

MECHANISMS: tuple[tuple[str, int, float], ...] = (
    ("C(=O)[NX3;H1][OX2;H1]", 0, 1.4),  # hydroxamic acid: histone deacetylase inhibitors
    ("[NX3;H2]c1ccccc1[NX3;H1]C(=O)", 0, 0.9),  # o-aminoanilide: the benzamide class of them
    ("O=C1[#6]=[#6]C(=O)[#6]=[#6]1", 1, 1.2),  # ansamycin quinone: HSP90 inhibitors
    ("[OX2;H1]c1cc([OX2;H1])c([CX4;H1]([CX4;H3])[CX4;H3])cc1", 1, 1.2),  # isopropylresorcinol: the other class of them
    ("c[NX3;H1]c1ncccn1", 2, 0.5),  # anilinopyrimidine: kinase inhibitors
    ("c[NX3;H1]c1ncnc2ccccc12", 2, 0.5),  # anilinoquinazoline: kinase inhibitors
    ("O=C1C(=C)c2ccccc2[NX3;H1]1", 3, 0.8),  # methylidene oxindole: kinase inhibitors, mitotic ones among them
    ("O=c1ccoc2ccccc12", 3, 0.5),  # chromone: CDK inhibitors
)
"""(SMARTS, pathway, activity): substructures whose strong effect in sci-Plex 3 is known (Srivatsan et al. 2020)."""

_CENTRE_AND_SCALE: Mapping[str, tuple[float, float]] = {
    "MolWt": (400.0, 120.0),
    "MolLogP": (3.0, 2.0),
    "TPSA": (90.0, 40.0),
    "NumHDonors": (2.5, 1.5),
    "NumHAcceptors": (5.5, 2.5),
    "NumRotatableBonds": (5.5, 3.5),
    "NumAromaticRings": (2.5, 1.3),
    "FractionCSP3": (0.3, 0.2),
    "RingCount": (3.5, 1.5),
    "NumHeteroatoms": (8.0, 3.0),
}


@dataclass(frozen=True)
class Drug:
    """A drug: name and canonical SMILES."""

    name: str
    smiles: str


@cache
def drugs_of(names: tuple[str, ...]) -> tuple[Drug, ...]:
    """Drugs by name, in alphabetical order, with the SMILES of the installed RDKit; no names: all 187.

    Raises
    ------
    KeyError
        If a name is not in the list.
    """
    from rdkit import Chem

    known = {name: smiles for name, smiles, _ in sciplex_drugs()}
    chosen = sorted(names or known)
    return tuple(Drug(name, str(Chem.MolToSmiles(Chem.MolFromSmiles(known[name])))) for name in chosen)


def physicochemical(drugs: tuple[Drug, ...]) -> np.ndarray:
    """Ten RDKit descriptors of the largest fragment, centred and scaled to order 1: (n_drugs, 10)."""
    from rdkit.Chem import Descriptors

    functions = [getattr(Descriptors, name) for name in _CENTRE_AND_SCALE]
    values = np.array([[function(_active_part(drug)) for function in functions] for drug in drugs], dtype=float)
    centre, scale = np.array(list(_CENTRE_AND_SCALE.values())).T
    return np.asarray(np.clip((values - centre) / scale, -2.5, 2.5))


def fingerprints(drugs: tuple[Drug, ...]) -> np.ndarray:
    """Morgan count fingerprints of the largest fragment, scaled to length 1: (n_drugs, 2048).

    The inner product of two rows is the cosine similarity of the structures.
    """
    from rdkit.Chem import rdFingerprintGenerator

    generator = rdFingerprintGenerator.GetMorganGenerator(radius=FINGERPRINT_RADIUS, fpSize=FINGERPRINT_BITS)
    rows = [generator.GetCountFingerprintAsNumPy(_active_part(drug)) for drug in drugs]
    counts = np.sqrt(np.array(rows, dtype=float))
    return np.asarray(counts / np.linalg.norm(counts, axis=1, keepdims=True))


def mechanisms(drugs: tuple[Drug, ...], n_pathways: int) -> np.ndarray:
    """Pathway activities by known substructure: (n_drugs, n_pathways)."""
    from rdkit import Chem

    activity = np.zeros((len(drugs), n_pathways))
    for smarts, pathway, gain in MECHANISMS:
        pattern = Chem.MolFromSmarts(smarts)
        found = np.array([_active_part(drug).HasSubstructMatch(pattern) for drug in drugs])
        activity[found, pathway] = np.maximum(activity[found, pathway], gain)
    return activity


@cache
def _active_part(drug: Drug) -> Mol:
    """The drug without counter-ions and water."""
    from rdkit import Chem

    fragments: tuple[Mol, ...] = Chem.GetMolFrags(Chem.MolFromSmiles(drug.smiles), asMols=True)
    return max(fragments, key=lambda fragment: fragment.GetNumHeavyAtoms())
