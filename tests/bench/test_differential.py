"""The ranking of differentially expressed genes is scanpy's."""

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from synthetic_heldout import world

from bench.differential import gene_weights, rank_genes
from bench.errors import TooFewCells
from bench.metrics.moments import column_moments


def moments(values: object):
    return column_moments(csr_matrix(np.asarray(values, dtype=np.float64)))


@pytest.mark.filterwarnings("ignore")  # scanpy warns about pandas and divides by zero
@pytest.mark.parametrize(("n_cells", "n_controls"), [(40, 90), (3, 25)])
def test_scores_and_order_are_scanpys(n_cells, n_controls):
    import scanpy

    made = world(n_genes=120)
    cells, controls = made.cells("G3", n_cells, 1), made.cells("ctrl", n_controls, 2)
    obs = pd.DataFrame({"condition": pd.Categorical(["G3"] * n_cells + ["ctrl"] * n_controls)})
    obs.index = obs.index.astype(str)
    adata = anndata.AnnData(csr_matrix(np.concatenate([cells.toarray(), controls.toarray()])), obs=obs)
    scanpy.tl.rank_genes_groups(
        adata, groupby="condition", groups=["G3"], reference="ctrl", rankby_abs=True, method="t-test", use_raw=False
    )
    names = adata.uns["rank_genes_groups"]["names"]["G3"].astype(int)
    scores = adata.uns["rank_genes_groups"]["scores"]["G3"]

    ranking = rank_genes(column_moments(cells), column_moments(controls))

    assert ranking.scores[names] == pytest.approx(scores, rel=1e-5)
    distinct = np.flatnonzero(np.abs(np.diff(np.abs(scores))) > 1e-6)
    last = int(distinct.max()) + 1  # among equal scores scanpy's order is not defined
    gaps = np.diff(np.concatenate([[-1], distinct]))
    settled = [position for position, gap in zip(distinct, gaps, strict=True) if gap == 1]
    assert len(settled) > last / 2
    assert ranking.genes[settled].tolist() == names[settled].tolist()
    assert set(ranking.genes[:20]) == set(names[:20])


def test_ties_are_ranked_in_panel_order():
    same = [[1.0, 1.0, 5.0], [2.0, 2.0, 5.5]]
    assert rank_genes(moments(same), moments([[0.0, 0.0, 0.0], [0.1, 0.1, 0.1]])).genes.tolist() == [2, 0, 1]


def test_a_gene_that_never_varies_scores_by_whether_its_means_agree():
    ranking = rank_genes(moments([[1.0, 3.0, 0.0]] * 2), moments([[1.0, 0.0, 2.0]] * 2))
    assert ranking.scores.tolist() == [0.0, np.inf, -np.inf]
    assert ranking.genes.tolist() == [1, 2, 0]


def test_excluded_genes_make_room_for_the_next():
    ranking = rank_genes(moments([[1.0, 3.0, 2.0]] * 2), moments([[0.0, 0.1, 0.2], [0.1, 0.0, 0.1]]))
    first, second, third = ranking.genes
    assert ranking.top(2, frozenset({int(second)})).tolist() == [first, third]


def test_one_cell_cannot_rank_genes():
    with pytest.raises(TooFewCells, match="there are 1 and 2"):
        rank_genes(moments([[1.0]]), moments([[1.0], [2.0]]))


def test_weights_grow_with_the_square_of_the_score():
    assert gene_weights(np.array([-4.0, 2.0, 0.0])) == pytest.approx([0.8, 0.2, 0.0])


def test_an_infinite_score_weighs_as_the_largest_finite_one():
    assert gene_weights(np.array([np.inf, -4.0, 0.0])) == pytest.approx([0.5, 0.5, 0.0])


def test_equal_scores_weigh_equally():
    assert gene_weights(np.array([2.0, -2.0])) == pytest.approx([0.5, 0.5])
