"""Whether the latent is Gaussian and the cells are diverse."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


class LatentWarning(UserWarning):
    """The latent is far from the standard Gaussian that sampling assumes."""


@dataclass(frozen=True)
class LatentFigures:
    """Distribution of inverted cells; a standard Gaussian has 0, 1, 0, 1 and 1.

    Parameters
    ----------
    mean, sd, kurtosis
        Over all entries; excess kurtosis.
    smallest_sd, largest_sd
        1st and 99th percentile over genes of a gene's standard deviation.
    """

    mean: float
    sd: float
    kurtosis: float
    smallest_sd: float
    largest_sd: float

    @property
    def problem(self) -> str | None:
        """What is wrong, or ``None``: a mean beyond .2, a deviation outside .7 to 1.4, an excess kurtosis beyond 2."""
        if abs(self.mean) <= 0.2 and 0.7 <= self.sd <= 1.4 and abs(self.kurtosis) <= 2.0:
            return None
        return (
            f"the latent of the control cells has mean {self.mean:.3g}, standard deviation {self.sd:.3g} and excess "
            f"kurtosis {self.kurtosis:.3g} where 0, 1 and 0 are assumed; cells sampled from it are outside what "
            "the target model was trained on"
        )


def latent_figures(latent: Tensor) -> LatentFigures:
    """Figures of a latent, (n, G) with n >= 2."""
    values = latent.double()
    centred = values - values.mean()
    variance = float(centred.square().mean())
    by_gene = values.std(dim=0)
    edges = torch.quantile(by_gene, torch.tensor([0.01, 0.99], dtype=by_gene.dtype, device=by_gene.device))
    return LatentFigures(
        mean=float(values.mean()),
        sd=variance**0.5,
        kurtosis=float(centred.pow(4).mean()) / max(variance**2, 1e-300) - 3.0,
        smallest_sd=float(edges[0]),
        largest_sd=float(edges[1]),
    )


def warn_of(figures: LatentFigures) -> None:
    """Warn if the latent is far from what is assumed."""
    if figures.problem is not None:
        warnings.warn(figures.problem, LatentWarning, stacklevel=3)


def intra_distance(cells: np.ndarray) -> float:
    """Mean Euclidean distance between distinct cells (Fig. 2): (n, G), n >= 2."""
    norms = np.square(cells, dtype=np.float64).sum(axis=1)
    squared = np.maximum(norms[:, None] + norms - 2.0 * cells.astype(np.float64) @ cells.T.astype(np.float64), 0.0)
    n = len(cells)
    return float(np.sqrt(squared[~np.eye(n, dtype=bool)]).mean())
