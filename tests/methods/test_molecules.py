import numpy as np
import pandas as pd
import pytest

from methods.base import Resources, Unsupported
from methods.conditions import gene_condition, treatment_condition
from methods.molecules import molecule_source, molecule_vectors

ETHANOL, PROPANOL, BENZENE = "CCO", "CCCO", "c1ccccc1"


def test_alike_drugs_have_alike_vectors_and_spelling_does_not_matter():
    vectors = molecule_vectors([ETHANOL, "OCC |annotated|", PROPANOL, BENZENE], Resources())
    np.testing.assert_array_equal(vectors[0], vectors[1])
    bits = vectors[:, :512]
    assert np.linalg.norm(bits[0] - bits[2]) < np.linalg.norm(bits[0] - bits[3])


def test_the_users_vectors_are_used_where_supplied():
    own = pd.DataFrame(np.eye(2, dtype=np.float32), index=[ETHANOL, BENZENE])
    resources = Resources(drug_vectors=own)
    np.testing.assert_array_equal(molecule_vectors(["C1=CC=CC=C1", "OCC"], resources), np.eye(2)[::-1])
    with pytest.raises(Unsupported, match="have none for CCCO"):
        molecule_vectors([PROPANOL], resources)


@pytest.mark.parametrize(("structure", "message"), [(None, "names no structure"), ("C1(", "not a readable structure")])
def test_a_drug_without_a_structure_is_not_supported(structure, message):
    with pytest.raises(Unsupported, match=message):
        molecule_vectors([structure], Resources())


def test_the_stand_in_is_named_where_a_drug_has_a_structure_and_nothing_was_supplied():
    drug = treatment_condition("Ethanol", smiles=ETHANOL)
    assert molecule_source([drug], frozenset()) == "rdkit"
    assert molecule_source([drug], {"drug_vectors"}) == ""
    assert molecule_source([gene_condition(["KLF1"]), treatment_condition("IFNB")], frozenset()) == ""
