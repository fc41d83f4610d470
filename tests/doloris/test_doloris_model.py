from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from doloris_scenes import GENES, Killed, controls, drug_screen, kill_at, screen, tiny
from scipy.sparse import csr_matrix

from doloris import (
    Doloris,
    DolorisConfig,
    DolorisError,
    LatentWarning,
    Perturbation,
    Priors,
    TrainingCells,
    corrected,
    no_control_moments,
    no_latent,
    no_mask,
    paper,
    released,
    small,
)
from doloris.diagnostics import intra_distance, latent_figures
from doloris.errors import CellsError, CheckpointError, ConfigError, NotFitted, UnknownPerturbation
from doloris.trainer import Plan

ASKED = [Perturbation(genes=("G6",)), Perturbation(genes=("G0", "G7"))]
PRESETS = {
    "corrected": corrected(),
    "paper": paper(),
    "released": released(),
    "no control moments": no_control_moments(corrected()),
    "no latent": no_latent(corrected()),
    "no mask": no_mask(corrected()),
    "paper without mask": no_mask(paper()),
    "released without moments": no_control_moments(released()),
}
# a model trained for six steps, and the release at any time, has not learned a Gaussian latent
pytestmark = pytest.mark.filterwarnings("ignore::doloris.diagnostics.LatentWarning")


@pytest.fixture(scope="module")
def cells():
    return screen()


@pytest.fixture(scope="module")
def fitted(cells):
    return Doloris(tiny()).fit(cells, seed=0)


def sampled(model, cells, asked=None, n_cells=12):
    return np.stack(model.sample(asked or ASKED, controls(cells), n_cells=n_cells, seed=3))


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_gives_finite_cells_of_the_panel(cells, name):
    out = sampled(Doloris(tiny(PRESETS[name])).fit(cells, seed=0), cells)
    assert out.shape == (2, 12, len(GENES))
    assert np.isfinite(out).all()
    assert (out >= 0).all()


@pytest.mark.parametrize("config", [corrected(), released("drug")], ids=["corrected", "released"])
def test_drugs_in_two_cell_types(config):
    cells = drug_screen()
    model = Doloris(tiny(config)).fit(cells, seed=0)
    asked = [Perturbation(drug=3, dose=500.0, cell_type=1), Perturbation(drug=0, dose=100.0)]
    assert np.isfinite(sampled(model, cells, asked)).all()


def test_the_same_seed_gives_the_same_cells(cells, fitted):
    again = Doloris(tiny()).fit(cells, seed=0)
    np.testing.assert_array_equal(sampled(again, cells), sampled(fitted, cells))


def test_another_seed_gives_another_model(cells, fitted):
    other = Doloris(tiny()).fit(cells, seed=1)
    first, second = (m.parts.denoiser.state_dict()["enter.layers.0.weight"] for m in (fitted, other))
    assert not torch.equal(first, second)


def test_fitting_leaves_the_callers_random_state_alone(cells):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    Doloris(tiny(steps=1)).fit(cells, seed=0)
    assert torch.equal(before, torch.get_rng_state())


def test_a_conditions_cells_do_not_depend_on_what_else_is_asked_for(cells, fitted):
    np.testing.assert_allclose(sampled(fitted, cells, ASKED[1:])[0], sampled(fitted, cells)[1], rtol=1e-5, atol=1e-5)


def test_dense_and_sparse_controls_give_the_same_cells(cells, fitted):
    sparse = {kind: csr_matrix(values) for kind, values in controls(cells).items()}
    np.testing.assert_array_equal(np.stack(fitted.sample(ASKED, sparse, n_cells=12, seed=3)), sampled(fitted, cells))


@pytest.mark.parametrize("name", ["corrected", "paper", "released"])
def test_a_saved_model_gives_the_same_cells(cells, tmp_path, name):
    model = Doloris(tiny(PRESETS[name])).fit(cells, Priors({"mine": np.array([["G0", "G5"]])}), seed=0)
    model.save(tmp_path / "model")
    loaded = Doloris.load(tmp_path / "model")
    assert loaded.config == model.config
    np.testing.assert_array_equal(sampled(loaded, cells), sampled(model, cells))


def test_saving_into_a_folder_leaves_its_other_files(fitted, tmp_path):
    (tmp_path / "notes.txt").write_text("keep me")
    for _ in range(2):
        fitted.save(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {"model.json", "model.safetensors", "notes.txt"}
    assert (tmp_path / "notes.txt").read_text() == "keep me"


def test_a_save_that_fails_leaves_the_model_that_was_there(cells, fitted, tmp_path, monkeypatch):
    fitted.save(tmp_path)
    other = Doloris(tiny(paper(), steps=1)).fit(cells, seed=1)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", raise_full_disk)
        with pytest.raises(OSError, match="disk full"):
            other.save(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {"model.json", "model.safetensors"}
    np.testing.assert_array_equal(sampled(Doloris.load(tmp_path), cells), sampled(fitted, cells))


def raise_full_disk(*_args, **_settings):
    raise OSError("disk full")


def test_files_of_two_models_are_not_taken_for_one(cells, fitted, tmp_path):
    fitted.save(tmp_path / "one")
    Doloris(tiny(steps=7)).fit(cells, seed=1).save(tmp_path / "two")
    (tmp_path / "two" / "model.json").replace(tmp_path / "one" / "model.json")
    with pytest.raises(CheckpointError, match="are of two models"):
        Doloris.load(tmp_path / "one")


def test_a_saved_drug_model_gives_the_same_cells(tmp_path):
    cells = drug_screen()
    model = Doloris(tiny()).fit(cells, seed=0)
    model.save(tmp_path / "model")
    asked = [Perturbation(drug=1, dose=50.0, cell_type=1)]
    np.testing.assert_array_equal(sampled(Doloris.load(tmp_path / "model"), cells, asked), sampled(model, cells, asked))


@pytest.mark.parametrize("config", [replace(corrected(), ema=0.9), released()], ids=["corrected", "released"])
@pytest.mark.parametrize("killed_at", [1, 60])
def test_a_killed_run_goes_on_to_the_same_model(cells, tmp_path, config, killed_at):
    config = replace(tiny(config, steps=70), mask_epochs=0.5)
    whole = Doloris(config).fit(cells, seed=0)
    file = tmp_path / "run.safetensors"
    with pytest.raises(Killed):
        Doloris(config).fit(cells, seed=0, checkpoint=file, checkpoint_every=5, progress=kill_at(killed_at))
    resumed = Doloris(config).fit(cells, seed=0, checkpoint=file, checkpoint_every=5)
    for name, value in whole.parts.denoiser.state_dict().items():
        assert torch.equal(resumed.parts.denoiser.state_dict()[name], value), name
    np.testing.assert_array_equal(sampled(resumed, cells), sampled(whole, cells))


def test_a_checkpoint_of_another_seed_is_refused(cells, tmp_path):
    file = tmp_path / "run.safetensors"
    Doloris(tiny()).fit(cells, seed=0, checkpoint=file)
    with pytest.raises(CheckpointError, match="another configuration, seed or other cells"):
        Doloris(tiny()).fit(cells, seed=1, checkpoint=file)


def test_early_stopping_keeps_the_untrained_weights_when_training_only_hurts(cells):
    held = replace(cells, validation=frozenset({6}))
    config = replace(tiny(steps=20), early_stopping=4, learning_rate=3.0)
    model = Doloris(config).fit(held, seed=0)
    last = model.parts.denoiser.decoders["both"].layers[-1]
    assert not last.weight.any()


def test_early_stopping_without_conditions_to_validate_on_is_an_error():
    two = screen(perturbed=(0, 1))
    with pytest.raises(CellsError, match="no condition is named in validation"):
        Doloris(replace(tiny(), early_stopping=4)).fit(two, seed=0)


def test_training_lowers_the_loss_on_a_handful_of_conditions():
    cells = screen(n_controls=20, n_cells=8, perturbed=(0, 1))
    losses = []
    config = replace(tiny(paper(), steps=600), dropout=0.0, learning_rate=3e-3)
    config = replace(config, widths=replace(config.widths, trunk=64, decoder=64))
    Doloris(config).fit(cells, seed=0, progress=lambda *_, **f: losses.append(f.get("diffusion_loss")))
    trained = [loss for loss in losses if loss is not None]
    assert trained[-1] < 0.3 * trained[0]


def test_the_corrected_model_moves_cells_towards_an_unseen_condition():
    from doloris_scenes import draw, module_effect, rates

    cells = screen(n_controls=300, n_cells=120)
    model = Doloris(replace(tiny(steps=150), sampling_steps=20, timesteps=200)).fit(cells, seed=0)
    out = sampled(model, cells, [Perturbation(genes=("G7",))], n_cells=200)[0]
    rng = np.random.default_rng(0)
    truth = draw(rng, rates(rng), 2000, module_effect(7)).mean(axis=0)
    control = controls(cells)[0].mean(axis=0)
    assert np.linalg.norm(out.mean(axis=0) - truth) < 0.6 * np.linalg.norm(control - truth)
    assert intra_distance(out) == pytest.approx(
        intra_distance(draw(rng, rates(np.random.default_rng(0)), 300)), rel=0.15
    )


def test_the_round_trip_of_a_trained_model_errs_by_less_than_a_fiftieth_of_the_spread():
    cells = screen(n_controls=150)
    model = Doloris(replace(tiny(steps=150), timesteps=500, sampling_steps=50)).fit(cells, seed=0)
    bridge = model.bridge(None)
    source = bridge.source(csr_matrix(controls(cells)[0]), 0, 50, seed=0)
    assert bridge.round_trip(source, 0).mean() < 0.02
    figures = latent_figures(source.latent)
    assert figures.problem is None


@pytest.mark.filterwarnings("error::doloris.diagnostics.LatentWarning")
def test_a_latent_far_from_gaussian_is_warned_of(cells):
    with pytest.warns(LatentWarning, match="standard deviation"):
        sampled(Doloris(tiny(released())).fit(cells, seed=0), cells)


def test_batch_norm_makes_a_lone_training_row_lose_its_values():
    from doloris.layers import Mlp

    mlp = Mlp([4, 8, 2], "batch", 0.0).train()
    torch.testing.assert_close(mlp(torch.randn(1, 4)), mlp(torch.randn(1, 4)))
    layer = Mlp([4, 8, 2], "layer", 0.0).train()
    assert not torch.allclose(layer(torch.randn(1, 4)), layer(torch.randn(1, 4)))


@pytest.mark.parametrize("name", PRESETS)
def test_a_configuration_is_read_back(name):
    config = PRESETS[name]
    assert DolorisConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


def test_a_saved_field_that_decides_nothing_is_passed_over():
    assert DolorisConfig.from_json({**corrected().to_json(), "single_row": "keep"}) == corrected()


def test_an_unknown_field_of_a_configuration_is_an_error():
    with pytest.raises(ConfigError, match="unknown configuration fields colour"):
        DolorisConfig.from_json({"colour": 1})


def test_the_small_size_is_smaller_and_the_same_otherwise():
    config = small(corrected())
    assert config.widths.trunk < corrected().widths.trunk
    assert config.steps < corrected().steps
    sized = {name: getattr(corrected(), name) for name in ("name", "widths", "learning_rate", "steps")}
    assert replace(config, **sized) == corrected()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sampling_steps": 600}, "sampling_steps: 600"),
        ({"dropout": 1.0}, "dropout"),
        ({"ema": 2.0}, "ema"),
        ({"mask_low": 0.9, "mask_high": 0.5}, "thresholds"),
        ({"effect": "none"}, "no trace of the perturbation"),
        ({"effect": "none", "perturbation_dropout": 0.0}, "effect='kernel'"),
        ({"mask": "none"}, "values='raw'"),
        ({"skip": "none"}, "implicit"),
        ({"ema": 0.9, "early_stopping": 4}, "ema and early_stopping"),
        ({"skip": "none", "inversion": "explicit", "mask": "none", "values": "raw"}, "no trace of the perturbation"),
        ({"timesteps": 19, "sampling_steps": 5}, "timesteps: 19 are too few"),
    ],
)
def test_a_contradictory_configuration_is_an_error(change, message):
    with pytest.raises(ConfigError, match=message):
        replace(corrected(), **change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": np.zeros(3, int)}, "labels"),
        ({"genes": ("A",) * 24}, "genes"),
        ({"conditions": (Perturbation(),) * 7}, "listed twice"),
        ({"values": -screen().values}, "negative"),
    ],
)
def test_cells_that_do_not_fit_together_are_an_error(cells, change, message):
    with pytest.raises(CellsError, match=message):
        replace(cells, **change)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"genes": "KLF1"}, r"a tuple of symbols is needed, as in \('KLF1',\)"),
        ({"genes": ("A", "B", "A")}, "named twice"),
        ({"drug": -1, "dose": 1.0}, "not a row of the drug vectors"),
        ({"genes": ("A",), "drug": 0}, "not of both"),
        ({"drug": 0, "dose": -1.0}, "dose -1.0"),
    ],
)
def test_a_perturbation_that_cannot_be_is_an_error(content, message):
    with pytest.raises(CellsError, match=message):
        Perturbation(**content)


def test_two_genes_are_one_condition_in_either_order():
    assert Perturbation(genes=("G7", "G0")) == Perturbation(genes=("G0", "G7"))


def test_a_cell_type_without_controls_is_an_error():
    with pytest.raises(CellsError, match="0 control cells"):
        TrainingCells(np.ones((4, 2)), ("A", "B"), (Perturbation(genes=("A",)),), np.zeros(4, int))


def test_asking_for_what_the_model_cannot_represent_is_an_error(cells, fitted):
    refusing = Doloris(replace(tiny(steps=1), unknown_genes="refuse")).fit(cells, seed=0)
    with pytest.raises(UnknownPerturbation, match="XYZ"):
        sampled(refusing, cells, [Perturbation(genes=("XYZ",))])
    with pytest.raises(UnknownPerturbation, match="fitted on genes"):
        sampled(fitted, cells, [Perturbation(drug=0, dose=1.0)])
    with pytest.raises(CellsError, match="3 genes, the model has 24"):
        fitted.sample(ASKED, {0: np.ones((5, 3))}, n_cells=2, seed=0)
    with pytest.raises(CellsError, match="control cells of its cell type"):
        fitted.sample(ASKED, {}, n_cells=2, seed=0)


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_controls_that_are_no_log_normalised_cells_are_an_error(cells, fitted, value):
    wrong = controls(cells)[0]
    wrong[3, 5] = value
    with pytest.raises(CellsError, match="controls of cell type 0: negative or not finite"):
        fitted.sample(ASKED, {0: wrong}, n_cells=2, seed=0)


def test_a_drug_beyond_the_known_ones_is_an_error():
    cells = drug_screen()
    model = Doloris(tiny(steps=1)).fit(cells, seed=0)
    with pytest.raises(UnknownPerturbation, match="no such row among 4 drug vectors; add it first"):
        sampled(model, cells, [Perturbation(drug=4, dose=1.0)])


def test_without_an_effect_model_a_gene_of_an_edge_list_alone_is_refused_for_what_it_lacks(cells):
    priors = Priors({"mine": np.array([["X", "G0"], ["G1", "G2"]])})
    model = Doloris(tiny(paper(), steps=1)).fit(cells, priors, seed=0)
    with pytest.raises(UnknownPerturbation, match=r"X is neither measured nor trained$"):
        sampled(model, cells, [Perturbation(genes=("X",))])


def test_an_unfitted_model_says_so():
    with pytest.raises(NotFitted, match="call fit"):
        Doloris().parts  # noqa: B018


def test_a_folder_that_is_no_model_is_an_error(tmp_path):
    with pytest.raises(CheckpointError, match="not a saved Doloris model"):
        Doloris.load(tmp_path)


def test_a_perturbed_gene_outside_the_panel_is_trained_on(cells):
    renamed = replace(cells, conditions=(*cells.conditions[:6], Perturbation(genes=("outside",))))
    model = Doloris(tiny()).fit(renamed, seed=0)
    assert np.isfinite(sampled(model, renamed, [Perturbation(genes=("outside",))])).all()


def test_divergence_is_an_error_that_names_the_learning_rate(cells):
    with pytest.raises(DolorisError, match="learning_rate"):
        Doloris(replace(tiny(paper(), steps=100), learning_rate=1e12, mask="none", loss_genes="all")).fit(cells, seed=0)


def test_divergence_of_the_mask_model_names_its_learning_rate(cells):
    config = replace(tiny(paper(), steps=1), mask_learning_rate=1e30, mask_epochs=10.0)
    with pytest.raises(DolorisError, match="lower mask_learning_rate"):
        Doloris(config).fit(cells, seed=0)


def test_checkpoints_every_no_steps_are_an_error(cells, tmp_path):
    with pytest.raises(ConfigError, match="checkpoint_every: 0"):
        Doloris(tiny()).fit(cells, seed=0, checkpoint=tmp_path / "run.safetensors", checkpoint_every=0)


def test_a_condition_hidden_from_the_network_gives_the_same_prediction_for_every_gene(cells):
    from doloris.conditioning import condition_rows

    model = Doloris(tiny(replace(corrected(), perturbation_dropout=0.5))).fit(cells, seed=0)
    conditioning = model.parts.denoiser.conditioning
    asked = [Perturbation(genes=("G0",)), Perturbation(genes=("G1",))]
    rows = condition_rows(asked, {"G0": 0, "G1": 1}, torch.device("cpu"))
    with torch.no_grad():
        seen = conditioning(rows, conditioning.encode_graph())
        hidden = conditioning(rows.hidden(torch.tensor([True, True])), conditioning.encode_graph())
    assert not torch.allclose(seen[0], seen[1])
    torch.testing.assert_close(hidden[0], hidden[1])


def test_a_second_log_is_taken_back(cells):
    config = replace(tiny(), log1p_again=True)
    model = Doloris(config).fit(cells, seed=0)
    logged = replace(cells, values=cells.values.log1p())
    plain = Doloris(replace(config, log1p_again=False)).fit(logged, seed=0)
    np.testing.assert_allclose(sampled(model, cells), np.expm1(sampled(plain, logged)), rtol=1e-5)


def test_fewer_steps_of_a_longer_anneal_are_its_beginning():
    learning_rates = [Plan(10, 1.0, 0.0, "linear", anneal_steps).rate(5) for anneal_steps in (None, 20)]
    assert learning_rates == [0.5, 0.75]
    with pytest.raises(ConfigError, match="anneal_steps: 3 is fewer than steps = 6"):
        replace(tiny(), anneal_steps=3)
