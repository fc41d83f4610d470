"""Latent states of a cell: the cell cycle, pathway activities and two-state switches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.simulation.network import Network

CYCLE_SHARE = 0.08
CYCLE_LOADING = 0.45
PATHWAY_LOADING = 0.4
REGULATOR_LOADING = 0.6
SWITCH_SHARE = 0.015
SWITCH_LOADING = 2.0
"""How much higher, in natural log, a gene of a switch is when the switch is on."""
SWITCH_ON = (0.2, 0.6)


@dataclass(frozen=True)
class Programmes:
    """Latent states and the genes they drive.

    Parameters
    ----------
    loadings
        Change of log expression per unit of each state, (n_states, n_genes): two cell-cycle
        coordinates, one activity per pathway, then the switches.
    switch_logits
        Log odds that each switch is on in control cells, (n_switches,).
    """

    loadings: np.ndarray
    switch_logits: np.ndarray

    @property
    def n_continuous(self) -> int:
        """States that are not switches."""
        return int(self.loadings.shape[0] - self.switch_logits.size)

    def log_inflation(self) -> np.ndarray:
        """Log of the factor by which the states raise each gene's mean in control cells: (n_genes,)."""
        continuous = self.loadings[: self.n_continuous]
        on = 1.0 / (1.0 + np.exp(-self.switch_logits))[:, None]
        switches = np.log1p(on * np.expm1(self.loadings[self.n_continuous :]))
        return np.asarray(0.5 * (continuous**2).sum(axis=0) + switches.sum(axis=0))

    def draw(self, rng: np.random.Generator, logit_shift: np.ndarray) -> np.ndarray:
        """States of cells whose switches are shifted by ``logit_shift`` (n_cells, n_switches): (n_cells, n_states)."""
        n_cells = logit_shift.shape[0]
        phase = 2.0 * np.pi * rng.random((n_cells, 1))
        cycle = np.sqrt(2.0) * np.hstack([np.cos(phase), np.sin(phase)])
        activity = rng.standard_normal((n_cells, self.n_continuous - 2))
        on = 1.0 / (1.0 + np.exp(-(self.switch_logits + logit_shift)))
        return np.hstack([cycle, activity, rng.random(on.shape) < on])


def make_programmes(
    rng: np.random.Generator, network: Network, n_genes: int, n_switches: int, abundance: np.ndarray
) -> Programmes:
    """Draw the states of a screen.

    A pathway's activity moves its targets and its regulators together, so that co-expression in
    unperturbed cells tells what a perturbation will do.
    """
    cycle = np.zeros((2, n_genes))
    cycling = rng.choice(n_genes, size=max(4, round(CYCLE_SHARE * n_genes)), replace=False)
    cycle[:, cycling] = CYCLE_LOADING * rng.standard_normal((2, cycling.size))

    signature = network.targets[:, :n_genes]
    pathways = PATHWAY_LOADING * np.tanh(signature)
    index = {name: position for position, name in enumerate(network.nodes[:n_genes])}
    for gene, number in network.module.items():
        if gene in index:
            pathways[number, index[gene]] += REGULATOR_LOADING

    expressed = np.flatnonzero(abundance >= np.quantile(abundance, 0.6))
    size = max(2, round(SWITCH_SHARE * n_genes))
    members = rng.choice(expressed, size=(n_switches, size), replace=False)
    switches = np.zeros((n_switches, n_genes))
    np.put_along_axis(switches, members, rng.normal(SWITCH_LOADING, 0.4, members.shape), axis=1)
    on = rng.uniform(*SWITCH_ON, n_switches)
    return Programmes(np.vstack([cycle, pathways, switches]), np.log(on / (1.0 - on)))
