r"""Closed-form prediction of a condition's effect from those of similar training conditions.

The effect of a condition on every gene is one draw of a Gaussian process over conditions,

.. math:: k(p, q) = w_p w_q \Big(\kappa\, |p|\, |q|
    + \sum_{a \in p, b \in q} (h\, s_{ab} + (1 - h)\, [a = b])\Big)\, d(p, q)\, c(p, q),

with s the similarity of two genes or drugs, d of two doses, c of two cell types, |p| the number of genes (1 for a
drug), w_p = 1 for one perturbation and ``pair_scale`` for more; the first term is what all perturbations share. The
hyper-parameters are those with the smallest error on training conditions whose genes or drug are left out.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.sparse import csr_matrix

from doloris.config import DolorisConfig
from doloris.data import Perturbation, Priors, TrainingCells
from doloris.errors import CellsError, UnknownPerturbation
from doloris.moments import PRIOR_CELLS, ExpressedMoments
from doloris.similarity import blend, drug_similarity, gene_similarities

_COMMON = (0.1, 0.3, 1.0, 10.0)
_SHARED = (0.0, 0.1, 0.2, 0.3, 0.45, 0.6, 0.75, 0.9)
_NOISE = (0.3, 1.0)
_DOSE_LENGTH = (1.0, 3.0)
_CELL_TYPE = (0.3, 0.6, 0.9)
_OWN_MINIMUM = 3
_FEW_CELLS = 10  # fewer tell too little of their own variance, and one nothing
_SEARCHED = 1_000  # conditions that the kernel is chosen on: the time of a choice grows with their cube

UnknownGenes = Literal["refuse", "shared"]


@dataclass(frozen=True)
class Kernel:
    """Hyper-parameters of the process.

    Parameters
    ----------
    sources
        Similarities that are averaged.
    common
        Variance of the part that all perturbations share, relative to that of one perturbation (kappa).
    shared
        Share of a perturbation's variance that similar ones have in common (h).
    noise
        Factor on the estimated sampling noise.
    dose_length
        Length scale over log10 dose.
    cell_type
        Correlation of an effect between two cell types.
    """

    sources: tuple[str, ...]
    common: float
    shared: float
    noise: float
    dose_length: float = 1.0
    cell_type: float = 1.0


@dataclass(frozen=True)
class Effects:
    """Effects of some conditions: change of the log odds of expression and of the expressed mean.

    Parameters
    ----------
    log_odds, value
        (n_conditions, n_genes), float32, relative to the controls of each condition's cell type; ``value`` on
        the scale of the cells.
    own
        Whether the gene is one of the perturbed ones, bool.
    """

    log_odds: np.ndarray
    value: np.ndarray
    own: np.ndarray


@dataclass(frozen=True)
class EffectModel:
    r"""A fitted process.

    Parameters
    ----------
    kernel
        Its hyper-parameters.
    conditions
        Training conditions, controls excluded.
    entities
        Names of genes, or numbers of drugs as strings, that can be asked for.
    trained
        Those that were trained on.
    similarity
        (len(entities), len(trained)).
    solved
        :math:`(K + \text{noise})^{-1} Y`: (n_conditions, 2 n_genes), log odds beside values.
    own_effect
        Median change of a perturbed gene itself: log odds, value; NaN where too few are measured.
    genes
        The panel.
    pair_scale
        Factor on the sum of two effects.
    unknown_genes
        Whether a gene that is not among the entities is refused or has the shared part of the process alone.
    """

    kernel: Kernel
    conditions: tuple[Perturbation, ...]
    entities: tuple[str, ...]
    trained: tuple[str, ...]
    similarity: np.ndarray
    solved: np.ndarray
    own_effect: np.ndarray
    genes: tuple[str, ...]
    pair_scale: float
    unknown_genes: UnknownGenes

    def knows(self, condition: Perturbation) -> bool:
        """Whether every gene or drug of the condition can be placed among the trained ones, or need not be."""
        if self.unknown_genes == "shared" and condition.genes:
            return True
        return set(entities_of(condition)) <= set(self.entities)

    def with_drugs(self, vectors: np.ndarray) -> EffectModel:
        """The same process with the similarities of all drugs, the trained ones among them: (n_drugs, d)."""
        entities = tuple(str(number) for number in range(len(vectors)))
        similarity = drug_similarity(vectors, [int(name) for name in self.trained])
        return replace(self, entities=entities, similarity=similarity)

    def predict(self, conditions: Sequence[Perturbation]) -> Effects:
        """Effects of conditions, trained or not; controls have none.

        Raises
        ------
        UnknownPerturbation
            If a gene is neither measured nor in an edge list nor trained, or a drug has no vector.
        """
        for condition in conditions:
            if not self.knows(condition):
                missing = sorted(set(entities_of(condition)) - set(self.entities))
                raise UnknownPerturbation(
                    f"{condition.label!r}: {', '.join(missing)} is neither measured, nor in an edge list, nor trained; "
                    "name an edge list that contains it"
                )
        design = _Design(self.entities, self.trained, self.pair_scale)
        kernel = design.kernel(conditions, self.conditions, self.similarity, self.kernel)
        return _as_effects(kernel @ self.solved, conditions, self.genes, self.own_effect)


def entities_of(condition: Perturbation) -> tuple[str, ...]:
    """Genes of a condition, or its drug as a string; nothing for controls."""
    if condition.is_control:
        return ()
    return condition.genes or (str(condition.drug),)


def observed_effects(
    cells: TrainingCells, moments: ExpressedMoments
) -> tuple[tuple[Perturbation, ...], np.ndarray, np.ndarray]:
    """Effects of the training conditions as observed, shrunk by a few control-like cells.

    Returns
    -------
    Conditions without controls; (n, 2 n_genes) log odds beside values; (n, n_genes) changes of the mean profile.
    """
    conditions, rows, changes = [], [], []
    for number, condition in enumerate(cells.conditions):
        if condition.is_control:
            continue
        block = cells.cells_of(number)
        n, base = block.shape[0], condition.cell_type
        seen = np.bincount(block.indices, minlength=block.shape[1])
        control = 1.0 / (1.0 + np.exp(-moments.log_odds[base]))
        probability = np.clip((seen + PRIOR_CELLS * control) / (n + PRIOR_CELLS), 1e-4, 1 - 1e-4)
        control = np.clip(control, 1e-4, 1 - 1e-4)
        log_odds = np.log(probability / (1 - probability)) - np.log(control / (1 - control))
        total = np.asarray(block.sum(axis=0), dtype=np.float64).ravel()
        value = (total - seen * moments.mean[base]) / (seen + PRIOR_CELLS)
        conditions.append(condition)
        rows.append(np.concatenate([log_odds, value]))
        changes.append(total / n - control * moments.mean[base])
    return tuple(conditions), np.stack(rows), np.stack(changes)


@dataclass(frozen=True)
class TrainedEffects:
    """A fitted process and its training conditions, in the process's order.

    Parameters
    ----------
    model
        The process.
    observed
        Effects as observed.
    left_out
        Effects as predicted without the conditions that share a gene or the drug. Not quite out of sample: the kernel,
        the median change of perturbed genes themselves and the mean change that hides it come from all conditions.
    """

    model: EffectModel
    observed: Effects
    left_out: Effects


def fit_effects(
    cells: TrainingCells, priors: Priors, moments: ExpressedMoments, config: DolorisConfig
) -> TrainedEffects:
    """Fit the process to the training conditions; see the module's description."""
    conditions, targets, changes = observed_effects(cells, moments)
    trained = tuple(sorted({entity for condition in conditions for entity in entities_of(condition)}))
    entities, similarities = _similarities(cells, priors, trained)
    own = _own(conditions, cells.genes)
    design = _Design(entities, trained, config.pair_scale)
    noise, signal = _noise(cells, conditions, changes)
    visible = _hide_own(changes, own)

    def inverse(kernel: Kernel, some: Sequence[Perturbation], share: np.ndarray) -> np.ndarray:
        matrix = design.kernel(some, some, blend(similarities, kernel.sources), kernel)
        solved: np.ndarray = np.linalg.inv(matrix + np.diag(kernel.noise * share))
        return solved

    rows = _searched(conditions, trained)
    searched = [conditions[row] for row in rows]
    gram = visible[rows] @ visible[rows].T
    blocks = _left_out_blocks(searched)

    def error(kernel: Kernel) -> float:
        return _left_out_error(inverse(kernel, searched, noise[rows] / signal), gram, blocks)

    kernel = _search(tuple(similarities), conditions, error)
    observed = _hide_own(targets, np.hstack([own, own]))
    precision = inverse(kernel, conditions, noise / signal)
    own_effect = _own_effect(targets, own)
    left_out = observed - _left_out_residuals(precision, observed, _left_out_blocks(conditions))
    model = EffectModel(
        kernel=kernel,
        conditions=conditions,
        entities=entities,
        trained=trained,
        similarity=blend(similarities, kernel.sources),
        solved=precision @ observed,
        own_effect=own_effect,
        genes=cells.genes,
        pair_scale=config.pair_scale,
        unknown_genes=config.unknown_genes,
    )
    log_odds, value = np.split(targets.astype(np.float32), 2, axis=1)
    return TrainedEffects(
        model, Effects(log_odds, value, own), _as_effects(left_out, conditions, cells.genes, own_effect)
    )


@dataclass(frozen=True)
class _Design:
    """Turns conditions into rows over genes or drugs."""

    entities: tuple[str, ...]
    trained: tuple[str, ...]
    pair_scale: float

    def rows(self, conditions: Sequence[Perturbation], names: tuple[str, ...]) -> np.ndarray:
        index = {name: position for position, name in enumerate(names)}
        rows = np.zeros((len(conditions), len(names)))
        for row, condition in enumerate(conditions):
            present = entities_of(condition)
            for entity in present:
                if entity in index:
                    rows[row, index[entity]] += self.scale(condition)
        return rows

    def scale(self, condition: Perturbation) -> float:
        return self.pair_scale if len(condition.genes) > 1 else 1.0

    def counts(self, conditions: Sequence[Perturbation]) -> np.ndarray:
        return np.array([self.scale(condition) * len(entities_of(condition)) for condition in conditions])

    def kernel(
        self, first: Sequence[Perturbation], second: Sequence[Perturbation], similarity: np.ndarray, kernel: Kernel
    ) -> np.ndarray:
        """Covariance between two lists of conditions; ``second`` are training conditions."""
        columns = self.rows(second, self.trained)
        alike = self.rows(first, self.entities) @ similarity @ columns.T
        same = self.rows(first, self.trained) @ columns.T
        common = np.outer(self.counts(first), self.counts(second))
        factor = _dose_factor(first, second, kernel.dose_length) * _cell_type_factor(first, second, kernel.cell_type)
        covariance: np.ndarray = (
            kernel.common * common + kernel.shared * alike + (1.0 - kernel.shared) * same
        ) * factor
        return covariance


def _dose_factor(first: Sequence[Perturbation], second: Sequence[Perturbation], length: float) -> np.ndarray:
    a = np.array([np.log10(max(c.dose, 1e-3)) if c.drug is not None else 0.0 for c in first])
    b = np.array([np.log10(max(c.dose, 1e-3)) if c.drug is not None else 0.0 for c in second])
    factor: np.ndarray = np.exp(-0.5 * ((a[:, None] - b) / length) ** 2)
    return factor


def _cell_type_factor(first: Sequence[Perturbation], second: Sequence[Perturbation], shared: float) -> np.ndarray:
    a = np.array([c.cell_type for c in first])
    b = np.array([c.cell_type for c in second])
    return np.where(a[:, None] == b, 1.0, shared)


def _similarities(
    cells: TrainingCells, priors: Priors, trained: tuple[str, ...]
) -> tuple[tuple[str, ...], dict[str, np.ndarray]]:
    if any(condition.drug is not None for condition in cells.conditions):
        assert cells.drug_vectors is not None  # TrainingCells checked it
        drugs = [int(name) for name in trained]
        entities = tuple(str(number) for number in range(len(cells.drug_vectors)))
        return entities, {"drug vectors": drug_similarity(cells.drug_vectors, drugs)}
    for source, edges in priors.edges.items():
        if not {*cells.genes, *trained}.intersection(edges.ravel().tolist()):
            raise CellsError(
                f"edge list {source!r}: names no gene that is measured or trained; "
                "check that it names genes by the panel's symbols"
            )
    named = {gene for edges in priors.edges.values() for gene in np.unique(edges).tolist()}
    entities = (*cells.genes, *sorted((named | set(trained)) - set(cells.genes)))
    return entities, gene_similarities(cells, priors, entities, trained)


def _noise(cells: TrainingCells, conditions: Sequence[Perturbation], changes: np.ndarray) -> tuple[np.ndarray, float]:
    """Sampling variance of each condition's mean profile, averaged over genes; variance between conditions.

    A condition of few cells is taken to vary as the cells of all conditions do, controls included.
    """
    number = {condition: position for position, condition in enumerate(cells.conditions)}
    sizes = np.bincount(cells.labels).tolist()
    variances = [_variance(cells.cells_of(position)) for position in range(len(sizes))]
    pooled = float(np.dot(sizes, variances)) / max(cells.n_cells - len(sizes), 1)
    noise = np.empty(len(conditions))
    for row, condition in enumerate(conditions):
        n = sizes[number[condition]]
        noise[row] = (pooled if n < _FEW_CELLS else variances[number[condition]]) / n
    total = float(np.square(changes - changes.mean(axis=0)).mean()) if len(conditions) > 1 else float(noise.mean())
    return noise, max(total - float(noise.mean()), 0.1 * total, 1e-8)


def _variance(block: csr_matrix) -> np.floating:
    """Variance of the cells of a condition, averaged over genes."""
    mean = np.asarray(block.mean(axis=0)).ravel()
    squares = np.asarray(block.multiply(block).mean(axis=0)).ravel()
    variance: np.floating = (squares - mean**2).mean()
    return variance


def _searched(conditions: Sequence[Perturbation], trained: tuple[str, ...]) -> np.ndarray:
    """Conditions that the kernel is chosen on: of a large screen, all of some genes or drugs, drawn one by one."""
    turn = dict(zip(np.random.default_rng(0).permutation(trained).tolist(), range(len(trained)), strict=True))
    complete = np.array([max(turn[entity] for entity in entities_of(condition)) for condition in conditions])
    return np.flatnonzero(complete <= np.sort(complete)[:_SEARCHED][-1])


def _left_out_blocks(conditions: Sequence[Perturbation]) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each condition, itself and those that share a gene or drug with it; and where it stands among them."""
    sets = [set(entities_of(condition)) for condition in conditions]
    blocks = []
    for row, own in enumerate(sets):
        block = np.array([other for other, entities in enumerate(sets) if own & entities])
        blocks.append((block, np.flatnonzero(block == row)))
    return blocks


def _left_out_residuals(
    precision: np.ndarray, observed: np.ndarray, blocks: list[tuple[np.ndarray, np.ndarray]]
) -> np.ndarray:
    """Observed minus predicted without the condition's block, in closed form."""
    solved = precision @ observed
    residuals = np.empty_like(observed)
    for row, (block, position) in enumerate(blocks):
        if block.size == 1:
            residuals[row] = solved[row] / precision[row, row]
        else:
            residuals[row] = np.linalg.solve(precision[np.ix_(block, block)], solved[block])[position[0]]
    return residuals


def _left_out_error(precision: np.ndarray, gram: np.ndarray, blocks: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """Sum of squares of :func:`_left_out_residuals`, from the inner products of the observed rows alone."""
    half = gram @ precision
    total = 0.0
    for row, (block, position) in enumerate(blocks):
        if block.size == 1:
            total += precision[row] @ half[:, row] / precision[row, row] ** 2
        else:
            unit = np.zeros(block.size)
            unit[position] = 1.0
            weights = np.linalg.solve(precision[np.ix_(block, block)], unit)
            # the inner products of the block's rows of precision @ observed, between the weights
            total += (weights @ precision[block]) @ (half[:, block] @ weights)
    return float(total)


def _search(sources: tuple[str, ...], conditions: Sequence[Perturbation], error: Callable[[Kernel], float]) -> Kernel:
    """Kernel of the smallest error: every source alone, then pairs of them, over the grids."""
    drug = any(condition.drug is not None for condition in conditions)
    lengths = _DOSE_LENGTH if drug else (1.0,)
    shared_types = _CELL_TYPE if len({condition.cell_type for condition in conditions}) > 1 else (1.0,)

    def best(chosen: tuple[str, ...], start: Kernel) -> tuple[float, Kernel]:
        grid = itertools.product(_COMMON, _SHARED, _NOISE)
        return min(
            (
                (error(kernel), kernel)
                for kernel in (
                    Kernel(chosen, common, shared, noise, start.dose_length, start.cell_type)
                    for common, shared, noise in grid
                )
            ),
            key=lambda scored: scored[0],
        )

    start = Kernel(sources[:1], 1.0, 0.3, 1.0)
    context = [Kernel(sources[:1], 1.0, 0.3, 1.0, length, share) for length in lengths for share in shared_types]
    start = min(context, key=error) if len(context) > 1 else start
    alone = sorted((best((source,), start) for source in sources), key=lambda scored: scored[0])
    leading = [kernel.sources[0] for _, kernel in alone[:3]]
    pairs = [best(pair, start) for pair in itertools.combinations(leading, 2)]
    return min([*alone, *pairs], key=lambda scored: scored[0])[1]


def _own(conditions: Sequence[Perturbation], genes: tuple[str, ...]) -> np.ndarray:
    index = {gene: position for position, gene in enumerate(genes)}
    own = np.zeros((len(conditions), len(genes)), dtype=bool)
    for row, condition in enumerate(conditions):
        own[row, [index[gene] for gene in condition.genes if gene in index]] = True
    return own


def _hide_own(changes: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Replace each perturbed gene's own change, which tells nothing of others, by its mean change elsewhere, or 0."""
    elsewhere = np.where(own, 0.0, changes).sum(axis=0) / np.maximum((~own).sum(axis=0), 1)
    return np.where(own, elsewhere, changes)


def _own_effect(targets: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Median change of a perturbed gene itself, log odds and value; NaN where fewer than three are measured."""
    if own.sum() < _OWN_MINIMUM:
        return np.full(2, np.nan)
    n_genes = own.shape[1]
    return np.array([np.median(targets[:, :n_genes][own]), np.median(targets[:, n_genes:][own])])


def _as_effects(
    stacked: np.ndarray, conditions: Sequence[Perturbation], genes: tuple[str, ...], own_effect: np.ndarray
) -> Effects:
    own = _own(conditions, genes)
    log_odds, value = stacked[:, : len(genes)].copy(), stacked[:, len(genes) :].copy()
    if np.isfinite(own_effect).all():
        log_odds[own], value[own] = own_effect
    return Effects(log_odds.astype(np.float32), value.astype(np.float32), own)
