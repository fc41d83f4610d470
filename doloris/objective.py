"""The diffusion's training loss of a batch of cells."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from doloris.cell_space import CellSpace
from doloris.cell_store import CellStore
from doloris.conditioning import ConditionRows
from doloris.config import DolorisConfig
from doloris.denoiser import Denoiser, NoisyCells
from doloris.loss import LOSSES
from doloris.schedule import Schedule, add_noise


@dataclass(frozen=True)
class DiffusionObjective:
    """Loss of cells drawn at random (Eq. 9 and 13 jointly, 3.7).

    Parameters
    ----------
    denoiser, space
        The network and the space it works in.
    store
        Training cells.
    labels
        Condition of each cell, (n,).
    levels
        Level of each cell, (n,); see :meth:`doloris.cell_space.CellSpace.level`.
    conditions
        One row per condition.
    shifts
        Predicted change of the mean of each condition, scaled, (n_conditions, G); ``None`` without effects.
    schedule
        The steps that are trained.
    config
        Settings.
    """

    denoiser: Denoiser
    space: CellSpace
    store: CellStore
    labels: Tensor
    levels: Tensor
    conditions: ConditionRows
    shifts: Tensor | None
    schedule: Schedule
    config: DolorisConfig

    def draw(self, candidates: Tensor, generator: torch.Generator) -> Tensor:
        """Loss of a batch drawn from the candidate cells; a scalar."""
        picked = torch.randint(
            len(candidates), (self.config.batch_size,), generator=generator, device=candidates.device
        )
        return self.of(candidates[picked], generator)

    def of(self, cells: Tensor, generator: torch.Generator) -> Tensor:
        """Loss of the given cells at random steps and noise; a scalar."""
        condition = self.labels[cells]
        rows = self.conditions[condition]
        raw, level = self.store.rows(cells), self.levels[cells]
        clean = self.space.enter(raw, rows.cell_type, level, generator)
        position = torch.randint(len(self.schedule), (len(cells),), generator=generator, device=raw.device)
        alpha_bar = self.schedule.alpha_bar[position][:, None]
        noise = torch.randn(clean.shape, generator=generator, device=raw.device)
        if self.config.perturbation_dropout > 0:
            drawn = torch.rand(len(cells), generator=generator, device=raw.device)
            rows = rows.hidden(drawn < self.config.perturbation_dropout)
        control = None
        if self.config.control_information != "none" and self.config.control_moments:
            control = self.space.noisy_control(rows.cell_type, generator)
        shift = None if self.shifts is None else self.shifts[condition]
        centre, spread = self.space.expected(rows.cell_type, level, shift)
        noisy = NoisyCells(
            add_noise(clean, noise, alpha_bar), self.schedule.steps[position], alpha_bar, rows, control, centre, spread
        )
        predicted = self.denoiser(noisy, self.denoiser.encode_graph())
        counted = (raw != 0).to(raw.dtype) if self.config.loss_genes == "expressed" else torch.ones_like(raw)
        if spread is not None:
            # the error of the linear estimate is the unit, so that all steps count alike
            unit = ((alpha_bar + (1.0 - alpha_bar) / spread.square()) / (1.0 - alpha_bar)).sqrt()
            predicted, clean = predicted * unit, clean * unit
        return LOSSES[self.config.loss_normalisation](predicted, clean, counted)
