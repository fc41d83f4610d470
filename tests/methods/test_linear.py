"""The linear model against an implementation of its own: sklearn PCA and two ridge regressions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge

from methods.base import Query, Unsupported
from methods.conditions import Condition, TaskKind
from methods.linear import Linear


def random_screen(rng, *, n_genes=14, n_singles=11, doubles=("G0+G1",), unmeasured=("X0",), types=("",)):
    """Condition key -> cells; singles of the first genes of the panel, a double, a gene that is not measured."""
    labels = ["ctrl", *(f"G{i}" for i in range(n_singles)), *doubles, *unmeasured]
    keys = [f"{label}|{name}" if name else label for label in labels for name in types]
    return {key: rng.gamma(1.0, 1.0, size=(int(rng.integers(1, 4)), n_genes)) for key in keys}


def reference(cells, query, *, n_components=10, ridge=0.1):
    """Prediction by the steps of the published script, with other tools: PCA of sklearn, ridge as regressions."""
    means = {
        key: np.mean(np.asarray(value, dtype=np.float32), axis=0, dtype=np.float64) for key, value in cells.items()
    }
    split = {key: (key.partition("|")[0], key.partition("|")[2]) for key in means}
    control = {cell_type: means[key] for key, (label, cell_type) in split.items() if label == "ctrl"}
    n_genes = len(next(iter(means.values())))
    panel = [f"G{i}" for i in range(n_genes)]
    profiles = np.column_stack(list(means.values()))
    embedding = PCA(min(n_components, *profiles.shape), svd_solver="full").fit_transform(profiles)

    columns, vectors = [], []
    for key, (label, cell_type) in split.items():
        if label == "ctrl":
            columns.append(np.zeros(n_genes))
            vectors.append(np.zeros(embedding.shape[1]))
        elif label in panel:
            columns.append(means[key] - control[cell_type])
            vectors.append(embedding[panel.index(label)])
    shifts, vectors = np.column_stack(columns), np.column_stack(vectors)
    offset = shifts.mean(axis=1, keepdims=True)
    # Ridge on the genes, then on the perturbations: (G'G + lI)^-1 G' Y, then (PP' + lI)^-1 P (.)'
    left = Ridge(alpha=ridge, fit_intercept=False, solver="cholesky").fit(embedding, shifts - offset).coef_  # (J, K)
    weights = Ridge(alpha=ridge, fit_intercept=False, solver="cholesky").fit(vectors.T, left).coef_  # (K, K)
    label, _, cell_type = query.partition("|")
    vector = sum(embedding[panel.index(gene)] for gene in label.split("+"))
    return embedding @ weights @ vector + offset[:, 0] + control[cell_type]


SEEDS = given(seed=st.integers(0, 2**32 - 1))
FEW = settings(max_examples=15, deadline=None)


@FEW
@SEEDS
def test_an_unseen_gene_is_predicted_as_the_published_script_does(screen, predict, seed):
    cells = random_screen(np.random.default_rng(seed))
    assert predict(Linear, screen(cells), "G12")[0] == pytest.approx(reference(cells, "G12"), abs=1e-7)


@FEW
@SEEDS
def test_a_double_is_the_sum_of_its_genes_embeddings(screen, predict, seed):
    cells = random_screen(np.random.default_rng(seed))
    train = screen(cells, TaskKind.DOUBLE_GENE)
    assert predict(Linear, train, "G3+G7")[0] == pytest.approx(reference(cells, "G3+G7"), abs=1e-7)


@FEW
@SEEDS
def test_cell_types_share_weights_and_keep_their_own_control(screen, predict, seed):
    cells = random_screen(np.random.default_rng(seed), types=("s", "t"))
    del cells["G2|t"]
    train = screen(cells, TaskKind.UNSEEN_COVARIATE)
    assert predict(Linear, train, "G2|t")[0] == pytest.approx(reference(cells, "G2|t"), abs=1e-7)


def test_the_rank_is_cut_to_what_few_conditions_allow(screen, predict):
    cells = random_screen(np.random.default_rng(0), n_singles=2, doubles=(), unmeasured=())
    assert predict(Linear, screen(cells), "G9")[0] == pytest.approx(reference(cells, "G9"), abs=1e-7)


def test_the_rank_is_cut_to_what_few_genes_allow(screen, predict):
    cells = random_screen(np.random.default_rng(0), n_genes=4, n_singles=3, doubles=())
    assert predict(Linear, screen(cells), "G3")[0] == pytest.approx(reference(cells, "G3"), abs=1e-7)


def test_the_control_is_predicted_as_its_mean_plus_the_offset(screen):
    # The published script's own property: ctrl has a zero embedding and takes part in the offset b.
    cells = random_screen(np.random.default_rng(1), n_singles=3, doubles=(), unmeasured=())
    train = screen(cells)
    linear = Linear()
    linear.fit(train, seed=0, device="cpu", progress=lambda *_, **__: None)
    means = train.condition_means(controls=True)
    offset = (means - means.loc["ctrl"]).mean(axis=0)
    query = Query(Condition(()), train.adata[:1])
    assert linear.predict(query, n_cells=1, seed=0)[0] == pytest.approx((means.loc["ctrl"] + offset).to_numpy())


def test_conditions_outside_the_regression_still_shape_the_embedding(screen, predict):
    cells = random_screen(np.random.default_rng(2))
    without = {key: value for key, value in cells.items() if key not in ("G0+G1", "X0")}
    assert not np.allclose(predict(Linear, screen(cells), "G12"), predict(Linear, screen(without), "G12"))


def test_a_gene_that_is_not_measured_is_refused_by_name(screen, predict):
    train = screen(random_screen(np.random.default_rng(3)))
    with pytest.raises(Unsupported, match="X1 not among the measured genes"):
        predict(Linear, train, "G1+X1")


def test_a_screen_without_a_measured_single_is_refused(screen, predict):
    train = screen({"ctrl": [[1.0, 2.0]], "X0": [[2.0, 2.0]]})
    with pytest.raises(Unsupported, match="no single perturbation of a measured gene"):
        predict(Linear, train, "G0")


def test_a_treatment_is_refused(screen, predict):
    cells = {"ctrl|s": [[1.0, 2.0]], "X@10|s": [[2.0, 2.0]]}
    train = screen(cells, TaskKind.UNSEEN_COVARIATE, modality="treatment")
    with pytest.raises(Unsupported, match="a treatment is not a gene"):
        predict(Linear, train, "X@100|s", modality="treatment")


def test_validation_conditions_are_training_data(screen, predict):
    cells = random_screen(np.random.default_rng(4))
    marked = screen(cells)
    marked.adata.obs["validation"] = marked.adata.obs["condition"].eq("G5").to_numpy()
    assert np.array_equal(predict(Linear, marked, "G12"), predict(Linear, screen(cells), "G12"))
