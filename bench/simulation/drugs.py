"""Effects of drugs: structure -> pathway activities -> dose response in each cell line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.simulation.molecules import Drug, fingerprints, mechanisms, physicochemical
from bench.simulation.network import Network
from bench.simulation.presets import DrugPreset
from bench.simulation.responses import Response

REGULATORS = 4
"""Panel genes through which a pathway acts."""
LARGEST_CHANGE = 2.5
DRUG_ESCAPE = 0.1
"""Share of cells that a drug does not reach."""
RESTING = 0.2
"""Probability that a pathway is absent in a cell line."""


def hill(dose: float, ec50: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """Hill dose response, dose^h / (EC50^h + dose^h), in [0, 1]; dose and EC50 in nM.

    Rises with the dose and is one half at the EC50.
    """
    return np.asarray(1.0 / (1.0 + (ec50 / dose) ** slope))


@dataclass(frozen=True)
class Pharmacology:
    """Truth about the drugs of a screen.

    Parameters
    ----------
    drugs
        The drugs, in row order.
    activity
        Activity of each drug on each pathway, (n_drugs, n_pathways); a smooth function of the
        structure, near 0 for most drugs.
    ec50
        Dose of half effect in each cell line, nM, (n_drugs, n_lines).
    slope
        Hill slope, (n_drugs,).
    sensitivity
        How strongly each pathway answers in each cell line, (n_lines, n_pathways).
    pathways
        Change of natural log expression per unit of activity, (n_pathways, n_genes).
    switches
        Change of the log odds of each switch per unit of activity, (n_pathways, n_switches).
    lines
        Cell lines.
    """

    drugs: tuple[Drug, ...]
    activity: np.ndarray
    ec50: np.ndarray
    slope: np.ndarray
    sensitivity: np.ndarray
    pathways: np.ndarray
    switches: np.ndarray
    lines: tuple[str, ...]

    def response(self, drug: str, dose: float, line: str) -> Response:
        """Response to a drug at a dose (nM) in a cell line."""
        row = [known.name for known in self.drugs].index(drug)
        column = self.lines.index(line)
        engaged = hill(dose, self.ec50[row, column], self.slope[row]) * self.activity[row] * self.sensitivity[column]
        effect = LARGEST_CHANGE * np.tanh(engaged @ self.pathways / LARGEST_CHANGE)
        return Response(effect[None], (engaged @ self.switches)[None], DRUG_ESCAPE)


def pathway_regulators(rng: np.random.Generator, genes: tuple[str, ...], n_modules: int) -> list[list[str]]:
    """Panel genes through which each pathway acts."""
    drawn = rng.choice(genes, size=(n_modules, REGULATORS), replace=False)
    return [sorted(row) for row in drawn.tolist()]


def make_pharmacology(
    rng: np.random.Generator, preset: DrugPreset, drugs: tuple[Drug, ...], network: Network, n_genes: int
) -> Pharmacology:
    """Draw the maps from structure to activity, EC50 and slope, and the pathways' effects."""
    n_pathways = preset.n_modules
    prints, properties = fingerprints(drugs), physicochemical(drugs)

    def smooth(n_outputs: int) -> np.ndarray:
        """A random smooth function of the structure, of order 1: (n_drugs, n_outputs)."""
        fine = prints @ rng.standard_normal((prints.shape[1], n_outputs))
        coarse = properties @ rng.standard_normal((properties.shape[1], n_outputs)) / np.sqrt(properties.shape[1])
        return np.asarray(0.8 * fine + 0.6 * np.tanh(coarse))

    potency = 1.0 / (1.0 + np.exp(-5.0 * (smooth(1) - 0.8)))
    score = smooth(n_pathways)
    minor = np.sign(score) * np.maximum(np.abs(score) - 0.7, 0.0)
    activity = mechanisms(drugs, n_pathways) * (0.75 + 0.5 * potency) + potency * minor

    log_ec50 = 2.7 + 0.6 * smooth(1) + 0.2 * rng.standard_normal((len(drugs), 1))
    log_ec50 = log_ec50 + 0.25 * rng.standard_normal((1, len(preset.lines)))
    slope = np.clip(np.exp(0.3 * smooth(1)[:, 0] + 0.1), 0.6, 2.5)
    sensitivity = rng.lognormal(0.0, 0.4, (len(preset.lines), n_pathways))
    minor_pathway = np.arange(n_pathways) > 1  # histones and chaperones are at work in every line
    sensitivity *= ~(minor_pathway & (rng.random(sensitivity.shape) < RESTING))

    regulators = list(network.module)
    downstream = network.downstream(regulators)[:, :n_genes]
    members = np.array([[network.module[gene] == number for gene in regulators] for number in range(n_pathways)])
    raw = members.astype(float) @ downstream
    unit = raw / np.sqrt((raw**2).mean(axis=1, keepdims=True))
    turned = rng.random((n_pathways, preset.n_switches)) < 1.0 / preset.n_switches
    switches = turned * rng.choice([-1.5, 1.5], turned.shape)
    return Pharmacology(
        drugs, activity, 10.0**log_ec50, slope, sensitivity, preset.strength * unit, switches, preset.lines
    )
