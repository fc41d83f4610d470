"""What only a simulation can tell: fresh cells of any condition, and the truth behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix, vstack

from bench.simulation.counts import log_normalise
from bench.simulation.generator import fresh_counts
from bench.simulation.genetic import Genetics, Pair
from bench.simulation.streams import stream
from bench.simulation.world import build_world

MISSING_EDGES = 0.25
FALSE_EDGES = 0.25


@dataclass(frozen=True)
class Truth:
    """The truth of a data set.

    Parameters
    ----------
    effects
        Change of natural log expression of a fully responding cell, condition key x genes.
    network
        Signed edges, columns ``source``, ``target``, ``weight``.
    pairs
        Interaction class and coefficients of each double; empty for other screens.
    switch_genes
        Genes with two states in unperturbed cells.
    escape
        Share of cells of each condition that do not respond.
    """

    effects: pd.DataFrame
    network: pd.DataFrame
    pairs: Mapping[str, Pair]
    switch_genes: tuple[str, ...]
    escape: pd.Series[float]


def oracle_cells(name: str, condition_key: str, n_cells: int, seed: int) -> csr_matrix:
    """Fresh cells from the true distribution of a condition, control included.

    Returns
    -------
    (n_cells, n_genes), CSR float32, log1p of counts per 10,000, genes in panel order. None of
    them is a cell of the data set; the same arguments give the same cells.

    Raises
    ------
    DataError
        If there is no such data set, or no such condition in it.
    """
    world = build_world(name)
    blocks = list(fresh_counts(world, world.condition(condition_key), n_cells, seed))
    return log_normalise(vstack(blocks, format="csr"))


def true_mean(name: str, condition_key: str, n_cells: int = 4096) -> np.ndarray:
    """Expected log-normalised profile of a condition by Monte Carlo over ``n_cells`` cells: (n_genes,), float64."""
    return np.asarray(oracle_cells(name, condition_key, n_cells, seed=0).mean(axis=0, dtype=np.float64)).ravel()


def truth(name: str) -> Truth:
    """The truth of a data set."""
    world = build_world(name)
    conditions = list(world.design.cells)
    keys = [condition.key for condition in conditions]
    responses = [world.response(condition) for condition in conditions]
    switches = world.programmes.loadings[world.programmes.n_continuous :]
    return Truth(
        effects=pd.DataFrame([response.total for response in responses], index=keys, columns=world.panel.genes),
        network=_edges(name),
        pairs=world.effects.pairs if isinstance(world.effects, Genetics) else {},
        switch_genes=tuple(np.array(world.panel.genes)[switches.any(axis=0)].tolist()),
        escape=pd.Series([response.escape for response in responses], index=keys),
    )


def gene_graph(name: str) -> pd.DataFrame:
    """The gene network as public knowledge would have it: a quarter of its edges missing, as many false ones.

    Returns
    -------
    Columns ``source``, ``target`` and ``weight`` (confidence, > 0, unsigned).
    """
    world = build_world(name)
    rng = stream(name, part="prior")
    true = _edges(name)
    kept = true[rng.random(len(true)) >= MISSING_EDGES]
    n_false = round(FALSE_EDGES * len(kept))
    nodes = np.array(world.network.nodes)
    sources = true["source"].to_numpy()[rng.integers(0, len(true), n_false)]
    false = pd.DataFrame({"source": sources, "target": nodes[rng.integers(0, nodes.size, n_false)]})
    false["weight"] = rng.choice(true["weight"].abs().to_numpy(), n_false)
    graph = pd.concat([kept.assign(weight=kept["weight"].abs()), false], ignore_index=True)
    graph["weight"] *= rng.lognormal(0.0, 0.3, len(graph))
    graph = graph[graph["source"] != graph["target"]].drop_duplicates(["source", "target"])
    return graph.sort_values(["source", "target"], ignore_index=True)


def _edges(name: str) -> pd.DataFrame:
    network = build_world(name).network
    edges = network.weights.tocoo()
    nodes = np.array(network.nodes)
    frame = pd.DataFrame({"source": nodes[edges.row], "target": nodes[edges.col], "weight": edges.data})
    return frame.sort_values(["source", "target"], ignore_index=True)
