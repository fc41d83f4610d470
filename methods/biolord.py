"""BioLord from its own package."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from methods.base import Method, Progress, Query, TrainingData, Unsupported
from methods.conditions import Condition, TaskKind
from methods.gene_graph import graph_names
from methods.molecules import UNIMOL, molecule_source
from methods.packages.attributes import Indicators, attributes_of
from methods.packages.biolord_settings import BATCH_SIZE, DOUBLE_GENES, DRUGS, SINGLE_GENES, BiolordSettings
from methods.packages.installed import missing, version
from methods.packages.seeding import global_seeds
from methods.packages.validation import validation_cells
from methods.sampling import draw_rows

if TYPE_CHECKING:
    from anndata import AnnData

PACKAGE = "biolord"
_PERTURBATION, _CELL_TYPE, _SPLIT = "perturbation", "cell_type", "split"


class Biolord(Method):
    """BioLord (Piran et al. 2024), biolord 0.0.3: a learned code per training cell, decoded with known attributes.

    Attributes are the cell type, and of drugs a molecule vector and the dose, of genes the user's vectors or the
    weights of their neighbours in a GO graph. A drug's vector is the user's, else Uni-Mol's where its package and
    weights are here, and the method is then named ``biolord-unimol``, else Morgan counts and RDKit descriptors (the
    authors' are RDKit's normalised 2D descriptors). Without a graph or vectors of genes, neighbours by co-expression
    in the training controls stand in, and the method is named ``biolord-coexpr``. There is no encoder: source
    cells are training controls, whose codes were learned, and get the attributes asked for. A predicted cell is a
    draw from the decoded Gaussian of every gene, clipped at 0.

    Networks, learning rates and epochs are those the authors published for sci-Plex, for Norman (tasks of
    doubles) and for Adamson (unseen single genes), early stopping on the package's metric on the validation
    conditions. One thing differs: for genes the authors train on one mean profile per condition, without codes,
    which gives means and no cells; here the same network is trained on cells, with codes. As theirs, it is
    trained on single perturbations, and a double is control + the sum of both predicted shifts; the authors put
    the measured mean of a trained single in place of its prediction, which makes a double of trained singles the
    additive baseline.
    """

    name = "biolord"
    tasks = frozenset(TaskKind)
    by_default = False

    max_epochs: ClassVar[int | None] = None  # the authors' for the kind of screen

    def unavailable(self) -> str | None:
        """Whether the package is missing."""
        return missing(PACKAGE, extra="biolord")

    def configuration(self) -> Mapping[str, object]:
        """Settings of all kinds of screens, and the packages' versions."""
        kinds = {"drugs": DRUGS, "doubles": DOUBLE_GENES, "singles": SINGLE_GENES}
        return {PACKAGE: version(PACKAGE), "scvi-tools": version("scvi-tools"), "max_epochs": self.max_epochs} | {
            name: {
                "n_latent": settings.n_latent,
                "module": dict(settings.module),
                "plan": dict(settings.plan),
                "epochs": [settings.max_epochs, settings.validate_every, settings.patience],
            }
            for name, settings in kinds.items()
        }

    def label(self, conditions: Collection[Condition], supplied: Collection[str]) -> str:
        """Names the user's gene graphs; says where co-expression stands in for them, or Uni-Mol's vectors of drugs."""
        if any(condition.modality == "gene" and not condition.is_control for condition in conditions):
            if "gene_vectors" in supplied:
                return self.name
            graphs = graph_names(supplied)
            return "+".join([self.name, *graphs]) if graphs else f"{self.name}-coexpr"
        return f"{self.name}-{UNIMOL}" if molecule_source(conditions, supplied) == UNIMOL else self.name

    def fit(self, train: TrainingData, *, seed: int, device: str, progress: Progress) -> None:
        """Learn codes, attribute networks and decoder together."""
        self._attributes = attributes_of(train)
        self._limit = np.log1p(train.target_sum)
        adata = self._screen(train, seed)
        with tempfile.TemporaryDirectory(prefix="biolord-") as folder, global_seeds(seed):
            self._train(adata, _settings(train), seed, device, folder, progress)

    def predict(self, query: Query, *, n_cells: int, seed: int) -> np.ndarray:
        """Draw cells: (n_cells, n_genes), log-normalised."""
        condition = query.condition
        parts = [
            Condition((name,), condition.cell_type, condition.dose, condition.modality, condition.smiles)
            for name in condition.perturbations
        ]
        vectors = [self._attributes.of(part) for part in parts]
        known = self._train_rows.index.intersection(query.controls.obs_names.astype(str))
        if known.empty:
            raise Unsupported(f"no training control cells of cell type {condition.cell_type!r}")
        rows = draw_rows(self._train_rows[known].to_numpy(), n_cells, seed=seed)
        control = self._attributes.of(Condition((), condition.cell_type, modality=condition.modality))
        base, variance = self._decoded(rows, control)
        if vectors:
            moments = [self._decoded(rows, vector) for vector in vectors]
            mean = base + sum(mean - base for mean, _ in moments)
            variance = np.mean([variance for _, variance in moments], axis=0)
        else:
            mean = base
        drawn = np.random.default_rng(seed).normal(mean, np.sqrt(variance))
        cells: np.ndarray = np.clip(drawn, 0, self._limit)
        return cells

    def _screen(self, train: TrainingData, seed: int) -> AnnData:
        """Cells of the controls and of single perturbations with an attribute vector, split into two."""
        import anndata

        vectors = {}
        for key, condition in train.conditions.items():
            if len(condition.perturbations) < 2:
                try:
                    vectors[key] = self._attributes.of(condition)
                except Unsupported:
                    continue  # nothing is known of this perturbation, so nothing can be learned from its cells
        if sum(not train.conditions[key].is_control for key in vectors) < 2:
            raise Unsupported("needs two training perturbations of which something is known (gene graph or vectors)")
        labels = train.adata.obs["condition"].astype(str)
        controls = train.adata.obs["control"].to_numpy(dtype=bool)
        rows = labels.isin(list(vectors)).to_numpy()
        by_name = isinstance(self._attributes, Indicators)
        held_out = validation_cells(train, usable=rows, seed=seed, unseen_allowed=not by_name)
        # The codes of held-out cells stay untrained, and controls are what predictions start from.
        held_out &= ~controls
        obs = pd.DataFrame(
            {
                _CELL_TYPE: pd.Categorical([f"type {train.conditions[key].cell_type}" for key in labels]),
                _SPLIT: np.where(held_out, "test", "train"),
            },
            index=train.adata.obs_names.astype(str),
        )
        adata = anndata.AnnData(train.adata.X[rows].copy(), obs=obs[rows].copy(), var=pd.DataFrame(index=train.genes))
        adata.obsm[_PERTURBATION] = np.stack([vectors[key] for key in labels[rows]])
        usable = np.flatnonzero(controls[rows])
        self._train_rows = pd.Series(usable, index=adata.obs_names[usable])
        return adata

    def _train(
        self, adata: AnnData, settings: BiolordSettings, seed: int, device: str, folder: str, progress: Progress
    ) -> None:
        import biolord

        several = adata.obs[_CELL_TYPE].nunique() > 1
        biolord.Biolord.setup_anndata(
            adata,
            ordered_attributes_keys=[_PERTURBATION],
            categorical_attributes_keys=[_CELL_TYPE] if several else None,
        )
        model = biolord.Biolord(
            adata,
            n_latent=settings.n_latent,
            split_key=_SPLIT,
            train_split="train",
            valid_split="test",
            test_split="ood",
            module_params={**settings.module, "seed": seed},
        )
        max_epochs = self.max_epochs or settings.max_epochs
        gpu = device.startswith("cuda")
        model.train(
            max_epochs=max_epochs,
            batch_size=_batch_size(adata),
            accelerator="gpu" if gpu else "cpu",
            device=[int(device.partition(":")[2] or 0)] if gpu else 1,
            plan_kwargs=dict(settings.plan),
            early_stopping=True,
            early_stopping_patience=settings.patience,
            check_val_every_n_epoch=settings.validate_every,
            callbacks=[_reporter(progress, max_epochs)],
            enable_checkpointing=False,
            enable_progress_bar=False,
            logger=False,
            default_root_dir=folder,
        )
        model.module.to(device).eval()
        self._model: Any = model

    def _decoded(self, rows: np.ndarray, vector: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of every gene in training cells given another perturbation, (n, n_genes) each."""
        import torch

        # The package squeezes a batch of one cell out of shape.
        tensors = dict(self._model.get_dataset(indices=np.append(rows, rows[-1])))
        count = len(rows) + 1
        tensors[_PERTURBATION] = torch.as_tensor(vector, dtype=torch.float32).repeat(count, 1)
        # What the package calls a standard deviation is a variance.
        mean, variance = self._model.module.get_expression(tensors)
        return mean[:-1].cpu().numpy().astype(np.float64), variance[:-1].cpu().numpy().astype(np.float64)


def _settings(train: TrainingData) -> BiolordSettings:
    if any(condition.modality == "treatment" for condition in train.conditions.values()):
        return DRUGS
    return SINGLE_GENES if train.kind is TaskKind.UNSEEN_GENE else DOUBLE_GENES


def _batch_size(adata: AnnData) -> int:
    """Cells per step, never so that a last batch of several holds a single cell, which the package cannot take."""
    sizes = adata.obs[_SPLIT].value_counts()
    size = min(BATCH_SIZE, int(sizes.max()))
    while any(count > 1 and count % size == 1 for count in sizes) and size > 2:
        size -= 1
    return size


def _reporter(progress: Progress, total: int) -> Any:
    from lightning.pytorch import Callback

    class Reporter(Callback):
        """Passes epochs and the validation metric on."""

        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            figures = {
                name: trainer.callback_metrics.get(name) for name in ("reconstruction_loss", "val_biolord_metric")
            }
            known = {name: float(value) for name, value in figures.items() if value is not None}
            progress(trainer.current_epoch + 1, total, **known)

    return Reporter()
