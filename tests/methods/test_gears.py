"""The GEARS adapter against its package, called by hand."""

from __future__ import annotations

import pickle
import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from package_screens import gene_graph, gene_screen, no_progress, query

from bench.conformance.scenes import simulated_scenes
from bench.conformance.suite import examine
from methods.base import Unsupported
from methods.gears import Gears
from methods.packages.perturbation_graph import linked_genes, perturbation_edges
from methods.sampling import draw_rows

gears = pytest.importorskip("gears", reason="the gears extra is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")


class QuickGears(Gears):
    """GEARS for two epochs."""

    epochs = 2


class QuickestGears(Gears):
    """GEARS for one epoch."""

    name = "quick-gears"
    epochs = 1


@pytest.fixture(scope="module")
def fitted() -> QuickGears:
    method = QuickGears()
    method.fit(gene_screen(resources=gene_graph()), seed=3, device="cpu", progress=no_progress)
    return method


def by_hand(folder: Path, controls: np.ndarray) -> np.ndarray:
    """The package's steps for the screen, its graph and seed 3; A+C for the given controls, (n, n_genes)."""
    import torch
    from torch_geometric.data import Data
    from torch_geometric.loader import DataLoader

    train = gene_screen(resources=gene_graph())
    names = {"A": "A+ctrl", "B": "B+ctrl", "C": "C+ctrl", "D": "D+ctrl"}
    adata = train.adata.copy()
    adata.obs = pd.DataFrame(
        {"condition": adata.obs["condition"].replace(names).to_numpy(), "cell_type": "cell"}, index=adata.obs_names
    )
    del adata.layers["counts"]
    adata.var["gene_name"] = adata.var_names
    nodes = list("ABCDEX")
    files = {
        "gene2go_all.pkl": {gene: {"GO:1"} for gene in nodes},
        "genes.pkl": nodes,
        "split.pkl": {"train": ["A+B", "A+ctrl", "B+ctrl", "C+ctrl", "ctrl"], "val": ["D+ctrl"], "test": []},
    }
    for name, content in files.items():
        (folder / name).write_bytes(pickle.dumps(content))
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002
    torch.manual_seed(3)
    data = gears.PertData(str(folder), gene_set_path=str(folder / "genes.pkl"), default_pert_graph=False)
    data.new_data_process("screen", adata=adata)
    data.prepare_split("custom", split_dict_path=str(folder / "split.pkl"))
    data.get_dataloader(32)
    del data.dataloader["test_loader"]
    pd.Series.nonzero = lambda series: series.to_numpy().nonzero()
    try:
        model = gears.GEARS(data, device="cpu")
    finally:
        del pd.Series.nonzero
    # The ring and the loops, by target, then source.
    edges = [("A", "A"), ("X", "A"), ("A", "B"), ("B", "B"), ("B", "C"), ("C", "C"), ("C", "D"), ("D", "D")]
    edges += [("D", "E"), ("E", "E"), ("E", "X"), ("X", "X")]
    index = torch.tensor([[nodes.index(source), nodes.index(target)] for source, target in edges]).T
    weight = torch.tensor([1.0 if source == target else 0.5 for source, target in edges])
    model.model_initialize(hidden_size=64, G_go=index, G_go_weight=weight)
    model.train(epochs=2)
    model.best_model.eval()
    cells = [Data(x=torch.as_tensor(cell)[:, None], pert_idx=[0, 2], pert=["A", "C"]) for cell in controls]
    with torch.no_grad():
        return model.best_model(next(iter(DataLoader(cells, len(cells))))).numpy()


def test_its_predictions_are_those_of_the_package_called_by_hand(fitted, tmp_path):
    asked = query(gene_screen(), "A+C")
    controls = asked.controls.X[draw_rows(np.arange(40), 7, seed=5)].toarray()
    expected = np.clip(by_hand(tmp_path, controls), 0, None)
    np.testing.assert_allclose(fitted.predict(asked, n_cells=7, seed=5), expected, atol=1e-6)


def test_every_cell_receives_the_same_shift(fitted):
    asked = query(gene_screen(), "A+C")
    asked.controls.X.data[:] = 3 + asked.controls.X.data / 4  # so that nothing is clipped, below or above
    asked.controls.X[:] = asked.controls.X + 3 * (asked.controls.X == 0)
    controls = asked.controls.X[draw_rows(np.arange(40), 20, seed=5)].toarray()
    shift = fitted.predict(asked, n_cells=20, seed=5) - controls
    assert np.ptp(shift[1:], axis=0).max() < 1e-5
    assert np.abs(shift).max() > 1e-3


def test_the_same_seed_gives_the_same_model_and_leaves_the_global_generators_alone(fitted):
    np.random.seed(11)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    again = QuickGears()
    again.fit(gene_screen(resources=gene_graph()), seed=3, device="cpu", progress=no_progress)
    asked = query(gene_screen(), "B+D")
    np.testing.assert_array_equal(again.predict(asked, n_cells=5, seed=1), fitted.predict(asked, n_cells=5, seed=1))
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_a_gene_without_a_node_is_refused_by_name(fitted):
    with pytest.raises(Unsupported, match="G1 has no node in the gene graph"):
        fitted.predict(query(gene_screen(), "A+G1"), n_cells=2, seed=0)


def test_an_unseen_gene_is_predicted_where_a_trained_embedding_reaches_it_measured_or_not(fitted):
    # C -> D, and X -> A; D itself is in the validation condition alone
    for gene in "DX":
        assert fitted.predict(query(gene_screen(), gene), n_cells=2, seed=0).shape == (2, 24)


def test_an_unseen_gene_that_receives_from_untrained_embeddings_alone_is_refused_by_name(fitted):
    with pytest.raises(Unsupported, match="E is unseen, and the gene graph links it to no gene"):  # D -> E
        fitted.predict(query(gene_screen(), "A+E"), n_cells=2, seed=0)


def test_the_embeddings_that_training_moves_are_those_that_feed_its_genes(fitted):
    linked = linked_genes(perturbation_edges(gene_screen(resources=gene_graph())), set("ABC"))
    assert linked == set("ABCDX")
    network = fitted._network
    network.zero_grad()
    of_conditions = network.pert_emb.weight
    received = network.sim_layers[0](of_conditions, network.G_sim, network.G_sim_weight)
    received[[fitted._nodes[gene] for gene in "ABC"]].sum().backward()
    moved = of_conditions.grad.abs().sum(dim=1)
    network.zero_grad()
    assert {gene for gene, node in fitted._nodes.items() if moved[node] > 0} == set("ABCX")


def test_training_conditions_without_a_node_are_left_out_not_trained_as_unperturbed():
    train = gene_screen(resources=gene_graph())
    edges = train.resources.gene_graphs["ring"]
    train.resources.gene_graphs["ring"] = edges[(edges["source"] != "D") & (edges["target"] != "D")]
    method = QuickGears()
    adata, validation = method_screen(method, train)
    assert set(adata.obs["condition"]) == {"ctrl", "A+ctrl", "B+ctrl", "C+ctrl", "A+B"}
    assert len(validation) == 1  # D, the validation condition, is gone: another one is drawn


def method_screen(method, train):
    method._edges = perturbation_edges(train)
    return method._screen(train, seed=0)


def test_it_keeps_the_contract():
    findings = {finding.check: finding.status for finding in examine(QuickestGears, simulated_scenes())}
    assert len(findings) > 15
    assert set(findings.values()) <= {"ok", "warning"}  # of the time it takes


def test_without_a_graph_it_says_so_in_its_name():
    assert Gears().label([], []) == "gears-coexpr"
    assert Gears().label([], ["gene_graph:go", "gene_graph:tf"]) == "gears+go+tf"
