"""A training step of each preset at full width beside its memory-traffic floor.

Run by hand: ``pytest tests/benchmarks/test_doloris_speed.py -s``. 5,000 genes, batch 32, twenty graph edges a
gene, on whatever device there is. The floor is the time to move what AdamW must move once a step at the
bandwidth measured by a large copy: parameters read in the forward and the backward pass, gradients written and
read, parameters and two moments read and written.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.sparse import random as random_sparse

from doloris import DolorisConfig, Perturbation, Priors, TrainingCells, corrected, paper, released
from doloris.fitting import _Fitting

GENES, CELLS, CONDITIONS, EDGES = 5_000, 2_000, 40, 20
FLOATS_MOVED = 10
"""Per parameter and step: 2 reads, 2 for its gradient, 6 for the parameter and its two moments in the update."""
STEPS = 5


@pytest.fixture(scope="module")
def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@pytest.fixture(scope="module")
def screen() -> TrainingCells:
    rng = np.random.default_rng(0)
    values = random_sparse(CELLS, GENES, density=0.2, format="csr", random_state=rng, dtype=np.float32)
    genes = tuple(f"G{number}" for number in range(GENES))
    conditions = (Perturbation(), *(Perturbation(genes=(genes[number],)) for number in range(CONDITIONS)))
    return TrainingCells(values, genes, conditions, np.arange(CELLS) % (CONDITIONS + 1))


def bandwidth(device: torch.device) -> float:
    """Bytes a second that a copy reads and writes."""
    block = torch.zeros(256 << 20 if device.type == "cuda" else 32 << 20, device=device)
    target = torch.empty_like(block)
    return 2 * block.numel() * 4 / fastest(lambda: target.copy_(block), device, 5)


def fastest(run: Callable[[], object], device: torch.device, repeats: int) -> float:
    """Shortest of several runs, in seconds."""
    times = []
    for _ in range(repeats):
        wait(device)
        start = time.perf_counter()
        run()
        wait(device)
        times.append(time.perf_counter() - start)
    return min(times)


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@pytest.mark.parametrize("make", [paper, released, corrected])
def test_a_training_step(make: Callable[[], DolorisConfig], screen: TrainingCells, device: torch.device) -> None:
    config = replace(make(), coexpression_threshold=1.0)  # the named edges alone
    rng = np.random.default_rng(0)
    edges = np.array(screen.genes)[rng.integers(0, GENES, (GENES * EDGES // 2, 2))]
    fitting = _Fitting(screen, Priors(edges={"random": edges}), config, 0, device)
    trainer = fitting._stages()["diffusion"]
    trainer.module.train()
    # on a GPU many steps at a time, so that the wait for the last does not count, and after the recording
    together = 50 if device.type == "cuda" else 1
    for _ in range(5 if device.type == "cuda" else 1):
        trainer._advance()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    step = fastest(lambda: [trainer._advance() for _ in range(together)], device, STEPS) / together

    count = sum(parameter.numel() for parameter in trainer.module.parameters())
    peak = (
        torch.cuda.max_memory_allocated(device) / 2**30
        if device.type == "cuda"
        else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    )
    speed = bandwidth(device)
    floor = FLOATS_MOVED * 4 * count / speed
    print(
        f"\n{config.name} on {device}, {torch.get_num_threads()} threads: {count / 1e6:.1f} M parameters, "
        f"step {step * 1e3:.2f} ms, floor {floor * 1e3:.2f} ms at {speed / 1e9:.1f} GB/s, ratio {step / floor:.1f}, "
        f"peak memory {peak:.1f} GiB"
    )
    assert count > 30e6
