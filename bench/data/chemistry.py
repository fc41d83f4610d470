"""Canonical spelling of drug structures."""

from __future__ import annotations

from collections.abc import Iterable

from bench.errors import DataError

_EXTENSION = "|"  # ChemAxon writes stereo groups and coordinates behind it


def canonical_smiles(smiles: Iterable[str], origin: str) -> dict[str, str]:
    """RDKit's canonical SMILES of each distinct string; ``""`` for an empty one.

    Whatever follows ``|`` (a CXSMILES extension) is left out, as sci-Plex and chemCPA do.

    Raises
    ------
    DataError
        If a string is no structure; the message names it.
    """
    from rdkit import Chem, rdBase

    canonical: dict[str, str] = {}
    # RDKit would print its complaint beside ours.
    with rdBase.BlockLogs():
        for text in dict.fromkeys(smiles):
            core = text.split(_EXTENSION)[0].strip()
            molecule = Chem.MolFromSmiles(core)
            if molecule is None:
                raise DataError(f"{origin}: {text!r} is not a valid SMILES; correct it, or leave it empty if unknown")
            canonical[text] = Chem.MolToSmiles(molecule) if core else ""
    return canonical
