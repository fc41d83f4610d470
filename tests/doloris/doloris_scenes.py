"""Tiny screens for the tests of the Doloris library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from doloris import DolorisConfig, Perturbation, TrainingCells, Widths, corrected
from doloris.cell_space import CellSpace
from doloris.cell_store import CellStore
from doloris.conditioning import condition_rows
from doloris.moments import control_moments, expressed_moments
from doloris.objective import DiffusionObjective
from doloris.schedule import Schedule

GENES = tuple(f"G{number}" for number in range(24))
MODULES = 3


def rates(rng: np.random.Generator) -> np.ndarray:
    """Typical counts of each gene, in modules of eight."""
    return np.exp(rng.normal(0.3, 0.8, len(GENES)))


def draw(rng: np.random.Generator, rate: np.ndarray, n: int, shift: np.ndarray | float = 0.0) -> np.ndarray:
    """Log-normalised Poisson cells whose modules vary together."""
    module = np.arange(len(GENES)) % MODULES
    activity = 0.5 * rng.standard_normal((n, MODULES))
    depth = np.exp(0.3 * rng.standard_normal((n, 1)))
    counts = rng.poisson(depth * rate * np.exp(activity[:, module] + shift))
    return np.log1p(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1) * 1e3).astype(np.float32)


def module_effect(gene: int) -> np.ndarray:
    """A perturbed gene lowers its module, and itself more."""
    effect = np.where(np.arange(len(GENES)) % MODULES == gene % MODULES, -0.8, 0.0)
    effect[gene] = -2.0
    return effect


def screen(seed: int = 0, n_controls: int = 80, n_cells: int = 30, perturbed: tuple[int, ...] = (0, 1, 2, 3, 4, 5)):
    """Controls and six single perturbations of 24 genes in three modules."""
    rng = np.random.default_rng(seed)
    rate = rates(rng)
    conditions = [Perturbation(), *(Perturbation(genes=(GENES[gene],)) for gene in perturbed)]
    blocks = [draw(rng, rate, n_controls), *(draw(rng, rate, n_cells, module_effect(gene)) for gene in perturbed)]
    labels = np.repeat(np.arange(len(blocks)), [len(block) for block in blocks])
    return TrainingCells(np.concatenate(blocks), GENES, tuple(conditions), labels)


def drug_screen(seed: int = 0) -> TrainingCells:
    """Two cell types, three drugs at two doses."""
    rng = np.random.default_rng(seed)
    conditions, blocks = [], []
    for cell_type in range(2):
        rate = rates(rng)
        conditions.append(Perturbation(cell_type=cell_type))
        blocks.append(draw(rng, rate, 40))
        for drug in range(3):
            for dose in (100.0, 10_000.0):
                conditions.append(Perturbation(drug=drug, dose=dose, cell_type=cell_type))
                blocks.append(draw(rng, rate, 12, module_effect(drug) * np.log10(dose) / 4))
    labels = np.repeat(np.arange(len(blocks)), [len(block) for block in blocks])
    vectors = rng.standard_normal((4, 5)).astype(np.float32)
    return TrainingCells(np.concatenate(blocks), GENES, tuple(conditions), labels, n_cell_types=2, drug_vectors=vectors)


def tiny(config: DolorisConfig | None = None, steps: int = 6) -> DolorisConfig:
    """A configuration that trains in a fraction of a second."""
    return replace(
        config or corrected(),
        widths=Widths(trunk=24, decoder=24, condition=8, time=8, mask=8),
        steps=steps,
        sampling_steps=8,
        timesteps=40,
        n_features=4,
        mask_epochs=0.5,
        learning_rate=1e-3,
        n_latents=10,
        coexpression_cells=60,
        reference_genes=None,
    )


class Killed(Exception):
    """Stands for whatever ends a run."""


def kill_at(step: int):
    """A progress callback that ends the run once so many steps are done."""

    def progress(done, _total, **_figures):
        if done >= step:
            raise Killed

    return progress


def controls(cells: TrainingCells) -> dict[int, np.ndarray]:
    """Control cells by cell type."""
    return {kind: cells.controls_of(kind).toarray() for kind in range(cells.n_cell_types)}


def space_of(cells: TrainingCells, config: DolorisConfig) -> CellSpace:
    """Scales and moments of a screen of one cell type."""
    space = CellSpace(len(cells.genes), 1, config)
    space.set_moments(cells, control_moments(cells), expressed_moments(cells))
    return space


def objective_of(
    cells: TrainingCells,
    space: CellSpace,
    config: DolorisConfig,
    schedule: Schedule,
    guess: Callable[[torch.Tensor], torch.Tensor],
) -> DiffusionObjective:
    """The loss of the diffusion on a screen, with a function of the noisy cells in place of the network."""

    class Guessing:
        def encode_graph(self):
            return None

        def __call__(self, cells, encoded):
            return guess(cells.values)

    cpu = torch.device("cpu")
    return DiffusionObjective(
        denoiser=Guessing(),
        space=space,
        store=CellStore(cells.values, cpu),
        labels=torch.from_numpy(cells.labels),
        levels=torch.zeros(cells.n_cells),
        conditions=condition_rows(cells.conditions, {gene: place for place, gene in enumerate(cells.genes)}, cpu),
        shifts=None,
        schedule=schedule,
        config=config,
    )
