"""Descriptors of drugs, standardised over the training drugs."""

import numpy as np
import pandas as pd
import pytest

from methods.base import Resources, Unsupported
from methods.conditions import treatment_condition
from methods.drug_table import INDEX, STRUCTURE, DrugTable, dose_share, largest_dose, told_apart_by

ETHANOL = treatment_condition("X", dose=10, smiles="CCO")
BENZENE = treatment_condition("Y", dose=1000, smiles="c1ccccc1")
AMINE = treatment_condition("Z", dose=10, smiles="CCN")
CYTOKINE = treatment_condition("IFNb")
CONTROL = treatment_condition("ctrl")
VECTORS = Resources(
    drug_vectors=pd.DataFrame([[1.0, 0.0, 7.0], [3.0, 2.0, 7.0], [99.0, 2.0, 7.0]], index=["CCO", "c1ccccc1", "CCN"])
)


def table(*conditions, resources=VECTORS, largest_score=5.0):
    return DrugTable.of(conditions, resources, smallest_spread=0.01, largest_score=largest_score)


def test_descriptors_are_standardised_over_the_training_drugs_and_constant_ones_left_out():
    drugs = table(ETHANOL, BENZENE, CONTROL)
    assert drugs.vector(ETHANOL) == pytest.approx([-1, -1])
    assert drugs.vector(BENZENE) == pytest.approx([1, 1])
    assert drugs.vector(CONTROL) == pytest.approx([0, 0])


def test_a_new_drug_that_lies_far_out_is_clipped_unless_told_not_to():
    assert table(ETHANOL, BENZENE).vector(AMINE) == pytest.approx([5, 1])
    assert table(ETHANOL, BENZENE, largest_score=None).vector(AMINE) == pytest.approx([97, 1])


def test_without_supplied_vectors_molecules_are_read():
    drugs = table(ETHANOL, BENZENE, resources=Resources())
    assert drugs.width > 2
    assert not np.array_equal(drugs.vector(ETHANOL), drugs.vector(AMINE))


def test_treatments_without_structure_are_told_apart_by_number_and_new_ones_refused():
    drugs = table(ETHANOL, CYTOKINE)
    assert told_apart_by([ETHANOL, CYTOKINE]) == INDEX
    assert told_apart_by([ETHANOL, CONTROL]) == STRUCTURE
    assert drugs.vector(CYTOKINE).tolist() == [1, 0]
    with pytest.raises(Unsupported, match="Z is not among"):
        drugs.vector(AMINE)


def test_a_missing_structure_is_refused_where_the_others_have_one():
    with pytest.raises(Unsupported, match="structure"):
        table(ETHANOL, BENZENE).vector(CYTOKINE)


@pytest.mark.parametrize(("scale", "share"), [("linear", 0.01), ("log", np.log(11) / np.log(1001))])
def test_doses_are_shares_of_the_largest(scale, share):
    largest = largest_dose([ETHANOL, BENZENE, CONTROL])
    assert dose_share(ETHANOL, largest, scale) == pytest.approx(share)
    assert dose_share(BENZENE, largest, scale) == 1
    assert dose_share(CONTROL, largest, scale) == dose_share(CYTOKINE, largest, scale) == 1
