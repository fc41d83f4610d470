"""chemCPA: an autoencoder whose latent, freed of drug and cell line, is moved by a drug's structure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from methods.base import Method, Progress, Query, TrainingData, Unsupported
from methods.conditions import Condition, TaskKind
from methods.drug_table import INDEX, DoseScale, DrugTable, dose_share, told_apart_by
from methods.molecules import molecule_source
from methods.moved_controls import moved_controls
from methods.presets import NetworkConfig, configured
from methods.training_cells import TrainingCells, left_out
from methods.validation import ValidationConditions

if TYPE_CHECKING:
    from methods.networks.chemcpa import ChemCpaNetwork, Treatments


@dataclass(frozen=True)
class ChemCpaConfig(NetworkConfig):
    """Settings; the defaults are those of the authors' code, but where a departure is named.

    Parameters
    ----------
    latent, hidden, depth
        Width of the latent; width and number of hidden layers of encoder and decoder.
    drug_hidden, drug_depth, adversary_hidden, adversary_depth
        Hidden layers of the drug encoder and of the adversaries.
    doser_hidden, doser_depth
        Hidden layers of the network that scales a drug by its dose.
    drug_adversary, type_adversary
        Weights of the adversaries of the drug and of the cell type.
    penalty
        Weight of the adversaries' gradient penalty.
    smallest_variance
        Floor of the predicted variance.
    learning_rate, weight_decay
        Adam, autoencoder.
    adversary_rate, adversary_decay
        Adam, adversaries.
    decay_every, decay
        Every so many epochs the rates are multiplied by ``decay`` (release 2.0).
    adversary_steps
        Every so many batches one trains the adversaries, the others the autoencoder (release 2.0); 2 is
        what the later trainer's step counter amounts to.
    clip
        Largest norm of the gradient, of autoencoder and doser apart; ``None`` for any. Departure: release 2.0 does
        not clip; later code does, and a batch of 32 cells has steeper gradients than one of 256.
    epochs, batch_size
        At most so many passes. Departure: authors' batches hold 256 cells, with a remark in favour of 32. On
        screens of thousands of cells, not hundreds of thousands, large batches leave so few steps that the
        drug's latent has hardly come to be used.
    validate_every, patience
        Epochs between looks at the validation conditions (R squared of their mean profiles), and looks
        without improvement before training ends. Departure: release 2.0 waits 50 epochs and later code
        does not stop; less is enough here and keeps a fit within minutes on a CPU.
    smallest_spread
        Descriptors that vary less over the training drugs are left out.
    largest_score
        Standardised descriptors are clipped at so many standard deviations; ``None`` for not. Departure:
        authors standardise over all drugs, test drugs among them; over training drugs alone a new drug can
        lie arbitrarily far out.
    activation
        What the decoder's mean passes through. Departure: the authors' rectifier has no slope where a gene
        is predicted at 0, and most genes of low expression stay there for good (95 of 100 with a mean below
        0.05 in the embedded drug screen); predictions are clipped at 0 instead.
    dose
        Doses are a share of the largest on a ``"linear"`` or a ``"log"`` scale. Departure: on the authors'
        linear scale the lower three of four doses, each ten times the last, are all but zero to the doser.
    control
        ``"none"``: control cells get no drug latent, so that of a drug is its shift from control; or
        ``"vehicle"``: their drug is a molecule whose descriptors are all average, at dose 1, as the
        authors take the vehicle for a drug. Departure: a screen need not name the vehicle's structure.
    prediction
        Cells are the decoder's ``"mean"``, or a ``"sample"`` of its Gaussian.
    """

    latent: int = 32
    hidden: int = 256
    depth: int = 4
    drug_hidden: int = 128
    drug_depth: int = 4
    adversary_hidden: int = 128
    adversary_depth: int = 3
    doser_hidden: int = 64
    doser_depth: int = 3
    drug_adversary: float = 9.101
    type_adversary: float = 16.166
    penalty: float = 0.455
    smallest_variance: float = 1e-6
    learning_rate: float = 1.575e-3
    weight_decay: float = 6.25e-7
    adversary_rate: float = 1.193e-3
    adversary_decay: float = 9.85e-6
    decay_every: int = 50
    decay: float = 0.5
    adversary_steps: int = 2
    clip: float | None = 1.0
    epochs: int = 201
    batch_size: int = 32
    validate_every: int = 2
    patience: int | None = 5
    smallest_spread: float = 0.01
    largest_score: float | None = 5.0
    activation: Literal["none", "relu"] = "none"
    dose: DoseScale = "log"
    control: Literal["none", "vehicle"] = "none"
    prediction: Literal["mean", "sample"] = "mean"


class ChemCpa(Method):
    """Compositional perturbation autoencoder with drug structures (Hetzel et al. 2022, chemCPA).

    Written from a description of https://github.com/theislab/chemCPA (commit 43e830e). Every cell is
    reconstructed from an encoding, which adversaries rid of drug and cell type, plus the latent of its
    drug, scaled by dose, plus that of its cell type; a condition is predicted by exchanging the drug of
    control cells of the same cell type. Where no vectors of drugs are supplied these are all 2-D descriptors of RDKit;
    the authors have the 200 that descriptastorus chooses. Their transfer learning from bulk (LINCS) weights is left
    out: the label says ``scratch``. The best network on the validation conditions is kept.

    Parameters
    ----------
    preset
        ``default``, or ``released``: the authors' values (release 2.0) wherever a departure is named.
    prediction
        ``mean`` or ``sample``; the preset's when empty.
    epochs
        At most so many passes; the preset's when 0.
    """

    name = "chemcpa"
    tasks = frozenset({TaskKind.UNSEEN_COVARIATE, TaskKind.OOD_DRUG})
    by_default = False
    presets: ClassVar[Mapping[str, ChemCpaConfig]] = {
        "default": ChemCpaConfig(),
        "released": ChemCpaConfig(
            batch_size=256,
            clip=None,
            validate_every=5,
            patience=10,
            validation_cells=None,
            largest_score=None,
            activation="relu",
            control="vehicle",
            dose="linear",
        ),
    }

    def __init__(self, preset: str = "default", prediction: str = "", epochs: int = 0) -> None:
        self.config = configured(
            self.presets, preset, epochs=epochs, prediction=prediction, predictions=("mean", "sample")
        )

    def configuration(self) -> Mapping[str, object]:
        """All settings."""
        return asdict(self.config)

    def label(self, conditions: Collection[Condition], supplied: Collection[str]) -> str:
        """``chemcpa-scratch``, with ``rdkit`` or ``index`` for what tells drugs apart in place of supplied vectors."""
        by_index = told_apart_by(conditions) == INDEX
        source = INDEX if by_index else molecule_source(conditions, supplied)
        return "-".join(filter(None, (self.name, "scratch", source)))

    def fit(self, train: TrainingData, *, seed: int, device: str, progress: Progress) -> None:
        """Train autoencoder and adversaries."""
        import torch

        from methods.networks.batches import DeviceCells
        from methods.networks.chemcpa import ChemCpaData, ChemCpaTrainer
        from methods.networks.seeding import seeded

        if any(condition.modality == "gene" and not condition.is_control for condition in train.conditions.values()):
            raise Unsupported("a gene has no molecular structure")
        everything = TrainingCells.of(train)
        cells = everything.with_controls()
        self._left_out = left_out(everything, cells)
        by_index = told_apart_by(cells.conditions) == INDEX
        if train.kind is TaskKind.OOD_DRUG and by_index:
            raise Unsupported("some treatments have no structure, so a new one cannot be told from others")
        fitted = {cells.conditions[index].label for index in np.unique(cells.condition_of[~cells.held_out])}
        validation = ValidationConditions.of(cells, can=lambda c: not by_index or c.label in fitted)
        fitting = validation.fitting
        self._drugs = DrugTable.of(
            [cells.conditions[index] for index in np.unique(cells.condition_of[fitting])],
            train.resources,
            smallest_spread=self.config.smallest_spread,
            largest_score=self.config.largest_score,
        )
        self._types = {name: row for row, name in enumerate(cells.cell_types)}
        self._panel, self._device = cells.panel, device
        classes = {name: 1 + row for row, name in enumerate(self._drugs.names)}
        data = ChemCpaData(
            cells=DeviceCells(cells.matrix[fitting], device),
            condition_of=torch.as_tensor(cells.condition_of[fitting], device=device),
            treatments=self._treatments(cells.conditions),
            drug_class=torch.tensor([classes.get(c.label, 0) for c in cells.conditions], device=device),
            n_drugs=1 + len(classes),
            n_types=len(self._types),
        )
        controls = cells.control_cells(self.config.validation_cells)

        def score(network: ChemCpaNetwork) -> float:
            return validation.r_squared(validation.predicted(partial(self._move, network), controls))

        with seeded(seed, device):
            trainer = ChemCpaTrainer(data, self.config, device)
            trainer.run(progress, score if validation else None)
        self._network = trainer.network

    def predict(self, query: Query, *, n_cells: int, seed: int) -> np.ndarray:
        """Control cells decoded under the drug: (n_cells, n_genes), log-normalised, >= 0."""
        if query.condition.cell_type not in self._types:
            raise Unsupported(f"no training control cells of cell type {query.condition.cell_type!r}")
        move = partial(self._move, self._network)
        return moved_controls(self._panel, query, move, n_cells=n_cells, seed=seed, device=self._device)

    def record(self) -> Mapping[str, object]:
        """Training conditions that were not fitted on."""
        return self._left_out

    def _treatments(self, conditions: Sequence[Condition]) -> Treatments:
        """What the network is told of each condition."""
        import torch

        from methods.networks.chemcpa import Treatments

        def tensor(values: Sequence[object]) -> torch.Tensor:
            return torch.as_tensor(np.array(values), device=self._device)

        drugged = [self.config.control == "vehicle" or not condition.is_control for condition in conditions]
        return Treatments(
            drugs=tensor([self._drugs.vector(condition) for condition in conditions]),
            doses=tensor(
                [
                    np.float32(dose_share(condition, self._drugs.largest_dose, self.config.dose))
                    for condition in conditions
                ]
            ),
            drugged=tensor([np.float32(flag) for flag in drugged]),
            types=tensor([self._types[condition.cell_type] for condition in conditions]),
        )

    def _move(self, network: ChemCpaNetwork, controls: np.ndarray, condition: Condition) -> np.ndarray:
        """Cells of a condition from control cells, both (n, g), genes sorted."""
        import torch

        with torch.no_grad():
            mean, variance = network.predict(torch.from_numpy(controls).to(self._device), self._treatments([condition]))
            if self.config.prediction == "sample":
                mean = torch.normal(mean, variance.sqrt())
            moved: np.ndarray = mean.cpu().numpy()
        return moved
