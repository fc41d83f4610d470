"""Cells of a simulated screen, condition by condition."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from bench.simulation.counts import TARGET_SUM, draw_counts, log_normalise
from bench.simulation.presets import Preset
from bench.simulation.streams import stream
from bench.simulation.world import World, build_world
from methods.conditions import Condition

if TYPE_CHECKING:
    from anndata import AnnData

GENERATOR_VERSION = 2
"""Raised whenever a data set's cells change."""
BLOCK_CELLS = 512
"""Cells drawn together. It bounds memory, and each block has random numbers of its own."""
DEPTH_LIMIT = 2.5
"""Cells further from the typical depth, in standard deviations, do not pass quality control."""


def simulate(name: str) -> AnnData:
    """Simulate a data set.

    The result depends on the name alone: not on global random state, nor on the number of threads.

    Parameters
    ----------
    name
        A name of ``PRESETS``.

    Returns
    -------
    Canonical data set: ``X`` log1p of counts per 10,000 and ``layers["counts"]``, both CSR float32.

    Raises
    ------
    DataError
        If nothing is simulated under that name.
    """
    from anndata import AnnData

    world = build_world(name)
    blocks = [block for condition in world.design.cells for block in condition_counts(world, condition)]
    counts = _stack(blocks, len(world.panel.genes))
    adata = AnnData(X=log_normalise(counts), obs=_obs(world), var=pd.DataFrame(index=pd.Index(world.panel.genes)))
    adata.layers["counts"] = counts
    adata.uns["bench"] = _provenance(world.preset)
    return adata


def condition_counts(world: World, condition: Condition) -> Iterator[csr_matrix]:
    """Counts of one condition's cells of the data set, in blocks of at most ``BLOCK_CELLS`` cells.

    They do not depend on which other conditions are generated, so a data set can be generated in
    any order and in pieces.
    """
    yield from _cells(world, condition, world.design.cells[condition], axis="data")


def fresh_counts(world: World, condition: Condition, n_cells: int, seed: int) -> Iterator[csr_matrix]:
    """Counts of new cells from the distribution that the data set's cells came from."""
    yield from _cells(world, condition, n_cells, axis=f"oracle/{seed}")


def _cells(world: World, condition: Condition, n_cells: int, axis: str) -> Iterator[csr_matrix]:
    preset, programmes = world.preset, world.programmes
    response = world.response(condition)
    cell_type = preset.cell_types.index(world.cell_type(condition))
    directions = np.vstack([programmes.loadings, response.effects])
    for first in range(0, n_cells, BLOCK_CELLS):
        rng = stream(preset.name, axis=axis, condition=condition.key, first=first)
        n_block = min(BLOCK_CELLS, n_cells - first)
        strength = response.draw(rng, n_block)
        states = programmes.draw(rng, strength @ response.switches)
        depth = np.clip(rng.standard_normal((n_block, 1)), -DEPTH_LIMIT, DEPTH_LIMIT)
        mean = np.hstack([states, strength]) @ directions
        mean += world.log_share[cell_type]
        mean += np.log(preset.depth) + preset.depth_spread * depth
        np.exp(mean, out=mean)
        yield draw_counts(rng, mean, world.panel.dispersion[cell_type])


def _stack(blocks: list[csr_matrix], n_genes: int) -> csr_matrix:
    """Stack blocks of rows, letting go of each array of theirs as soon as it is copied."""
    lengths = np.concatenate([np.diff(block.indptr) for block in blocks])
    indptr = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    values, indices = [block.data for block in blocks], [block.indices for block in blocks]
    blocks.clear()
    data = np.concatenate(values)
    values.clear()
    columns = np.concatenate(indices)
    indices.clear()
    return csr_matrix((data, columns, indptr), shape=(lengths.size, n_genes))


def _obs(world: World) -> pd.DataFrame:
    conditions = list(world.design.cells)
    sizes = np.array(list(world.design.cells.values()))
    group = np.repeat(np.arange(sizes.size), sizes)

    def categorical(values: list[str]) -> pd.Categorical:
        levels, codes = np.unique(np.array(values, dtype=str), return_inverse=True)
        return pd.Categorical.from_codes(codes[group], categories=pd.Index(levels.tolist()))

    number = np.arange(group.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    names = [condition.key for condition in conditions]
    obs = pd.DataFrame(
        {
            "condition": categorical(names),
            "control": np.array([condition.is_control for condition in conditions])[group],
            "cell_type": categorical([world.cell_type(condition) for condition in conditions]),
            "perturbation": categorical([condition.label for condition in conditions]),
        },
        index=pd.Index([f"{names[g]}:{n}" for g, n in zip(group.tolist(), number.tolist(), strict=True)]),
    )
    if world.preset.modality == "treatment":
        obs["drug"] = obs["perturbation"]
        doses = [np.nan if condition.dose is None else condition.dose for condition in conditions]
        obs["dose"] = np.array(doses, dtype=np.float64)[group]
        obs["smiles"] = categorical([condition.smiles or "" for condition in conditions])
    return obs


def _provenance(preset: Preset) -> dict[str, str | int | float | bool]:
    return {
        "schema": 1,
        "name": preset.name,
        "modality": preset.modality,
        "importer": "simulation",
        "source_file": "simulation",
        "source_sha256": "",
        "normalisation": "counts -> log1p of counts per 10,000",
        "target_sum": TARGET_SUM,
        "has_counts": True,
        "generator_version": GENERATOR_VERSION,
    }
