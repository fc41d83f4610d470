"""The same model on a CUDA device."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from doloris_scenes import Killed, controls, drug_screen, kill_at, screen, tiny

import doloris.recording
from doloris import Doloris, Perturbation, corrected, paper, released
from doloris.cell_store import CellStore

pytestmark = [pytest.mark.gpu, pytest.mark.filterwarnings("ignore::doloris.diagnostics.LatentWarning")]
ASKED = [Perturbation(genes=("G6",)), Perturbation(genes=("G0", "G7"))]


@pytest.mark.parametrize("make", [corrected, paper, released])
def test_every_preset_trains_and_samples_on_a_gpu(make):
    cells = screen()
    model = Doloris(tiny(make())).fit(cells, seed=0, device="cuda")
    out = np.stack(model.sample(ASKED, controls(cells), n_cells=12, seed=3))
    assert np.isfinite(out).all()
    assert (out >= 0).all()


def test_the_same_seed_gives_the_same_cells_on_a_gpu():
    cells = screen()
    first, second = (
        np.stack(Doloris(tiny()).fit(cells, seed=0, device="cuda").sample(ASKED, controls(cells), n_cells=12, seed=3))
        for _ in range(2)
    )
    np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("changes", [{}, {"perturbation_dropout": 0.1}, {"ema": 0.9}, {"early_stopping": 4}])
def test_recorded_steps_train_as_the_steps_themselves(monkeypatch, changes):
    cells = screen()
    config = replace(tiny(steps=40), **changes)
    recorded = Doloris(config).fit(cells, seed=0, device="cuda").parts.denoiser.state_dict()
    monkeypatch.setattr(doloris.recording, "_WARM_UP", 1_000_000)
    plain = Doloris(config).fit(cells, seed=0, device="cuda").parts.denoiser.state_dict()
    untrained = Doloris(replace(config, steps=1)).fit(cells, seed=0, device="cuda").parts.denoiser.state_dict()
    moved = sum((plain[name] - untrained[name]).abs().sum() for name in plain)
    apart = sum((plain[name] - recorded[name]).abs().sum() for name in plain)
    assert apart <= 1e-3 * moved


@pytest.mark.parametrize("killed_at", [1, 60])
def test_a_run_killed_on_a_gpu_goes_on_with_the_same_result(tmp_path, killed_at):
    cells, config = screen(), tiny(steps=70)
    whole = Doloris(config).fit(cells, seed=0, device="cuda")
    file = tmp_path / "run.safetensors"
    with pytest.raises(Killed):
        Doloris(config).fit(
            cells, seed=0, device="cuda", checkpoint=file, checkpoint_every=5, progress=kill_at(killed_at)
        )
    resumed = Doloris(config).fit(cells, seed=0, device="cuda", checkpoint=file, checkpoint_every=5)
    for name, value in whole.parts.denoiser.state_dict().items():
        torch.testing.assert_close(resumed.parts.denoiser.state_dict()[name], value, rtol=1e-4, atol=1e-5)


def test_a_sparse_store_gives_the_same_rows_on_a_gpu():
    cells = screen().values
    picked = torch.tensor([5, 0, 5, 77], device="cuda")
    rows = CellStore(cells, torch.device("cuda"), dense_bytes=0).rows(picked)
    np.testing.assert_array_equal(rows.cpu().numpy(), cells[picked.cpu().numpy()].toarray())


def test_a_model_saved_on_a_gpu_is_read_on_a_cpu(tmp_path):
    cells = screen()
    model = Doloris(tiny()).fit(cells, seed=0, device="cuda")
    model.save(tmp_path / "model")
    back = Doloris.load(tmp_path / "model")
    assert {value.device.type for value in back.parts.denoiser.state_dict().values()} == {"cpu"}
    assert np.isfinite(np.stack(back.sample(ASKED, controls(cells), n_cells=3, seed=0))).all()


def test_drugs_can_be_added_to_a_model_on_a_gpu():
    cells = drug_screen()
    model = Doloris(tiny(paper())).fit(cells, seed=0, device="cuda")
    (number,) = model.add_drugs(np.ones((1, 5), dtype=np.float32))
    (out,) = model.sample([Perturbation(drug=number, dose=10.0)], controls(cells), n_cells=3, seed=0)
    assert np.isfinite(out).all()


def test_the_random_state_of_the_gpu_is_left_alone():
    before = torch.cuda.get_rng_state()
    Doloris(tiny(steps=1)).fit(screen(), seed=0, device="cuda")
    assert torch.equal(before, torch.cuda.get_rng_state())
