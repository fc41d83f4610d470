"""Effects of single gene perturbations and of pairs of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from bench.simulation.design import Design
from bench.simulation.interactions import INTERACTIONS, draw_coefficients, groups_alike
from bench.simulation.network import Network
from bench.simulation.presets import GenePreset
from bench.simulation.responses import Response

LARGEST_CHANGE = 2.5
LARGEST_PAIR_CHANGE = 4.5
"""Natural-log changes at which effects of singles and pairs level off."""
OWN_CHANGE = {"knock-down": -1.8, "activation": 2.2}
"""Change of the perturbed gene itself: 84 % knock-down, nine-fold activation."""
SHARED_STRENGTH = 0.6
"""Share of the variance of log strength that a pathway's regulators have in common."""
SWITCHING_PATHWAYS = 0.5
SWITCH_GAIN = 6.0
LARGEST_SHIFT = 2.5


@dataclass(frozen=True)
class Pair:
    """Truth of one pair: its class and the coefficients of its two singles, in key order."""

    interaction: str
    first: float
    second: float


@dataclass(frozen=True)
class Genetics:
    """Responses of every condition of a gene screen.

    Parameters
    ----------
    responses
        By condition key.
    pairs
        By condition key.
    """

    responses: Mapping[str, Response]
    pairs: Mapping[str, Pair]


def pathways(rng: np.random.Generator, design: Design, n_modules: int) -> list[list[str]]:
    """Share the perturbed genes out over pathways; genes that are known to act alike stay together."""
    groups = [sorted(group) for group in groups_alike(design.interactions)]
    linked = {gene for group in groups for gene in group}
    groups += [[gene] for gene in design.genes if gene not in linked]
    modules: list[list[str]] = [[] for _ in range(n_modules)]
    for position in rng.permutation(len(groups)).tolist():
        min(modules, key=len).extend(groups[position])
    return [sorted(module) for module in modules]


def make_genetics(
    rng: np.random.Generator, preset: GenePreset, design: Design, network: Network, n_genes: int
) -> Genetics:
    """Draw the responses of every single and every pair of a screen."""
    sign = -1.0 if preset.mode == "knock-down" else 1.0
    strength = _strengths(rng, preset, design, network)
    raw = sign * network.downstream(design.genes)[:, :n_genes]
    unit = raw / np.sqrt((raw**2).mean(axis=1, keepdims=True))
    effects = LARGEST_CHANGE * np.tanh(strength[:, None] * unit / LARGEST_CHANGE)
    index = {name: position for position, name in enumerate(network.nodes[:n_genes])}
    own = [(row, index[gene]) for row, gene in enumerate(design.genes) if gene in index]
    rows, columns = zip(*own, strict=True)
    effects[rows, columns] = OWN_CHANGE[preset.mode]

    direction = _switch_directions(rng, preset.n_modules, preset.n_switches)
    shift = np.minimum(SWITCH_GAIN * strength, LARGEST_SHIFT)
    switches = sign * shift[:, None] * direction[[network.module[gene] for gene in design.genes]]
    escape = rng.beta(2.0, 8.0, len(design.genes))
    singles = {
        gene: Response(effects[row : row + 1], switches[row : row + 1], float(escape[row]))
        for row, gene in enumerate(design.genes)
    }
    responses = dict(singles)
    pairs: dict[str, Pair] = {}
    for key, name in design.interactions.items():
        genes = key.split("+")
        pairs[key] = Pair(name, *draw_coefficients(rng, INTERACTIONS[name]))
        foreign = int(rng.choice([m for m in range(preset.n_modules) if m != network.module[genes[0]]]))
        own_genes = [index.get(gene) for gene in genes]
        responses[key] = _pair_response(
            pairs[key], [singles[gene] for gene in genes], network.targets[foreign, :n_genes], own_genes
        )
    return Genetics(responses, pairs)


def _pair_response(pair: Pair, singles: list[Response], foreign: np.ndarray, own_genes: list[int | None]) -> Response:
    """Response to a · first + b · second + an effect along ``foreign`` that neither single has."""
    coefficients = np.array([[pair.first], [pair.second]])
    parts = coefficients * np.vstack([single.effects for single in singles])
    fitted = parts.sum(axis=0)
    extra = INTERACTIONS[pair.interaction].novel * np.linalg.norm(fitted) * foreign / np.linalg.norm(foreign)
    novel = LARGEST_PAIR_CHANGE * np.tanh((fitted + extra) / LARGEST_PAIR_CHANGE) - fitted
    for part, (own, single) in enumerate(zip(own_genes, singles, strict=True)):
        if own is not None:  # a guide hits its own gene whatever the other one does
            parts[part, own] = single.effects[0, own]
            novel[own] = 0.0
    return Response(
        np.vstack([parts, novel]),
        np.vstack(
            [coefficients * np.vstack([single.switches for single in singles]), np.zeros_like(singles[0].switches)]
        ),
        float(np.mean([single.escape for single in singles])),
    )


def _strengths(rng: np.random.Generator, preset: GenePreset, design: Design, network: Network) -> np.ndarray:
    """Log-normal strength of each single: (n_singles,). Quantiles, not draws: every screen has strong and weak ones."""
    n_modules = preset.n_modules
    shared = rng.permutation(ndtri((np.arange(n_modules) + 0.5) / n_modules))
    own = rng.standard_normal(len(design.genes))
    module = [network.module[gene] for gene in design.genes]
    score = np.sqrt(SHARED_STRENGTH) * shared[module] + np.sqrt(1.0 - SHARED_STRENGTH) * own
    return np.asarray(preset.strength * np.exp(preset.strength_spread * score))


def _switch_directions(rng: np.random.Generator, n_modules: int, n_switches: int) -> np.ndarray:
    """Which switch each pathway turns, and which way: (n_modules, n_switches), entries -1, 0, 1."""
    direction = np.zeros((n_modules, n_switches))
    turning = rng.choice(n_modules, size=max(1, round(SWITCHING_PATHWAYS * n_modules)), replace=False)
    sign = np.where(rng.random(turning.size) < 0.5, 1.0, -1.0)
    direction[turning, rng.integers(0, n_switches, turning.size)] = sign
    return direction
