"""Perturbed mean, matching mean and additive, on screens whose answers can be worked out by hand."""

import numpy as np
import pytest

from methods.additive import Additive
from methods.base import Unsupported
from methods.conditions import TaskKind
from methods.matching_mean import MatchingMean
from methods.perturbed_mean import PerturbedMean

DOUBLES = {
    "ctrl": [[1.0, 1.0], [3.0, 1.0]],  # mean 2, 1
    "A": [[4.0, 1.0]],
    "B": [[2.0, 3.0], [2.0, 5.0]],  # mean 2, 4
    "C": [[0.0, 1.0]],
}
TWO_TYPES = {
    "ctrl|s": [[1.0, 1.0]],
    "ctrl|t": [[2.0, 2.0]],
    "A|s": [[2.0, 1.0]],  # shift 1, 0
    "B|s": [[1.0, 4.0]],  # shift 0, 3
    "C|t": [[5.0, 2.0]],  # shift 3, 0
}
DOSES = {
    "ctrl|s": [[1.0, 1.0]],
    "ctrl|t": [[2.0, 2.0]],
    "X@10|s": [[2.0, 1.0]],  # shift 1, 0
    "X@1000|s": [[1.0, 5.0]],  # shift 0, 4
    "Y@10|t": [[4.0, 2.0]],  # shift 2, 0
}


def test_perturbed_mean_counts_every_condition_once(screen, predict):
    assert predict(PerturbedMean, screen(DOUBLES), "Z") == pytest.approx(np.tile([2.0, 2.0], (3, 1)))


def test_perturbed_mean_is_that_of_the_cell_type_asked_for(screen, predict):
    assert predict(PerturbedMean, screen(TWO_TYPES), "Z|s")[0] == pytest.approx([1.5, 2.5])


def test_perturbed_mean_carries_shifts_to_a_cell_type_without_perturbed_cells(screen, predict):
    cells = {**TWO_TYPES, "ctrl|u": [[10.0, 0.0]]}
    assert predict(PerturbedMean, screen(cells), "Z|u")[0] == pytest.approx([10 + 4 / 3, 1.0])


def test_mean_methods_refuse_a_cell_type_without_controls(screen, predict):
    for cls in (PerturbedMean, MatchingMean):
        with pytest.raises(Unsupported, match="no training control cells of cell type 'nowhere'"):
            predict(cls, screen(TWO_TYPES), "A|nowhere")


def test_a_condition_whose_cell_type_has_no_controls_is_left_out_of_the_mean(screen, predict):
    cells = {key: value for key, value in TWO_TYPES.items() if key != "ctrl|s"}
    assert predict(PerturbedMean, screen(cells), "Z|t")[0] == pytest.approx([5.0, 2.0])


def test_matching_mean_of_a_double_is_the_mean_of_its_singles(screen, predict):
    train = screen(DOUBLES, TaskKind.DOUBLE_GENE)
    assert predict(MatchingMean, train, "A+B")[0] == pytest.approx([3.0, 2.5])


def test_matching_mean_takes_the_perturbed_mean_for_a_gene_never_seen_alone(screen, predict):
    train = screen(DOUBLES, TaskKind.DOUBLE_GENE)
    assert predict(MatchingMean, train, "A+Z")[0] == pytest.approx([(4 + 2) / 2, (1 + 2) / 2])


def test_matching_mean_of_an_unseen_gene_is_the_perturbed_mean(screen, predict):
    train = screen(DOUBLES)
    assert predict(MatchingMean, train, "Z") == pytest.approx(predict(PerturbedMean, train, "Z"))


def test_matching_mean_carries_a_perturbation_over_from_another_cell_type(screen, predict):
    train = screen(TWO_TYPES, TaskKind.UNSEEN_COVARIATE)
    assert predict(MatchingMean, train, "B|t")[0] == pytest.approx([2.0, 5.0])


def test_matching_mean_takes_the_nearest_dose_on_a_log_scale(screen, predict):
    train = screen(DOSES, TaskKind.UNSEEN_COVARIATE, modality="treatment")
    assert predict(MatchingMean, train, "X@30|t", modality="treatment")[0] == pytest.approx([3.0, 2.0])
    assert predict(MatchingMean, train, "X@400|t", modality="treatment")[0] == pytest.approx([2.0, 6.0])


def test_matching_mean_prefers_the_own_cell_type_at_the_same_distance(screen, predict):
    train = screen({**DOSES, "X@10|t": [[2.0, 9.0]]}, TaskKind.UNSEEN_COVARIATE, modality="treatment")
    assert predict(MatchingMean, train, "X@20|t", modality="treatment")[0] == pytest.approx([2.0, 9.0])


def test_matching_mean_of_a_combination_seen_in_another_cell_type_matches_whole(screen, predict):
    train = screen({**TWO_TYPES, "A+B|s": [[7.0, 1.0]]}, TaskKind.UNSEEN_COVARIATE)
    assert predict(MatchingMean, train, "A+B|t")[0] == pytest.approx([8.0, 2.0])


def test_additive_adds_the_shifts_of_the_singles(screen, predict):
    train = screen(DOUBLES, TaskKind.DOUBLE_GENE)
    assert predict(Additive, train, "A+B")[0] == pytest.approx([4.0, 4.0])


def test_additive_does_not_clip(screen, predict):
    train = screen({**DOUBLES, "D": [[0.0, 1.0]]}, TaskKind.DOUBLE_GENE)
    assert predict(Additive, train, "C+D")[0] == pytest.approx([-2.0, 1.0])


def test_additive_names_the_gene_that_was_not_observed_alone(screen, predict):
    with pytest.raises(Unsupported, match="not observed alone in training: Z"):
        predict(Additive, screen(DOUBLES, TaskKind.DOUBLE_GENE), "A+Z")


def test_additive_does_not_claim_unseen_genes_and_drugs():
    assert Additive.tasks == {TaskKind.DOUBLE_GENE, TaskKind.UNSEEN_COVARIATE}


def test_additive_averages_the_shift_of_the_same_dose_over_the_other_cell_types(screen, predict):
    cells = {**DOSES, "ctrl|u": [[0.0, 0.0]], "X@10|u": [[3.0, 0.0]]}
    train = screen(cells, TaskKind.UNSEEN_COVARIATE, modality="treatment")
    assert predict(Additive, train, "X@10|t", modality="treatment")[0] == pytest.approx([4.0, 2.0])


def test_additive_refuses_a_dose_seen_nowhere(screen, predict):
    train = screen(DOSES, TaskKind.UNSEEN_COVARIATE, modality="treatment")
    with pytest.raises(Unsupported, match=r"X@100\|t was not observed in any other cell type"):
        predict(Additive, train, "X@100|t", modality="treatment")
