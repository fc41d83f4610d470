"""GRAPE: a regressor of mean profiles on a graph of genes that is learned from two views of each."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import ClassVar

import numpy as np

from methods.base import Method, Progress, Query, TrainingData, Unsupported
from methods.conditions import Condition, TaskKind
from methods.gene_biotypes import is_non_coding
from methods.grape_settings import GrapeSettings
from methods.grape_views import make_views
from methods.presets import preset_named
from methods.training_cells import TrainingCells, left_out


class Grape(Method):
    """GRAPE (Chi et al. 2025, arXiv 2505.03853), written from its description; a mean for each condition.

    Two views of each gene are aligned and fused into its vector. Their similarities make a graph, which is
    refined while training; attention over its coding and non-coding parts and weights of each gene give the
    shift from the mean control. A knock-out sets the gene's vector to 0. All cells of a condition are
    regressed on the same prediction, so there are no predicted cells: ``output = "mean"``.

    The release reads language-model vectors of descriptions and of DNA. Here the user's gene vectors stand for the
    first and co-expression in the training controls for the second: ``grape-vectors-expression``. Without
    gene vectors the first is made of the training conditions' shifts: ``grape-expression``; all it then knows
    of an unseen gene is which genes resemble it in the screen.

    Ours: both vectors of a double are set to 0; a cell type has its own mean control and shares the shift,
    since the network does not see it, hence no claim to unseen covariates. There is no early stopping, as in
    the release, so cells of validation conditions are trained on. A perturbed gene that is not measured is
    no node: its cells are left out and it is not predicted.

    Memory: several (n_genes, n_genes) matrices with gradients, and attention weights of heads × n_genes² for each
    condition of a step, which are recomputed beyond 2²⁶.

    Parameters
    ----------
    preset
        ``default``, or ``released``: random batches, dropout, a random start, a constant learning rate, thresholds
        and views as they are, predictions normalised by running moments, and a perturbed gene's vector that is set
        to 0 in training and negated in predictions.
    least_steps
        Training steps at least; the preset's when 0. The default keeps a screen of 800 genes under two minutes on
        two CPU cores; the release's screens get about 2,000.
    """

    name = "grape"
    tasks = frozenset({TaskKind.UNSEEN_GENE, TaskKind.DOUBLE_GENE})
    by_default = False
    output = "mean"
    presets: ClassVar[Mapping[str, GrapeSettings]] = {
        "default": GrapeSettings(),
        "released": GrapeSettings(
            masking="negated",
            view_scale=None,
            reference_panel=None,
            conditions_per_batch=None,
            least_steps=0,
            dropout=0.4,
            start="random",
            schedule="constant",
            running_moments=True,
        ),
    }

    def __init__(self, preset: str = "default", least_steps: int = 0) -> None:
        self.settings = preset_named(self.presets, preset).with_steps(least_steps)

    def configuration(self) -> Mapping[str, object]:
        """All settings."""
        return asdict(self.settings)

    def label(self, conditions: Collection[Condition], supplied: Collection[str]) -> str:
        """Says what the views are made of."""
        return f"{self.name}-vectors-expression" if "gene_vectors" in supplied else f"{self.name}-expression"

    def fit(self, train: TrainingData, *, seed: int, device: str, progress: Progress) -> None:
        """Align the views and train the network."""
        from methods.networks.grape_training import fit_grape

        if any(condition.modality == "treatment" for condition in train.conditions.values()):
            raise Unsupported("a treatment is not a gene, so no vector can be set to 0")
        measured = set(train.genes)
        everything = TrainingCells.of(train)
        cells = everything.with_controls().only(
            lambda condition: measured.issuperset(condition.perturbations), that="whose genes are all measured"
        )
        self._left_out = left_out(everything, cells)
        self._panel, self._controls = cells.panel, cells.control_means
        genes = cells.panel.sorted_genes
        coding = np.array([self.settings.biotypes == "coding" or not is_non_coding(gene) for gene in genes])
        views = make_views(
            cells,
            train.resources.gene_vectors,
            n_components=self.settings.view_components,
            scale=self.settings.view_scale,
        )
        self._position = {gene: position for position, gene in enumerate(genes)}
        self._fitted = fit_grape(cells, views, coding, self.settings, seed=seed, device=device, progress=progress)

    def record(self) -> Mapping[str, object]:
        """Training conditions that were not fitted on."""
        return self._left_out

    def predict(self, query: Query, *, n_cells: int, seed: int) -> np.ndarray:
        """Repeat the mean: (n_cells, n_genes), log-normalised, never negative."""
        asked = query.condition
        unmeasured = [gene for gene in asked.perturbations if gene not in self._position]
        if unmeasured:
            raise Unsupported(f"{', '.join(unmeasured)} not among the measured genes, so the graph has no such node")
        if asked.cell_type not in self._controls:
            raise Unsupported(f"no training control cells of cell type {asked.cell_type!r}")
        shift = self._fitted.shift([self._position[gene] for gene in asked.perturbations])
        mean = self._panel.restore((self._controls[asked.cell_type] + shift)[None])
        mean[mean < self.settings.smallest_value] = 0.0
        return np.broadcast_to(mean, (n_cells, mean.shape[1]))
