"""The network that predicts clean cells: one trunk, and a decoder for controls and treated cells, or one each."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from doloris.conditioning import Conditioning, ConditionRows
from doloris.config import DolorisConfig
from doloris.layers import Mlp, time_embedding


@dataclass(frozen=True)
class NoisyCells:
    """What the network is asked to clean.

    Parameters
    ----------
    values
        Noisy cells at a step, (B, G).
    step
        Original index of the step, (B,).
    alpha_bar
        Signal kept at that step, (B, 1).
    rows
        Conditions, one per cell.
    control
        Control information (x_noisy of Eq. 12 in training, the real control cell at inference), (B, G), or
        ``None`` where the configuration does not use it.
    centre, spread
        Mean and standard deviation expected of the clean cells, (B, G), or ``None`` without ``skip``.
    """

    values: Tensor
    step: Tensor
    alpha_bar: Tensor
    rows: ConditionRows
    control: Tensor | None = None
    centre: Tensor | None = None
    spread: Tensor | None = None

    def at(self, rows: Tensor) -> NoisyCells:
        """Some of the cells."""
        return NoisyCells(
            self.values[rows],
            self.step[rows],
            self.alpha_bar[rows],
            self.rows[rows],
            *(None if part is None else part[rows] for part in (self.control, self.centre, self.spread)),
        )


def linear_estimate(cells: NoisyCells) -> tuple[Tensor, Tensor]:
    r"""Best linear estimate of the clean cells from gene-wise moments, and its standard error: two (B, G).

    For a gene of mean m and variance s², :math:`m + \frac{\sqrt{\bar\alpha} s^2}{\bar\alpha s^2 + 1 - \bar\alpha}
    (x_t - \sqrt{\bar\alpha} m)`; exact for independent Gaussians.
    """
    assert cells.centre is not None
    assert cells.spread is not None
    slope = linear_slope(cells.alpha_bar, cells.spread)
    estimate = cells.centre + slope * (cells.values - cells.alpha_bar.sqrt() * cells.centre)
    error = (
        cells.spread * ((1.0 - cells.alpha_bar) / (cells.alpha_bar * cells.spread**2 + 1.0 - cells.alpha_bar)).sqrt()
    )
    return estimate, error


def linear_slope(alpha_bar: Tensor, spread: Tensor) -> Tensor:
    """Derivative of the linear estimate by the noisy value."""
    return alpha_bar.sqrt() * spread**2 / (alpha_bar * spread**2 + 1.0 - alpha_bar)


class Denoiser(nn.Module):
    """The dual model in one network (3.7; section 4).

    Parameters
    ----------
    n_genes
        Width of a cell.
    conditioning
        Makes the condition vector.
    n_cell_types
        Cell types; one needs no cell-type layers.
    config
        Settings.
    """

    def __init__(self, n_genes: int, conditioning: Conditioning, n_cell_types: int, config: DolorisConfig) -> None:
        super().__init__()
        trunk, decoder, time = config.widths.trunk, config.widths.decoder, config.widths.time
        norm, dropout = config.norm, config.dropout
        self.config = config
        self.conditioning = conditioning
        self.enter = Mlp([n_genes, trunk, trunk, trunk], norm, dropout)
        self.time = Mlp([time, trunk, trunk], norm, dropout)
        self.middle = Mlp([trunk] * 4, norm, dropout)
        self.last = Mlp([trunk] * 4, norm, dropout)
        self.cell_type = Mlp([config.widths.condition, trunk, trunk], norm, dropout) if n_cell_types > 1 else None
        self.control_input = (
            Mlp([n_genes, trunk, trunk], norm, dropout) if config.control_information == "input" else None
        )
        names = ("control", "treated") if config.decoders == "two" else ("both",)
        self.decoders = nn.ModuleDict(
            {name: Mlp([trunk, decoder, decoder, decoder, n_genes], norm, dropout) for name in names}
        )
        if config.skip == "moments":
            for mlp in self.decoders.values():
                mlp.start_at_zero()

    @property
    def same_shapes(self) -> bool:
        """Whether every batch is computed with the same shapes, whatever its conditions are."""
        together = self.config.decoders == "one" and self.config.norm == "layer"
        return together and self.conditioning.same_shapes

    def encode_graph(self) -> Tensor | None:
        """Gene vectors, to be made once per step and handed to :meth:`forward`."""
        return self.conditioning.encode_graph()

    def forward(self, cells: NoisyCells, encoded: Tensor | None) -> Tensor:
        """Clean cells: (B, G); the network gives x0hat or, with ``skip``, the correction of the linear estimate."""
        decoded = self._decode_groups(cells, encoded) if self.config.norm == "batch" else self._decode(cells, encoded)
        if self.config.skip == "moments":
            estimate, error = linear_estimate(cells)
            return estimate + error * decoded
        if self.config.control_information == "added" and cells.control is not None:
            return torch.where(cells.rows.control[:, None], decoded, decoded + cells.control)
        return decoded

    def _decode_groups(self, cells: NoisyCells, encoded: Tensor | None) -> Tensor:
        """Controls, then treated cells, each as a batch of its own, since batch norm sees them so (section 4)."""
        out = torch.empty_like(cells.values)
        for wanted in (cells.rows.control, ~cells.rows.control):
            group = torch.nonzero(wanted).ravel()
            if len(group):
                out = out.index_copy(0, group, self._decode(cells.at(group), encoded))
        return out

    def _decode(self, cells: NoisyCells, encoded: Tensor | None) -> Tensor:
        """Output of the decoder of each cell's kind: (B, G)."""
        values = self._standard(cells) if self.config.skip == "moments" else cells.values
        hidden = self._trunk(values, cells, encoded)
        if self.config.decoders == "one":
            both: Tensor = self.decoders["both"](hidden)
            return both
        out = torch.empty_like(cells.values)
        for name, wanted in (("control", cells.rows.control), ("treated", ~cells.rows.control)):
            group = torch.nonzero(wanted).ravel()
            if len(group):
                out = out.index_copy(0, group, self.decoders[name](hidden[group]))
        return out

    def _standard(self, cells: NoisyCells) -> Tensor:
        """Noisy cells minus their expected mean, at unit variance."""
        assert cells.centre is not None
        assert cells.spread is not None
        scale = (cells.alpha_bar * cells.spread**2 + 1.0 - cells.alpha_bar).sqrt()
        return (cells.values - cells.alpha_bar.sqrt() * cells.centre) / scale

    def _trunk(self, values: Tensor, cells: NoisyCells, encoded: Tensor | None) -> Tensor:
        hidden = self.enter(values) + self.time(time_embedding(cells.step, self.config.widths.time))
        if self.control_input is not None and cells.control is not None:
            hidden = hidden + self.control_input(cells.control) * ~cells.rows.control[:, None]
        hidden = self.middle(hidden)
        if self.cell_type is not None:
            hidden = hidden + self.cell_type(self.conditioning.cell_type_vector(cells.rows.cell_type))
        out: Tensor = self.last(hidden) + self.conditioning(cells.rows, encoded)
        return out
