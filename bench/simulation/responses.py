"""What a condition does to a cell, and how much of it each cell shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WEAKEST_RESPONSE, STRONGEST_RESPONSE = 0.4, 1.6
"""Range, around 1, of the strength of response of a cell that responds."""


@dataclass(frozen=True)
class Response:
    """The effect of one condition.

    A cell either escapes the condition or responds to each of its perturbations with a strength
    of its own. A pair has three parts: both perturbations, and what neither does alone, whose
    strength is the product of theirs. (Both guides of a pair sit on one vector: a cell escapes
    both or none.)

    Parameters
    ----------
    effects
        Change of natural log expression at strength 1, (n_parts, n_genes); no part for controls.
    switches
        Change of the log odds of each switch at strength 1, (n_parts, n_switches).
    escape
        Probability that a cell escapes.
    """

    effects: np.ndarray
    switches: np.ndarray
    escape: float

    @property
    def total(self) -> np.ndarray:
        """Change of natural log expression of a cell that responds at strength 1: (n_genes,)."""
        return np.asarray(self.effects.sum(axis=0))

    def draw(self, rng: np.random.Generator, n_cells: int) -> np.ndarray:
        """Strength of each part in each cell: (n_cells, n_parts)."""
        n_parts = self.effects.shape[0]
        own = rng.beta(2.0, 2.0, (n_cells, min(n_parts, 2)))
        strength = WEAKEST_RESPONSE + (STRONGEST_RESPONSE - WEAKEST_RESPONSE) * own
        if n_parts == 3:
            strength = np.hstack([strength, strength.prod(axis=1, keepdims=True)])
        return strength * (rng.random((n_cells, 1)) >= self.escape)


def no_response(n_genes: int, n_switches: int) -> Response:
    """The response of control cells."""
    return Response(np.zeros((0, n_genes)), np.zeros((0, n_switches)), 0.0)
