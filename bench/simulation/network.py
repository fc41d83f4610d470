"""A sparse signed gene network in which perturbations travel from regulators to targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

STEPS = 3
"""Regulator -> regulator -> hub -> target."""
HUBS = 2
TARGET_SHARE = 0.04
"""Share of the panel that one hub regulates."""
FEEDBACK_SHARE = 0.8
"""Share of regulators that a hub of their pathway raises in turn, so that they show what befalls the pathway."""
STRESS_SHARE = 0.08
PRIVATE_SHARE = 0.006
"""Share of the panel that a regulator acts on outside its pathway."""
ACTIVATING = 0.7
"""Share of positive effects among a node's effects on its targets."""
REPRESSORS = 0.05
"""Share of regulators that counteract their pathway."""


@dataclass(frozen=True)
class Network:
    """Who regulates whom.

    Parameters
    ----------
    nodes
        Panel genes in panel order, then regulators that are not measured.
    weights
        Signed weights, (n_nodes, n_nodes), [source, target].
    module
        Pathway of each regulator.
    targets
        What the hubs of each pathway do to every node, (n_modules, n_nodes).
    """

    nodes: tuple[str, ...]
    weights: csr_matrix
    module: Mapping[str, int]
    targets: np.ndarray

    def downstream(self, sources: Sequence[str]) -> np.ndarray:
        """What a unit change of each source does to every node: (n_sources, n_nodes).

        Sum over one to three steps along the network; the source's own change is left out.
        """
        index = {name: position for position, name in enumerate(self.nodes)}
        wave = np.zeros((len(sources), len(self.nodes)))
        wave[np.arange(len(sources)), [index[name] for name in sources]] = 1.0
        total = np.zeros_like(wave)
        backwards = self.weights.T.tocsr()
        for _ in range(STEPS):
            wave = (backwards @ wave.T).T
            total += wave
        return total


def make_network(
    rng: np.random.Generator,
    genes: Sequence[str],
    modules: Sequence[Sequence[str]],
    abundance: np.ndarray,
) -> Network:
    """Draw a network.

    Each pathway is a cascade of its regulators in three levels that ends in two hubs; each hub
    sets a signed group of targets. Every regulator also acts on a stress hub shared by all
    pathways, and on a few genes of its own.

    Parameters
    ----------
    genes
        Panel genes.
    modules
        Regulators of each pathway; those outside the panel become unmeasured nodes.
    abundance
        Typical share of counts of each gene, (n_genes,): targets and hubs are drawn among the
        better expressed half, where a change can be seen.
    """
    regulators = [gene for members in modules for gene in members]
    nodes = (*genes, *sorted(set(regulators) - set(genes)))
    index = {name: position for position, name in enumerate(nodes)}
    expressed = np.flatnonzero(abundance >= np.median(abundance))
    free = expressed[~np.isin(expressed, [index[gene] for gene in regulators])]
    hubs = rng.choice(free, size=HUBS * len(modules) + 1, replace=False)
    draw = _Edges(rng, expressed)
    signature = np.zeros((len(modules), len(nodes)))
    for number, members in enumerate(modules):
        own_hubs = hubs[HUBS * number : HUBS * (number + 1)]
        for hub in own_hubs:
            targets, weights = draw.targets(int(hub), max(4, round(TARGET_SHARE * len(genes))))
            signature[number, targets] += weights
        draw.cascade([index[gene] for gene in members], own_hubs)
    stress = int(hubs[-1])
    draw.targets(stress, max(6, round(STRESS_SHARE * len(genes))))
    for gene in regulators:
        draw.edge(index[gene], stress, rng.uniform(0.3, 0.7))
        draw.targets(index[gene], max(1, round(PRIVATE_SHARE * len(genes))))
    edges = csr_matrix((draw.weight, (draw.source, draw.target)), shape=(len(nodes), len(nodes)))
    module = {gene: number for number, members in enumerate(modules) for gene in members}
    return Network(nodes, edges, module, signature)


class _Edges:
    """Edges drawn so far."""

    def __init__(self, rng: np.random.Generator, expressed: np.ndarray) -> None:
        self._rng = rng
        self._expressed = expressed
        self.source: list[int] = []
        self.target: list[int] = []
        self.weight: list[float] = []

    def edge(self, source: int, target: int, weight: float) -> None:
        self.source.append(source)
        self.target.append(target)
        self.weight.append(weight)

    def targets(self, source: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Give a node targets of random sign and log-normal weight."""
        candidates = self._expressed[self._expressed != source]
        targets = self._rng.choice(candidates, size=min(count, candidates.size), replace=False)
        sign = np.where(self._rng.random(targets.size) < ACTIVATING, 1.0, -1.0)
        weights = sign * self._rng.lognormal(-0.3, 0.6, targets.size)
        for target, weight in zip(targets.tolist(), weights.tolist(), strict=True):
            self.edge(source, target, weight)
        return targets, weights

    def cascade(self, members: list[int], hubs: np.ndarray) -> None:
        """Order the regulators of a pathway in levels, link each level to the next and all to the hubs."""
        level = self._rng.integers(0, 3, len(members))
        for i, source in enumerate(members):
            sign = -1.0 if self._rng.random() < REPRESSORS else 1.0
            for j, target in enumerate(members):
                if level[j] == level[i] + 1 and self._rng.random() < 0.6:
                    self.edge(source, target, sign * self._rng.uniform(0.3, 0.7))
            shares = self._rng.uniform([0.5, 0.0], [1.0, 0.8])
            for hub, share in zip(hubs.tolist(), shares.tolist(), strict=True):
                self.edge(source, hub, sign * share)
            if self._rng.random() < FEEDBACK_SHARE:
                self.edge(int(self._rng.choice(hubs)), source, self._rng.uniform(0.8, 1.6))
