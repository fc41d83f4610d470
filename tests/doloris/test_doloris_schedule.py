from __future__ import annotations

import numpy as np
import pytest
import torch

from doloris import ddim
from doloris.denoiser import linear_slope
from doloris.errors import ConfigError
from doloris.schedule import add_noise, alpha_bars, linear_betas, make_schedule, visited_steps


def test_betas_run_from_2e_4_to_4e_2_over_500_steps():
    betas = linear_betas(500)
    assert betas[0].item() == pytest.approx(2e-4)
    assert betas[-1].item() == pytest.approx(4e-2)


def test_signal_kept_is_the_product_of_what_each_step_keeps():
    expected = np.cumprod(1.0 - np.linspace(2e-4, 4e-2, 500))
    np.testing.assert_allclose(alpha_bars(linear_betas(500)).numpy(), expected, rtol=1e-9)


def test_the_released_fifty_steps_keep_the_signal_the_specification_quotes():
    schedule = make_schedule(500, 50, "leading")
    assert schedule.steps.tolist() == list(range(0, 500, 10))
    assert schedule.alpha_bar[0].item() == pytest.approx(0.9998, abs=1e-5)
    assert schedule.alpha_bar[-1].item() == pytest.approx(5.42e-5, rel=2e-3)


@pytest.mark.parametrize("count", [1, 7, 30, 50, 70, 500])
def test_trailing_steps_end_at_the_last_and_never_repeat(count):
    steps = visited_steps(500, count, "trailing")
    assert len(steps) == count == len(set(steps.tolist()))
    assert steps[-1] == 499


def test_more_steps_than_there_are_is_an_error():
    with pytest.raises(ConfigError, match="sampling_steps: 60"):
        visited_steps(50, 60, "leading")


def test_a_ddim_step_is_the_closed_form():
    x_0, noise = torch.tensor([[0.4, -1.0]]), torch.tensor([[0.3, 2.0]])
    here, there = torch.tensor(0.3), torch.tensor(0.8)
    x_t = add_noise(x_0, noise, here)
    torch.testing.assert_close(ddim.step(x_t, x_0, here, there), add_noise(x_0, noise, there))


class Gaussian:
    """Independent Gaussians, whose clean cell is predicted exactly."""

    def __init__(self, schedule, mean, sd):
        self.schedule, self.mean, self.sd = schedule, mean, sd

    def slope(self, position):
        return linear_slope(self.schedule.alpha_bar[position], self.sd)

    def __call__(self, x, position):
        return self.mean + self.slope(position) * (x - self.schedule.alpha_bar[position].sqrt() * self.mean)


@pytest.fixture
def gaussian():
    return Gaussian(make_schedule(500, 50, "trailing"), torch.tensor([2.0, -1.0, 0.5]), torch.tensor([1.0, 0.5, 2.0]))


def test_implicit_inversion_and_sampling_return_a_gaussian_cell_within_1e_4(gaussian):
    x_0 = gaussian.mean + gaussian.sd * torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
    latent = ddim.invert_implicit(gaussian, x_0, gaussian.schedule, gaussian.slope, iterations=1)
    assert (ddim.sample(gaussian, latent, gaussian.schedule) - x_0).abs().max() < 1e-4


def test_explicit_inversion_returns_a_gaussian_cell_less_exactly(gaussian):
    x_0 = gaussian.mean + gaussian.sd * torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
    latent = ddim.invert_explicit(gaussian, x_0, gaussian.schedule)
    error = (ddim.sample(gaussian, latent, gaussian.schedule) - x_0).abs().max()
    assert 1e-2 < error < 1.0


def test_cells_sampled_from_gaussian_noise_have_the_moments_of_the_gaussian():
    gaussian = Gaussian(
        make_schedule(500, 500, "trailing"), torch.tensor([2.0, -1.0, 0.5]), torch.tensor([1.0, 0.5, 2.0])
    )
    n = 20_000
    cells = ddim.sample(gaussian, torch.randn(n, 3, generator=torch.Generator().manual_seed(1)), gaussian.schedule)
    # five standard errors of a mean and of a standard deviation
    assert ((cells.mean(dim=0) - gaussian.mean).abs() < 5 * gaussian.sd / n**0.5).all()
    assert ((cells.std(dim=0) - gaussian.sd).abs() < 5 * gaussian.sd / (2 * n) ** 0.5).all()


def test_more_steps_bring_the_sampled_spread_closer(gaussian):
    latent = torch.randn(2000, 3, generator=torch.Generator().manual_seed(1))

    def error(steps):
        finer = Gaussian(make_schedule(500, steps, "trailing"), gaussian.mean, gaussian.sd)
        return (
            (ddim.sample(finer, latent, finer.schedule).std(dim=0) / gaussian.sd / latent.std(dim=0) - 1.0).abs().max()
        )

    assert error(250) < error(50) < error(5)
