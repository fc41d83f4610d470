from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from doloris_scenes import GENES, screen, tiny

from doloris import Doloris, Perturbation, Priors, paper, released
from doloris.assembly import make_graph
from doloris.conditioning import GeneEncoder
from doloris.errors import CellsError
from doloris.features import gene_features
from doloris.graph import (
    as_released,
    build_graph,
    coexpression,
    named_pairs,
    node_features,
    released_numbering,
    similar_pairs,
    token_pairs,
)


def test_coexpression_is_the_absolute_pearson_correlation():
    values = np.random.default_rng(0).standard_normal((30, 4))
    expected = np.abs(np.corrcoef(values.T))
    np.fill_diagonal(expected, 0.0)
    np.testing.assert_allclose(coexpression(values), expected, atol=1e-6)


def test_a_constant_gene_is_correlated_with_none():
    values = np.random.default_rng(0).standard_normal((30, 3))
    values[:, 1] = 2.0
    assert not coexpression(values)[1].any()


def test_an_edge_among_neither_genes_strongest_is_dropped():
    similarity = np.array([[0, 0.9, 0.8], [0.9, 0, 0.7], [0.8, 0.7, 0]])
    assert similar_pairs(similarity, 0.5, None).tolist() == [[0, 1], [0, 2], [1, 2]]
    assert similar_pairs(similarity, 0.5, 1).tolist() == [[0, 1], [0, 2]]


def test_genes_without_a_token_have_no_token_edges():
    embeddings = np.array([[1.0, 0.0], [np.nan, np.nan], [1.0, 0.1]])
    assert token_pairs(embeddings, 0.9).tolist() == [[0, 2]]


def test_every_edge_is_there_once_in_each_direction_and_numbered_as_the_panel():
    graph = build_graph(("A", "B", "C"), [np.array([[2, 0], [0, 2], [1, 1]])])
    assert graph.edges.T.tolist() == [[0, 2], [2, 0]]


def test_an_edge_list_of_foreign_names_is_an_error_that_names_it():
    with pytest.raises(CellsError, match="edge list 'go': none of its 1 edges"):
        named_pairs({"go": np.array([["X", "Y"]])}, ("A", "B"))


def test_the_released_order_numbers_token_genes_by_vocabulary_and_the_others_by_first_appearance():
    graph = build_graph("ABCDX", [np.array([[0, 3], [0, 4], [1, 2]])])
    ranks = Priors(token_rank=np.array([5, -1, 2, -1]))
    # C and A by rank; then D, X and B, as A-A, A-D, A-X, B-B, ... name them
    assert released_numbering(graph, ranks).tolist() == [1, 4, 0, 2, 3]


def test_the_released_order_without_tokens_numbers_genes_by_first_appearance_in_the_edge_list():
    graph = build_graph("ABCD", [np.array([[1, 3], [2, 3]])])
    edges = as_released(graph, Priors()).edges.T.tolist()
    # A-A, B-B, B-D, C-C, ...: A, B, D, C appear in this order
    assert edges == [[1, 2], [2, 1], [2, 3], [3, 2]]


def test_the_released_order_of_edges_leaves_features_alone():
    cells = screen()
    cells = replace(cells, conditions=(*cells.conditions[:6], Perturbation(genes=("X",))))
    priors = Priors({"mine": np.array([["G2", "X"], ["G9", "X"], ["G1", "G23"]])})
    ours, theirs = (
        Doloris(tiny(replace(released(), node_order=order), steps=1)).fit(cells, priors, seed=0).parts
        for order in ("panel", "released")
    )
    features, permuted = (parts.denoiser.conditioning.genes for parts in (ours, theirs))
    assert features.features[24].any()
    assert torch.equal(permuted.features, features.features)
    assert not torch.equal(permuted.edges, features.edges)
    assert torch.equal(theirs.mask.edges, permuted.edges)


def test_a_perturbed_gene_outside_the_panel_gets_the_features_of_its_neighbours():
    graph = build_graph(("A", "B", "X"), [np.array([[0, 2], [1, 2]])])
    features = np.array([[1.0, 0.0], [3.0, 2.0]], dtype=np.float32)
    np.testing.assert_allclose(node_features(features, graph)[2], [2.0, 1.0])


def test_features_do_not_depend_on_gene_order():
    means = np.random.default_rng(0).standard_normal((5, 9))
    order = np.random.default_rng(1).permutation(9)
    np.testing.assert_allclose(gene_features(means[:, order], 3), gene_features(means, 3)[order], atol=1e-5)


def test_fewer_conditions_than_components_leave_zeros():
    features = gene_features(np.random.default_rng(0).standard_normal((2, 9)), 4)
    assert features.shape == (9, 4)
    assert not features[:, 2:].any()


def test_named_edges_join_the_graph_of_a_screen():
    edges = {"mine": np.array([["G0", "G23"], ["G1", "unknown"]])}
    graph = make_graph(screen(), Priors(edges), tiny(paper()), np.random.default_rng(0))
    assert graph.nodes == GENES
    assert [0, 23] in graph.edges.T.tolist()


def test_an_edge_list_that_joins_no_two_measured_genes_is_welcome_where_no_network_looks_at_the_graph():
    regulators = Priors({"mine": np.array([["TF", "G0"], ["TF", "G3"]])})
    assert "TF" in Doloris(tiny(steps=1)).fit(screen(), regulators, seed=0).parts.effects.entities
    with pytest.raises(CellsError, match="'mine': none of its 2 edges joins two genes"):
        Doloris(tiny(paper(), steps=1)).fit(screen(), regulators, seed=0)


@pytest.mark.parametrize(
    ("edges", "message"), [([["X", "Y"]], "names no gene that is measured or trained"), (["X", "Y"], "two columns")]
)
def test_an_edge_list_that_tells_nothing_is_an_error(edges, message):
    with pytest.raises(CellsError, match=f"edge list 'mine': .*{message}"):
        Doloris(tiny(steps=1)).fit(screen(), Priors({"mine": np.array(edges)}), seed=0)


def test_encoding_the_graph_once_equals_encoding_it_for_every_cell():
    rng = np.random.default_rng(0)
    pairs = np.stack(np.triu_indices(6, 1), axis=1)[rng.permutation(15)[:7]]
    edges = torch.from_numpy(build_graph("ABCDEF", [pairs]).edges)
    encoder = GeneEncoder(torch.from_numpy(rng.standard_normal((6, 4)).astype(np.float32)), edges, tiny()).eval()
    once = encoder()
    copies = 3
    offset = torch.arange(copies)[:, None, None] * 6
    encoder.features = encoder.features.repeat(copies, 1)
    encoder.looped = (encoder.looped + offset).permute(1, 0, 2).reshape(2, -1)
    torch.testing.assert_close(encoder().reshape(copies, 6, -1), once.expand(copies, -1, -1), rtol=1e-4, atol=1e-5)
