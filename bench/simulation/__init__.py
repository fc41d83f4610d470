"""Embedded simulation: perturbation screens with known truth, statistically like real ones."""

from bench.simulation.generator import GENERATOR_VERSION, simulate
from bench.simulation.oracle import Truth, gene_graph, oracle_cells, true_mean, truth
from bench.simulation.presets import PRESETS, DrugPreset, GenePreset, Preset

__all__ = [
    "GENERATOR_VERSION",
    "PRESETS",
    "DrugPreset",
    "GenePreset",
    "Preset",
    "Truth",
    "gene_graph",
    "oracle_cells",
    "simulate",
    "true_mean",
    "truth",
]
