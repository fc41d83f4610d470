from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from methods.base import Resources
from methods.gene_graph import coexpression_edges, named_edges


def test_coexpression_links_the_genes_that_vary_together_in_controls(screen):
    rng = np.random.default_rng(0)
    shared, other = rng.random(60), rng.random(60)
    noise = 0.05 * rng.random((60, 4))
    cells = np.stack([shared, shared, other, other], axis=1) + noise
    train = screen({"ctrl": cells, "A": np.ones((2, 4))}, genes=["A", "B", "C", "D"])
    edges = coexpression_edges(train)
    assert {frozenset(pair) for pair in zip(edges["source"], edges["target"], strict=True)} == {
        frozenset("AB"),
        frozenset("CD"),
    }
    expected = abs(np.corrcoef(cells.astype(np.float32).T)[0, 1])
    assert edges.loc[(edges["source"] == "A"), "weight"].item() == pytest.approx(expected, abs=1e-6)


def test_no_gene_has_more_sources_than_asked_for(screen):
    cells = np.repeat(np.random.default_rng(1).random((30, 1)), 6, axis=1)
    edges = coexpression_edges(screen({"ctrl": cells, "A": cells[:2]}), neighbours=2)
    assert (edges.groupby("target").size() == 2).all()
    assert (edges["source"] != edges["target"]).all()


def test_the_controls_used_do_not_depend_on_their_order_in_the_file(screen):
    cells = np.random.default_rng(2).random((40, 6))
    train = screen({"ctrl": cells, "A": cells[:2]})
    shuffled = replace(train, adata=train.adata[np.random.default_rng(3).permutation(train.adata.n_obs)].copy())
    one, other = (coexpression_edges(data, threshold=0.1, n_cells=10) for data in (train, shuffled))
    assert len(one) > 0
    pd.testing.assert_frame_equal(one, other)


def test_two_edge_lists_are_joined_and_an_edge_keeps_its_largest_weight():
    first = pd.DataFrame({"source": ["A", "B"], "target": ["B", "C"], "weight": [0.2, 1.0]})
    second = pd.DataFrame({"source": ["A"], "target": ["B"], "weight": [0.7]})
    joined = named_edges(Resources(gene_graphs={"x": first, "y": second}))
    assert joined.to_dict("records") == [
        {"source": "A", "target": "B", "weight": 0.7},
        {"source": "B", "target": "C", "weight": 1.0},
    ]


def test_without_edge_lists_there_are_no_edges():
    assert named_edges(Resources()).empty
