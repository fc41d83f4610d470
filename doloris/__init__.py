"""Doloris: single-cell perturbation responses by two conditional diffusions bridged through one latent."""

from doloris.config import (
    DolorisConfig,
    Widths,
    corrected,
    no_control_moments,
    no_latent,
    no_mask,
    paper,
    released,
    small,
)
from doloris.data import Perturbation, Priors, TrainingCells
from doloris.diagnostics import LatentWarning
from doloris.errors import DolorisError
from doloris.model import Doloris

__all__ = [
    "Doloris",
    "DolorisConfig",
    "DolorisError",
    "LatentWarning",
    "Perturbation",
    "Priors",
    "TrainingCells",
    "Widths",
    "corrected",
    "no_control_moments",
    "no_latent",
    "no_mask",
    "paper",
    "released",
    "small",
]
