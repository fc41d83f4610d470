"""What scLAMBDA, chemCPA and GraphVCI have in common: seeds, order, learning, refusals."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
import torch
from network_scenes import ask, fitted, make_screen, relative_error, shrunk, shuffled, with_gene_vectors

from methods.base import Method, TrainingData, Unsupported
from methods.chemcpa import ChemCpa
from methods.conditions import Modality, TaskKind
from methods.graphvci import GraphVci, GraphVciEmb
from methods.sclambda import ScLambda

SINGLES = ("ctrl", "G0", "G1", "G2", "G3", "G4")
DRUGS = ("ctrl|s", "ctrl|t", *(f"{drug}@{dose}|{line}" for drug in "XYZ" for dose in (10, 100) for line in "st"))


@dataclass(frozen=True)
class Case:
    """A small network, the screen it is trained on, conditions of it and one that is not in it."""

    cls: type[Method]
    train: TrainingData
    asked: str
    seen: tuple[str, ...]
    modality: Modality = "gene"


def genes() -> TrainingData:
    return with_gene_vectors(make_screen((*SINGLES, "G0+G1"), validation=("G4",)))


def drugs() -> TrainingData:
    keys = [key for key in DRUGS if key not in ("X@100|t", "Y@10|s")]
    return make_screen(keys, modality="treatment", kind=TaskKind.UNSEEN_COVARIATE, validation=("Z@100|t",))


FEW = {"epochs": 4, "validate_every": 2, "batch_size": 50}
CASES = {
    "sclambda": Case(shrunk(ScLambda, hidden=32, latent=8, **FEW), genes(), "G1+G2", ("G0", "G1")),
    "chemcpa": Case(
        shrunk(ChemCpa, hidden=32, latent=8, depth=2, **FEW), drugs(), "X@100|t", ("X@100|s", "Y@100|t"), "treatment"
    ),
    "graphvci": Case(
        shrunk(GraphVci, hidden=32, latent=16, outcome=32, node=16, **FEW), genes(), "G1+G2", ("G0", "G1")
    ),
    "graphvci-emb": Case(
        shrunk(GraphVciEmb, hidden=32, latent=16, outcome=32, node=16, **FEW), genes(), "G1+G2", ("G0", "G1")
    ),
    "graphvci-emb, drugs": Case(
        shrunk(GraphVciEmb, hidden=32, latent=16, outcome=32, node=16, **FEW),
        drugs(),
        "X@100|t",
        ("X@100|s", "Y@100|t"),
        "treatment",
    ),
}
every_method = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def predicted(case: Case, train: TrainingData, *, seed: int = 0, predict_seed: int = 3) -> pd.DataFrame:
    """Cells of the condition asked for, genes by name."""
    method = fitted(case.cls, train, seed=seed)
    cells = method.predict(ask(train, case.asked, case.modality), n_cells=20, seed=predict_seed)
    return pd.DataFrame(cells, columns=train.genes)


def relabelled_last_condition(train: TrainingData, key: str) -> TrainingData:
    """The same screen, the cells of its last condition moved to a cell type without controls."""
    adata = train.adata.copy()
    obs = adata.obs.astype({"condition": str, "cell_type": str})
    old = obs["condition"].iloc[-1]
    cells = obs["condition"] == old
    obs.loc[cells, "condition"], obs.loc[cells, "cell_type"] = key, key.partition("|")[2]
    adata.obs = obs
    conditions = {known: condition for known, condition in train.conditions.items() if known != old}
    conditions[key] = replace(train.conditions[old], cell_type=key.partition("|")[2])
    return replace(train, adata=adata, conditions=conditions)


@every_method
def test_the_seeds_decide_the_result_and_nothing_else_does(case):
    torch.manual_seed(1)
    one = predicted(case, case.train)
    torch.manual_seed(2)
    pd.testing.assert_frame_equal(one, predicted(case, case.train))
    assert not np.allclose(one, predicted(case, case.train, seed=1))
    assert not np.allclose(one, predicted(case, case.train, predict_seed=4))


@every_method
def test_the_order_of_cells_and_genes_changes_no_prediction(case):
    # One comparison of cells, not of means: networks see cells by id and genes by name, so nothing moves.
    one, other = predicted(case, case.train), predicted(case, shuffled(case.train))
    pd.testing.assert_frame_equal(one, other[one.columns], rtol=1e-4, atol=1e-5)


@every_method
def test_predictions_are_cells_and_not_a_mean(case):
    cells = predicted(case, case.train).to_numpy()
    assert cells.min() >= 0
    assert (cells.std(axis=0) > 0).any()


ALL_EPOCHS = {"patience": None, "batch_size": 32}
LEARNING = {
    "sclambda": {"hidden": 64, "epochs": 40, "decay_every": 40, **ALL_EPOCHS},
    "chemcpa": {"hidden": 64, "depth": 2, "drug_hidden": 64, "drug_depth": 2, "epochs": 150, **ALL_EPOCHS},
    "graphvci": {"hidden": 64, "epochs": 60, **ALL_EPOCHS},
    "graphvci-emb": {"hidden": 64, "epochs": 60, **ALL_EPOCHS},
    "graphvci-emb, drugs": {"hidden": 64, "epochs": 60, **ALL_EPOCHS},
}


@pytest.mark.parametrize("name", CASES)
def test_a_handful_of_conditions_is_learnt_to_near_zero_error(name):
    case = CASES[name]
    train = replace(case.train, adata=case.train.adata.copy())
    train.adata.obs["validation"] = False
    method = fitted(shrunk(case.cls.__base__, **LEARNING[name]), train)
    assert relative_error(method, train, case.seen, case.modality) < 0.1


@every_method
def test_the_released_preset_is_fitted_and_predicts(case):
    released = replace(case.cls.__base__.presets["released"], epochs=2, validate_every=1)
    cls = type("Released", (case.cls.__base__,), {"presets": {"default": released}})
    assert np.isfinite(predicted(replace(case, cls=cls), case.train)).all(axis=None)


@every_method
def test_the_record_names_the_conditions_that_were_left_out(case):
    whole = fitted(case.cls, case.train)
    assert whole.record() == {"conditions_left_out": []}
    lonely = case.train.adata.obs["condition"].iloc[-1].partition("|")[0] + "|alone"
    train = relabelled_last_condition(case.train, lonely)
    assert fitted(case.cls, train).record() == {"conditions_left_out": [lonely]}


@every_method
def test_settings_are_json_and_can_be_changed(case):
    cls = case.cls.__base__
    method = cls()
    assert json.loads(json.dumps(method.configuration())) == method.configuration()
    assert cls(epochs=7).configuration()["epochs"] == 7
    assert cls(preset="released").configuration() != method.configuration()
    with pytest.raises(ValueError, match="preset='best'"):
        cls(preset="best")
    with pytest.raises(ValueError, match="prediction='guess'"):
        cls(prediction="guess")


@every_method
def test_a_cell_type_without_controls_is_refused(case):
    method = fitted(case.cls, case.train)
    query = ask(case.train, case.asked.partition("|")[0] + "|nowhere", case.modality)
    with pytest.raises(Unsupported, match=r"nowhere|no training cell"):
        method.predict(query, n_cells=2, seed=0)
