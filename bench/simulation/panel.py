"""The measured genes: names, typical abundance in each cell type, dispersion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.simulation.facts import gene_symbols
from bench.simulation.presets import GenePreset, Preset

LINE_SPECIFIC = 0.4
"""Share of genes whose abundance differs between cell lines."""
LINE_SPREAD = 1.0
"""Standard deviation of that difference, natural log."""
DISPERSION_FLOOR = 0.05
DISPERSION_SLOPE = 0.10
DISPERSION_SPREAD = 0.5


@dataclass(frozen=True)
class Panel:
    """Measured genes and what they look like in control cells.

    Parameters
    ----------
    genes
        Gene symbols, (n_genes,).
    log_abundance
        Natural log of a gene's expected share of a cell's counts, (n_cell_types, n_genes); each
        row sums to 1 before the log.
    dispersion
        Negative-binomial dispersion, variance = mean + dispersion * mean², beside what the
        latent states add, (n_cell_types, n_genes).
    """

    genes: tuple[str, ...]
    log_abundance: np.ndarray
    dispersion: np.ndarray


def make_panel(rng: np.random.Generator, preset: Preset, perturbed: tuple[str, ...], hidden: frozenset[str]) -> Panel:
    """Draw a panel that holds every perturbed gene but the hidden ones, in random order.

    Dispersion falls with the mean and varies between genes, as in control cells of the
    public screens: medians near .8, .35 and .25 at means of .05, .3 and 2 counts a cell.
    """
    genes = rng.permutation(_names(preset.n_genes, [gene for gene in perturbed if gene not in hidden], set(perturbed)))
    shared = preset.abundance_spread * rng.standard_normal(genes.size)
    if isinstance(preset, GenePreset) and preset.mode == "knock-down":
        # libraries of knock-downs are designed against genes that the cell line expresses
        target = np.isin(genes, perturbed)
        shared[target] = 0.5 * preset.abundance_spread * np.abs(rng.standard_normal(int(target.sum())))
    n_types = len(preset.cell_types)
    log_abundance = np.tile(shared, (n_types, 1))
    if n_types > 1:
        specific = rng.random((n_types, genes.size)) < LINE_SPECIFIC
        log_abundance += specific * LINE_SPREAD * rng.standard_normal((n_types, genes.size))
    log_abundance -= np.log(np.exp(log_abundance).sum(axis=1, keepdims=True))
    mean = preset.depth * np.exp(log_abundance)
    trend = DISPERSION_FLOOR + DISPERSION_SLOPE / np.sqrt(mean)
    dispersion = np.minimum(trend * np.exp(DISPERSION_SPREAD * rng.standard_normal(genes.size)), 20.0)
    return Panel(tuple(genes.tolist()), log_abundance, np.maximum(dispersion, 0.02))


def _names(n_genes: int, measured: list[str], taken: set[str]) -> list[str]:
    others = [symbol for symbol in gene_symbols() if symbol not in taken]
    filled = [*measured, *others][:n_genes]
    return [*filled, *(f"GENE{index:04d}" for index in range(1, n_genes - len(filled) + 1))]
