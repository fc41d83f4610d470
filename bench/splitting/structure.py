"""Whether two drugs are one compound, whatever their salt, charge, tautomer or stereochemistry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from methods.conditions import Condition

_TAUTOMERS = 100


@lru_cache(maxsize=4096)
def compound_key(smiles: str) -> str | None:
    """Constitution of a drug's largest fragment: first InChIKey block of its canonical tautomer.

    Equal for salts, protonation states, stereoisomers and tautomers of one compound (the block
    hashes formula, connectivity and hydrogens; IUPAC InChI technical manual). Two published SMILES
    lists of the sci-Plex 3 library agree on it for all but one drug, which they draw as two
    positional isomers.

    Parameters
    ----------
    smiles
        SMILES; counter-ions and solvent may be written after dots.

    Returns
    -------
    14 letters, or ``None`` if RDKit cannot read the SMILES or has no InChI for it.
    """
    from rdkit import Chem, rdBase
    from rdkit.Chem.MolStandardize import rdMolStandardize

    enumerator = rdMolStandardize.TautomerEnumerator()
    # large molecules have thousands of tautomers: past this number the canonical one is chosen among those found
    enumerator.SetMaxTautomers(_TAUTOMERS)
    enumerator.SetMaxTransforms(_TAUTOMERS)
    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles) if smiles else None
        if molecule is None or molecule.GetNumAtoms() == 0:
            return None
        fragments = Chem.GetMolFrags(rdMolStandardize.MetalDisconnector().Disconnect(molecule), asMols=True)
        parent = max(fragments, key=lambda fragment: (fragment.GetNumHeavyAtoms(), Chem.MolToSmiles(fragment)))
        inchi_key: Any = Chem.MolToInchiKey  # has no annotations
        return str(inchi_key(enumerator.Canonicalize(parent)))[:14] or None


def compound_keys(smiles_of: Mapping[str, str]) -> dict[str, str]:
    """Compound key by drug, for the drugs whose SMILES can be read."""
    keys = {drug: compound_key(smiles) for drug, smiles in smiles_of.items()}
    return {drug: key for drug, key in keys.items() if key is not None}


def smiles_by_drug(conditions: Iterable[Condition]) -> dict[str, str]:
    """SMILES by drug, where a condition carries one."""
    return {condition.label: condition.smiles for condition in conditions if condition.smiles}
