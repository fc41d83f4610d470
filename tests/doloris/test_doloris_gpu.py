"""The same model on a CUDA device."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from doloris_scenes import controls, drug_screen, screen, tiny

from doloris import Doloris, Perturbation, corrected, paper, released

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
