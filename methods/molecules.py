"""Vectors of drugs: the user's, such as Uni-Mol representations, else RDKit fingerprints and descriptors."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np

from methods.base import Resources, Unsupported
from methods.conditions import Condition

RDKIT = "rdkit"
N_BITS = 512
_RADIUS = 2
_DESCRIPTORS = (
    "MolWt",
    "MolLogP",
    "TPSA",
    "NumHDonors",
    "NumHAcceptors",
    "NumRotatableBonds",
    "NumAromaticRings",
    "FractionCSP3",
    "RingCount",
    "HeavyAtomCount",
)


def molecule_source(conditions: Iterable[Condition], supplied: Collection[str]) -> str:
    """What stands in for the user's vectors of a screen's drugs: ``"rdkit"``, or ``""`` if nothing has to."""
    structures = any(condition.smiles for condition in conditions)
    return RDKIT if structures and "drug_vectors" not in supplied else ""


def molecule_vectors(smiles: Sequence[str | None], resources: Resources) -> np.ndarray:
    """Vectors of drugs, (n, d) float32, in the order given.

    The user's, where supplied; else Morgan counts (radius 2, folded to 512, log1p) beside ten descriptors of RDKit.

    Parameters
    ----------
    smiles
        Structure of each drug.

    Raises
    ------
    Unsupported
        If a drug has no structure, it cannot be read, or the user's vectors lack it.
    """
    canonical = [_canonical(structure) for structure in smiles]
    if resources.drug_vectors is None:
        return np.stack([_rdkit_vector(structure) for structure in canonical])
    missing = sorted(set(canonical) - set(resources.drug_vectors.index))
    if missing:
        raise Unsupported(f"the drug vectors supplied have none for {missing[0]} ({len(missing)} in all)")
    vectors: np.ndarray = resources.drug_vectors.loc[canonical].to_numpy(dtype=np.float32)
    return vectors


def _canonical(structure: str | None) -> str:
    from rdkit import Chem

    if not structure:
        raise Unsupported("the screen names no structure (SMILES) of this drug")
    # chemCPA's files carry annotations behind a bar
    molecule = Chem.MolFromSmiles(structure.partition("|")[0].strip())
    if molecule is None:
        raise Unsupported(f"{structure!r} is not a readable structure (SMILES)")
    return str(Chem.MolToSmiles(molecule))


def _rdkit_vector(structure: str) -> np.ndarray:
    from rdkit import Chem
    from rdkit.Chem import Descriptors, rdFingerprintGenerator

    molecule = Chem.MolFromSmiles(structure)
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=_RADIUS, fpSize=N_BITS)
    counts = generator.GetCountFingerprintAsNumPy(molecule)
    descriptors = [getattr(Descriptors, name)(molecule) for name in _DESCRIPTORS]
    return np.concatenate([np.log1p(counts), descriptors]).astype(np.float32)
