"""A training step of the paper-scale network beside its memory-traffic floor.

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

from doloris import DolorisConfig, Perturbation, TrainingCells, corrected, paper, released
from doloris.assembly import build_networks
from doloris.cell_store import CellStore
from doloris.conditioning import condition_rows
from doloris.moments import control_moments, expressed_moments
from doloris.objective import DiffusionObjective
from doloris.schedule import make_schedule
from doloris.trainer import Plan, Trainer

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
    changes = {"effect": "none", "mask": "none", "values": "raw", "scaling": "max", "unknown_genes": "refuse"}
    config = replace(make(), **changes, perturbation_dropout=0.0)
    rng = np.random.default_rng(0)
    edges = torch.from_numpy(rng.integers(0, GENES, (2, GENES * EDGES)))
    features = torch.from_numpy(rng.standard_normal((GENES, config.n_features)).astype(np.float32))
    denoiser, space, _ = build_networks(screen.genes, 1, features, edges, None, config)
    space.set_moments(screen, control_moments(screen), expressed_moments(screen))
    denoiser.to(device)
    space.to(device)
    nodes = {gene: number for number, gene in enumerate(screen.genes)}
    objective = DiffusionObjective(
        denoiser,
        space,
        CellStore(screen.values, device),
        torch.from_numpy(screen.labels).to(device),
        torch.zeros(CELLS, device=device),
        condition_rows(screen.conditions, nodes, device),
        None,
        make_schedule(config.timesteps, config.timesteps, config.spacing).to(device),
        config,
    )
    everything = torch.arange(CELLS, device=device)
    trainer = Trainer(
        denoiser,
        Plan(10_000, config.learning_rate, config.weight_decay, same_shapes=denoiser.same_shapes),
        lambda generator: objective.draw(everything, generator),
        torch.Generator(device).manual_seed(0),
    )
    denoiser.train()
    # on a GPU many steps at a time, so that the wait for the last does not count, and after the recording
    together = 50 if device.type == "cuda" else 1
    for _ in range(5 if device.type == "cuda" else 1):
        trainer._advance()
    step = fastest(lambda: [trainer._advance() for _ in range(together)], device, STEPS) / together

    count = sum(parameter.numel() for parameter in denoiser.parameters())
    speed = bandwidth(device)
    floor = FLOATS_MOVED * 4 * count / speed
    peak = (
        torch.cuda.max_memory_allocated(device) / 2**30
        if device.type == "cuda"
        else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    )
    print(
        f"\n{config.name} on {device}, {torch.get_num_threads()} threads: {count / 1e6:.1f} M parameters, "
        f"step {step * 1e3:.2f} ms, floor {floor * 1e3:.2f} ms at {speed / 1e9:.1f} GB/s, ratio {step / floor:.1f}, "
        f"peak memory {peak:.1f} GiB"
    )
    assert count > 30e6
