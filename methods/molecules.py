"""Vectors of drugs: the user's, else Uni-Mol's where its package and weights are here, else RDKit's."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from methods.base import Resources, Unsupported
from methods.conditions import Condition

RDKIT, UNIMOL = "rdkit", "unimol"
UNIMOL_FILES = ("mol_pre_all_h_220816.pt", "mol.dict.txt")
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
    """What makes the vectors of a screen's drugs: ``"unimol"`` or ``"rdkit"``; ``""`` for the user's, or for none."""
    if "drug_vectors" in supplied or not any(condition.smiles for condition in conditions):
        return ""
    return RDKIT if unimol_folder() is None else UNIMOL


def unimol_folder() -> Path | None:
    """Folder of Uni-Mol's weights, if the package ``unimol_tools`` and both files are here; nothing is downloaded.

    ``$UNIMOL_WEIGHT_DIR``, else the folder ``weights`` of the package.
    """
    package = importlib.util.find_spec("unimol_tools")
    if package is None or package.origin is None:
        return None
    folder = Path(os.environ.get("UNIMOL_WEIGHT_DIR") or Path(package.origin).parent / "weights")
    return folder if all((folder / name).is_file() for name in UNIMOL_FILES) else None


def fingerprint(structure: str) -> np.ndarray:
    """Morgan counts (radius 2, folded to 512, log1p) beside ten descriptors: (522,) float32."""
    from rdkit import Chem
    from rdkit.Chem import Descriptors, rdFingerprintGenerator

    molecule = Chem.MolFromSmiles(structure)
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=_RADIUS, fpSize=N_BITS)
    counts = generator.GetCountFingerprintAsNumPy(molecule)
    chosen = [getattr(Descriptors, name)(molecule) for name in _DESCRIPTORS]
    return np.concatenate([np.log1p(counts), chosen]).astype(np.float32)


@cache
def descriptors(structure: str) -> np.ndarray:
    """All 2-D descriptors of RDKit, 0 where one is not defined: (d,) float32.

    Computed once: a fit asks for the vector of a drug again at every look at the validation conditions.
    """
    from rdkit import Chem
    from rdkit.Chem import Descriptors

    molecule = Chem.MolFromSmiles(structure)
    values = np.array([value(molecule) for _, value in Descriptors.descList], dtype=np.float64)
    values[~np.isfinite(values) | (np.abs(values) > np.finfo(np.float32).max)] = 0.0
    return values.astype(np.float32)


def molecule_vectors(
    smiles: Sequence[str | None], resources: Resources, *, rdkit: Callable[[str], np.ndarray] = fingerprint
) -> np.ndarray:
    """Vectors of drugs, (n, d) float32, in the order given.

    The user's, where supplied; else Uni-Mol's CLS representations (512, hydrogens kept, as Doloris' release uses them),
    where :func:`unimol_folder` finds it; else RDKit's.

    Parameters
    ----------
    smiles
        Structure of each drug.
    rdkit
        RDKit's vector of a structure: :func:`fingerprint` or :func:`descriptors`.

    Raises
    ------
    Unsupported
        If a drug has no structure, it cannot be read, or the user's vectors lack it.
    """
    canonical = [_canonical(structure) for structure in smiles]
    if resources.drug_vectors is None:
        weights = unimol_folder()
        if weights is not None:
            return _unimol_vectors(tuple(canonical), weights).copy()
        return np.stack([rdkit(structure) for structure in canonical])
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


@cache
def _unimol_vectors(structures: tuple[str, ...], weights: Path) -> np.ndarray:
    found = _unimol_encoder(weights).get_repr(list(structures))
    vectors = found["cls_repr"] if isinstance(found, dict) else found
    return np.asarray(vectors, dtype=np.float32)


@cache
def _unimol_encoder(weights: Path) -> Any:
    """Loaded once: a fit asks for the vectors of one drug after another."""
    from unimol_tools import UniMolRepr

    model, dictionary = (str(weights / name) for name in UNIMOL_FILES)
    return UniMolRepr(
        data_type="molecule", remove_hs=False, pretrained_model_path=model, pretrained_dict_path=dictionary
    )
