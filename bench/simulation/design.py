"""Which conditions a simulated screen has, with how many cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bench.simulation.facts import adamson_singles, norman_doubles, norman_singles, sciplex_cells
from bench.simulation.interactions import quota
from bench.simulation.molecules import drugs_of
from bench.simulation.presets import DrugPreset, GenePreset, Preset
from bench.simulation.streams import stream
from methods.conditions import Condition, gene_condition, treatment_condition

MIN_CELLS = 20


@dataclass(frozen=True)
class Design:
    """The plan of a screen.

    Parameters
    ----------
    cells
        Number of cells of each condition, controls first, in the order they are generated.
    genes
        Perturbed genes; empty for drugs.
    unmeasured
        Perturbed genes that are not in the panel.
    interactions
        Class of each pair, by condition key.
    """

    cells: Mapping[Condition, int]
    genes: tuple[str, ...]
    unmeasured: frozenset[str]
    interactions: Mapping[str, str]


def make_design(preset: Preset) -> Design:
    """Lay out the conditions of a preset; the same preset always gives the same design."""
    rng = stream(preset.name, part="design")
    genes: list[str] = []
    interactions: dict[str, str] = {}
    if isinstance(preset, GenePreset):
        genes, interactions = _perturbed_genes(preset, rng)
        keys = [*([gene] for gene in genes), *(key.split("+") for key in interactions)]
        conditions = [gene_condition(key) for key in keys]
        controls = [gene_condition(())]
        unmeasured = frozenset(rng.choice(genes, size=preset.n_unmeasured, replace=False).tolist())
    elif isinstance(preset, DrugPreset):
        conditions = [
            treatment_condition(drug.name, dose=dose, cell_type=line, smiles=drug.smiles)
            for drug in drugs_of(preset.drugs)
            for dose in preset.doses
            for line in preset.lines
        ]
        controls = [treatment_condition("ctrl", cell_type=line) for line in preset.lines]
        unmeasured = frozenset()
    else:
        raise TypeError(f"{preset!r} is neither a gene nor a drug preset")
    cells = dict.fromkeys(controls, preset.controls)
    cells.update(zip(conditions, _sizes(preset, conditions, rng), strict=True))
    return Design(cells, tuple(genes), unmeasured, interactions)


def _sizes(preset: Preset, conditions: list[Condition], rng: np.random.Generator) -> list[int]:
    """Cells of each condition."""
    if isinstance(preset, DrugPreset) and preset.published_cells:
        return [sciplex_cells()[condition.key] for condition in conditions]
    sizes = np.rint(preset.cells * np.exp(preset.cells_spread * rng.standard_normal(len(conditions))))
    drawn: list[int] = np.maximum(sizes, MIN_CELLS).astype(int).tolist()
    return drawn


def _perturbed_genes(preset: GenePreset, rng: np.random.Generator) -> tuple[list[str], dict[str, str]]:
    if preset.source == "adamson":
        return sorted(rng.choice(adamson_singles(), size=preset.n_singles, replace=False).tolist()), {}
    interactions = _every_pair(rng) if preset.n_doubles == len(norman_doubles()) else _some_pairs(preset.n_doubles)
    needed = {gene for key in interactions for gene in key.split("+")}
    others = [gene for gene in norman_singles() if gene not in needed]
    filled = rng.choice(others, size=preset.n_singles - len(needed), replace=False).tolist()
    return sorted([*needed, *filled]), interactions


def _every_pair(rng: np.random.Generator) -> dict[str, str]:
    """All published pairs; those without a published class get one in the published proportions."""
    unclassified = [key for key, interaction in norman_doubles() if not interaction]
    drawn = [name for name, count in quota(len(unclassified)).items() for _ in range(count)]
    given = dict(zip(unclassified, rng.permutation(drawn).tolist(), strict=True))
    return {key: interaction or given[key] for key, interaction in norman_doubles()}


def _some_pairs(total: int) -> dict[str, str]:
    """Pairs in the published proportions of classes, each time the one that needs the fewest new genes."""
    missing = quota(total)
    chosen: dict[str, str] = {}
    genes: set[str] = set()
    while len(chosen) < total:
        open_pairs = [(key, name) for key, name in norman_doubles() if missing.get(name) and key not in chosen]
        key, name = min(open_pairs, key=lambda pair: (len(set(pair[0].split("+")) - genes), pair[0]))
        chosen[key] = name
        genes.update(key.split("+"))
        missing[name] -= 1
    return dict(sorted(chosen.items()))
