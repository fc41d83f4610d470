"""The BioLord adapter against its package, called by hand."""

from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
import pytest
from package_screens import gene_graph, gene_screen, no_progress, query

from bench.conformance.scenes import simulated_scenes
from bench.conformance.suite import examine
from methods.base import Unsupported
from methods.biolord import Biolord, _batch_size
from methods.conditions import parse_key, treatment_condition
from methods.packages.attributes import DrugVectors, Indicators, attributes_of
from methods.packages.biolord_settings import DOUBLE_GENES
from methods.sampling import draw_rows

biolord = pytest.importorskip("biolord", reason="the biolord extra is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")


class QuickBiolord(Biolord):
    """BioLord for ten epochs."""

    max_epochs = 10


class QuickestBiolord(Biolord):
    """BioLord for two epochs."""

    name = "quick-biolord"
    max_epochs = 2


def fit(seed: int = 3) -> QuickBiolord:
    method = QuickBiolord()
    method.fit(gene_screen(resources=gene_graph()), seed=seed, device="cpu", progress=no_progress)
    return method


@pytest.fixture(scope="module")
def fitted() -> QuickBiolord:
    return fit()


def by_hand(rows: np.ndarray, folder: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The package's steps for the same screen and seed 3: mean and variance of A, C and the control."""
    import torch

    adata = gene_screen().adata
    adata = adata[adata.obs["condition"] != "A+B"].copy()
    # What links to A, B, C, D in the ring, and they themselves: columns A, B, C, D, X.
    vectors = {"ctrl": [0, 0, 0, 0, 0], "A": [1, 0, 0, 0, 0.5], "B": [0.5, 1, 0, 0, 0]}
    vectors |= {"C": [0, 0.5, 1, 0, 0], "D": [0, 0, 0.5, 1, 0]}
    adata.obsm["perturbation"] = np.array([vectors[key] for key in adata.obs["condition"]], dtype=np.float32)
    adata.obs["split"] = np.where(adata.obs["condition"] == "D", "test", "train")
    biolord.Biolord.setup_anndata(adata, ordered_attributes_keys=["perturbation"])
    module = {**DOUBLE_GENES.module, "seed": 3}
    model = biolord.Biolord(adata, n_latent=32, split_key="split", module_params=module)
    model.train(
        max_epochs=10,
        batch_size=112,
        accelerator="cpu",
        plan_kwargs=dict(DOUBLE_GENES.plan),
        early_stopping=True,
        early_stopping_patience=200,
        check_val_every_n_epoch=5,
        enable_checkpointing=False,
        enable_progress_bar=False,
        logger=False,
        default_root_dir=folder,
    )
    model.module.eval()
    found = {}
    for gene in ("ctrl", "A", "C"):
        tensors = dict(model.get_dataset(adata[rows].copy()))
        tensors["perturbation"] = torch.tensor([vectors[gene]] * len(rows), dtype=torch.float32)
        mean, variance = model.module.get_expression(tensors)
        found[gene] = (mean.numpy().astype(float), variance.numpy().astype(float))
    return found


def test_its_predictions_are_those_of_the_package_called_by_hand(fitted, tmp_path):
    rows = draw_rows(np.arange(40), 7, seed=5)  # the controls come first
    found = by_hand(rows, str(tmp_path))
    mean = found["A"][0] + found["C"][0] - found["ctrl"][0]
    variance = (found["A"][1] + found["C"][1]) / 2
    expected = np.clip(np.random.default_rng(5).normal(mean, np.sqrt(variance)), 0, np.log1p(1000))
    np.testing.assert_allclose(fitted.predict(query(gene_screen(), "A+C"), n_cells=7, seed=5), expected, atol=1e-6)


def test_the_same_seed_gives_the_same_model_and_leaves_the_global_generators_alone(fitted):
    np.random.seed(11)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    again = fit()
    asked = query(gene_screen(), "B+D")
    np.testing.assert_array_equal(again.predict(asked, n_cells=5, seed=1), fitted.predict(asked, n_cells=5, seed=1))
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_cells_of_one_condition_differ_and_one_cell_can_be_asked_for(fitted):
    asked = query(gene_screen(), "E")  # unseen, linked to D
    assert fitted.predict(asked, n_cells=20, seed=0).std(axis=0).min() > 0
    assert fitted.predict(asked, n_cells=1, seed=0).shape == (1, 24)


def test_a_gene_of_which_nothing_is_known_is_refused_by_name(fitted):
    with pytest.raises(Unsupported, match="G1 has no neighbour in the gene graph"):
        fitted.predict(query(gene_screen(), "G1"), n_cells=2, seed=0)


def test_a_cell_type_without_training_controls_is_refused(fitted):
    asked = query(gene_screen(), "A")
    empty = type(asked)(parse_key("A|elsewhere"), asked.controls[:0].copy())
    with pytest.raises(Unsupported, match="no training control cells of cell type 'elsewhere'"):
        fitted.predict(empty, n_cells=2, seed=0)


def test_early_stopping_looks_at_singles_where_a_double_validates():
    train = gene_screen(validation="A+B", resources=gene_graph())
    adata = screen_of(QuickBiolord(), train)
    assert set(adata.obs["split"]) == {"train", "test"}
    method = QuickBiolord()
    method.fit(train, seed=0, device="cpu", progress=no_progress)
    assert method.predict(query(train, "A+C"), n_cells=2, seed=0).shape == (2, 24)


def screen_of(method, train):
    method._attributes = attributes_of(train)
    return method._screen(train, seed=0)


def test_a_held_out_part_of_one_cell_does_not_make_all_batches_small():
    obs = pd.DataFrame({"split": ["test"] + ["train"] * 100})
    assert _batch_size(anndata.AnnData(obs=obs)) == 100


def test_a_drug_without_a_structure_is_left_out_and_the_others_trained():
    known = [treatment_condition(name, dose=10.0, smiles=smiles) for name, smiles in {"a": "CCO", "b": "CCN"}.items()]
    unreadable = treatment_condition("c", dose=1000.0, smiles="no structure")
    nameless = treatment_condition("d", dose=1000.0)
    resources = gene_screen().resources
    vectors, of_all = (DrugVectors.fitted(drugs, resources) for drugs in (known, [*known, unreadable, nameless]))
    np.testing.assert_array_equal(vectors.of(known[0]), of_all.of(known[0]))
    for condition in (unreadable, nameless):
        with pytest.raises(Unsupported, match="structure"):
            of_all.of(condition)
    with pytest.raises(Unsupported, match="structure"):
        DrugVectors.fitted([unreadable], resources)


def test_a_drug_is_its_standardised_structure_beside_its_relative_dose():
    drugs = [
        treatment_condition(name, dose=dose, smiles=smiles)
        for name, smiles in {"aspirin": "CC(=O)Oc1ccccc1C(=O)O", "ethanol": "CCO", "benzene": "c1ccccc1"}.items()
        for dose in (10.0, 1000.0)
    ]
    vectors = DrugVectors.fitted(drugs, gene_screen().resources)
    table = np.stack([vectors.of(drug) for drug in drugs[::2]])
    assert table[:, -1] == pytest.approx([0.01] * 3)
    np.testing.assert_allclose(table[:, :-1].mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(table[:, :-1].std(axis=0), 1, atol=1e-5)
    assert not vectors.of(treatment_condition("ctrl")).any()


def test_a_treatment_without_a_structure_is_known_by_its_name_alone():
    known = Indicators(("IFN-beta", "TNF"), largest_dose=1.0)
    assert known.of(treatment_condition("TNF")).tolist() == [0, 1]
    with pytest.raises(Unsupported, match="IL6 is in no training condition"):
        known.of(treatment_condition("IL6"))


def test_it_keeps_the_contract_as_far_as_two_epochs_show():
    findings = {finding.check: finding.status for finding in examine(QuickestBiolord, simulated_scenes())}
    # A decoder that has hardly learned is as its random start left it, which goes by column, not by gene.
    for check in ("genes follow the order of the panel", "predictions are log-normalised"):
        findings.pop(check)
    assert len(findings) > 15
    assert set(findings.values()) <= {"ok", "warning"}  # of the time it takes


def test_without_a_graph_or_vectors_of_genes_it_says_so_in_its_name():
    genes, drugs = [parse_key("A")], [treatment_condition("x", smiles="CCO")]
    assert Biolord().label(genes, []) == "biolord-coexpr"
    assert Biolord().label(genes, ["gene_vectors"]) == "biolord"
    assert Biolord().label(drugs, []) == "biolord"


def test_with_unimols_weights_it_says_so_in_its_name(monkeypatch, tmp_path):
    monkeypatch.setattr("methods.molecules.unimol_folder", lambda: tmp_path)
    drugs = [treatment_condition("x", smiles="CCO")]
    assert Biolord().label(drugs, []) == "biolord-unimol"
    assert Biolord().label(drugs, ["drug_vectors"]) == "biolord"
    assert Biolord().label([parse_key("A")], ["gene_graph:go"]) == "biolord+go"


def test_gene_vectors_of_the_user_take_the_place_of_the_graph():
    frame = pd.DataFrame(np.eye(4, 3, dtype=np.float32), index=list("ABCD"))
    train = gene_screen(resources=type(gene_graph())(gene_vectors=frame))
    method = QuickBiolord()
    method.fit(train, seed=0, device="cpu", progress=no_progress)
    with pytest.raises(Unsupported, match="E has no vector"):
        method.predict(query(train, "E"), n_cells=2, seed=0)
