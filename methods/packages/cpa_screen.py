"""A screen in the terms of CPA: encoded perturbations, doses, cell types and a split."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_matrix

from methods.base import TrainingData, Unsupported
from methods.conditions import CONTROL, Condition
from methods.packages.validation import validation_cells

if TYPE_CHECKING:
    from anndata import AnnData

PERTURBATION, DOSE, CELL_TYPE, SPLIT = "condition", "dose", "cell_type", "split"
PADDING = "<PAD>"
UNSEEN = "unseen"  # a place in the encoder for a drug that is only asked for
_SOLVENT = "CS(C)=O"  # DMSO: the package wants a structure of the control too


@dataclass(frozen=True)
class CpaScreen:
    """Training data as the package wants them.

    The package joins and splits names at ``+``, which drug names contain, and pairs doses with names by
    position, but perturbations by their order in the encoder. So perturbations go by tokens here, given in
    the order of their names.

    Parameters
    ----------
    train
        The training data.
    """

    train: TrainingData

    @cached_property
    def tokens(self) -> dict[str, str]:
        """Perturbation -> what the package calls it, in sorted order."""
        names = sorted({name for condition in self.train.conditions.values() for name in condition.perturbations})
        return {name: f"p{number:05d}" for number, name in enumerate(names)}

    def encoder(self, *, with_unseen: bool) -> dict[str, int]:
        """Token -> row of the embedding: the padding, the control, the perturbations, a place for an unseen drug."""
        tokens = (PADDING, CONTROL, *self.tokens.values(), *([UNSEEN] if with_unseen else []))
        return {token: row for row, token in enumerate(tokens)}

    @cached_property
    def max_together(self) -> int:
        """Most perturbations a cell can have received at once; a gene screen may always ask for pairs."""
        conditions = self.train.conditions.values()
        fewest = 1 if any(condition.modality == "treatment" for condition in conditions) else 2
        return max(fewest, *(len(condition.perturbations) for condition in conditions))

    @cached_property
    def has_counts(self) -> bool:
        """Whether raw counts are known."""
        return "counts" in self.train.adata.layers

    def structures(self) -> dict[str, str]:
        """Token -> SMILES, for the control and the unseen drug as well.

        Raises
        ------
        Unsupported
            If a training drug has none.
        """
        found = {CONTROL: _SOLVENT, UNSEEN: _SOLVENT}  # that of the unseen drug is written over
        for condition in self.train.conditions.values():
            for name in condition.perturbations:
                found[self.tokens[name]] = structure(condition)
        # The package looks structures up by their text, and two drugs may share one: RDKit skips a name behind it.
        return {token: f"{smiles} {token}" for token, smiles in found.items()}

    def token_of(self, condition: Condition) -> str:
        """The condition as the package writes it: tokens joined by ``+``."""
        return "+".join(self.tokens[name] for name in condition.perturbations) or CONTROL

    def doses_of(self, condition: Condition) -> tuple[float, ...]:
        """Dose of each perturbation: log10 of a drug's dose in nM (as the authors' ``log_dose``), else 1."""
        dose = 1.0 if condition.dose is None or condition.is_control else math.log10(1 + condition.dose)
        return (dose,) * max(1, len(condition.perturbations))

    def matrix_of(self, adata: AnnData) -> csr_matrix:
        """What the package models: counts where they are known, else log-normalised values; CSR float32."""
        matrix = adata.layers["counts"] if self.has_counts else adata.X
        return csr_matrix(matrix, dtype=np.float32)

    def adata(self, *, seed: int, unseen_allowed: bool) -> AnnData:
        """The cells as the package wants them; those without a count are left out.

        Parameters
        ----------
        seed
            Decides which cells are held out where a random part of them is.
        unseen_allowed
            Whether the model can predict a perturbation that it is not trained on.
        """
        import anndata
        import pandas as pd

        conditions = self.train.conditions
        labels = self.train.adata.obs["condition"].astype(str)
        rows = {key: self.token_of(condition) for key, condition in conditions.items()}
        doses = {key: "+".join(map(str, self.doses_of(condition))) for key, condition in conditions.items()}
        full = np.asarray(self.train.adata.X.sum(axis=1)).ravel() > 0
        held_out = validation_cells(self.train, usable=full, seed=seed, unseen_allowed=unseen_allowed)
        obs = pd.DataFrame(
            {
                PERTURBATION: labels.map(rows).to_numpy(dtype=str),
                DOSE: labels.map(doses).to_numpy(dtype=str),
                CELL_TYPE: [f"type {conditions[key].cell_type}" for key in labels],
                SPLIT: np.where(held_out, "valid", "train"),
            },
            index=self.train.adata.obs_names.astype(str),
        )
        var = pd.DataFrame(index=self.train.genes.astype(str))
        return anndata.AnnData(self.matrix_of(self.train.adata)[full], obs=obs[full], var=var)


def structure(condition: Condition) -> str:
    """SMILES of a drug, without the annotations some files carry behind a bar.

    Raises
    ------
    Unsupported
        If the screen names none.
    """
    smiles = (condition.smiles or "").partition("|")[0].strip()
    if not smiles:
        raise Unsupported(f"embeds drugs by their structure, and the screen names none of {condition.label}")
    return smiles


def batch_size_for(n_training: int, n_validation: int, preferred: int) -> int:
    """Cells per step: as preferred, but so few that an epoch of a small screen has at least 20 steps.

    Never so that a last batch of several holds one cell, which neither batch normalisation, in training, nor the
    package's score of neighbours, in validation, can take.
    """
    size = max(2, min(preferred, max(64, n_training // 20)))
    while size > 2 and any(count > 1 and count % size == 1 for count in (n_training, n_validation)):
        size -= 1
    return size


def rows_of(encoder: Mapping[str, int], tokens: Sequence[str], length: int) -> list[int]:
    """Rows of the embedding, padded to a length."""
    return [encoder[token] for token in tokens] + [encoder[PADDING]] * (length - len(tokens))
