"""Sizes, thresholds and schedule of GRAPE."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from methods.presets import number_or_preset


@dataclass(frozen=True)
class GrapeSettings:
    """All settings of GRAPE; each departure from the release is a field of its own, listed last.

    Parameters
    ----------
    width
        Of a gene's vector.
    heads
        Attention heads.
    output_width
        Of a gene's vector after attention.
    projection_width
        In which the two views are aligned.
    rbf_width
        Views enter as ``exp(-x² / (2 rbf_width²))``.
    cosine_threshold
        Smaller cosines of two genes are zeroed in the similarity graph.
    link_threshold
        Then, in rows of length 1, smaller entries are zeroed in the similarity graph and in the refined one.
    edge_threshold
        Similarities from which on two genes are linked in the network that refines the graph.
    alignment_epochs, alignment_batch
        Passes over the genes, and genes a step, before the main training.
    learning_rate, weight_decay
        Of Adam.
    epochs, batch_size
        Passes over the cells and cells a step; the release has three processes of 32 cells each.
    huber
        Where the second loss turns from a square into a line.
    smallest_value
        Predicted values below it become 0.
    masking
        What a perturbed gene's vector is multiplied by when predicting: by 0, as in training, or by -1
        (``"negated"``), as released: the network then meets vectors that it never saw.
    view_components
        Length of the views made from the training cells. The release reads a language model's vectors of the
        genes' descriptions, and a DNA model's vectors of their sequences.
    view_scale
        Root mean square to which each gene's views are scaled, or ``None``, as released: vectors of other
        models than the release's would all be 0 or all be 1 after ``exp(-x² / (2 rbf_width²))``.
    reference_panel
        Number of genes for which the two thresholds on rows of length 1 were chosen: there they lie above the
        entries of a row that links a gene to all others alike, ``1 / sqrt(n_genes)`` (just above, and at 2.8 times),
        and keep the graph from being complete. For another number they are scaled likewise; ``None`` to leave
        them, as released.
    conditions_per_batch
        Different conditions in a step, whose cells are taken in groups of nearly equal size. Each costs a pass
        through the graph, and a random batch of 96 cells holds nearly as many; ``None`` for random batches, as
        released.
    least_steps
        Training steps at least, whatever ``epochs`` says: on the screens of the release three epochs are about
        2,000 steps, on a small screen they are too few to learn anything. 0 as released.
    dropout
        Of node vectors and attention weights. Departure: the release drops 0.4. A knocked-out gene is one of tens or
        hundreds of neighbours, so that what it changes is far less than what dropout does: with it, 1,000 steps on
        the smallest embedded gene screen end with one prediction for all conditions, without it half of what
        differs between the training conditions is explained.
    start
        ``"mean"``: the readout begins at the mean shift of the training conditions, with weights a tenth as large;
        or ``"random"``, as released, where most of the steps go to finding that shift.
    schedule
        The learning rate is ``"constant"``, as released, or falls linearly to 0 over the steps (``"linear"``). The
        weights that each gene has of its own follow the noise of the last batches otherwise: on the embedded single
        screen two of four fits at a constant rate ended farther from the truth than the control, none of three with it.
    shared_dropout
        All passes of a step share the dropout masks of the attention layers, so that what does not depend on the
        perturbation is computed once. Always so here; the release draws masks for every pass.
    running_moments
        Whether what predicts is normalised by running moments of the training passes, as released. Those are of other
        weights, of another graph and of passes with dropout; a pass has all genes, so its own moments are at hand.
    biotypes
        ``"names"`` tells non-coding genes by their symbols, for lack of an annotation; ``"coding"`` takes all
        genes for coding ones. The release asks a service of Ensembl, and leaves out genes that it does not
        know and their cells.
    """

    width: int = 256
    heads: int = 4
    output_width: int = 64
    projection_width: int = 128
    rbf_width: float = 0.1
    cosine_threshold: float = 0.6
    link_threshold: float = 0.015
    edge_threshold: float = 0.04
    alignment_epochs: int = 10
    alignment_batch: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    epochs: int = 3
    batch_size: int = 96
    huber: float = 0.7
    smallest_value: float = 0.01
    masking: Literal["zero", "negated"] = "zero"
    view_components: int = 64
    view_scale: float | None = 0.3
    reference_panel: int | None = 5000
    conditions_per_batch: int | None = 4
    least_steps: int = 150
    dropout: float = 0.0
    start: Literal["mean", "random"] = "mean"
    schedule: Literal["constant", "linear"] = "linear"
    shared_dropout: Literal[True] = True
    running_moments: bool = False
    biotypes: Literal["names", "coding"] = "names"

    @property
    def factor_when_predicting(self) -> float:
        """What a perturbed gene's vector is multiplied by in a prediction."""
        return 0.0 if self.masking == "zero" else -1.0

    def threshold_scale(self, n_genes: int) -> float:
        """Factor of the two thresholds on rows of length 1 for a panel of this many genes."""
        return 1.0 if self.reference_panel is None else (self.reference_panel / n_genes) ** 0.5

    def with_steps(self, steps: int) -> GrapeSettings:
        """The same with at least so many training steps; 0 leaves them.

        Raises
        ------
        ValueError
            If the number is negative.
        """
        return replace(self, least_steps=number_or_preset("least_steps", steps) or self.least_steps)
