"""Doloris in the terms of the benchmark; the model itself is tested with its library."""

import json

import numpy as np
import pandas as pd
import pytest

from bench.exchange import queries_for
from bench.tasks import open_task
from doloris.diagnostics import intra_distance
from methods.base import Resources, Unsupported, condition_seed
from methods.conditions import TaskKind, gene_condition, treatment_condition
from methods.doloris import Doloris, DolorisPaper, DolorisReleased

pytestmark = pytest.mark.filterwarnings("ignore::doloris.diagnostics.LatentWarning")
METHODS = {"corrected": Doloris, "paper": DolorisPaper, "released": DolorisReleased}
DRUGS = {"Ethanol": "CCO", "Propanol": "CCCO", "Benzene": "c1ccccc1"}


def silent(*_args, **_figures):
    pass


def quick(cls=Doloris, **settings):
    return cls(size="small", steps=3, nfe=4, **settings)


@pytest.fixture
def genes(screen):
    """Six single perturbations of twelve genes."""
    rng = np.random.default_rng(0)
    keys = ["ctrl", *(f"G{number}" for number in range(6))]
    return screen({key: np.log1p(rng.poisson(3, (40, 12))) for key in keys})


@pytest.fixture
def drugs(screen):
    """Two drugs with structures at two doses in two cell types."""
    rng = np.random.default_rng(0)
    train = screen(
        {
            f"{drug}{dose}|{cell_type}": np.log1p(rng.poisson(3, (20, 12)))
            for cell_type in ("A549", "K562")
            for drug, dose in (("ctrl", ""), *((d, at) for d in ("Ethanol", "Benzene") for at in ("@10", "@1000")))
        },
        kind=TaskKind.OOD_DRUG,
        modality="treatment",
    )
    conditions = {
        key: treatment_condition(c.label, dose=c.dose, cell_type=c.cell_type, smiles=DRUGS.get(c.label))
        for key, c in train.conditions.items()
    }
    return type(train)(train.adata, conditions, train.kind)


def query(train, condition):
    from methods.base import Query
    from methods.conditions import Condition

    key = Condition((), condition.cell_type).key
    return Query(condition, train.adata[(train.adata.obs["condition"] == key).to_numpy()].copy())


@pytest.mark.parametrize("name", METHODS)
def test_each_preset_predicts_cells_of_unseen_genes(genes, name):
    method = quick(METHODS[name])
    method.fit(genes, seed=0, device="cpu", progress=silent)
    cells = method.predict(query(genes, gene_condition(["G8"])), n_cells=7, seed=1)
    assert cells.shape == (7, 12)
    assert (cells >= 0).all()
    assert (cells <= np.log1p(genes.target_sum) + 1e-4).all()
    assert method.output == "cells"


def test_predicting_many_conditions_equals_predicting_each(genes):
    method = quick()
    method.fit(genes, seed=0, device="cpu", progress=silent)
    queries = [query(genes, gene_condition(names)) for names in (["G8"], ["G0", "G9"])]
    for asked, cells in method.predict_many(queries, n_cells=5, seed=3):
        alone = method.predict(asked, n_cells=5, seed=condition_seed(3, asked.condition))
        np.testing.assert_allclose(cells, alone, rtol=1e-4, atol=1e-4)


def test_the_paper_refuses_a_gene_outside_its_graph_and_the_corrected_model_does_not(genes):
    unknown = query(genes, gene_condition(["NOWHERE"]))
    corrected, paper = quick(), quick(DolorisPaper)
    for method in (corrected, paper):
        method.fit(genes, seed=0, device="cpu", progress=silent)
    assert np.isfinite(corrected.predict(unknown, n_cells=3, seed=0)).all()
    with pytest.raises(Unsupported, match="NOWHERE is neither measured nor trained"):
        paper.predict(unknown, n_cells=3, seed=0)
    ((_, answer),) = paper.predict_many([unknown], n_cells=3, seed=0)
    assert isinstance(answer, Unsupported)


@pytest.mark.parametrize("name", METHODS)
def test_an_unseen_drug_is_added_whenever_it_is_asked_for(drugs, name):
    asked = [
        query(drugs, treatment_condition(drug, dose=100.0, cell_type=cell_type, smiles=DRUGS.get(drug, "CCN")))
        for drug, cell_type in (("Propanol", "A549"), ("Ethylamine", "K562"), ("Ethanol", "A549"))
    ]
    answers = []
    for order in (asked, asked[::-1]):
        method = quick(METHODS[name])
        method.fit(drugs, seed=0, device="cpu", progress=silent)
        answers.append({q.condition.key: cells for q, cells in method.predict_many(order, n_cells=4, seed=0)})
    assert answers[0].keys() == {q.condition.key for q in asked}
    for key, cells in answers[0].items():
        np.testing.assert_allclose(cells, answers[1][key], rtol=1e-4, atol=1e-4)


def test_a_drug_without_a_structure_is_refused(drugs):
    method = quick()
    method.fit(drugs, seed=0, device="cpu", progress=silent)
    with pytest.raises(Unsupported, match="names no structure"):
        method.predict(query(drugs, treatment_condition("Unknown", dose=10.0, cell_type="A549")), n_cells=2, seed=0)


def test_treatments_without_structures_are_told_apart_by_name(screen):
    rng = np.random.default_rng(0)
    keys = ("ctrl|B", "ctrl|T", "IFNB|B", "IFNB|T", "IL6|B")
    train = screen({key: np.log1p(rng.poisson(3, (20, 8))) for key in keys}, TaskKind.UNSEEN_COVARIATE, "treatment")
    method = quick()
    method.fit(train, seed=0, device="cpu", progress=silent)
    known = query(train, treatment_condition("IL6", cell_type="T"))
    assert method.predict(known, n_cells=3, seed=0).shape == (3, 8)
    with pytest.raises(Unsupported, match="have no structures"):
        method.predict(query(train, treatment_condition("TNF", cell_type="T")), n_cells=3, seed=0)


def test_the_label_names_the_graphs_and_what_stands_in_for_drug_vectors(drugs):
    conditions = [c for c in drugs.conditions.values() if not c.is_control]
    graphs = {"gene_graph:go", "gene_graph:ppi"}
    assert Doloris().label([gene_condition(["A"])], frozenset()) == "doloris"
    assert Doloris().label([gene_condition(["A"])], graphs) == "doloris+go+ppi"
    assert DolorisPaper().label([gene_condition(["A"])], {"gene_vectors"}) == "doloris-paper+tokens"
    assert Doloris().label(conditions, frozenset()) == "doloris-rdkit"
    assert Doloris().label(conditions, {"drug_vectors"}) == "doloris"


def test_the_users_edges_and_token_vectors_reach_the_model(genes):
    graph = pd.DataFrame({"source": ["G0", "G1"], "target": ["G8", "X"], "weight": [1.0, 1.0]})
    tokens = pd.DataFrame(np.eye(3, dtype=np.float32), index=["G4", "other", "G2"])
    train = type(genes)(genes.adata, genes.conditions, genes.kind, resources=Resources({"mine": graph}, tokens))
    method = quick()
    method.fit(train, seed=0, device="cpu", progress=silent)
    assert "X" in method._model.parts.effects.entities
    priors = method._cells.priors
    assert priors.token_rank.tolist() == [-1, -1, 2, -1, 0, *[-1] * 7]
    np.testing.assert_array_equal(priors.token_embeddings[4], [1, 0, 0])
    assert np.isnan(priors.token_embeddings[0]).all()


def test_the_record_tells_size_latent_and_intra_distances(genes):
    method = quick()
    method.fit(genes, seed=0, device="cpu", progress=silent)
    method.predict(query(genes, gene_condition(["G8"])), n_cells=5, seed=1)
    record = json.loads(json.dumps(method.record()))
    assert record["widths"]["trunk"] == 128
    assert record["parameters"] > 1000
    assert set(record["latent"][""]) == {"mean", "sd", "kurtosis", "smallest_sd", "largest_sd"}
    assert record["intra_distance"].keys() == {"G8"}


@pytest.mark.parametrize(("kind", "thresholds"), [("OOD_DRUG", (0.05, 0.95)), ("UNSEEN_COVARIATE", (0.01, 0.99))])
def test_the_releases_mask_thresholds_depend_on_the_task(drugs, kind, thresholds):
    released = quick(DolorisReleased)
    released.fit(type(drugs)(drugs.adata, drugs.conditions, TaskKind[kind]), seed=0, device="cpu", progress=silent)
    config = released._model.config
    assert (config.mask_low, config.mask_high) == thresholds


def test_cells_of_held_out_conditions_are_as_diverse_as_real_ones():
    task = open_task("sim_single_tiny")
    train, real = task.training_data(), task.held_out().cells
    method = Doloris()
    method.fit(train, seed=0, device="cpu", progress=silent)
    for asked, cells in method.predict_many(queries_for(train, task.test_conditions.values()), n_cells=200, seed=0):
        distance = intra_distance(real[asked.condition.key].toarray())
        assert intra_distance(cells) == pytest.approx(distance, rel=0.1), asked.condition.key


@pytest.mark.parametrize("settings", [{"size": "huge"}, {"without": "everything"}, {"nfe": 0}, {"steps": -1}])
def test_a_setting_that_does_not_exist_is_an_error(settings):
    with pytest.raises(ValueError, match=f"{next(iter(settings))}="):
        Doloris(**settings)


@pytest.mark.parametrize("variant", Doloris.ablations, ids=str)
def test_every_declared_ablation_changes_the_cells(genes, variant):
    def cells(**settings):
        method = Doloris(**{"size": "small", "steps": 3, **settings})
        method.fit(genes, seed=0, device="cpu", progress=silent)
        return method.predict(query(genes, gene_condition(["G8"])), n_cells=5, seed=1)

    assert not np.allclose(cells(), cells(**variant))
