from __future__ import annotations

from pathlib import Path

import anndata
import numpy as np
import pytest

from bench.errors import DatasetMissing, SplitError
from bench.exchange import TRAINING_FILE, write_training
from bench.splits import Split, read_split, write_split
from bench.tasks import find_split, list_tasks, open_task

TINY = ("sim_single_tiny", "sim_double_tiny", "sim_covariate_tiny", "sim_ood_tiny")


@pytest.mark.parametrize("name", TINY)
def test_what_methods_are_handed_holds_no_cell_that_is_scored_or_ranks(name, tmp_path):
    task = open_task(name)
    held = task.held_out()
    test_cells = {cell for ids in held.cell_ids.values() for cell in ids}
    fold = task.control_fold()
    kept_back = test_cells | set(fold.index[fold != "train"])
    write_training(tmp_path, task.training_data(), task.test_conditions)
    handed = set(anndata.read_h5ad(tmp_path / TRAINING_FILE).obs_names)
    assert handed
    assert handed.isdisjoint(kept_back)


@pytest.mark.parametrize("name", TINY)
def test_every_cell_of_the_task_has_one_place(name):
    task = open_task(name)
    held = task.held_out()
    n_held = sum(cells.shape[0] for cells in held.cells.values())
    n_controls = {fold: sum(by[fold].shape[0] for by in held.controls.values()) for fold in ("scoring", "de")}
    in_no_part = sum(
        key not in {*task.split.conditions.train, *task.split.conditions.validation, *task.split.conditions.test}
        for key in task.dataset.obs["condition"][~task.dataset.obs["control"]]
    )
    assert task.training_rows.size + n_held + sum(n_controls.values()) + in_no_part == len(task.dataset.obs)


def test_controls_are_folded_by_their_fractions():
    task = open_task("sim_double")
    share = task.control_fold().value_counts(normalize=True)
    assert share["train"] == pytest.approx(0.6, abs=0.05)
    assert share["scoring"] == pytest.approx(0.2, abs=0.05)
    assert share["de"] == pytest.approx(0.2, abs=0.05)


def test_a_query_starts_from_training_controls_of_its_own_cell_type():
    from bench.exchange import queries_for

    task = open_task("sim_covariate_tiny")
    train = task.training_data()
    fold = task.control_fold()
    for query in queries_for(train, list(task.test_conditions.values())):
        assert set(query.controls.obs["condition"]) == {f"ctrl|{query.condition.cell_type}"}
        assert (fold[query.controls.obs_names] == "train").all()


def test_training_centroids_are_those_of_the_training_cells():
    task = open_task("sim_double_tiny")
    train = task.training_data()
    means = train.condition_means(controls=True)
    for key in means.index:
        rows = (train.adata.obs["condition"] == key).to_numpy()
        np.testing.assert_allclose(means.loc[key], train.adata.X[rows].toarray().mean(axis=0), rtol=1e-6)


def changed(tmp_path: Path, **parts: object) -> Path:
    split = read_split(find_split("sim_double_tiny"))
    content = split.model_dump(mode="python", by_alias=True)
    content |= parts
    path = tmp_path / "mine.toml"
    write_split(Split.model_validate(content), path)
    return path


def test_a_condition_the_data_lack_is_named_with_its_place_and_the_closest(tmp_path):
    conditions = read_split(find_split("sim_double_tiny")).conditions
    path = changed(tmp_path, conditions={"train": conditions.train, "test": ["AHR+FEW", *conditions.test]})
    with pytest.raises(SplitError, match=r"mine\.toml, conditions\.test\[0\]: 'AHR\+FEW'.*closest: 'AHR\+FEV'"):
        open_task(str(path))


def test_a_split_of_another_modality_is_refused(tmp_path):
    path = changed(tmp_path, modality="treatment")
    with pytest.raises(SplitError, match=r"modality: the split says 'treatment'"):
        open_task(str(path))


def test_a_fold_without_controls_is_refused_before_anything_runs(tmp_path):
    path = changed(tmp_path, controls={"train": 0.998, "scoring": 0.001, "de": 0.001})
    with pytest.raises(SplitError, match=r"\[controls\] scoring = 0\.001: \d control cells"):
        open_task(str(path))


def test_a_task_without_its_data_set_says_what_to_do():
    with pytest.raises(DatasetMissing, match="bench data fetch norman"):
        open_task("norman_double")


def test_a_task_like_no_other_lists_none():
    with pytest.raises(SplitError, match=r"no task 'qqqq'\. `python -m bench tasks` lists them"):
        open_task("qqqq")


def test_every_checked_in_task_is_listed():
    names = {name for name, _ in list_tasks()}
    paper = {"adamson_single", "norman_double", "sciplex3_covariate", "sciplex3_ood"}
    assert paper | set(TINY) | {"sim_single", "sim_double", "sim_covariate", "sim_ood"} <= names
