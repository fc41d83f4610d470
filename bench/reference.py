"""What is known before any prediction: true cells, ranked genes, control means.

Built once per task and protocol; it serves all methods and seeds, so that the truth's own terms
are computed once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from bench.differential import Ranking, gene_weights, rank_genes
from bench.errors import ProtocolError
from bench.hashing import derive_seed, unit_hash
from bench.heldout import HeldOut
from bench.lift import draw_rows
from bench.metrics.cells import Cells
from bench.metrics.device import Device
from bench.metrics.moments import Moments, column_mean, column_moments
from bench.metrics.pair import Background
from bench.protocols import DifferentialRule, Protocol
from methods.conditions import Condition

_GENE_SET_SIZES = {"de20": 20, "de40": 40, "de20_other": 20}


@dataclass(frozen=True)
class Truth:
    """What one test condition is scored against.

    Parameters
    ----------
    condition
        Which.
    cells
        The true cells it is scored on, transformed as the protocol says.
    background
        Control means, mean perturbation, gene weights.
    gene_sets
        Column indices of each gene set.
    draws
        Rows of ``cells`` of each equal-number draw, in random order; empty where the protocol draws none.
    """

    condition: Condition
    cells: Cells
    background: Background
    gene_sets: Mapping[str, np.ndarray]
    draws: tuple[np.ndarray, ...]

    @property
    def equal(self) -> int:
        """Number of cells of an equal-number draw; 0 where there are none."""
        return self.draws[0].size if self.draws else 0


@dataclass(frozen=True)
class Reference:
    """A task under a protocol, ready to score predictions.

    Parameters
    ----------
    protocol
        How it is scored.
    genes
        Gene panel.
    conditions
        All test conditions by key.
    truths
        What each scored condition is scored against.
    unscored
        Test conditions that are not scored, and why.
    source_controls
        Training-fold control cells per cell type, untransformed: what cells are made of a mean with.
    seed
        Data seed: decides halves and draws of the true cells.
    device
        Where distances are computed.
    """

    protocol: Protocol
    genes: pd.Index
    conditions: Mapping[str, Condition]
    truths: Mapping[str, Truth]
    unscored: Mapping[str, str]
    source_controls: Mapping[str, csr_matrix]
    seed: int
    device: Device

    @cached_property
    def cell_types(self) -> Mapping[str, tuple[str, ...]]:
        """Cell type -> keys of its scored conditions."""
        keys: dict[str, list[str]] = {}
        for key, truth in self.truths.items():
            keys.setdefault(truth.condition.cell_type, []).append(key)
        return {cell_type: tuple(of_type) for cell_type, of_type in keys.items()}

    def equal_in(self, cell_type: str) -> int:
        """Cells per true centroid where conditions of a cell type are compared with each other."""
        return min(self.truths[key].equal for key in self.cell_types[cell_type])

    @cached_property
    def true_centroids(self) -> Mapping[str, np.ndarray]:
        """Cell type -> true centroids at equal cell numbers: (draws, conditions, g), float64."""
        centroids = {}
        for cell_type, keys in self.cell_types.items():
            count = self.equal_in(cell_type)
            truths = [self.truths[key] for key in keys]
            centroids[cell_type] = np.stack(
                [
                    np.stack([truth.cells.take(truth.draws[draw][:count]).mean for truth in truths])
                    for draw in range(len(truths[0].draws))
                ]
            )
        return centroids

    def halved(self, draw: int) -> tuple[Reference, Mapping[str, csr_matrix]]:
        """One half of the scored cells as truth and the other as prediction, by key.

        Genes, weights and control means stay as they are: the halves are cells that ranked no genes
        under a protocol that keeps such cells apart.
        """
        truths, predicted = {}, {}
        for key, truth in self.truths.items():
            half = truth.cells.n // 2
            rows = draw_rows(truth.cells.n, 2 * half, derive_seed(data=self.seed, condition=key, halves=draw))
            predicted[key] = truth.cells.take(rows[half:]).matrix
            truths[key] = replace(
                truth,
                cells=truth.cells.take(rows[:half]),
                draws=(np.arange(truth.equal),) if truth.draws else (),
            )
        return replace(self, truths=truths), predicted


def build_reference(heldout: HeldOut, protocol: Protocol, device: Device = "cpu") -> Reference:
    """Prepare a task for scoring under a protocol.

    Parameters
    ----------
    heldout
        The held-out cells and controls of the task.
    protocol
        How to score.
    device
        ``"cpu"`` for numpy, or a torch device.

    Raises
    ------
    ProtocolError
        If a cell type lacks control cells in a fold, or no condition has enough cells to be scored.
    """
    types = sorted({condition.cell_type for condition in heldout.conditions.values()})
    backgrounds = {cell_type: _control_means(heldout, protocol, cell_type) for cell_type in types}
    ranked_against = {cell_type: _ranking_controls(heldout, protocol, cell_type) for cell_type in types}
    positions = {gene: position for position, gene in enumerate(heldout.genes)}
    truths: dict[str, Truth] = {}
    unscored: dict[str, str] = {}
    for key, condition in heldout.conditions.items():
        cells = _without_duplicates(heldout.cells[key])
        if cells.shape[0] < protocol.min_cells:
            unscored[key] = f"{cells.shape[0]} true cells, protocol {protocol.label} needs {protocol.min_cells}"
            continue
        ranking_rows, scored_rows = _rows(protocol.differential, heldout.cell_ids[key], heldout.seed)
        ranking = rank_genes(column_moments(cells[ranking_rows]), ranked_against[condition.cell_type])
        perturbed = frozenset(positions[name] for name in condition.perturbations if name in positions)
        truths[key] = Truth(
            condition=condition,
            cells=Cells(_transformed(cells[scored_rows], protocol), device),
            background=replace(backgrounds[condition.cell_type], weights=gene_weights(ranking.scores)),
            gene_sets=_gene_sets(protocol, ranking, condition, perturbed),
            draws=_draws(protocol, scored_rows.size, key, heldout.seed),
        )
    if not truths:
        raise ProtocolError(
            f"protocol {protocol.label} scores conditions with at least {protocol.min_cells} true cells; "
            f"none of the {len(unscored)} test conditions has that many"
        )
    return Reference(
        protocol=protocol,
        genes=heldout.genes,
        conditions=heldout.conditions,
        truths=truths,
        unscored=unscored,
        source_controls={cell_type: heldout.control_cells(cell_type, "train") for cell_type in types},
        seed=heldout.seed,
        device=device,
    )


def _rows(rule: DifferentialRule, ids: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows that rank the genes and rows that are scored on."""
    if rule is DifferentialRule.ALL_CELLS:
        everything = np.arange(len(ids))
        return everything, everything
    order = np.lexsort((np.asarray(ids, dtype=str), unit_hash(map(str, ids), seed)))
    half = len(ids) // 2
    return np.sort(order[:half]), np.sort(order[half:])


def _draws(protocol: Protocol, n_scored: int, key: str, seed: int) -> tuple[np.ndarray, ...]:
    """Rows of each equal-number draw; half of the scored cells at most, so that halves can be compared alike."""
    equal = min(protocol.n_predicted, n_scored // 2)
    return tuple(
        draw_rows(n_scored, equal, derive_seed(data=seed, condition=key, draw=draw)) for draw in range(protocol.repeats)
    )


def _transformed(cells: csr_matrix, protocol: Protocol) -> csr_matrix:
    return cells if protocol.transform is None else protocol.transform(cells)


def _without_duplicates(cells: csr_matrix) -> csr_matrix:
    """The same cells with one entry per value, as the kernels need them; the given matrix is left alone."""
    if cells.has_canonical_format:
        return cells
    merged = cells.copy()
    merged.sum_duplicates()
    return merged


def _gene_sets(
    protocol: Protocol, ranking: Ranking, condition: Condition, perturbed: frozenset[int]
) -> Mapping[str, np.ndarray]:
    """Column indices per gene set; ``de20_other`` is for gene perturbations alone."""
    sets = {}
    for name in protocol.gene_sets:
        if name == "de20_other" and condition.modality != "gene":
            continue
        sets[name] = ranking.top(_GENE_SET_SIZES[name], perturbed if name == "de20_other" else frozenset())
    return sets


def _ranking_controls(heldout: HeldOut, protocol: Protocol, cell_type: str) -> Moments:
    """Moments of the controls that genes are ranked against."""
    controls = column_moments(heldout.control_cells(cell_type, *protocol.differential_controls))
    if controls.n < 2:
        raise ProtocolError(
            f"cell type {cell_type!r} has {controls.n} control cell to rank genes against (fold "
            f"{', '.join(protocol.differential_controls)}), protocol {protocol.label} needs 2: enlarge the fold in the "
            "split's [controls]"
        )
    return controls


def _control_means(heldout: HeldOut, protocol: Protocol, cell_type: str) -> Background:
    """Control means and mean perturbation of a cell type; the weights are a condition's own."""

    def moments(fold: str) -> Moments:
        return column_moments(_transformed(heldout.control_cells(cell_type, fold), protocol))

    scoring = moments("scoring")
    g = len(heldout.genes)
    return Background(
        source_control=moments("train").mean,
        reference_control=scoring.mean,
        reference_error=scoring.variance / scoring.n,
        perturbed_mean=_perturbed_mean(heldout, cell_type) if protocol.transform is None else np.full(g, np.nan),
        weights=np.full(g, 1.0 / g),
    )


def _perturbed_mean(heldout: HeldOut, cell_type: str) -> np.ndarray:
    """Mean centroid of the training perturbations of a cell type: (g,).

    A cell type without any gets its train control mean plus the mean shift of all training conditions
    from the train controls of their own cell type; with one cell type the two are the same.
    """
    of_type = [key for key, condition in heldout.train_conditions.items() if condition.cell_type == cell_type]
    if of_type:
        return np.asarray(heldout.train_means.loc[of_type].to_numpy().mean(axis=0))

    def control(of: str) -> np.ndarray:
        return column_mean(heldout.control_cells(of, "train"))

    shifts = []
    for other in sorted({condition.cell_type for condition in heldout.train_conditions.values()}):
        keys = [key for key, condition in heldout.train_conditions.items() if condition.cell_type == other]
        shifts.append(heldout.train_means.loc[keys].to_numpy() - control(other))
    if not shifts:
        raise ProtocolError("there are no training conditions, so there is no mean perturbation to compare with")
    return np.asarray(control(cell_type) + np.concatenate(shifts).mean(axis=0))
