"""How big scGPT is and how it is trained, with and without a pretrained checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from methods.presets import number_or_preset


@dataclass(frozen=True)
class ScgptSize:
    """Widths and depth of the network.

    Parameters
    ----------
    width
        Of every token.
    heads
        Of each attention layer; they share ``width``.
    feed_forward
        Width of the feed-forward blocks.
    layers
        Number of encoder layers.
    """

    width: int
    heads: int
    feed_forward: int
    layers: int


@dataclass(frozen=True)
class ScgptTraining:
    """One schedule. The defaults are those of the released tutorial on a pretrained checkpoint.

    Parameters
    ----------
    learning_rate, decay
        Adam's rate, and the factor it is multiplied by after every epoch.
    warm_up
        Steps over which the rate rises to its value. The release has none; a network that starts from
        random weights with normalisation after each block diverges without.
    epochs, patience
        Passes over the cells at most, and how many of them may bring no better validation score.
    batch_size
        Cells a step.
    sequence_length
        Genes a step, drawn at random and shared by the cells of the step. Predictions use all genes.
    dropout
        Probability.
    gradient_norm
        Longer gradients are shortened to this.
    precision
        Of the matrix products. The release trains in float16 with a scaled loss; bfloat16 has the range
        of float32 and needs no scaling.
    """

    learning_rate: float = 1e-4
    decay: float = 0.9
    warm_up: int = 0
    epochs: int = 15
    patience: int = 10
    batch_size: int = 64
    sequence_length: int = 1536
    dropout: float = 0.0
    gradient_norm: float = 1.0
    precision: Literal["float32", "bfloat16"] = "bfloat16"


def _scratch_training() -> ScgptTraining:
    return ScgptTraining(
        learning_rate=2e-3,
        decay=0.7,
        warm_up=50,
        epochs=10,
        batch_size=16,
        sequence_length=128,
        precision="float32",
    )


@dataclass(frozen=True)
class ScgptSettings:
    """All settings of scGPT; each departure from the release is a field of its own.

    Parameters
    ----------
    fine_tuning
        Schedule when the user supplies a checkpoint, whose ``args.json`` gives the size.
    scratch_size, scratch_training
        Size and schedule without a checkpoint. The published network (12 layers of width 512) was pretrained
        on 33 million cells; one perturbation screen cannot fit it, so a small one is trained.
    keep_perturbed_genes
        Whether the perturbed genes of a step's cells are always among the genes of the step. The release
        draws 1,536 of about 5,000 genes without looking, so that two of three steps regress perturbed
        cells on controls without being told what was done. ``False`` as released.
    pair_within_cell_type
        Whether a perturbed cell is paired with a control of its own cell type. The release pairs across
        cell types, which its screens of one cell line cannot show. ``False`` as released.
    trained_unperturbed_flag
        Whether genes that are not perturbed get a trained flag vector, as version 0.2.1 has it; the
        present release has a zero vector, on purpose.
    selection
        Score by which the best epoch is kept: ``"r_squared"`` of mean profiles of the validation
        conditions, which as the loss does falls when a shift has the right direction and the wrong size
        (version 0.2.1 keeps the lowest loss), or ``"expression_correlation"``, their Pearson correlation, as
        the present release does; it is above 0.9 for a prediction of no change.
    validation_cells
        Controls of each validation condition that the score is computed on; the release uses one for every
        perturbed cell, which on a CPU takes longer than the epoch.
    """

    fine_tuning: ScgptTraining = field(default_factory=ScgptTraining)
    scratch_size: ScgptSize = ScgptSize(width=64, heads=4, feed_forward=64, layers=2)
    scratch_training: ScgptTraining = field(default_factory=_scratch_training)
    keep_perturbed_genes: bool = True
    pair_within_cell_type: bool = True
    trained_unperturbed_flag: bool = False
    selection: Literal["r_squared", "expression_correlation"] = "r_squared"
    validation_cells: int = 100

    def with_epochs(self, epochs: int) -> ScgptSettings:
        """The same with at most so many epochs; 0 leaves them.

        Raises
        ------
        ValueError
            If the number is negative.
        """
        if not number_or_preset("epochs", epochs):
            return self
        return replace(
            self,
            fine_tuning=replace(self.fine_tuning, epochs=epochs),
            scratch_training=replace(self.scratch_training, epochs=epochs),
        )
