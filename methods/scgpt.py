"""scGPT: a transformer over genes, pretrained on many cells, told which genes are perturbed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from typing import ClassVar

import numpy as np

from methods.base import Method, Progress, Query, TrainingData, Unsupported
from methods.conditions import Condition, TaskKind
from methods.presets import preset_named
from methods.scgpt_checkpoint import read_checkpoint
from methods.scgpt_settings import ScgptSettings
from methods.training_cells import Panel, TrainingCells, left_out
from methods.validation import ValidationConditions

CHECKPOINT = "scgpt"


class Scgpt(Method):
    """scGPT's perturbation mode (Cui et al. 2024, https://github.com/bowang-lab/scGPT).

    Perturbed cells are predicted from control cells whose perturbed genes are flagged; each training cell is
    paired with one random control, and the squared error is minimised. A double has two flags. With
    ``--checkpoint scgpt=FOLDER`` (``args.json``, ``vocab.json``, ``best_model.pt``) the pretrained gene, value
    and transformer weights are fine-tuned; the flags and the output layers are new, as in the release.
    Without, a network of width 64 and 2 layers is trained from random weights and called ``scgpt-scratch``:
    it has scGPT's architecture and none of its knowledge.

    A cell type is seen through its control cells; a treatment is no gene and has no token; a perturbed gene
    that is not measured has no token either, so its cells are left out and it is not predicted. Predictions
    are clipped at 0 and at the largest value that the normalisation allows: the output layer is unbounded.

    Attention keeps no matrix of genes × genes, so a training step needs memory in proportion to cells × genes: 240 KiB
    each in the published network in float32, that is 22 GiB for the tutorial's 64 × 1,536 (146 KiB each in bfloat16),
    and 7.5 KiB each in the small one, 15 MiB for its 16 × 128.

    Parameters
    ----------
    preset
        ``default``, or ``released``: sequences that may lack the perturbed genes, pairs across cell types.
    epochs
        At most so many passes; the preset's when 0.
    """

    name = "scgpt"
    tasks = frozenset({TaskKind.UNSEEN_GENE, TaskKind.DOUBLE_GENE, TaskKind.UNSEEN_COVARIATE})
    by_default = False
    output = "cells"
    presets: ClassVar[Mapping[str, ScgptSettings]] = {
        "default": ScgptSettings(),
        "released": ScgptSettings(
            keep_perturbed_genes=False, pair_within_cell_type=False, selection="expression_correlation"
        ),
    }

    def __init__(self, preset: str = "default", epochs: int = 0) -> None:
        self.settings = preset_named(self.presets, preset).with_epochs(epochs)

    def configuration(self) -> Mapping[str, object]:
        """All settings."""
        return asdict(self.settings)

    def label(self, conditions: Collection[Condition], supplied: Collection[str]) -> str:
        """``scgpt-scratch`` without a checkpoint."""
        return self.name if f"checkpoint:{CHECKPOINT}" in supplied else f"{self.name}-scratch"

    def fit(self, train: TrainingData, *, seed: int, device: str, progress: Progress) -> None:
        """Fine-tune the checkpoint, or train from random weights."""
        from methods.networks.scgpt_training import fit_transformer

        if any(condition.modality == "treatment" for condition in train.conditions.values()):
            raise Unsupported("a treatment is not a gene, so no token can be flagged")
        folder = train.resources.checkpoints.get(CHECKPOINT)
        checkpoint = None if folder is None else read_checkpoint(folder)
        self._panel = Panel(train.genes, train.target_sum)
        self._position = {gene: position for position, gene in enumerate(self._panel.sorted_genes)}
        everything = TrainingCells.of(train)
        cells = everything.with_controls().only(
            lambda condition: self._position.keys() >= set(condition.perturbations), that="whose genes are all measured"
        )
        self._left_out = left_out(everything, cells)
        self._fitted = fit_transformer(
            cells,
            ValidationConditions.of(cells, can=_comparable(cells, train.kind)),
            checkpoint,
            self.settings,
            seed=seed,
            device=device,
            progress=progress,
        )

    def record(self) -> Mapping[str, object]:
        """Training conditions that were not fitted on, and genes of the panel that a checkpoint does not know."""
        return {**self._left_out, "genes_without_token": list(self._fitted.unknown)}

    def predict(self, query: Query, *, n_cells: int, seed: int) -> np.ndarray:
        """Random controls of the cell type, each turned into a perturbed cell: (n_cells, n_genes)."""
        genes = query.condition.perturbations
        unmeasured = [gene for gene in genes if gene not in self._position]
        if unmeasured:
            raise Unsupported(f"{', '.join(unmeasured)} not among the measured genes, so no token can be flagged")
        controls = self._panel.draw_cells(query.controls, n_cells, seed=seed)
        predicted = self._fitted.predict(controls, [self._position[gene] for gene in genes])
        return self._panel.restore_cells(predicted)


def _comparable(cells: TrainingCells, kind: TaskKind) -> Callable[[Condition], bool] | None:
    """Whether a validation condition asks what the task asks; ``None`` where all do.

    Where pairs of genes are asked for whose parts were trained on, a gene held out for validation would stop
    training at what is best for unknown genes; its cells are better fitted on.
    """
    if kind is not TaskKind.DOUBLE_GENE:
        return None
    fitted = [cells.conditions[number] for number in np.unique(cells.condition_of[~cells.held_out])]
    known = {gene for condition in fitted for gene in condition.perturbations}
    return lambda condition: known >= set(condition.perturbations)
