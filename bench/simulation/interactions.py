"""How two perturbations combine: classes of genetic interaction, their shares and their coefficients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Interaction:
    """One class of pairs.

    The double perturbation is ``first * a + second * b`` plus an effect that neither has.

    Parameters
    ----------
    pairs
        Pairs of Norman et al. 2019 in this class, out of 88.
    first, second
        Typical coefficients. Medians of robust (Theil–Sen) fits of the doubles of Norman et al.
        2019 by their singles, in this class.
    spread
        Standard deviation of the coefficients between pairs of the class.
    novel
        Length of the effect that neither single has, relative to the fitted part. Below
        sqrt(1 / r² - 1) with r the published correlation of fit and double, which also holds noise.
    ordered
        Whether one gene dominates, so that the coefficients belong to the dominated and the
        dominating gene rather than to the first and the second.
    """

    pairs: int
    first: float
    second: float
    spread: float
    novel: float
    ordered: bool


INTERACTIONS: Mapping[str, Interaction] = {
    "additive": Interaction(pairs=16, first=0.86, second=0.73, spread=0.13, novel=0.20, ordered=False),
    "epistasis": Interaction(pairs=9, first=0.25, second=0.72, spread=0.25, novel=0.30, ordered=True),
    "neomorphic": Interaction(pairs=13, first=0.41, second=0.41, spread=0.20, novel=0.90, ordered=False),
    "redundant": Interaction(pairs=8, first=0.51, second=0.72, spread=0.25, novel=0.15, ordered=True),
    "suppressor": Interaction(pairs=12, first=0.50, second=0.56, spread=0.10, novel=0.50, ordered=False),
    "synergy": Interaction(pairs=30, first=1.08, second=0.90, spread=0.20, novel=0.50, ordered=False),
}

DILUTION = 1.1
"""Coefficients fitted to mean profiles come out about a tenth lower than the coefficients of the
effects themselves: means of log values level off, and the singles are measured with noise."""

ALIKE = ("redundant", "synergy")
"""Classes whose two genes act alike: published median correlation of the singles .77 and .54, .40 over all pairs."""


def quota(total: int) -> dict[str, int]:
    """Pairs of each class among ``total``, in the published proportions (largest remainders)."""
    shares = np.array([interaction.pairs for interaction in INTERACTIONS.values()], dtype=float)
    exact = total * shares / shares.sum()
    counts = np.floor(exact).astype(int)
    counts[np.argsort(counts - exact, kind="stable")[: total - counts.sum()]] += 1
    return dict(zip(INTERACTIONS, counts.tolist(), strict=True))


def draw_coefficients(rng: np.random.Generator, interaction: Interaction) -> tuple[float, float]:
    """True coefficients of one pair of the class; kept within (0, 1.6), the published range."""
    pair = DILUTION * rng.normal([interaction.first, interaction.second], interaction.spread)
    pair = np.clip(pair, 0.02, 1.6)
    if interaction.ordered and rng.random() < 0.5:
        pair = pair[::-1]
    return float(pair[0]), float(pair[1])


def groups_alike(interactions: Mapping[str, str]) -> list[set[str]]:
    """Groups of genes linked by pairs of the classes ``ALIKE``: they belong to one pathway."""
    groups: list[set[str]] = []
    for key, name in interactions.items():
        if name in ALIKE:
            merged = set(key.split("+"))
            for group in [group for group in groups if group & merged]:
                merged |= group
                groups.remove(group)
            groups.append(merged)
    return groups
