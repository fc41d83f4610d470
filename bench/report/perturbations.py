"""One perturbation in detail: distributions of its differential genes, and whether its predicted cells look real."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from bench.protocols import CALIBRATED
from reports.html.model import CellLook, GeneView, Histogram, Perturbation

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from bench.evaluator import Evaluator
    from bench.store import RunRecord

BIN_WIDTH = 0.5
"""Width of a bin, log1p scale."""
GENES_SHOWN = 12


def histogram(values: np.ndarray) -> Histogram:
    """Cells per thousand: exact zeros, then bins of :data:`BIN_WIDTH` above zero: (n,) -> counts without empty end."""
    positive = values[values > 0]
    bins = np.bincount((positive / BIN_WIDTH).astype(int)) if positive.size else np.zeros(0, dtype=int)
    counts = np.concatenate([[values.size - positive.size], bins])
    return tuple(int(share) for share in np.rint(1000 * counts / max(values.size, 1)))


def zero_fraction(cells: csr_matrix) -> float:
    """Fraction of all values that are exactly zero: (n, g)."""
    return 1.0 - int(np.count_nonzero(cells.data)) / (cells.shape[0] * cells.shape[1])


def perturbation_views(evaluator: Evaluator, records: tuple[RunRecord, ...]) -> tuple[Perturbation, ...]:
    """Every scored test condition, with the cells of each method's first seed, under the calibrated protocol.

    Genes are ranked on one half of the held-out cells, and the other half is shown: what is shown chose nothing.
    """
    reference, held_out = evaluator.reference(CALIBRATED), evaluator.held_out
    first: dict[str, RunRecord] = {}
    for record in sorted(records, key=lambda one: one.seed):
        if record.status == "finished":
            first.setdefault(record.method, record)
    columns = {key: truth.gene_sets["de20"][:GENES_SHOWN] for key, truth in reference.truths.items()}
    shapes: dict[str, dict[str, list[Histogram]]] = {key: {} for key in columns}
    looks: dict[str, dict[str, CellLook]] = {key: {} for key in columns}
    for method, record in first.items():
        known = _collapse_scores(evaluator, record)
        for key, cells in evaluator.scored_cells(record, CALIBRATED).items():
            shapes[key][method] = _histograms(cells, columns[key])
            intra, variance = known.get((key, "intra_distance")), known.get((key, "variance_ratio"))
            looks[key][method] = CellLook(zero_fraction(cells), _or_nan(intra), _or_nan(variance))
    controls: dict[str, csr_matrix] = {}
    views = []
    for key, truth in reference.truths.items():
        cell_type = truth.condition.cell_type
        if cell_type not in controls:
            controls[cell_type] = held_out.control_cells(cell_type, "scoring")
        true, control = (_histograms(cells, columns[key]) for cells in (truth.cells.matrix, controls[cell_type]))
        genes = tuple(
            GeneView(
                gene=str(reference.genes[column]),
                true=true[place],
                control=control[place],
                predicted={method: lines[place] for method, lines in shapes[key].items()},
            )
            for place, column in enumerate(columns[key])
        )
        look = CellLook(zero_fraction(truth.cells.matrix), truth.cells.intra_distance, 1.0)
        views.append(Perturbation(key, truth.cells.n, genes, look, looks[key]))
    return tuple(views)


def _histograms(cells: csr_matrix, columns: np.ndarray) -> list[Histogram]:
    return [histogram(values) for values in cells[:, columns].toarray().T]


def _collapse_scores(evaluator: Evaluator, record: RunRecord) -> Mapping[tuple[str, str], float]:
    scores = evaluator.scores(record, CALIBRATED)
    kept = scores[(scores["form"] == "cells") & scores["metric"].isin(["intra_distance", "variance_ratio"])]
    return {
        (str(condition), str(metric)): float(value)
        for condition, metric, value in kept[["condition", "metric", "value"]].itertuples(index=False)
    }


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value
