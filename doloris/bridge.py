"""From control cells to cells of a condition: inversion, sampling, mask, rescaling (Eq. 15 to 17)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from doloris import ddim
from doloris.assembly import Parts
from doloris.conditioning import ConditionRows, condition_rows
from doloris.config import DolorisConfig
from doloris.data import Perturbation
from doloris.denoiser import NoisyCells, linear_slope
from doloris.mask_model import CalibratedMaskModel, MaskInputs
from doloris.mask_sampling import (
    apply_thresholds,
    independent_patterns,
    moved_patterns,
    nearest_condition,
    reference_patterns,
)
from doloris.schedule import Schedule, make_schedule

_ROWS = 4096
"""Cells that pass the network at a time."""


@dataclass(frozen=True)
class Source:
    """Control cells of one cell type, ready to be bridged to any condition.

    Parameters
    ----------
    cells
        (m, G), on the scale of the cells.
    latent
        Their latent, or Gaussian noise in its place: (m, G).
    """

    cells: Tensor
    latent: Tensor


@dataclass(frozen=True)
class _Effects:
    """Predicted effects, one row per condition, (n_conditions, G) each, or ``None`` without an effect model.

    Parameters
    ----------
    log_odds
        Change of the log odds of expression.
    own
        1 where the gene is perturbed.
    shift
        Change of the mean, scaled.
    """

    log_odds: Tensor | None
    own: Tensor | None
    shift: Tensor | None

    def of(self, condition: int) -> _Effects:
        """Those of one condition, (1, G) each."""
        parts = (self.log_odds, self.own, self.shift)
        return _Effects(*(None if part is None else part[condition : condition + 1] for part in parts))


def derived_seed(seed: int, *parts: object) -> int:
    """Seed of one draw, independent of the other draws."""
    digest = hashlib.sha256(repr((seed, *parts)).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


class Bridge:
    """Carries control cells to conditions with fitted parts.

    Parameters
    ----------
    parts
        A fitted model.
    config
        Its settings; ``sampling_steps`` may differ from training.
    device
        Where the parts are.
    """

    def __init__(self, parts: Parts, config: DolorisConfig, device: torch.device) -> None:
        self.parts, self.config, self.device = parts, config, device
        self.schedule: Schedule = make_schedule(config.timesteps, config.sampling_steps, config.spacing).to(device)
        self._nodes = {gene: number for number, gene in enumerate(parts.nodes)}
        parts.denoiser.eval()
        if parts.mask is not None:
            parts.mask.eval()
        with torch.no_grad():
            self._encoded = parts.denoiser.encode_graph()

    def rows(self, conditions: Sequence[Perturbation]) -> ConditionRows:
        """Tensors of conditions.

        Raises
        ------
        UnknownPerturbation
            If the model has no representation for one.
        """
        for condition in conditions:
            self.parts.check(condition)
        nodes = self._nodes | {g: -1 for c in conditions for g in c.genes if g not in self._nodes}
        return condition_rows(conditions, nodes, self.device)

    @torch.no_grad()
    def source(self, controls: csr_matrix, cell_type: int, n_cells: int, seed: int) -> Source:
        """Draw control cells and invert them (Eq. 15); the latents serve every condition (A.4)."""
        wanted = min(controls.shape[0], max(n_cells, self.config.n_latents))
        picked = np.random.default_rng(derived_seed(seed, "controls", cell_type)).permutation(controls.shape[0])[
            :wanted
        ]
        cells = torch.from_numpy(controls[picked].toarray().astype(np.float32)).to(self.device)
        generator = self._generator(seed, "latent", cell_type)
        if self.config.latent == "gaussian":
            latent = torch.randn(cells.shape, generator=generator, device=self.device)
            return Source(cells, latent)
        types = torch.full((wanted,), cell_type, device=self.device)
        level = self.parts.space.level(cells, types)
        clean = self.parts.space.enter(cells, types, level, generator)
        rows = self.rows([Perturbation(cell_type=cell_type)])[torch.zeros(wanted, dtype=torch.long, device=self.device)]
        latent = torch.cat([self._invert(clean[part], rows[part], level[part]) for part in self._chunks(wanted)])
        return Source(cells, latent)

    @torch.no_grad()
    def cells(
        self, conditions: Sequence[Perturbation], source: Source, n_cells: int, seeds: Sequence[int]
    ) -> Iterator[np.ndarray]:
        """Cells of conditions of the source's cell type (Eq. 16, 17), many conditions to a pass of the network.

        Where more cells are asked for than there are latents, latents repeat with masks of their own.

        Yields
        ------
        Per condition (n_cells, G) float32, >= 0, log-normalised.
        """
        used = torch.arange(n_cells, device=self.device) % len(source.cells)
        distinct = torch.unique(used)
        per_pass = max(1, _ROWS // len(distinct))
        for start in range(0, len(conditions), per_pass):
            group = conditions[start : start + per_pass]
            rows, effects = self.rows(group), self._effects(group)
            values = self._sample_group(rows, source, distinct, effects.shift)
            for number, condition in enumerate(group):
                cells = self.parts.space.leave(values[number])[used]
                if self.parts.mask is not None:
                    own_rows = rows[torch.full((n_cells,), number, device=self.device)]
                    named = (condition.genes, condition.dose, condition.cell_type)
                    generator = self._generator(seeds[start + number], "mask", *named)
                    controls = source.cells[used]
                    cells = cells * self._mask(condition, own_rows, controls, effects.of(number), generator)
                out: np.ndarray = cells.cpu().numpy()
                yield out

    def _sample_group(self, rows: ConditionRows, source: Source, distinct: Tensor, shift: Tensor | None) -> Tensor:
        """Every distinct latent carried to every condition: (n_conditions, n_latents, G), scaled."""
        n_conditions, n_latents = len(rows), len(distinct)
        condition = torch.arange(n_conditions, device=self.device).repeat_interleave(n_latents)
        latent = distinct.repeat(n_conditions)
        passes = [
            self._sample(
                source.latent[latent[part]],
                source.cells[latent[part]],
                rows[condition[part]],
                None if shift is None else shift[condition[part]],
            )
            for part in self._chunks(len(latent))
        ]
        return torch.cat(passes).reshape(n_conditions, n_latents, -1)

    @torch.no_grad()
    def activation(self, condition: Perturbation, source: Source) -> Tensor:
        """Probability that each gene is expressed, averaged over the source cells: (G,)."""
        rows = self.rows([condition])[torch.zeros(len(source.cells), dtype=torch.long, device=self.device)]
        return self._probabilities(rows, source.cells, self._effects([condition]).of(0)).mean(dim=0)

    def round_trip(self, source: Source, cell_type: int) -> Tensor:
        """Root mean square difference, per source cell, between it and its reconstruction as a control: (m,), scaled.

        Zeros are compared with what was imputed for them.
        """
        generator = self._generator(0, "round trip", cell_type)
        n = len(source.cells)
        types = torch.full((n,), cell_type, device=self.device)
        rows = self.rows([Perturbation(cell_type=cell_type)])[torch.zeros(n, dtype=torch.long, device=self.device)]
        with torch.no_grad():
            level = self.parts.space.level(source.cells, types)
            clean = self.parts.space.enter(source.cells, types, level, generator)
            back = ddim.sample(self._denoise(rows, level, None, None), self._invert(clean, rows, level), self.schedule)
        return (back - clean).square().mean(dim=1).sqrt()

    def _effects(self, conditions: Sequence[Perturbation]) -> _Effects:
        """Predicted effects of conditions, controls having none, where the configuration uses them."""
        effects = self.parts.effects
        if effects is None:
            return _Effects(None, None, None)
        found = effects.predict(conditions)
        log_odds = torch.from_numpy(found.log_odds).to(self.device)
        value = torch.from_numpy(found.value).to(self.device)
        own = torch.from_numpy(found.own).to(self.device, torch.float32)
        types = torch.tensor([condition.cell_type for condition in conditions], device=self.device)
        return _Effects(log_odds, own, self.parts.space.shift(log_odds, value, types))

    def _denoise(
        self, rows: ConditionRows, level: Tensor, control: Tensor | None, shift: Tensor | None
    ) -> ddim.Denoise:
        config, parts = self.config, self.parts
        centre, spread = parts.space.expected(rows.cell_type, level, shift)
        used = control if config.control_information != "none" and config.control_moments else None
        clip = config.clip_drug and parts.drug_vectors is not None

        def denoise(x: Tensor, position: int) -> Tensor:
            step = self.schedule.steps[position].expand(len(x))
            alpha_bar = self.schedule.alpha_bar[position].expand(len(x), 1)
            clean: Tensor = parts.denoiser(NoisyCells(x, step, alpha_bar, rows, used, centre, spread), self._encoded)
            return clean.clamp(-1.0, 1.0) if clip else clean

        return denoise

    def _invert(self, clean: Tensor, rows: ConditionRows, level: Tensor) -> Tensor:
        denoise = self._denoise(rows, level, None, None)
        if self.config.inversion == "explicit":
            return ddim.invert_explicit(denoise, clean, self.schedule)
        _, spread = self.parts.space.expected(rows.cell_type, level, None)
        assert spread is not None  # the configuration allows `implicit` with expected moments only
        return ddim.invert_implicit(
            denoise,
            clean,
            self.schedule,
            lambda position: linear_slope(self.schedule.alpha_bar[position], spread),
            self.config.inversion_iterations,
        )

    def _sample(self, latent: Tensor, cells: Tensor, rows: ConditionRows, shift: Tensor | None) -> Tensor:
        control = cells / self.parts.space.get_buffer("scale")
        level = self.parts.space.level(cells, rows.cell_type)
        return ddim.sample(self._denoise(rows, level, control, shift), latent, self.schedule)

    def _probabilities(self, rows: ConditionRows, cells: Tensor, effects: _Effects) -> Tensor:
        assert self.parts.mask is not None
        source = cells
        if not isinstance(self.parts.mask, CalibratedMaskModel):
            source = cells / self.parts.space.get_buffer("scale")
            if not self.config.control_moments:
                source = torch.zeros_like(source)
        n = len(rows)
        spread = [None if part is None else part.expand(n, -1) for part in (effects.log_odds, effects.own)]
        return self.parts.mask.probabilities(MaskInputs(rows, source, *spread))

    def _mask(
        self,
        condition: Perturbation,
        rows: ConditionRows,
        cells: Tensor,
        effects: _Effects,
        generator: torch.Generator,
    ) -> Tensor:
        """0/1 patterns by the configured way of sampling: (n, G)."""
        config, mask = self.config, self.parts.mask
        after = self._probabilities(rows, cells, effects)
        if config.mask_sampling == "bernoulli":
            return independent_patterns(after, generator)
        if config.mask_sampling == "source":
            assert isinstance(mask, CalibratedMaskModel)
            return moved_patterns(cells > 0, torch.sigmoid(mask.control(rows, cells)), after, generator)
        assert self.parts.reference is not None
        probability = after.mean(dim=0)
        nearest = nearest_condition(probability, self.parts.reference.frequencies, config.reference_genes)
        patterns = reference_patterns(self.parts.reference.on(nearest), len(cells), generator)
        pair = len(condition.genes) > 1
        high = config.mask_high_pair if pair and config.mask_high_pair is not None else config.mask_high
        low = config.mask_low_pair if pair and config.mask_low_pair is not None else config.mask_low
        return apply_thresholds(patterns, probability, high, low)

    def _generator(self, seed: int, *parts: object) -> torch.Generator:
        return torch.Generator(self.device).manual_seed(derived_seed(seed, *parts))

    def _chunks(self, n: int) -> Sequence[Tensor]:
        chunks: Sequence[Tensor] = torch.arange(n, device=self.device).split(_ROWS)
        return chunks
