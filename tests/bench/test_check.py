"""Every way to break the contract is caught and explained; the built-in methods break none."""

import random
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest

from bench.commands import check as check_command
from bench.commands import methods as methods_command
from bench.conformance import suite
from bench.conformance.scenes import simulated_scenes, training_data_from
from bench.conformance.suite import examine
from bench.registry import builtin_methods
from methods.base import Method, Unsupported, condition_seed
from methods.conditions import TaskKind


class Honest(Method):
    """Control cells moved by a little that depends on the condition; keeps the contract."""

    name = "honest"
    tasks = frozenset({TaskKind.UNSEEN_GENE})

    def fit(self, train, *, seed, device, progress):
        self.genes = train.genes

    def predict(self, query, *, n_cells, seed):
        if query.controls.n_obs == 0:
            raise Unsupported("no control cells")
        rng = np.random.default_rng(seed)
        cells = query.controls.X[rng.integers(query.controls.n_obs, size=n_cells)].toarray()
        cells[:, self.genes.isin(query.condition.perturbations)] = 0
        return cells


class Mean(Honest):
    """Mean of the controls."""

    output = "mean"

    def predict(self, query, *, n_cells, seed):
        if query.controls.n_obs == 0:
            raise Unsupported("no control cells")
        return np.tile(query.controls.X.toarray().mean(axis=0), (n_cells, 1))


@pytest.fixture(scope="module")
def scenes():
    return simulated_scenes()


def complaints(cls, scenes, status="failed"):
    return {finding.check: finding for finding in examine(cls, scenes) if finding.status == status}


# models take minutes to train as they are; tests/methods examines them trained briefly
@pytest.mark.parametrize("name", [name for name, entry in builtin_methods().items() if entry.cls.role != "model"])
def test_the_baselines_keep_the_contract(name, scenes):
    assert complaints(builtin_methods()[name].cls, scenes) == {}


def test_a_method_that_keeps_the_contract_gets_neither_failure_nor_warning(scenes):
    findings = examine(Honest, scenes)
    assert {finding.status for finding in findings} == {"ok"}
    assert len(findings) > 15


class RaisesInFit(Honest):
    def fit(self, train, *, seed, device, progress):
        raise ValueError("matrix is singular")


class ExitsInFit(Honest):
    def fit(self, train, *, seed, device, progress):
        raise SystemExit(3)


class RaisesInPredict(Honest):
    def predict(self, query, *, n_cells, seed):
        return {}[query.condition.key]


class WrongShape(Honest):
    def predict(self, query, *, n_cells, seed):
        return super().predict(query, n_cells=n_cells, seed=seed)[:, :-1]


class Sparse(Honest):
    def predict(self, query, *, n_cells, seed):
        return query.controls.X[:n_cells]


class WholeNumbers(Honest):
    def predict(self, query, *, n_cells, seed):
        return np.ones((n_cells, len(self.genes)), dtype=int)


class NotFinite(Honest):
    def predict(self, query, *, n_cells, seed):
        return super().predict(query, n_cells=n_cells, seed=seed) * np.nan


class Negative(Honest):
    def predict(self, query, *, n_cells, seed):
        return super().predict(query, n_cells=n_cells, seed=seed) - 1


class NotLogarithmic(Honest):
    def predict(self, query, *, n_cells, seed):
        return np.expm1(super().predict(query, n_cells=n_cells, seed=seed))


class RowsDiffer(Mean):
    def predict(self, query, *, n_cells, seed):
        return super().predict(query, n_cells=n_cells, seed=seed) + np.arange(n_cells)[:, None] / 100


class DropsACondition(Honest):
    def predict_many(self, queries, *, n_cells, seed):
        yield from list(super().predict_many(queries, n_cells=n_cells, seed=seed))[1:]


@pytest.mark.parametrize(
    ("cls", "found"),
    [
        (RaisesInFit, "in fit: ValueError: matrix is singular (test_check.py, line "),
        (ExitsInFit, "in fit: SystemExit: 3"),
        (RaisesInPredict, "in predict: KeyError: "),
        (WrongShape, "return (n_cells, n_genes) = (6, 90)"),
        (Sparse, "is a sparse matrix; return a dense numpy array"),
        (WholeNumbers, "has dtype int64"),
        (NotFinite, "values that are not finite"),
        (Negative, "negative values"),
        (NotLogarithmic, "Counts or another scale were returned"),
        (RowsDiffer, "declare output = 'cells'"),
        (DropsACondition, "3 different ones"),
    ],
)
def test_a_method_that_cannot_predict_properly_is_told_why(cls, found, scenes):
    complaint = complaints(cls, scenes)["fits and predicts: unseen gene"]
    assert found in complaint.found
    assert complaint.expected
    assert complaint.change


class Counts(Honest):
    def predict(self, query, *, n_cells, seed):
        return np.round(super().predict(query, n_cells=n_cells, seed=seed))


class Unseeded(Honest):
    def predict(self, query, *, n_cells, seed):
        return super().predict(query, n_cells=n_cells, seed=None)


class GlobalState(Honest):
    def predict(self, query, *, n_cells, seed):
        return super().predict(query, n_cells=n_cells, seed=random.randrange(1000))


class Remembers(Honest):
    def fit(self, train, *, seed, device, progress):
        super().fit(train, seed=seed, device=device, progress=progress)
        self.rng = np.random.default_rng(seed)

    def predict(self, query, *, n_cells, seed):
        return super().predict(query, n_cells=n_cells, seed=self.rng)


class BatchesDifferently(Honest):
    def predict_many(self, queries, *, n_cells, seed):
        for query in queries:
            yield query, self.predict(query, n_cells=n_cells, seed=condition_seed(seed + 1, query.condition))


class SortsGenes(Honest):
    def predict(self, query, *, n_cells, seed):
        return super().predict(query, n_cells=n_cells, seed=seed)[:, np.argsort(self.genes)]


class FailsOnTheUnknown(Honest):
    def predict(self, query, *, n_cells, seed):
        self.genes.get_loc(query.condition.perturbations[0])
        return super().predict(query, n_cells=n_cells, seed=seed)


class OneCellOnly(Honest):
    def predict(self, query, *, n_cells, seed):
        return super().predict(query, n_cells=min(n_cells, 100), seed=seed)


class RefusesTheSecondTime(Honest):
    fits = 0

    def fit(self, train, *, seed, device, progress):
        super().fit(train, seed=seed, device=device, progress=progress)
        type(self).fits += 1
        if self.fits > 2:
            raise Unsupported("enough")


@pytest.mark.parametrize(
    ("cls", "check", "found"),
    [
        (Counts, "predictions are log-normalised", "whole numbers up to"),
        (Unseeded, "same seed, same prediction", "two fits with one seed differ by up to"),
        (GlobalState, "same seed, same prediction", "change with the global state of random, numpy.random or torch"),
        (Remembers, "the order of the conditions does not matter", "asked in reverse, predictions differ by up to"),
        (BatchesDifferently, "predict_many agrees with predict", "they differ by up to"),
        (SortsGenes, "genes follow the order of the panel", "come in another order than the panel's"),
        (FailsOnTheUnknown, "refuses what it has no mechanism for", "KeyError: 'NEVERSEEN' (test_check.py, line "),
        (OneCellOnly, "predicts one cell and many", "has shape (100, 90); return (n_cells, n_genes) = (400, 90)"),
        (RefusesTheSecondTime, "same seed, same prediction", "Unsupported: enough"),
    ],
)
def test_a_method_without_a_property_is_told_which(cls, check, found, scenes):
    complaint = complaints(cls, scenes)[check]
    assert found in complaint.found
    assert complaint.expected
    assert complaint.change


class ChangesTraining(Honest):
    def fit(self, train, *, seed, device, progress):
        super().fit(train, seed=seed, device=device, progress=progress)
        train.adata.X.data[:] += 1
        train.adata.obs["extra"] = 1


class ChangesControls(Honest):
    def predict(self, query, *, n_cells, seed):
        query.controls.X.data[0] = 0.5
        return super().predict(query, n_cells=n_cells, seed=seed)


@pytest.mark.parametrize(("cls", "part"), [(ChangesTraining, "train.adata.X"), (ChangesControls, "query.controls.X")])
def test_a_method_that_changes_its_inputs_is_told_which(cls, part, scenes):
    complaint = complaints(cls, scenes)["leaves its inputs unchanged: unseen gene"]
    assert part in complaint.found
    assert "copies" in complaint.change


def test_the_inputs_of_the_next_check_are_clean_again(scenes):
    before = scenes[0].train.adata.X.copy()
    examine(ChangesTraining, scenes)
    assert (before != scenes[0].train.adata.X).nnz == 0


class NeedsVectors(Honest):
    def fit(self, train, *, seed, device, progress):
        if train.resources.gene_vectors is None:
            raise Unsupported("needs gene_vectors")
        super().fit(train, seed=seed, device=device, progress=progress)


class AssumesVectors(Honest):
    def fit(self, train, *, seed, device, progress):
        super().fit(train, seed=seed, device=device, progress=progress)
        train.resources.gene_vectors.loc[train.genes]


def test_a_method_that_refuses_without_its_resources_is_checked_with_some(scenes):
    findings = examine(NeedsVectors, scenes)
    assert {finding.status for finding in findings} == {"ok"}
    assert "with resources; without, refused: needs gene_vectors" in {finding.found for finding in findings}


def test_a_method_that_assumes_resources_is_told_to_look_first(scenes):
    complaint = complaints(AssumesVectors, scenes)["does without the optional resources: unseen gene"]
    assert "AttributeError" in complaint.found
    assert "train.resources.absent" in complaint.change


class RefusesEverything(Honest):
    tasks = frozenset({TaskKind.UNSEEN_GENE, TaskKind.OOD_DRUG})

    def fit(self, train, *, seed, device, progress):
        super().fit(train, seed=seed, device=device, progress=progress)
        if train.kind is TaskKind.OOD_DRUG:
            raise Unsupported("no drugs")


def test_a_declared_task_without_a_single_prediction_is_a_failure(scenes):
    complaint = complaints(RefusesEverything, scenes)["has a mechanism for each task it declares"]
    assert "TaskKind.OOD_DRUG" in complaint.expected
    assert "UNSEEN_GENE" not in complaint.expected


class Litters(Honest):
    def fit(self, train, *, seed, device, progress):
        super().fit(train, seed=seed, device=device, progress=progress)
        Path("checkpoint.pt").write_text("weights")


def test_files_left_in_the_working_directory_are_named_and_removed(scenes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert complaints(Litters, scenes)["writes nothing into the working directory"].found == "checkpoint.pt"
    assert list(tmp_path.iterdir()) == []


def test_a_method_that_starts_a_gpu_when_given_the_cpu_is_told(scenes, monkeypatch):
    states = iter([False, True])
    monkeypatch.setattr(suite, "_cuda_started", lambda: next(states))
    assert "CUDA" in complaints(Honest, scenes)['stays on the device it is given ("cpu")'].found


def test_a_method_that_ignores_the_condition_is_warned(scenes):
    warning = complaints(Mean, scenes, "warning")["predictions differ between conditions"]
    assert warning.found == "the same for all 4 conditions of 'unseen gene'"


class TwiceTheLogarithm(Honest):
    def predict(self, query, *, n_cells, seed):
        return np.log1p(super().predict(query, n_cells=n_cells, seed=seed))


def test_a_second_logarithm_is_warned_of(scenes):
    assert "times as much" in complaints(TwiceTheLogarithm, scenes, "warning")["predictions are log-normalised"].found


class FirstGenesOnly(Mean):
    """Deterministic, and depends on the order of genes without mixing them up."""

    def predict(self, query, *, n_cells, seed):
        means = super().predict(query, n_cells=n_cells, seed=seed)
        means[:, :3] = 0
        return means


def test_a_deterministic_method_that_depends_on_the_panels_order_is_warned(scenes):
    assert "means move by" in complaints(FirstGenesOnly, scenes, "warning")["genes follow the order of the panel"].found


class NoName(Honest):
    name = None


class ElsewhereOnly(RaisesInFit):
    environment = "gears"


class Unavailable(Honest):
    def unavailable(self):
        return "needs torch_geometric"


class UnreadableSettings(Honest):
    def configuration(self):
        return {"layers": {64, 32}}


@pytest.mark.parametrize(
    ("cls", "check", "found"),
    [
        (NoName, "class attributes, signatures and constructor", "None"),
        (Unavailable, "available here", "unavailable: needs torch_geometric"),
        (UnreadableSettings, "configuration() is a mapping of JSON values", "TypeError"),
    ],
)
def test_a_class_with_unusable_declarations_is_not_run(cls, check, found, scenes):
    findings = examine(cls, scenes)
    assert found in {finding.check: finding for finding in findings}[check].found
    assert not any(finding.check.startswith("fits") for finding in findings)


def test_a_method_of_another_environment_is_not_run_here(scenes):
    assert complaints(ElsewhereOnly, scenes) == {}
    assert "environment = 'gears'" in complaints(ElsewhereOnly, scenes, "warning")["behaviour"].found


def test_every_kind_of_task_has_a_scene_and_no_scene_trains_on_what_it_asks(scenes):
    assert {scene.train.kind for scene in scenes} == set(TaskKind)
    for scene in scenes:
        asked = {query.condition.key for query in scene.queries}
        assert asked
        assert asked.isdisjoint(scene.train.adata.obs["condition"])
    assert {scene.train.adata.obs["validation"].any() for scene in scenes} == {True, False}


def test_training_data_have_the_contracts_columns_alone():
    from bench.simulation import simulate

    adata = simulate("sim_drug_tiny")
    keys = sorted(set(adata.obs["condition"]) - {"ctrl"})[:2]
    train = training_data_from(adata, TaskKind.UNSEEN_COVARIATE, keys[:1], validation_keys=keys[1:])
    assert list(train.adata.obs) == [
        *("condition", "control", "cell_type", "perturbation", "drug", "dose", "smiles"),
        "validation",
    ]
    assert set(train.validation.obs["condition"]) == {keys[1]}
    assert keys[0] not in train.conditions


BROKEN_FILE = """
from methods.control import Control


class Shifted(Control):
    "Not log-normalised."
    name = "shifted"

    def predict(self, query, *, n_cells, seed):
        return super().predict(query, n_cells=n_cells, seed=seed) - 1
"""


def test_the_command_explains_and_exits_with_1(tmp_path, capsys):
    path = tmp_path / "shifted.py"
    path.write_text(BROKEN_FILE)
    assert check_command.run(Namespace(method=str(path))) == 1
    shown = capsys.readouterr().out
    for word in ("Shifted (shifted)", "failed", "expected", "negative values", "change"):
        assert word in shown


@pytest.mark.parametrize(
    ("name", "found"), [("oracle", "a row that the evaluator makes"), ("linear", "Linear in methods.linear")]
)
def test_a_name_that_another_row_has_fails(tmp_path, capsys, name, found):
    path = tmp_path / "mine.py"
    path.write_text(f"from methods.control import Control\n\n\nclass Mine(Control):\n    name = {name!r}\n")
    assert check_command.run(Namespace(method=str(path))) == 1
    shown = capsys.readouterr().out
    assert found in shown
    assert "1 failed" in shown


def test_the_command_exits_with_0_for_a_good_method_by_name(capsys):
    assert check_command.run(Namespace(method="control")) == 0
    assert "failed" not in capsys.readouterr().out


def test_the_listing_shows_what_cannot_run_and_why(tmp_path, capsys):
    path = tmp_path / "mine.py"
    path.write_text(BROKEN_FILE + "\n    def unavailable(self):\n        return 'needs [gpu] power'\n")
    assert methods_command.run(Namespace(method=["linear", str(path)])) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "linear" in shown
    assert "no: needs [gpu]" in shown
    assert "same seed" in shown


def test_the_listing_cuts_no_remedy_and_breaks_no_word_on_a_narrow_terminal(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    remedy = "needs the package far-away; `pip install -c constraints.txt -e '.[far-away]'`, which takes minutes"
    path = tmp_path / "mine.py"
    path.write_text(BROKEN_FILE + f"\n    def unavailable(self):\n        return {remedy!r}\n")
    assert methods_command.run(Namespace(method=[str(path)])) == 0
    assert f"no: {remedy}\n" in capsys.readouterr().out
