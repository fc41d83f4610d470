"""The mask model's training loss: cross-entropy with the genes a treated cell expresses (Eq. 14)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from doloris.cell_space import CellSpace
from doloris.cell_store import CellStore
from doloris.conditioning import ConditionRows
from doloris.config import DolorisConfig
from doloris.mask_model import CalibratedMaskModel, MaskInputs, MaskModel


@dataclass(frozen=True)
class MaskObjective:
    """Loss of treated cells drawn at random.

    Parameters
    ----------
    model, space
        The mask model and the space of the diffusion, whose control moments stand for the control cell.
    store, labels, conditions
        As in :class:`doloris.objective.DiffusionObjective`.
    effect, own
        Predicted change of the log odds and perturbed genes of each condition, (n_conditions, G), or ``None``.
    offsets
        Detection offset of each cell around its condition's mean, (n,), or ``None``.
    config
        Settings.
    """

    model: MaskModel
    space: CellSpace
    store: CellStore
    labels: Tensor
    conditions: ConditionRows
    effect: Tensor | None
    own: Tensor | None
    offsets: Tensor | None
    config: DolorisConfig

    def draw(self, candidates: Tensor, generator: torch.Generator) -> Tensor:
        """Mean cross-entropy over the genes of a batch of the candidate cells; a scalar."""
        picked = candidates[
            torch.randint(len(candidates), (self.config.batch_size,), generator=generator, device=candidates.device)
        ]
        condition = self.labels[picked]
        rows = self.conditions[condition]
        truth = (self.store.rows(picked) != 0).float()
        if isinstance(self.model, CalibratedMaskModel):
            assert self.effect is not None
            assert self.own is not None
            assert self.offsets is not None
            base = self.model.get_buffer("control_log_odds")[rows.cell_type] + self.offsets[picked][:, None]
            log_odds = base + self.model.change(rows, self.effect[condition], self.own[condition])
        else:
            source = self.space.noisy_control(rows.cell_type, generator)
            if not self.config.control_moments:
                source = torch.zeros_like(source)
            log_odds = self.model.log_odds(MaskInputs(rows, source))
        return nn.functional.binary_cross_entropy_with_logits(log_odds, truth)
