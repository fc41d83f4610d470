"""From training cells to fitted parts: closed-form pieces first, then the mask model, then the diffusion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from doloris.assembly import (
    Parts,
    build_networks,
    make_features,
    make_graph,
    make_reference,
    set_control_log_odds,
)
from doloris.cell_store import CellStore
from doloris.checkpoint import CheckpointFile, run_fingerprint
from doloris.conditioning import condition_rows
from doloris.config import DolorisConfig
from doloris.data import Perturbation, Priors, TrainingCells
from doloris.detection import detection_offset
from doloris.effects import Effects, fit_effects
from doloris.errors import CellsError
from doloris.graph import as_released
from doloris.mask_model import CalibratedMaskModel
from doloris.mask_training import MaskObjective
from doloris.moments import control_moments, expressed_moments, pooled_expressed_moments, pooled_moments
from doloris.objective import DiffusionObjective
from doloris.progress import Progress
from doloris.schedule import make_schedule
from doloris.trainer import Loss, Plan, Trainer

_CHUNK = 2_000
"""Cells that are looked at together."""


def fit_parts(
    cells: TrainingCells,
    priors: Priors,
    config: DolorisConfig,
    *,
    seed: int,
    device: torch.device,
    progress: Progress,
    checkpoint: Path | None,
    checkpoint_every: int,
) -> Parts:
    """Fit a model; see :meth:`doloris.model.Doloris.fit`. The caller's random state is left as it was."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        fitting = _Fitting(cells, priors, config, seed, device)
        file = None
        if checkpoint is not None:
            file = CheckpointFile(checkpoint, run_fingerprint(cells, priors, config, seed), checkpoint_every)
        fitting.train(progress, file)
        return fitting.parts


class _Fitting:
    """One run of training."""

    def __init__(
        self, cells: TrainingCells, priors: Priors, config: DolorisConfig, seed: int, device: torch.device
    ) -> None:
        self.cells, self.config, self.seed, self.device = cells, config, seed, device
        self.generator = torch.Generator(device).manual_seed(seed)
        graph = make_graph(cells, priors, config, np.random.default_rng(seed))
        drugs = None if cells.drug_vectors is None else torch.from_numpy(cells.drug_vectors.astype(np.float32))
        features = make_features(cells, graph, config)  # of the genes that edges name, however edges are numbered
        numbered = as_released(graph, priors) if config.node_order == "released" else graph
        edges = torch.from_numpy(numbered.edges)
        denoiser, space, mask = build_networks(cells.genes, cells.n_cell_types, features, edges, drugs, config)
        expressed = expressed_moments(cells)
        if config.control_moments:
            space.set_moments(cells, control_moments(cells), expressed)
        else:
            space.set_moments(cells, pooled_moments(cells), pooled_expressed_moments(cells))
        trained = fit_effects(cells, priors, expressed, config) if config.effect == "kernel" else None
        if isinstance(mask, CalibratedMaskModel):
            set_control_log_odds(mask, cells)
        reference = None
        if mask is not None and config.mask_sampling == "reference":
            reference = make_reference(cells, config.reference_controls, device)
        nodes = graph.nodes
        parts = Parts(
            cells.genes,
            nodes,
            cells.n_cell_types,
            drugs,
            denoiser,
            space,
            mask,
            trained.model if trained else None,
            reference,
        )
        self.parts = parts.to(device)
        self.store = CellStore(cells.values, device)
        self.labels = torch.from_numpy(cells.labels).to(device)
        self.types = torch.from_numpy(cells.cell_type).to(device)
        numbers = {gene: number for number, gene in enumerate(nodes)}
        self.conditions = condition_rows(cells.conditions, numbers, device)
        self.observed = self.left_out = None
        if trained is not None:
            self.observed = _by_condition(cells, trained.model.conditions, trained.observed)
            self.left_out = _by_condition(cells, trained.model.conditions, trained.left_out)

    def train(self, progress: Progress, file: CheckpointFile | None) -> None:
        """Train the mask model, then the diffusion, from the checkpoint on where there is one."""
        stages = self._stages()
        total = sum(trainer.plan.steps for trainer in stages.values())
        saved = None if file is None else file.read(self.device)
        done = 0
        for name, trainer in stages.items():
            if saved is not None:
                self._restore(saved[0], name, trainer, current=saved[1] == name)
            before = done

            def report(step: int, loss: float, name: str = name, before: int = before) -> None:
                progress(before + step, total, **{f"{name}_loss": loss})

            def save(step: int, name: str = name, trainer: Trainer = trainer) -> None:
                if file is not None and (step % file.every == 0 or step == trainer.plan.steps):
                    file.write(self._state(stages, name), name)

            trainer.run(report, save)
            done += trainer.plan.steps

    def _state(self, stages: dict[str, Trainer], current: str) -> dict[str, Tensor]:
        state: dict[str, Tensor] = {"random": torch.get_rng_state()}
        if self.device.type == "cuda":
            state["random_cuda"] = torch.cuda.get_rng_state(self.device)
        for name, trainer in stages.items():
            state |= {f"{name}/{key}": value for key, value in trainer.state().items()}
            if name == current:
                return state
        return state

    def _restore(self, state: dict[str, Tensor], name: str, trainer: Trainer, *, current: bool) -> None:
        own = {key.removeprefix(f"{name}/"): value for key, value in state.items() if key.startswith(f"{name}/")}
        if not own:
            return
        trainer.restore(own)
        if current:
            torch.set_rng_state(state["random"].cpu())
            if self.device.type == "cuda":
                torch.cuda.set_rng_state(state["random_cuda"].cpu(), self.device)

    def _stages(self) -> dict[str, Trainer]:
        fitting, validation = self._candidates()
        stages = {}
        if self.parts.mask is not None:
            stages["mask"] = self._mask_trainer(fitting)
        stages["diffusion"] = self._diffusion_trainer(fitting, validation)
        return stages

    def _candidates(self) -> tuple[np.ndarray, np.ndarray]:
        """Cells to train on, and cells to validate on."""
        if self.config.early_stopping is None:
            return np.arange(self.cells.n_cells), np.zeros(0, dtype=np.int64)
        held = np.isin(self.cells.labels, self._validation_conditions())
        return np.flatnonzero(~held), np.flatnonzero(held)

    def _validation_conditions(self) -> list[int]:
        """The conditions named for validation; where none is, a tenth of the perturbed ones, drawn by the seed."""
        if self.cells.validation:
            return sorted(self.cells.validation)
        perturbed = [number for number, c in enumerate(self.cells.conditions) if not c.is_control]
        if len(perturbed) < 3:
            raise CellsError(
                f"early_stopping is set, no condition is named in validation and only {len(perturbed)} are perturbed; "
                "name some, or set early_stopping=None"
            )
        drawn = np.random.default_rng(self.seed).permutation(perturbed)
        return sorted(drawn[: max(1, len(perturbed) // 10)].tolist())

    def _mask_trainer(self, fitting: np.ndarray) -> Trainer:
        assert self.parts.mask is not None
        config = self.config
        treated = self._on_device(fitting[~self.cells.control[fitting]])
        effect = own = offsets = None
        if isinstance(self.parts.mask, CalibratedMaskModel):
            effect, own = self._effect_tensors()
            offsets = self._offsets(self.parts.mask)
        objective = MaskObjective(
            self.parts.mask, self.parts.space, self.store, self.labels, self.conditions, effect, own, offsets, config
        )
        steps = max(1, round(config.mask_epochs * len(treated) / config.batch_size))
        steps = min(steps, config.mask_steps or steps)
        plan = Plan(
            steps,
            config.mask_learning_rate,
            config.mask_weight_decay,
            same_shapes=self.parts.mask.same_shapes,
            rate_setting="mask_learning_rate",
        )
        return Trainer(self.parts.mask, plan, _of(objective.draw, treated), self.generator)

    def _diffusion_trainer(self, fitting: np.ndarray, validation: np.ndarray) -> Trainer:
        config = self.config
        count = config.timesteps if config.trained_steps == "all" else config.sampling_steps
        schedule = make_schedule(config.timesteps, count, config.spacing).to(self.device)
        shifts = None
        centres = self.observed if config.trained_centre == "observed" else self.left_out
        if centres is not None:
            log_odds, value = (torch.from_numpy(part).to(self.device) for part in (centres.log_odds, centres.value))
            shifts = self.parts.space.shift(log_odds, value, self.conditions.cell_type)
        objective = DiffusionObjective(
            self.parts.denoiser,
            self.parts.space,
            self.store,
            self.labels,
            self._levels(),
            self.conditions,
            shifts,
            schedule,
            config,
        )
        plan = Plan(
            config.steps,
            config.learning_rate,
            config.weight_decay,
            config.anneal,
            config.anneal_steps,
            config.anneal_delay,
            config.idle_gradients,
            config.ema,
            config.early_stopping or 0,
            self.parts.denoiser.same_shapes,
        )
        watch = _of(objective.draw, self._on_device(validation)) if config.early_stopping is not None else None
        return Trainer(self.parts.denoiser, plan, _of(objective.draw, self._on_device(fitting)), self.generator, watch)

    def _effect_tensors(self) -> tuple[Tensor, Tensor]:
        n, genes = len(self.cells.conditions), len(self.cells.genes)
        if self.left_out is None:
            return torch.zeros(n, genes, device=self.device), torch.zeros(n, genes, device=self.device)
        own = self.left_out.own.astype(np.float32)
        return torch.from_numpy(self.left_out.log_odds).to(self.device), torch.from_numpy(own).to(self.device)

    def _levels(self) -> Tensor:
        """Level of every cell."""
        chunks = torch.arange(self.cells.n_cells, device=self.device).split(_CHUNK)
        return torch.cat([self.parts.space.level(self.store.rows(rows), self.types[rows]) for rows in chunks])

    def _offsets(self, mask: CalibratedMaskModel) -> Tensor:
        """Detection offset of every cell minus its condition's mean: the condition's own part is its effect."""
        counts = torch.from_numpy(np.diff(self.cells.values.indptr)).to(self.device, torch.int64)
        base = mask.get_buffer("control_log_odds")
        # cells of one type and count share their offset
        distinct, place = torch.unique(torch.stack([self.types, counts]), dim=1, return_inverse=True)
        solved = torch.cat([detection_offset(count, base[kind]) for kind, count in distinct.split(_CHUNK, dim=1)])
        offsets = solved[place]
        n = len(self.cells.conditions)
        sums = offsets.new_zeros(n).index_add(0, self.labels, offsets)
        return offsets - (sums / torch.bincount(self.labels, minlength=n))[self.labels]

    def _on_device(self, rows: np.ndarray) -> Tensor:
        return torch.from_numpy(rows).to(self.device)


def _of(draw: Callable[[Tensor, torch.Generator], Tensor], candidates: Tensor) -> Loss:
    return lambda generator: draw(candidates, generator)


def _by_condition(cells: TrainingCells, conditions: Sequence[Perturbation], effects: Effects) -> Effects:
    """Effects in the order of the training conditions; zero for controls."""
    number = {condition: row for row, condition in enumerate(conditions)}
    rows = np.array([number.get(condition, -1) for condition in cells.conditions])

    def spread(values: np.ndarray) -> np.ndarray:
        out: np.ndarray = np.where(rows[:, None] >= 0, values[rows], np.zeros((), values.dtype))
        return out

    return Effects(spread(effects.log_odds), spread(effects.value), spread(effects.own))
