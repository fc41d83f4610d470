"""What a metric receives: a validated pair of predicted and true cells, with what they are judged against."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from bench.errors import PredictionError, TooFewCells
from bench.metrics.cells import Cells, HalvesDistance, gene_wasserstein, halves_wasserstein
from bench.metrics.lazy import lazy


@dataclass(frozen=True)
class Background:
    """What the evaluator compares both sides with; every array is (g,), float64.

    Parameters
    ----------
    source_control
        Mean of the training-fold controls: predicted shifts are measured from it.
    reference_control
        Mean of the scoring-fold controls: true shifts are measured from it. The two folds are
        disjoint, so the two shifts share no noise.
    reference_error
        Squared standard error of ``reference_control``.
    perturbed_mean
        Mean of the training perturbations' centroids.
    weights
        Weight of each gene in the weighted error; sums to 1.
    """

    source_control: np.ndarray
    reference_control: np.ndarray
    reference_error: np.ndarray
    perturbed_mean: np.ndarray
    weights: np.ndarray

    def on(self, genes: np.ndarray) -> Background:
        """The same on some genes, the weights summing to 1 again."""
        weights = self.weights[genes]
        return Background(
            source_control=self.source_control[genes],
            reference_control=self.reference_control[genes],
            reference_error=self.reference_error[genes],
            perturbed_mean=self.perturbed_mean[genes],
            weights=weights / weights.sum() if weights.sum() > 0 else np.full(genes.size, 1.0 / genes.size),
        )


@dataclass(frozen=True)
class CellPair:
    """Predicted and true cells of one condition.

    Parameters
    ----------
    predicted, true
        (n, g) and (m, g) cells on the same genes.
    background
        What they are judged against.
    clipped
        Fraction of predicted values that clipping at 0 changed.
    """

    predicted: Cells
    true: Cells
    background: Background
    clipped: float = 0.0
    _whole: CellPair | None = field(default=None, repr=False)
    _genes: np.ndarray | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.predicted.g != self.true.g or self.true.g != self.background.weights.size:
            raise PredictionError(
                f"predicted cells have {self.predicted.g} genes, true cells {self.true.g}, their background "
                f"{self.background.weights.size}; align the genes first"
            )
        if not self.predicted.n or not self.true.n:
            raise TooFewCells(f"{self.predicted.n} predicted and {self.true.n} true cells: both sides need at least 1")

    def on(self, name: str, genes: np.ndarray) -> CellPair:
        """The same pair on some genes; distances per gene are taken over, not computed again."""
        return replace(
            self,
            predicted=self.predicted.on(name, genes),
            true=self.true.on(name, genes),
            background=self.background.on(genes),
            _whole=self,
            _genes=genes,
        )

    @property
    def predicted_shift(self) -> np.ndarray:
        """Predicted centroid minus the training-fold control mean: (g,)."""
        return np.asarray(self.predicted.mean - self.background.source_control)

    @property
    def true_shift(self) -> np.ndarray:
        """True centroid minus the scoring-fold control mean: (g,)."""
        return np.asarray(self.true.mean - self.background.reference_control)

    @lazy
    def cross_distance(self) -> float:
        """Mean Euclidean distance between a predicted and a true cell."""
        return self.predicted.distance_to(self.true)

    @lazy
    def wasserstein(self) -> np.ndarray:
        """Wasserstein-1 distance per gene: (g,)."""
        if self._whole is not None and self._genes is not None:
            return np.asarray(self._whole.wasserstein[self._genes])
        return gene_wasserstein(self.predicted, self.true)

    @lazy
    def halves(self) -> HalvesDistance:
        """Distances per gene between first and second halves of the two samples.

        The pair must hold equally many cells, in random order.

        Raises
        ------
        TooFewCells
            If either side has fewer than two cells.
        """
        if self._whole is not None and self._genes is not None:
            return self._whole.halves.on(self._genes)
        return halves_wasserstein(self.predicted, self.true)
