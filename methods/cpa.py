"""CPA from its own package, in an environment of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from methods.base import Method, Progress, Query, TrainingData, Unsupported
from methods.conditions import CONTROL, Condition, TaskKind
from methods.packages.count_scale import CountScale
from methods.packages.cpa_screen import (
    CELL_TYPE,
    DOSE,
    PERTURBATION,
    SPLIT,
    UNSEEN,
    CpaScreen,
    batch_size_for,
    rows_of,
    structure,
)
from methods.packages.cpa_settings import DRUGS, GENES, MAX_EPOCHS, STIMULATION, VALIDATE_EVERY, CpaSettings
from methods.packages.seeding import global_seeds
from methods.sampling import draw_rows

if TYPE_CHECKING:
    import torch


class Cpa(Method):
    """Compositional Perturbation Autoencoder (Lotfollahi et al. 2023), cpa-tools 0.8.1.

    A cell's latent code, freed of perturbation and cell type by an adversary, plus dose x embedding of each
    perturbation, plus the cell type's embedding, is decoded. Counts are modelled by a negative binomial where
    they are known: a predicted cell is a draw from it, normalised as the training cells were; else by a Gaussian
    on log-normalised values, drawn from and clipped at 0. Source cells are training controls of the cell type.

    Settings are those of the authors' tutorials (Norman for genes, Combosciplex with RDKit for drugs, Kang for
    a stimulation without structure), but for smaller batches on small screens. Training ends when the package's
    own metric stops improving on the validation conditions; those whose gene occurs nowhere else cannot be held
    out, and where none can, 15 % of the cells are, as in the tutorials. The best state is kept.

    A gene that no training cell received has an untrained embedding and is refused. An unseen drug is predicted
    from its Morgan fingerprint, which the package maps into the latent space by a layer that is in none of its
    optimisers and stays random: shown as it is; ``cpa-rdkit`` trains it.
    """

    name = "cpa"
    tasks = frozenset({TaskKind.DOUBLE_GENE, TaskKind.UNSEEN_COVARIATE, TaskKind.OOD_DRUG})
    environment = "cpa"
    by_default = False

    max_epochs: ClassVar[int] = MAX_EPOCHS

    def configuration(self) -> Mapping[str, object]:
        """Settings of all kinds of screens."""
        kinds = {"genes": GENES, "drugs": DRUGS, "stimulation": STIMULATION}
        return {"max_epochs": self.max_epochs} | {
            name: {
                "model": dict(settings.model),
                "plan": dict(settings.plan),
                "batch_size": settings.batch_size,
                "patience": settings.patience,
            }
            for name, settings in kinds.items()
        }

    def fit(self, train: TrainingData, *, seed: int, device: str, progress: Progress) -> None:
        """Train with early stopping."""
        self._screen = CpaScreen(train)
        self._scale = CountScale.of(train)
        self._by_structure = self._uses_structures(train)
        structures = self._screen.structures() if self._by_structure else {}
        self._encoder = self._screen.encoder(with_unseen=self._by_structure)
        # The package keeps its encoders on the class: given here, they cannot be those of another screen.
        self._class_state: dict[str, Any] = {
            "pert_encoder": self._encoder,
            "covars_encoder": None,
            "pert_smiles_map": structures,
        }
        with global_seeds(seed), self._state_of_the_class():
            self._train(train, seed, device, progress)

    def predict(self, query: Query, *, n_cells: int, seed: int) -> np.ndarray:
        """Draw cells: (n_cells, n_genes), log-normalised."""
        rows = self._rows(query.condition)
        cell_type = self._cell_type(query.condition)
        full = np.flatnonzero(np.asarray(query.controls.X.sum(axis=1)).ravel() > 0)
        sources = query.controls[draw_rows(full, n_cells, seed=seed)]
        with self._state_of_the_class():
            distribution = self._decoded(sources, rows, self._screen.doses_of(query.condition), cell_type)
        rng = np.random.default_rng(seed)
        if not self._screen.has_counts:
            mean, deviation = (_array(part) for part in (distribution.loc, distribution.scale))
            limit = np.log1p(self._scale.target_sum)
            return np.clip(rng.normal(mean, deviation), 0, limit)
        mean, inverse_dispersion = (_array(part) for part in (distribution.mu, distribution.theta))
        drawn = rng.negative_binomial(inverse_dispersion, inverse_dispersion / (inverse_dispersion + mean))
        return self._scale.normalise(drawn, sources.layers["counts"], sources.X)

    def _uses_structures(self, train: TrainingData) -> bool:
        return train.kind is TaskKind.OOD_DRUG

    def _settings(self, train: TrainingData) -> CpaSettings:
        treatments = [c for c in train.conditions.values() if c.modality == "treatment" and not c.is_control]
        if not treatments:
            return GENES
        return DRUGS if any(condition.smiles for condition in treatments) else STIMULATION

    def _train(self, train: TrainingData, seed: int, device: str, progress: Progress) -> None:
        import cpa

        settings = self._settings(train)
        adata = self._screen.adata(seed=seed, unseen_allowed=self._by_structure)
        cpa.CPA.setup_anndata(
            adata,
            perturbation_key=PERTURBATION,
            control_group=CONTROL,
            dosage_key=DOSE,
            categorical_covariate_keys=[CELL_TYPE],
            is_count_data=self._screen.has_counts,
            max_comb_len=self._screen.max_together,
        )
        model = cpa.CPA(
            adata,
            split_key=SPLIT,
            train_split="train",
            valid_split="valid",
            test_split="test",
            use_rdkit_embeddings=self._by_structure,
            recon_loss="nb" if self._screen.has_counts else "gauss",
            seed=seed,
            **settings.model,
        )
        part = adata.obs[SPLIT].value_counts()
        with self._training_plan():
            model.train(
                max_epochs=self.max_epochs,
                use_gpu=device if device.startswith("cuda") else False,
                batch_size=batch_size_for(part["train"], part.get("valid", 0), settings.batch_size),
                plan_kwargs=dict(settings.plan),
                early_stopping_patience=settings.patience,
                check_val_every_n_epoch=VALIDATE_EVERY,
                save_path=False,
                callbacks=[_reporter(progress, self.max_epochs)],
                enable_progress_bar=False,
                enable_checkpointing=False,
                logger=False,
            )
        if model.trainer.interrupted:
            raise KeyboardInterrupt  # which the trainer kept to itself
        self._class_state["covars_encoder"] = dict(cpa.CPA.covars_encoder)
        self._module = model.module.to(device).eval()

    @contextmanager
    def _training_plan(self) -> Iterator[None]:
        """The package's training plan, as it is."""
        yield

    @contextmanager
    def _state_of_the_class(self) -> Iterator[None]:
        """Put this model's encoders on the package's class, and what was there back afterwards."""
        import cpa

        before = {name: getattr(cpa.CPA, name) for name in self._class_state}
        for name, value in self._class_state.items():
            setattr(cpa.CPA, name, value)
        try:
            yield
        finally:
            for name, value in before.items():
                setattr(cpa.CPA, name, value)

    def _rows(self, condition: Condition) -> list[int]:
        """Rows of the embedding that make up a condition, padded."""
        tokens, length = self._screen.tokens, self._screen.max_together
        if len(condition.perturbations) > length:
            raise Unsupported(f"was set up for at most {length} perturbations of a cell")
        unseen = [name for name in condition.perturbations if name not in tokens]
        if not unseen:
            return rows_of(self._encoder, [tokens[name] for name in condition.perturbations] or [CONTROL], length)
        if not self._by_structure:
            raise Unsupported(f"no training cell received {', '.join(unseen)}, whose embedding is untrained")
        self._place_unseen(structure(condition))
        return rows_of(self._encoder, [UNSEEN], length)

    def _place_unseen(self, smiles: str) -> None:
        """Write the fingerprint of a drug that is only asked for into the row kept for one."""
        import torch

        weight = self._module.pert_network.pert_embedding.weight
        fingerprint = torch.as_tensor(morgan_bits(smiles), dtype=weight.dtype, device=weight.device)
        with torch.no_grad():
            weight[self._encoder[UNSEEN]] = fingerprint

    def _cell_type(self, condition: Condition) -> int:
        known: dict[str, int] = self._class_state["covars_encoder"][CELL_TYPE]
        if f"type {condition.cell_type}" not in known:
            raise Unsupported(f"no training cell is of cell type {condition.cell_type!r}")
        return known[f"type {condition.cell_type}"]

    def _decoded(self, sources: Any, rows: list[int], doses: tuple[float, ...], cell_type: int) -> Any:
        """Distribution of every gene of every cell, by the package's own forward pass."""
        import torch
        from cpa._utils import CPA_REGISTRY_KEYS as KEYS

        n_cells, length = sources.n_obs, self._screen.max_together
        padded = [*doses, *([0.0] * (length - len(doses)))]
        tensors: dict[str, torch.Tensor] = {
            KEYS.X_KEY: torch.as_tensor(self._screen.matrix_of(sources).toarray()),
            KEYS.PERTURBATIONS: torch.tensor(rows).repeat(n_cells, 1),
            KEYS.PERTURBATIONS_DOSAGES: torch.tensor(padded).repeat(n_cells, 1),
            PERTURBATION: torch.zeros(n_cells, 1),  # what the adversary would be told; not used here
            CELL_TYPE: torch.full((n_cells, 1), float(cell_type)),
        }
        tensors = {name: tensor.to(self._module.device) for name, tensor in tensors.items()}
        KEYS.PERTURBATION_KEY = PERTURBATION
        tensors, _ = self._module.mixup_data(tensors, alpha=0.0)
        with torch.no_grad():
            _, outputs = self._module.forward(tensors, inference_kwargs={"n_samples": 1}, compute_loss=False)
        return outputs["px"]


class CpaRdkit(Cpa):
    """CPA over drug structures with the projection of the fingerprints trained, unlike in the package.

    The layer that maps Morgan fingerprints into the latent space joins the optimiser of the autoencoder;
    everything else is as in ``cpa``.
    """

    name = "cpa-rdkit"
    tasks = frozenset({TaskKind.UNSEEN_COVARIATE, TaskKind.OOD_DRUG})

    def _uses_structures(self, train: TrainingData) -> bool:
        if all(condition.modality == "gene" for condition in train.conditions.values()):
            raise Unsupported("embeds drugs by their structure; a gene has none")
        return True

    @contextmanager
    def _training_plan(self) -> Iterator[None]:
        import cpa._model as model

        package_plan = model.CPATrainingPlan
        model.CPATrainingPlan = _training_projection(package_plan)
        try:
            yield
        finally:
            model.CPATrainingPlan = package_plan


def _training_projection(plan: Any) -> Any:
    """The package's training plan with the layer it forgets in its first optimiser."""

    def configure_optimizers(self: Any) -> Any:
        optimizers, schedulers = plan.configure_optimizers(self)
        projection = self.module.pert_network.pert_transformation
        optimizers[0].add_param_group({"params": list(projection.parameters())})
        return optimizers, schedulers

    return type("TrainsProjection", (plan,), {"configure_optimizers": configure_optimizers})


def morgan_bits(smiles: str) -> np.ndarray:
    """Fingerprint of a drug as the package computes it: Morgan, radius 2, (2048,)."""
    from rdkit import Chem
    from rdkit.Chem import rdFingerprintGenerator

    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        raise Unsupported(f"{smiles!r} is not a readable structure (SMILES)")
    bits: np.ndarray = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048).GetFingerprintAsNumPy(molecule)
    return bits


def _array(tensor: Any) -> np.ndarray:
    array: np.ndarray = tensor.detach().cpu().numpy().astype(np.float64)
    return array


def _reporter(progress: Progress, total: int) -> Any:
    from pytorch_lightning import Callback

    class Reporter(Callback):
        """Passes epochs and the validation metric on."""

        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            figures = {name: trainer.callback_metrics.get(name) for name in ("recon", "cpa_metric")}
            known = {name: float(value) for name, value in figures.items() if value is not None}
            progress(trainer.current_epoch + 1, total, **known)

    return Reporter()
