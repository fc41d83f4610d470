"""Training cells in canonical order, validation conditions, and gene vectors made of the cells."""

import numpy as np
import pandas as pd
import pytest

from methods.base import Resources, Unsupported
from methods.conditions import Condition, parse_key
from methods.gene_vectors import gene_vectors, summed_vector, vector_source
from methods.training_cells import TrainingCells
from methods.validation import ValidationConditions

CELLS = {
    "ctrl": [[1.0, 0.0, 2.0], [3.0, 0.0, 2.0]],
    "A": [[0.0, 1.0, 2.0], [0.0, 3.0, 2.0]],
    "B": [[5.0, 1.0, 2.0], [5.0, 3.0, 2.0]],
}


def shuffled(train, seed=0):
    rng = np.random.default_rng(seed)
    adata = train.adata[rng.permutation(train.adata.n_obs), rng.permutation(train.adata.n_vars)].copy()
    return type(train)(adata, train.conditions, train.kind)


def marked(train, *keys):
    train.adata.obs["validation"] = train.adata.obs["condition"].isin(keys).to_numpy()
    return train


def test_neither_the_order_of_cells_nor_of_genes_changes_the_training_cells(screen):
    train = screen(CELLS, genes=["Z", "A", "M"])
    one, other = TrainingCells.of(train), TrainingCells.of(shuffled(train))
    assert list(one.panel.sorted_genes) == list(other.panel.sorted_genes) == ["A", "M", "Z"]
    assert np.array_equal(one.matrix.toarray(), other.matrix.toarray())
    assert np.array_equal(one.condition_of, other.condition_of)


def test_cells_are_brought_back_to_what_log_normalised_cells_can_be(screen):
    panel = TrainingCells.of(screen({"ctrl": [[1.0, 2.0]], "A": [[0.5, 0.0]]})).panel
    largest = np.float32(np.log1p(1e4))
    restored = panel.restore_cells(np.array([[-1.0, 20.0], [0.5, 3.0]], dtype=np.float32))
    assert np.array_equal(restored, [[0.0, largest], [0.5, 3.0]])


def test_a_panel_restores_the_order_of_the_file(screen):
    train = shuffled(screen(CELLS, genes=["Z", "A", "M"]), seed=3)
    cells = TrainingCells.of(train)
    by_id = train.adata[np.argsort(train.adata.obs_names)].X.toarray()
    assert np.array_equal(cells.panel.restore(cells.matrix.toarray()), by_id)


def test_means_are_those_of_the_training_data(screen):
    train = screen(CELLS)
    cells = TrainingCells.of(train)
    keys = [condition.key for condition in cells.conditions]
    assert cells.means == pytest.approx(train.condition_means(controls=True).loc[keys].to_numpy())
    assert cells.control_means[""] == pytest.approx([2.0, 0.0, 2.0])


def test_conditions_that_are_not_kept_lose_their_cells(screen):
    cells = TrainingCells.of(screen(CELLS)).only(lambda condition: condition.key == "B", that="called B")
    assert [condition.key for condition in cells.conditions] == ["B", "ctrl"]
    assert cells.matrix.shape == (4, 3)


def test_training_cells_need_controls_and_a_readable_condition(screen):
    with pytest.raises(Unsupported, match="no training control"):
        TrainingCells.of(screen({"A": [[1.0]]})).only(lambda _: True, that="at all")
    with pytest.raises(Unsupported, match="no training condition"):
        TrainingCells.of(screen(CELLS)).only(lambda _: False, that="that is never")


def test_a_perfect_prediction_of_the_validation_means_scores_one_and_the_control_nothing(screen):
    validation = ValidationConditions.of(TrainingCells.of(marked(screen(CELLS), "A")))
    assert [condition.key for condition in validation.conditions] == ["A"]
    assert validation.shift_correlation(validation.means) == pytest.approx(1)
    assert validation.r_squared(validation.means) == pytest.approx(1)
    assert validation.shift_correlation(validation.controls) == 0
    assert validation.r_squared(validation.controls) < 0


def test_cells_of_usable_validation_conditions_are_not_fitted_on_and_all_others_are(screen):
    cells = TrainingCells.of(marked(screen(CELLS), "A", "B"))
    validation = ValidationConditions.of(cells, can=lambda condition: condition.key == "A")
    fitted = {cells.conditions[index].key for index in cells.condition_of[validation.fitting]}
    assert fitted == {"B", "ctrl"}


def test_without_validation_conditions_there_is_nothing_to_stop_at(screen):
    cells = TrainingCells.of(screen(CELLS))
    validation = ValidationConditions.of(cells)
    assert not validation
    assert validation.fitting.size == len(cells.condition_of)


def test_genes_that_vary_together_get_similar_vectors(screen):
    rng = np.random.default_rng(0)
    factors = rng.gamma(2.0, 1.0, size=(60, 2))
    values = np.column_stack([factors[:, 0], 2 * factors[:, 0], factors[:, 1], factors[:, 1] + 1])
    values += 0.05 * rng.random(values.shape)
    cells = TrainingCells.of(screen({"ctrl": values[:40], "G0": values[40:]}))
    vectors = gene_vectors(cells, Resources(), n_components=2)
    alike = vectors @ vectors.T
    assert np.diag(alike) == pytest.approx(1, abs=1e-5)
    assert alike.loc["G0", "G1"] > 0.99
    assert alike.loc["G2", "G3"] > 0.99
    assert abs(alike.loc["G0", "G2"]) < 0.5


def test_cells_of_validation_conditions_do_not_shape_the_vectors(screen):
    rng = np.random.default_rng(1)
    values = {key: rng.gamma(1.0, 1.0, size=(20, 5)) for key in ("ctrl", "G0", "G1")}
    changed = values | {"G1": values["G1"] * 7}
    one, other = (
        gene_vectors(TrainingCells.of(marked(screen(cells), "G1")), Resources()) for cells in (values, changed)
    )
    pd.testing.assert_frame_equal(one, other)


def test_supplied_vectors_keep_their_directions_and_get_a_typical_length_of_one(screen):
    supplied = pd.DataFrame([[3.0, 4.0], [0.0, 10.0], [0.0, 0.0]], index=["G1", "G0", "G2"])
    vectors = gene_vectors(
        TrainingCells.of(screen(CELLS | {"G0": [[1.0, 2.0, 3.0]]})), Resources(gene_vectors=supplied)
    )
    assert list(vectors.index) == ["G0", "G1"]  # a vector of zeros is what the control has
    assert vectors.to_numpy() == pytest.approx(np.array([[0.0, 10.0], [3.0, 4.0]]) / 7.5)


def test_a_combination_has_the_sum_of_its_genes_vectors_and_the_control_none():
    vectors = pd.DataFrame([[1.0, 0.0], [0.0, 2.0]], index=["A", "B"])
    assert summed_vector(vectors, parse_key("A+B")) == pytest.approx([1, 2])
    assert summed_vector(vectors, Condition(())) == pytest.approx([0, 0])
    with pytest.raises(Unsupported, match="no gene vector of C"):
        summed_vector(vectors, parse_key("A+C"))
    with pytest.raises(Unsupported, match="treatment"):
        summed_vector(vectors, parse_key("A@10", "treatment"))


def test_the_label_says_when_vectors_are_principal_components():
    assert vector_source({"gene_vectors"}) == ""
    assert vector_source({"drug_vectors"}) == "pca"
