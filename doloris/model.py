"""The model as its user sees it: fit, sample, save, load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy.sparse import csr_matrix

from doloris.assembly import Parts
from doloris.bridge import Bridge
from doloris.config import DolorisConfig, corrected
from doloris.data import Perturbation, Priors, TrainingCells
from doloris.diagnostics import LatentFigures, latent_figures, warn_of
from doloris.errors import CellsError, ConfigError, NotFitted
from doloris.fitting import fit_parts
from doloris.progress import Progress, silent
from doloris.storage import load_parts, save_parts


class Doloris:
    """Dual conditional diffusion bridges with sparsity masking (ICLR 2026).

    Parameters
    ----------
    config
        Settings; :func:`doloris.config.corrected` unless given.

    Examples
    --------
    >>> from doloris import Doloris, Perturbation, TrainingCells, corrected, small
    >>> model = Doloris(small(corrected())).fit(cells, seed=0)  # doctest: +SKIP
    >>> model.sample([Perturbation(genes=("KLF1",))], {0: controls}, n_cells=100, seed=0)  # doctest: +SKIP
    """

    def __init__(self, config: DolorisConfig | None = None) -> None:
        self.config = corrected() if config is None else config
        self._parts: Parts | None = None
        self._device = torch.device("cpu")
        self.latent: dict[int, LatentFigures] = {}

    def fit(
        self,
        cells: TrainingCells,
        priors: Priors | None = None,
        *,
        seed: int,
        device: str = "cpu",
        progress: Progress = silent,
        checkpoint: Path | str | None = None,
        checkpoint_every: int = 500,
    ) -> Doloris:
        """Learn from training cells.

        Parameters
        ----------
        cells, priors
            What is learned from.
        seed
            Same cells, configuration, seed and device give the same model.
        device
            A torch device name.
        progress
            Called with (step, total, mask_loss=... or diffusion_loss=...).
        checkpoint
            File to keep the state of training in. If it exists training goes on from it, with the result it would
            have had without the stop.
        checkpoint_every
            Steps between two checkpoints.

        Returns
        -------
        The model itself.

        Raises
        ------
        DolorisError
            If cells and priors do not fit together, the loss diverges, or the checkpoint is another run's.
        """
        if checkpoint_every < 1:
            raise ConfigError(f"checkpoint_every: {checkpoint_every} must be at least 1")
        _check_priors(cells, priors)
        cells = replace(cells, values=self._enter(cells.values))
        self._device = torch.device(device)
        self._parts = fit_parts(
            cells,
            priors or Priors(),
            self.config,
            seed=seed,
            device=self._device,
            progress=progress,
            checkpoint=None if checkpoint is None else Path(checkpoint),
            checkpoint_every=checkpoint_every,
        )
        return self

    def sample(
        self,
        conditions: Sequence[Perturbation],
        controls: Mapping[int, csr_matrix | np.ndarray],
        *,
        n_cells: int,
        seed: int,
        condition_seeds: Sequence[int] | None = None,
        sampling_steps: int | None = None,
    ) -> list[np.ndarray]:
        """Cells of conditions, each independent of which others are asked for.

        The figures of each cell type's latent are kept in ``latent``.

        Parameters
        ----------
        conditions
            What is asked for.
        controls
            Control cells per cell type that the bridges start from, (m, G), m >= 2, log-normalised.
        n_cells
            Cells per condition.
        seed
            Decides the control cells and their latents, which all conditions share, and the masks.
        condition_seeds
            Seeds of the masks, one per condition; ``seed`` for all unless given.
        sampling_steps
            Function evaluations (NFE); the configuration's unless given.

        Returns
        -------
        Per condition (n_cells, G) float32, >= 0, log-normalised.

        Raises
        ------
        UnknownPerturbation
            If the model has no representation for a condition.
        CellsError
            If a cell type has no control cells to start from, they have another panel, or a value of theirs is
            negative or not finite.
        NotFitted
            If there is nothing to sample from.

        Warns
        -----
        LatentWarning
            If the latent is far from a standard Gaussian.
        """
        if n_cells < 1:
            raise ConfigError(f"n_cells: {n_cells} must be at least 1")
        seeds = [seed] * len(conditions) if condition_seeds is None else condition_seeds
        if len(seeds) != len(conditions):
            raise ConfigError(f"condition_seeds: {len(seeds)} seeds for {len(conditions)} conditions")
        bridge = self.bridge(sampling_steps)
        bridge.rows(conditions)  # every condition is checked before any is computed
        out: dict[int, np.ndarray] = {}
        for kind in dict.fromkeys(condition.cell_type for condition in conditions):
            asked = [number for number, condition in enumerate(conditions) if condition.cell_type == kind]
            source = bridge.source(self._controls(controls, conditions[asked[0]]), kind, n_cells, seed)
            self.latent[kind] = latent_figures(source.latent)
            warn_of(self.latent[kind])
            cells = bridge.cells([conditions[n] for n in asked], source, n_cells, [seeds[n] for n in asked])
            out |= dict(zip(asked, map(self._leave, cells), strict=True))
        return [out[number] for number in range(len(conditions))]

    def add_drugs(self, vectors: np.ndarray) -> range:
        """Make further drugs known to a fitted model, so that they can be sampled.

        Parameters
        ----------
        vectors
            (n, d), finite, made as the drug vectors of training.

        Returns
        -------
        Their numbers, to be used as :attr:`Perturbation.drug`.

        Raises
        ------
        CellsError
            If the model was fitted on genes, or the vectors do not fit those of training.
        NotFitted
            If there is no model yet.
        """
        known = self.parts.drug_vectors
        if known is None:
            raise CellsError("drugs cannot be added: the model was fitted on genes")
        if vectors.ndim != 2 or vectors.shape[1] != known.shape[1] or not np.isfinite(vectors).all():
            raise CellsError(
                f"drug vectors of shape {vectors.shape}: finite ones of length {known.shape[1]} are needed, one per row"
            )
        self._parts = self.parts.with_drugs(vectors)
        return range(len(known), len(known) + len(vectors))

    def activation_probabilities(
        self, condition: Perturbation, controls: Mapping[int, csr_matrix | np.ndarray], *, seed: int
    ) -> np.ndarray:
        """Predicted probability that each gene is expressed (Fig. 5): (G,).

        Raises
        ------
        NotFitted
            If there is no mask model.
        """
        if self.parts.mask is None:
            raise NotFitted("there is no mask model; set mask to 'calibrated' or 'graph'")
        bridge = self.bridge(None)
        with_latent = replace(bridge.config, latent="gaussian")  # probabilities need no inversion
        bridge = Bridge(self.parts, with_latent, self._device)
        source = bridge.source(self._controls(controls, condition), condition.cell_type, self.config.n_latents, seed)
        out: np.ndarray = bridge.activation(condition, source).cpu().numpy()
        return out

    def bridge(self, sampling_steps: int | None) -> Bridge:
        """The bridge that :meth:`sample` uses, for diagnostics."""
        steps = self.config.sampling_steps if sampling_steps is None else sampling_steps
        return Bridge(self.parts, replace(self.config, sampling_steps=steps), self._device)

    @property
    def parts(self) -> Parts:
        """The fitted parts.

        Raises
        ------
        NotFitted
            If there are none yet.
        """
        if self._parts is None:
            raise NotFitted("the model has not been fitted; call fit or load first")
        return self._parts

    def save(self, path: Path | str) -> None:
        """Write the model into a folder (``model.safetensors``, ``model.json``), whose other files stay."""
        save_parts(self.parts, self.config, Path(path))

    @classmethod
    def load(cls, path: Path | str, device: str = "cpu") -> Doloris:
        """Read a model that :meth:`save` wrote.

        Raises
        ------
        CheckpointError
            If the folder does not hold one.
        """
        where = torch.device(device)
        parts, config = load_parts(Path(path), where)
        model = cls(config)
        model._parts, model._device = parts, where
        return model

    def _controls(self, controls: Mapping[int, csr_matrix | np.ndarray], condition: Perturbation) -> csr_matrix:
        cells = controls.get(condition.cell_type)
        if cells is None or cells.shape[0] < 2:
            raise CellsError(f"{condition.label!r}: at least 2 control cells of its cell type are needed to start from")
        if cells.shape[1] != len(self.parts.genes):
            raise CellsError(
                f"controls of cell type {condition.cell_type}: {cells.shape[1]} genes, "
                f"the model has {len(self.parts.genes)}"
            )
        cells = csr_matrix(cells)
        if not np.isfinite(cells.data).all() or (cells.data < 0).any():
            raise CellsError(
                f"controls of cell type {condition.cell_type}: negative or not finite; "
                "log1p of normalised counts is needed"
            )
        return self._enter(cells)

    def _enter(self, cells: csr_matrix) -> csr_matrix:
        return cells.log1p() if self.config.log1p_again else cells

    def _leave(self, cells: np.ndarray) -> np.ndarray:
        # an exploded sample stays finite: no log-normalised value comes near expm1(20)
        return np.expm1(np.minimum(cells, 20.0)) if self.config.log1p_again else cells


def _check_priors(cells: TrainingCells, priors: Priors | None) -> None:
    if priors is None:
        return
    for name in ("token_embeddings", "token_rank"):
        value = getattr(priors, name)
        if value is not None and len(value) != len(cells.genes):
            raise CellsError(f"{name}: {len(value)} rows for {len(cells.genes)} genes; one row per gene of the panel")
