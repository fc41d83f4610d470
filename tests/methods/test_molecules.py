import sys

import numpy as np
import pandas as pd
import pytest

from methods.base import Resources, Unsupported
from methods.conditions import gene_condition, treatment_condition
from methods.molecules import UNIMOL_FILES, descriptors, molecule_source, molecule_vectors, unimol_folder

ETHANOL, PROPANOL, BENZENE = "CCO", "CCCO", "c1ccccc1"


def test_alike_drugs_have_alike_vectors_and_spelling_does_not_matter():
    vectors = molecule_vectors([ETHANOL, "OCC |annotated|", PROPANOL, BENZENE], Resources())
    np.testing.assert_array_equal(vectors[0], vectors[1])
    bits = vectors[:, :512]
    assert np.linalg.norm(bits[0] - bits[2]) < np.linalg.norm(bits[0] - bits[3])


def test_descriptors_are_finite_and_tell_drugs_apart():
    vectors = molecule_vectors([ETHANOL, PROPANOL, BENZENE], Resources(), rdkit=descriptors)
    assert vectors.shape[1] > 200
    assert np.isfinite(vectors).all()
    assert np.unique(vectors, axis=0).shape[0] == 3


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


@pytest.fixture
def unimol(tmp_path, monkeypatch):
    """A stand-in package of that name, which records how it was called."""
    package = tmp_path / "unimol_tools"
    (package / "weights").mkdir(parents=True)
    (package / "__init__.py").write_text(
        "import numpy as np\n"
        "class UniMolRepr:\n"
        "    loaded = 0\n"
        "    def __init__(self, **settings):\n"
        "        UniMolRepr.loaded += 1\n"
        "        self.settings = settings\n"
        "    def get_repr(self, smiles):\n"
        "        assert self.settings['remove_hs'] is False\n"
        "        assert self.settings['pretrained_model_path'].endswith('mol_pre_all_h_220816.pt')\n"
        "        return {'cls_repr': [np.full(4, float(len(s))) for s in smiles]}\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delenv("UNIMOL_WEIGHT_DIR", raising=False)
    yield package / "weights"
    sys.modules.pop("unimol_tools", None)


def test_unimol_is_used_when_its_package_and_both_weight_files_are_here(unimol):
    drug = treatment_condition("Ethanol", smiles=ETHANOL)
    assert molecule_source([drug], frozenset()) == "rdkit"
    for name in UNIMOL_FILES:
        (unimol / name).touch()
    assert molecule_source([drug], frozenset()) == "unimol"
    np.testing.assert_array_equal(molecule_vectors([ETHANOL, PROPANOL], Resources()), [[3.0] * 4, [4.0] * 4])
    molecule_vectors([PROPANOL], Resources())
    assert sys.modules["unimol_tools"].UniMolRepr.loaded == 1
    assert molecule_source([drug], {"drug_vectors"}) == ""


@pytest.mark.usefixtures("unimol")
def test_unimol_weights_are_looked_for_where_the_environment_says(tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setenv("UNIMOL_WEIGHT_DIR", str(elsewhere))
    assert unimol_folder() is None
    for name in UNIMOL_FILES:
        (elsewhere / name).touch()
    assert unimol_folder() == elsewhere
