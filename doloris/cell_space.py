"""The space the diffusion works in: scale, imputed zeros, and what is expected of a clean cell."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from doloris.config import DolorisConfig
from doloris.data import TrainingCells
from doloris.moments import ControlMoments, ExpressedMoments

_NAMES = ("scale", "control_mean", "control_sd", "centre", "spread", "mean", "sd", "slope", "residual", "log_odds")


class CellSpace(nn.Module):
    """Maps cells to the space of the diffusion and back; frozen after fitting.

    Buffers, all float32: ``scale`` (G,); per cell type (C, G): ``control_mean`` and ``control_sd`` (Eq. 12),
    ``centre`` and ``spread`` of clean cells, all scaled; ``mean``, ``sd``, ``slope``, ``residual``, ``log_odds`` of
    expressed values on the scale of the cells (see :class:`doloris.moments.ExpressedMoments`).
    """

    def __init__(self, n_genes: int, n_cell_types: int, config: DolorisConfig) -> None:
        super().__init__()
        self.config = config
        for name in _NAMES:
            shape = (n_genes,) if name == "scale" else (n_cell_types, n_genes)
            self.register_buffer(name, torch.zeros(shape))

    def set_moments(self, cells: TrainingCells, control: ControlMoments, expressed: ExpressedMoments) -> None:
        """Take scale and moments from the training cells."""
        if self.config.scaling == "max":
            scale = np.full(len(cells.genes), float(cells.values.data.max()))
        else:
            scale = np.sqrt((expressed.sd**2).mean(axis=0))
        raw = self.config.values == "raw"
        centre, spread = (control.mean, control.sd) if raw else (expressed.mean, expressed.residual)
        # a gene that no control expresses still varies elsewhere
        spread = np.maximum(spread, 0.05 * scale)
        values = {
            "scale": scale,
            "control_mean": control.mean / scale,
            "control_sd": control.sd / scale,
            "centre": centre / scale,
            "spread": spread / scale,
            "mean": expressed.mean,
            "sd": expressed.sd,
            "slope": expressed.slope,
            "residual": expressed.residual,
            "log_odds": expressed.log_odds,
        }
        for name, value in values.items():
            self.get_buffer(name).copy_(torch.from_numpy(np.asarray(value, dtype=np.float32)))

    def enter(self, cells: Tensor, cell_type: Tensor, level: Tensor, generator: torch.Generator) -> Tensor:
        """Clean cells in the space of the diffusion: (B, G) to (B, G); zeros imputed where configured."""
        if self.config.values == "imputed":
            cells = torch.where(cells > 0, cells, self.impute(cell_type, level, generator))
        return cells / self.get_buffer("scale")

    def leave(self, cells: Tensor) -> Tensor:
        """Back to the scale of the cells, negative values to 0."""
        return (cells * self.get_buffer("scale")).clamp_min(0.0)

    def level(self, cells: Tensor, cell_type: Tensor) -> Tensor:
        """Mean standardised value of the genes each cell expresses: (B, G) to (B,)."""
        on = cells > 0
        standard = (cells - self.get_buffer("mean")[cell_type]) / self.get_buffer("sd")[cell_type]
        return (standard * on).sum(dim=1) / on.sum(dim=1).clamp_min(1)

    def impute(self, cell_type: Tensor, level: Tensor, generator: torch.Generator) -> Tensor:
        """A draw of what every gene's value would be if cells of this level expressed it: (B, G)."""
        mean = self.get_buffer("mean")[cell_type]
        noise = torch.randn(mean.shape, generator=generator, device=mean.device)
        drawn: Tensor = (
            mean + self.get_buffer("slope")[cell_type] * level[:, None] + self.get_buffer("residual")[cell_type] * noise
        )
        return drawn

    def noisy_control(self, cell_type: Tensor, generator: torch.Generator) -> Tensor:
        """Control mean plus control noise (Eq. 12): (B, G), scaled."""
        mean = self.get_buffer("control_mean")[cell_type]
        noise = torch.randn(mean.shape, generator=generator, device=mean.device)
        return mean + self.get_buffer("control_sd")[cell_type] * noise

    def shift(self, log_odds: Tensor, value: Tensor, cell_type: Tensor) -> Tensor:
        """Change of the mean of what the diffusion sees: (B, G), scaled.

        Parameters
        ----------
        log_odds, value
            Change of the log odds of expression and of the expressed mean, (B, G).
        """
        if self.config.values == "imputed":
            return value / self.get_buffer("scale")
        mean, base = self.get_buffer("mean")[cell_type], self.get_buffer("log_odds")[cell_type]
        change = torch.sigmoid(base + log_odds) * (mean + value) - torch.sigmoid(base) * mean
        return change / self.get_buffer("scale")

    def expected(self, cell_type: Tensor, level: Tensor, shift: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        """Mean and standard deviation expected of clean cells, (B, G) each; ``None`` without ``skip``.

        Imputed cells are expected around what their level says, so that the depth of a cell, by far the largest
        source of shared variation, is not left to the diffusion.

        Parameters
        ----------
        level
            Level of each cell, or of the control cell it is bridged from, (B,).
        shift
            Predicted change of the mean of treated cells, scaled, (B, G).
        """
        if self.config.skip == "none":
            return None, None
        centre, spread = self.get_buffer("centre")[cell_type], self.get_buffer("spread")[cell_type]
        if self.config.values == "imputed":
            slope = self.get_buffer("slope")[cell_type] / self.get_buffer("scale")
            centre = centre + slope * level[:, None]
        return centre if shift is None else centre + shift, spread
