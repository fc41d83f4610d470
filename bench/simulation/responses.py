"""What a condition does to a cell, and how much of it each cell shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WEAKEST_RESPONSE, STRONGEST_RESPONSE = 0.4, 1.6
"""Range, around 1, of the strength of response of a cell that responds."""


@dataclass(frozen=True)
class Response:
    """The effect of one condition.

    A perturbation is a *guide* (or a drug). Each cell either escapes a guide or responds to it
    with a strength of its own. With two guides there is a third part, the interaction, whose
    strength is the product of both: a cell that escapes one guide shows the other alone.

    Parameters
    ----------
    effects
        Change of natural log expression at strength 1, (n_parts, n_genes); no part for controls.
    switches
        Change of the log odds of each switch at strength 1, (n_parts, n_switches).
    escape
        Probability that a cell escapes each guide, (n_guides,).
    """

    effects: np.ndarray
    switches: np.ndarray
    escape: np.ndarray

    @property
    def total(self) -> np.ndarray:
        """Change of natural log expression of a cell that responds to everything at strength 1: (n_genes,)."""
        return np.asarray(self.effects.sum(axis=0))

    def draw(self, rng: np.random.Generator, n_cells: int) -> np.ndarray:
        """Strength of each part in each cell: (n_cells, n_parts)."""
        shape = (n_cells, self.escape.size)
        strength = WEAKEST_RESPONSE + (STRONGEST_RESPONSE - WEAKEST_RESPONSE) * rng.beta(2.0, 2.0, shape)
        guides = strength * (rng.random(shape) >= self.escape)
        return np.hstack([guides, guides.prod(axis=1, keepdims=True)]) if self.escape.size == 2 else guides


def no_response(n_genes: int, n_switches: int) -> Response:
    """The response of control cells."""
    return Response(np.zeros((0, n_genes)), np.zeros((0, n_switches)), np.zeros(0))
