"""GraphVCI: the graph, the counterfactual term, what it refuses and how it is named."""

import copy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from network_scenes import ask, fitted, make_screen, shrunk, with_gene_vectors
from scipy.sparse import csr_matrix

from methods.base import Resources, Unsupported
from methods.conditions import TaskKind, gene_condition, treatment_condition
from methods.graphvci import GraphVci, GraphVciConfig, GraphVciEmb
from methods.networks.batches import DeviceCells
from methods.networks.graphvci import GeneGraph, GraphVciData, GraphVciNetwork, GraphVciTrainer
from methods.networks.seeding import seeded

SMALL = {"hidden": 16, "latent": 8, "outcome": 16, "node": 8, "epochs": 3, "batch_size": 50}
EDGES = torch.tensor([[0, 1], [2, 2]])  # genes 0 and 1 act on gene 2
GENE, DRUG = gene_condition(["A"]), treatment_condition("X", dose=10, smiles="CCO")


def test_before_training_a_gene_is_the_mean_of_its_sources_and_itself():
    graph = GeneGraph(4, 3, EDGES)
    nodes = graph.features @ graph.linear.weight.T
    expected = torch.relu(nodes[[0, 1, 2]].mean(dim=0) + graph.linear.bias)
    assert torch.allclose(graph()[2], expected, atol=1e-6)
    assert torch.allclose(graph()[3], torch.relu(nodes[3] + graph.linear.bias), atol=1e-6)


def test_messages_pass_along_edges_alone():
    graph = GeneGraph(4, 3, EDGES)
    before = graph().detach()
    with torch.no_grad():
        graph.features[0] += 1.0
    moved = (graph() - before).abs().sum(dim=1) > 0
    assert moved.tolist()[1::2] == [False, False]


def test_latents_are_not_negative_and_their_spread_has_a_floor():
    network = GraphVciNetwork(4, 2, 1, EDGES, GraphVciConfig(), None).eval()
    cells, types = 5 * torch.rand(30, 4), torch.zeros(30, dtype=torch.int64)
    mean, spread = network.posterior(cells, torch.rand(30, 2), types, network.graph())
    assert mean.min() >= 0
    assert spread.min() >= np.log(2)


@pytest.fixture
def trainer():
    matrix = csr_matrix(np.random.default_rng(0).random((90, 4), dtype=np.float32))
    condition_of = torch.arange(90) % 3
    means = torch.stack([torch.from_numpy(matrix.toarray())[condition_of == k].mean(dim=0) for k in range(3)])
    with seeded(0, "cpu"):
        data = GraphVciData(
            cells=DeviceCells(matrix, "cpu"),
            condition_of=condition_of,
            treatments=torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]),
            types=torch.zeros(3, dtype=torch.int64),
            n_types=1,
            edges=EDGES,
            treatment_of=torch.tensor([-1, 0, 1]),
            treatment_vectors=torch.eye(2),
            counterparts=torch.tensor([[1, 2]]),
            means=means,
        )
        yield GraphVciTrainer(data, GraphVciConfig(match_cells=4000), None, "cpu")


def test_a_draw_of_real_cells_has_on_average_the_mean_of_all(trainer):
    torch.manual_seed(0)
    drawn = trainer._real(torch.tensor([1, 2]))
    assert torch.allclose(drawn, trainer._data.means[1:], atol=0.03)


def test_counterfactual_treatments_are_those_of_treated_cells(trainer):
    assert sorted(set(trainer._treated.tolist())) == [0, 1]
    assert len(trainer._treated) == 60


def test_an_unseen_gene_or_drug_is_refused_and_the_variant_predicts_it():
    train = with_gene_vectors(make_screen(("ctrl", "G0", "G1", "G2")))
    with pytest.raises(Unsupported, match="G7 occurs in no training condition"):
        fitted(shrunk(GraphVci, **SMALL), train).predict(ask(train, "G0+G7"), n_cells=3, seed=0)
    cells = fitted(shrunk(GraphVciEmb, **SMALL), train).predict(ask(train, "G0+G7"), n_cells=3, seed=0)
    assert cells.shape == (3, 24)
    assert TaskKind.UNSEEN_GENE not in GraphVci.tasks
    assert TaskKind.OOD_DRUG not in GraphVci.tasks


def test_a_validation_condition_that_trains_a_column_of_its_own_is_fitted_on():
    marked, unmarked = (make_screen(("ctrl", "G0", "G1", "G2"), validation=held) for held in (("G2",), ()))
    one, other = (
        fitted(shrunk(GraphVci, **SMALL), train).predict(ask(train, "G1+G2"), n_cells=3, seed=0)
        for train in (marked, unmarked)
    )
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("decay_every", "factor"), [(2, 0.01), (None, 1.0)])
def test_the_rate_is_multiplied_every_so_many_epochs(trainer, decay_every, factor):
    config = GraphVciConfig(epochs=5, learning_rate=1e-3, decay_every=decay_every)
    other = GraphVciTrainer(trainer._data, config, None, "cpu")
    other.run(lambda *_, **__: None, None)
    assert other._optimiser.param_groups[0]["lr"] == pytest.approx(1e-3 * factor)


def test_the_release_trains_against_a_copy_of_the_network_that_is_frozen_for_an_epoch(trainer):
    before = copy.deepcopy(trainer.network.state_dict())
    trainer._epoch()
    judged, after = trainer._judge.state_dict(), trainer.network.state_dict()
    assert all(torch.equal(judged[name], before[name]) for name, _ in trainer.network.named_parameters())
    assert not all(torch.equal(after[name], before[name]) for name, _ in trainer.network.named_parameters())


def test_a_graph_of_other_names_than_the_panels_is_refused():
    train = make_screen(("ctrl", "G0", "G1"))
    edges = pd.DataFrame({"source": ["ENSG01"], "target": ["ENSG02"], "weight": 1.0})
    with pytest.raises(Unsupported, match="name genes such as ENSG01, the panel such as G0"):
        fitted(shrunk(GraphVci, **SMALL), replace(train, resources=Resources(gene_graphs={"mine": edges})))


def test_the_gene_graph_that_was_supplied_takes_part():
    train = make_screen(("ctrl", "G0", "G1"))
    edges = pd.DataFrame({"source": ["G3", "G4", "elsewhere"], "target": ["G5", "G6", "G7"], "weight": 1.0})
    supplied = replace(train, resources=Resources(gene_graphs={"mine": edges}))
    one, other = (fitted(shrunk(GraphVci, **SMALL), data) for data in (train, supplied))
    assert other._network.graph.edges.shape == (2, 2 + 24)
    assert one._network.graph.edges.shape != other._network.graph.edges.shape


@pytest.mark.parametrize(
    ("cls", "conditions", "supplied", "label"),
    [
        (GraphVci, [GENE], {"gene_graph:go"}, "graphvci+go"),
        (GraphVci, [GENE], set(), "graphvci-coexpr"),
        (GraphVciEmb, [GENE], set(), "graphvci-emb-coexpr-pca"),
        (GraphVciEmb, [GENE], {"gene_graph:go", "gene_vectors"}, "graphvci-emb+go"),
        (GraphVciEmb, [DRUG], {"gene_graph:go"}, "graphvci-emb+go-rdkit"),
    ],
)
def test_the_label_says_what_is_missing(cls, conditions, supplied, label):
    assert cls().label(conditions, supplied) == label
