"""GRAPE: its pieces, its graph, learning."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from network_scenes import ask, fitted, make_screen, relative_error, shrunk, shuffled, with_gene_vectors

from bench.tasks import open_task
from methods.base import Resources, Unsupported
from methods.conditions import TaskKind
from methods.gene_biotypes import is_non_coding
from methods.grape import Grape
from methods.grape_settings import GrapeSettings
from methods.grape_views import make_views
from methods.networks.divergence import TrainingDiverged
from methods.networks.grape import BiotypeAttention, PassNorm, similarity_graph
from methods.networks.grape_training import batches_of_conditions
from methods.networks.graph_attention import Knockouts
from methods.training_cells import TrainingCells

SINGLES = ("ctrl", "G0", "G1", "G2", "G3", "G4")
TINY = {"width": 16, "heads": 2, "output_width": 8, "projection_width": 8, "alignment_epochs": 2, "least_steps": 12}
Small = shrunk(Grape, **TINY)


def predicted(train, cls=Small, *, key="G1+G2", seed=0) -> pd.DataFrame:
    return pd.DataFrame(fitted(cls, train, seed=seed).predict(ask(train, key), n_cells=3, seed=4), columns=train.genes)


def test_the_seed_of_the_fit_decides_the_result_and_nothing_else_does():
    train = make_screen((*SINGLES, "G0+G1"))
    torch.manual_seed(1)
    one = predicted(train)
    torch.manual_seed(2)
    pd.testing.assert_frame_equal(one, predicted(train))
    assert not np.allclose(one, predicted(train, seed=1))


def test_the_order_of_cells_and_genes_changes_no_prediction():
    train = make_screen(SINGLES)
    one, other = predicted(train), predicted(shuffled(train))
    pd.testing.assert_frame_equal(one, other[one.columns], rtol=1e-4, atol=1e-5)


def test_every_predicted_row_is_the_same_mean_without_small_or_negative_values():
    rows = predicted(make_screen(SINGLES)).to_numpy()
    assert (rows == rows[0]).all()
    assert ((rows == 0) | (rows >= 0.01)).all()


def test_a_handful_of_conditions_is_learnt():
    train = make_screen(SINGLES[:4], n_controls=30)
    settings = {"width": 32, "output_width": 32, "least_steps": 450, "learning_rate": 1.5e-3, "weight_decay": 0.0}
    cls = shrunk(Grape, **{**TINY, **settings, "dropout": 0.0, "conditions_per_batch": 8})
    # a difference in rounding sends its training elsewhere: .01 to .4 was seen
    errors = [relative_error(fitted(cls, train, seed=seed), train, SINGLES[1:4]) for seed in range(3)]
    assert np.median(errors) < 0.3


def test_it_learns_the_simulation():
    train = open_task("sim_double_tiny").training_data()
    method = fitted(shrunk(Grape, width=64, least_steps=400), train)
    measured = set(train.genes)
    covered = [key for key, c in train.conditions.items() if not c.is_control and measured >= set(c.perturbations)]
    assert relative_error(method, train, covered) < 1  # the control's


def test_two_masked_genes_are_not_one():
    train = make_screen((*SINGLES, "G0+G1"))
    method = fitted(Small, train)
    one, two = (method.predict(ask(train, key), n_cells=1, seed=0) for key in ("G1", "G1+G2"))
    assert not np.allclose(one, two)


def test_a_negated_vector_is_not_a_masked_one():
    train = make_screen(SINGLES)
    zero, negated = predicted(train), predicted(train, shrunk(Grape, **TINY, masking="negated"))
    assert not np.allclose(zero, negated)


def test_a_cell_type_has_its_own_control_and_shares_the_shift():
    train = make_screen(("ctrl|s", "ctrl|t", "G0|s", "G1|s", "G1|t"), kind=TaskKind.UNSEEN_GENE)
    method = fitted(shrunk(Grape, **TINY, smallest_value=-100.0), train)
    s, t = (method.predict(ask(train, f"G2|{name}"), n_cells=1, seed=0)[0] for name in "st")
    assert t - s == pytest.approx(train.control_mean("t") - train.control_mean("s"), abs=1e-5)


def test_views_are_the_users_vectors_and_coexpression():
    train = make_screen(SINGLES)
    cells = TrainingCells.of(train)
    supplied = pd.DataFrame({"a": [3.0, 0.0], "b": [4.0, 0.0]}, index=["G1", "G3"])
    views = make_views(cells, supplied, n_components=5, scale=0.1)
    row = cells.panel.sorted_genes.get_loc("G1")
    assert views.first[row] == pytest.approx(np.array([3.0, 4.0]) * 0.1 / np.sqrt(12.5))
    assert not np.delete(views.first, row, axis=0).any()
    assert views.second.shape == (24, 5)
    assert np.sqrt((views.second**2).mean(axis=1)) == pytest.approx(np.full(24, 0.1))
    released = make_views(cells, supplied, n_components=5, scale=None)
    assert released.first[row] == pytest.approx([3.0, 4.0])


def test_without_vectors_the_first_view_is_the_best_short_summary_of_how_genes_respond():
    train = make_screen(SINGLES)
    cells = TrainingCells.of(train)
    means = train.condition_means(controls=False)
    shifts = (means - train.control_mean())[cells.panel.sorted_genes].to_numpy().T  # (n_genes, n_conditions)
    view = make_views(cells, None, n_components=3, scale=None).first
    left_out = np.linalg.svd(shifts, compute_uv=False)[3] ** 2
    assert np.linalg.norm(shifts @ shifts.T - view @ view.T, 2) == pytest.approx(left_out, rel=1e-3)


def test_vectors_of_other_genes_are_refused():
    cells = TrainingCells.of(make_screen(SINGLES))
    with pytest.raises(Unsupported, match="have none for any gene of the panel"):
        make_views(cells, pd.DataFrame({"a": [1.0]}, index=["ENSG1"]), n_components=3, scale=0.1)


def test_the_users_vectors_change_the_prediction():
    train = make_screen(SINGLES)
    assert not np.allclose(predicted(train), predicted(with_gene_vectors(train)))


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [
        *[
            (name, True)
            for name in ("LINC00520", "TP53-AS1", "MIR155HG", "SNHG1", "AC012345.1", "RP11-34P13.7", "XIST")
        ],
        *[(name, False) for name in ("TP53", "ACTB", "ALB", "RPL13", "CTBP1", "MIRAGE", "LINGO1", "IRF1")],
    ],
)
def test_non_coding_genes_are_told_by_their_symbols(symbol, expected):
    assert is_non_coding(symbol) is expected


def test_cells_come_once_an_epoch_in_batches_of_few_conditions():
    rng = np.random.default_rng(0)
    condition_of = rng.integers(0, 9, 203)
    batches = list(batches_of_conditions(condition_of, 24, 3, rng))
    assert sorted(np.concatenate(batches)) == list(range(203))
    assert all(len(set(condition_of[batch])) <= 3 and len(batch) <= 24 for batch in batches)
    assert len({tuple(np.unique(condition_of[batch])) for batch in batches}) > 5


def test_a_training_that_diverges_is_an_error():
    with pytest.raises(TrainingDiverged, match="lower learning_rate"):
        fitted(shrunk(Grape, **TINY, learning_rate=1e30), make_screen(SINGLES))


def test_the_released_preset_normalises_its_predictions_by_running_moments():
    released = replace(Grape.presets["released"], **TINY)
    train = make_screen(SINGLES)
    method = fitted(type("Released", (Grape,), {"presets": {"default": released}}), train)
    norms = [
        layer for layer in method._fitted._network.fusion.fuse.modules() if isinstance(layer, torch.nn.BatchNorm1d)
    ]
    assert len(norms) == 2
    assert all(norm.running_mean.abs().sum() > 0 for norm in norms)
    assert np.isfinite(method.predict(ask(train, "G0+G1"), n_cells=2, seed=0)).all()


def test_the_groups_of_a_condition_have_nearly_equal_sizes():
    # 17 and 9 cells in groups of at most 8: 6 + 6 + 5 and 5 + 4, not 8 + 8 + 1 and 8 + 1
    batches = batches_of_conditions(np.repeat([0, 1], [17, 9]), 8, 1, np.random.default_rng(0))
    assert sorted(map(len, batches)) == [4, 5, 5, 6, 6]


def test_passes_are_normalised_one_after_the_other():
    torch.manual_seed(0)
    passes = torch.randn(4, 7, 5) * torch.rand(4, 1, 5) + 3
    together, alone = PassNorm(5, running=True), torch.nn.BatchNorm1d(5)
    assert torch.allclose(together(passes), torch.stack([alone(one) for one in passes]), atol=1e-5)
    together.eval()
    alone.eval()
    assert torch.allclose(together(passes), torch.stack([alone(one) for one in passes]), atol=1e-5)


def test_a_prediction_is_normalised_by_its_own_moments_unless_told_otherwise():
    passes = torch.randn(2, 30, 5) + 9
    own = PassNorm(5, running=False).eval()(passes)
    assert torch.allclose(own.mean(dim=1), torch.zeros(2, 5), atol=1e-5)
    assert PassNorm(5, running=True).eval()(passes).mean() > 5


def test_the_similarity_graph_links_like_genes_alone_and_its_rows_have_length_one():
    torch.manual_seed(0)
    groups = torch.eye(3).repeat_interleave(4, dim=0) + 0.01 * torch.rand(12, 3)
    graph = similarity_graph([groups, groups], GrapeSettings())
    linked = graph > 0
    assert torch.equal(linked, torch.block_diag(*[torch.ones(4, 4)] * 3).bool())
    assert torch.allclose(graph.norm(dim=1), torch.ones(12), atol=1e-5)


@pytest.mark.parametrize("n_genes", [40, 400])
def test_a_row_that_links_all_genes_alike_is_no_graph_whatever_the_panel(n_genes):
    alike = torch.ones(n_genes, 3)
    assert not similarity_graph([alike], GrapeSettings()).any()
    assert similarity_graph([alike], GrapeSettings(reference_panel=None)).all()


@pytest.mark.parametrize("n_coding", [9, 6, 8])
def test_edges_between_biotypes_have_weights_of_their_own(n_coding):
    torch.manual_seed(0)
    attention = BiotypeAttention(9, n_coding, replace(GrapeSettings(), **TINY)).eval()
    nodes, nothing = torch.randn(9, 16), Knockouts(torch.tensor([[-1]]), 0.0)
    coding = torch.arange(9) < n_coding
    within = torch.where(coding[:, None] == coding, 1.0, 0.0)
    mixed = 1.0 - within
    names = ["coding", "mixed", "non_coding"] if n_coding < 9 else ["coding"]
    assert list(attention.relations) == names
    base = attention(nodes, torch.zeros(9, 9), nothing)
    assert torch.allclose(base[0], base[0, :1], atol=1e-6)  # without edges all genes get the same
    whole = attention(nodes, torch.ones(9, 9), nothing)
    parts = attention(nodes, within, nothing) + attention(nodes, mixed, nothing)
    assert torch.allclose(whole + base, parts, atol=1e-5)
    assert not torch.allclose(whole, base)


def test_the_name_says_what_the_views_are_made_of():
    assert Grape().label((), ()) == "grape-expression"
    assert Grape().label((), ("gene_vectors",)) == "grape-vectors-expression"


def test_settings_are_json_and_can_be_changed():
    settings = Grape().configuration()
    assert json.loads(json.dumps(settings)) == settings
    assert Grape(preset="released").settings.masking == "negated"
    assert Grape(least_steps=2000).settings.least_steps == 2000
    with pytest.raises(ValueError, match="preset='best'"):
        Grape(preset="best")
    with pytest.raises(ValueError, match="least_steps=-1"):
        Grape(least_steps=-1)


def test_what_it_has_no_mechanism_for_is_refused_with_the_reason():
    train = make_screen(("ctrl", "G0", "G1", "X9"), kind=TaskKind.UNSEEN_GENE)
    method = fitted(Small, train)
    with pytest.raises(Unsupported, match="X9 not among the measured genes"):
        method.predict(ask(train, "G0+X9"), n_cells=2, seed=0)
    with pytest.raises(Unsupported, match="no training control cells of cell type 'nowhere'"):
        method.predict(ask(train, "G0|nowhere"), n_cells=2, seed=0)
    drugs = make_screen(("ctrl|s", "X@10|s"), modality="treatment", kind=TaskKind.UNSEEN_COVARIATE)
    with pytest.raises(Unsupported, match="a treatment is not a gene"):
        fitted(Small, drugs)
    with pytest.raises(Unsupported, match="none for any gene"):
        fitted(Small, replace(train, resources=Resources(gene_vectors=pd.DataFrame({"a": [1.0]}, index=["Q"]))))


def test_training_starts_near_the_mean_shift_of_the_training_conditions():
    keys = ["ctrl", "G0", "G1", "G2"]
    train = make_screen(keys)
    method = fitted(
        shrunk(Grape, **{**TINY, "least_steps": 0, "epochs": 1, "batch_size": 1000, "learning_rate": 0.0}), train
    )
    mean_shift = train.condition_means(controls=True).loc[keys[1:]].mean().to_numpy() - train.control_mean("")
    predicted = [method.predict(ask(train, key), n_cells=1, seed=0)[0] - train.control_mean("") for key in keys[1:]]
    assert np.abs(np.mean(predicted, axis=0) - mean_shift).max() < 0.3 < np.abs(mean_shift).max()
