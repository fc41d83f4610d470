"""A training step of each preset at full width beside its memory-traffic floor.

Run by hand: ``pytest tests/benchmarks/test_doloris_speed.py -s``. 5,000 genes, batch 32, twenty graph edges a
gene, on whatever device there is. The floor is the time to move what AdamW must move once a step at the
bandwidth measured by a large copy: parameters read in the forward and the backward pass, gradients written and
read, parameters and two moments read and written.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from on_device import find_device, peak_gib, wait
from scipy.sparse import random as random_sparse

from doloris import Doloris, DolorisConfig, Perturbation, Priors, TrainingCells, corrected, paper, released

GENES, CELLS, CONDITIONS, EDGES = 5_000, 2_000, 40, 20
FLOATS_MOVED = 10
"""Per parameter and step: 2 reads, 2 for its gradient, 6 for the parameter and its two moments in the update."""


@pytest.fixture
def device() -> str:
    return find_device()


@pytest.fixture(scope="module")
def screen() -> TrainingCells:
    rng = np.random.default_rng(0)
    values = random_sparse(CELLS, GENES, density=0.2, format="csr", random_state=rng, dtype=np.float32)
    genes = tuple(f"G{number}" for number in range(GENES))
    conditions = (Perturbation(), *(Perturbation(genes=(genes[number],)) for number in range(CONDITIONS)))
    return TrainingCells(values, genes, conditions, np.arange(CELLS) % (CONDITIONS + 1))


def bandwidth(device: str) -> float:
    """Bytes a second that a copy reads and writes."""
    block = torch.zeros(256 << 20 if device == "cuda" else 32 << 20, device=device)
    target = torch.empty_like(block)
    times = []
    for _ in range(5):
        wait(device)
        start = time.perf_counter()
        target.copy_(block)
        wait(device)
        times.append(time.perf_counter() - start)
    return 2 * block.numel() * 4 / min(times)


@pytest.mark.parametrize("make", [paper, released, corrected])
def test_a_training_step(make: Callable[[], DolorisConfig], screen: TrainingCells, device: str) -> None:
    # the named edges alone; progress is told every 50 steps
    steps = 1_000 if device == "cuda" else 100
    config = replace(make(), coexpression_threshold=1.0, steps=steps, mask_steps=1)
    edges = np.array(screen.genes)[np.random.default_rng(0).integers(0, GENES, (GENES * EDGES // 2, 2))]
    told: list[float] = []

    def progress(_step: int, _total: int, **figures: float) -> None:
        if "diffusion_loss" in figures:
            wait(device)
            told.append(time.perf_counter())

    model = Doloris(config).fit(screen, Priors(edges={"random": edges}), seed=0, device=device, progress=progress)
    step = (told[-1] - told[0]) / (50 * (len(told) - 1))
    count, peak = sum(parameter.numel() for parameter in model.parts.denoiser.parameters()), peak_gib(device)
    speed = bandwidth(device)
    floor = FLOATS_MOVED * 4 * count / speed
    print(
        f"\n{config.name} on {device}, {torch.get_num_threads()} threads: {count / 1e6:.1f} M parameters, "
        f"step {step * 1e3:.2f} ms, floor {floor * 1e3:.2f} ms at {speed / 1e9:.1f} GB/s, ratio {step / floor:.1f}, "
        f"peak memory {peak:.1f} GiB"
    )
    assert count > 30e6
