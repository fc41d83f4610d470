"""What is prepared before any prediction: halves, draws, gene sets, control means."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from synthetic_heldout import heldout, other_cell_type, world

from bench.errors import ProtocolError
from bench.metrics.moments import column_mean
from bench.protocols import CALIBRATED, PAPER, RELEASED
from bench.reference import build_reference

MADE = world(n_genes=60, n_test=4)
TASK = heldout(MADE, n_cells=50, n_controls=100, n_test=4)
KEY = next(iter(TASK.conditions))


def rows_of(cells: csr_matrix, among: csr_matrix) -> set[int]:
    """Which rows of ``among`` the cells are."""
    position = {row.tobytes(): index for index, row in enumerate(among.toarray())}
    return {position[row.tobytes()] for row in cells.toarray()}


def test_no_cell_both_ranks_genes_and_is_scored_under_calibrated():
    truth = build_reference(TASK, CALIBRATED).truths[KEY]
    assert truth.cells.n == 25
    scored = rows_of(truth.cells.matrix, TASK.cells[KEY])
    hidden = TASK.cells[KEY].toarray()
    hidden[sorted(scored)] = 0
    changed = build_reference(replace(TASK, cells={**TASK.cells, KEY: csr_matrix(hidden)}), CALIBRATED).truths[KEY]
    assert changed.gene_sets["de20"].tolist() == truth.gene_sets["de20"].tolist()


def test_all_cells_rank_genes_and_are_scored_under_paper():
    assert build_reference(TASK, PAPER).truths[KEY].cells.n == 50


def test_halves_follow_the_cell_ids_not_their_order():
    order = np.random.default_rng(0).permutation(50)
    shuffled = replace(
        TASK,
        cells={**TASK.cells, KEY: TASK.cells[KEY][order]},
        cell_ids={**TASK.cell_ids, KEY: TASK.cell_ids[KEY][order]},
    )
    ours, theirs = (build_reference(task, CALIBRATED).truths[KEY].cells.matrix for task in (TASK, shuffled))
    assert rows_of(ours, TASK.cells[KEY]) == rows_of(theirs, TASK.cells[KEY])


def test_only_the_de_controls_rank_genes_under_calibrated():
    strange = csr_matrix(np.random.default_rng(0).uniform(3, 6, (20, 60)).astype(np.float32))
    changed = {
        fold: replace(TASK, controls={"": {**TASK.controls[""], fold: strange}}) for fold in ("train", "scoring", "de")
    }
    original = build_reference(TASK, CALIBRATED).truths[KEY].gene_sets["de20"].tolist()
    for fold, task in changed.items():
        ranked = build_reference(task, CALIBRATED).truths[KEY].gene_sets["de20"].tolist()
        assert (ranked != original) is (fold == "de")
        assert build_reference(task, PAPER).truths[KEY].gene_sets["de20"].tolist() != original


def test_predicted_and_true_shifts_have_disjoint_controls():
    background = build_reference(TASK, CALIBRATED).truths[KEY].background
    assert background.source_control == pytest.approx(column_mean(TASK.controls[""]["train"]))
    assert background.reference_control == pytest.approx(column_mean(TASK.controls[""]["scoring"]))


def test_the_perturbed_gene_is_left_out_of_its_own_gene_set():
    target = int(KEY[1:])
    boosted = TASK.cells[KEY].tolil()
    boosted[:, target] = 7.0
    task = replace(TASK, cells={**TASK.cells, KEY: csr_matrix(boosted)})
    sets = build_reference(task, CALIBRATED).truths[KEY].gene_sets
    assert sets["de20"][0] == target
    assert sets["de20_other"].tolist() == [*sets["de20"][1:], sets["de40"][20]]


def test_paper_has_no_gene_set_of_others():
    assert set(build_reference(TASK, PAPER).truths[KEY].gene_sets) == {"de20", "de40"}


def test_conditions_with_too_few_cells_are_listed_not_scored():
    few = replace(
        TASK, cells={**TASK.cells, KEY: TASK.cells[KEY][:8]}, cell_ids={**TASK.cell_ids, KEY: TASK.cell_ids[KEY][:8]}
    )
    reference = build_reference(few, CALIBRATED)
    assert reference.unscored == {KEY: "8 true cells, protocol calibrated@1 needs 20"}
    assert KEY not in reference.truths


def test_a_task_without_enough_cells_anywhere_cannot_be_scored():
    few = replace(
        TASK,
        cells={key: cells[:5] for key, cells in TASK.cells.items()},
        cell_ids={key: ids[:5] for key, ids in TASK.cell_ids.items()},
    )
    with pytest.raises(ProtocolError, match="none of the 4 test conditions has that many"):
        build_reference(few, PAPER)


def test_a_missing_control_fold_is_named():
    without = replace(TASK, controls={"": {**TASK.controls[""], "scoring": TASK.controls[""]["scoring"][:0]}})
    with pytest.raises(ProtocolError, match="cell type '' has no control cells in fold scoring"):
        build_reference(without, CALIBRATED)


def test_one_control_is_too_few_to_rank_genes():
    without = replace(TASK, controls={"": {**TASK.controls[""], "de": TASK.controls[""]["de"][:1]}})
    with pytest.raises(ProtocolError, match="has 1 control cell to rank genes against"):
        build_reference(without, CALIBRATED)


def test_draws_leave_as_many_cells_again_and_are_the_same_every_time():
    first, again = (build_reference(TASK, CALIBRATED).truths[KEY] for _ in range(2))
    assert first.equal == 12
    assert len(first.draws) == CALIBRATED.repeats
    assert all(np.array_equal(a, b) for a, b in zip(first.draws, again.draws, strict=True))
    assert all(np.unique(draw).size == 12 for draw in first.draws)


def test_released_takes_the_logarithm_of_the_truth_again():
    plain, again = (build_reference(TASK, protocol).truths[KEY].cells.matrix for protocol in (PAPER, RELEASED))
    assert again.toarray() == pytest.approx(np.log1p(plain.toarray()))


def test_the_given_cells_are_left_as_they_were():
    before = TASK.cells[KEY].copy()
    build_reference(TASK, RELEASED)
    assert (TASK.cells[KEY] != before).nnz == 0


def test_duplicate_entries_of_the_given_cells_are_merged():
    matrix = TASK.cells[KEY]
    doubled = csr_matrix(
        (np.repeat(matrix.data / 2, 2), np.repeat(matrix.indices, 2), matrix.indptr * 2), shape=matrix.shape
    )
    truth = build_reference(replace(TASK, cells={**TASK.cells, KEY: doubled}), PAPER).truths[KEY]
    assert truth.cells.mean == pytest.approx(build_reference(TASK, PAPER).truths[KEY].cells.mean)
    assert doubled.nnz == 2 * matrix.nnz


def unseen_cell_type():
    """The test conditions in cell type B, training conditions in A and C only."""
    kinds = ["A", "C"] * 5
    train = {
        key: other_cell_type(condition, kind)
        for (key, condition), kind in zip(TASK.train_conditions.items(), kinds, strict=True)
    }
    controls = {
        kind: {fold: MADE.cells("ctrl", 20, seed + index) for index, fold in enumerate(("train", "scoring", "de"))}
        for seed, kind in enumerate("ABC")
    }
    return replace(
        TASK,
        conditions={key: other_cell_type(condition, "B") for key, condition in TASK.conditions.items()},
        controls=controls,
        train_conditions=train,
    )


def test_the_mean_perturbation_is_that_of_the_same_cell_type():
    task = replace(unseen_cell_type(), conditions={key: other_cell_type(c, "A") for key, c in TASK.conditions.items()})
    of_type = [key for key, condition in task.train_conditions.items() if condition.cell_type == "A"]
    expected = task.train_means.loc[of_type].mean().to_numpy()
    assert build_reference(task, CALIBRATED).truths[KEY].background.perturbed_mean == pytest.approx(expected)


def test_an_unseen_cell_type_gets_the_mean_shift_of_the_others():
    task = unseen_cell_type()
    control = {kind: column_mean(task.controls[kind]["train"]) for kind in "ABC"}
    shifts = [task.train_means.loc[key] - control[c.cell_type] for key, c in task.train_conditions.items()]
    expected = control["B"] + pd.DataFrame(shifts).mean().to_numpy()
    assert build_reference(task, CALIBRATED).truths[KEY].background.perturbed_mean == pytest.approx(expected)
