"""Protocols: every choice a table's numbers depend on, named and versioned.

A protocol only transforms and scores. Stored predictions can be scored under another one without
training anything again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

import numpy as np
from scipy.sparse import csr_matrix

from bench import lift
from bench.errors import ProtocolError
from bench.metrics import all_metrics
from bench.metrics.declare import GeneScope, Metric

Transform = Callable[[csr_matrix], csr_matrix]


class DifferentialRule(StrEnum):
    """Which cells rank the differentially expressed genes, and which are left to score on."""

    ALL_CELLS = "all test cells of the condition rank the genes and are scored on"
    HELD_OUT_HALF = (
        "one half of the test cells ranks the genes and is not scored on; the other half is (halves by a seeded hash "
        "of the cell id)"
    )


@dataclass(frozen=True)
class Protocol:
    """One way of scoring.

    Parameters
    ----------
    name, version
        What a table says it was scored with: ``name@version``.
    summary
        One sentence for a listing.
    transform
        Applied to predicted and true cells alike before scoring; ``None`` for none.
    transform_text
        The same in words.
    n_predicted
        Predicted cells per condition that are scored; more are subsampled with a seed, fewer are an error.
    min_cells
        Test conditions with fewer true cells are not scored, and listed.
    differential
        Which cells rank the differentially expressed genes.
    differential_controls
        Control folds they are ranked against.
    repeats
        Draws of equally many predicted and true cells over which size-biased metrics are averaged;
        0 computes them from all cells.
    gene_sets
        Gene sets every metric that allows it is computed on, beside all genes.
    headline
        The (metric, genes) a reader should look at first.
    notes
        Further choices, in words.
    """

    name: str
    version: int
    summary: str
    transform: Transform | None
    transform_text: str
    n_predicted: int
    min_cells: int
    differential: DifferentialRule
    differential_controls: tuple[str, ...]
    repeats: int
    gene_sets: tuple[str, ...]
    headline: tuple[tuple[str, str], ...]
    notes: Mapping[str, str]

    @property
    def label(self) -> str:
        """``name@version``, as stored with scores."""
        return f"{self.name}@{self.version}"

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics whose rows name this protocol."""
        return tuple(metric for metric in all_metrics().values() if self.name in metric.protocols)

    def scopes_of(self, metric: Metric) -> tuple[str, ...]:
        """Gene sets on which this protocol computes a metric."""
        return ("all", *self.gene_sets) if metric.scope is GeneScope.ANY else ("all",)

    @property
    def choices(self) -> Mapping[str, str]:
        """Every choice in words, in the order in which it is printed under a table."""
        *first, last = self.differential_controls
        controls = f"{', '.join(first)} and {last}" if first else last
        equal = (
            f"size-biased metrics: mean over {self.repeats} seeded draws of min({self.n_predicted}, half the scored "
            "cells) cells on either side; the others: all cells"
            if self.repeats
            else f"{self.n_predicted} predicted against all scored cells"
        )
        return MappingProxyType(
            {
                "values": self.transform_text,
                "predicted cells": f"{self.n_predicted} per condition; more are subsampled with a seed, fewer are an "
                "error",
                "cell numbers": equal,
                "minimum": f"conditions with fewer than {self.min_cells} true cells are not scored, and listed",
                "differential genes": "scanpy rank_genes_groups, Welch's t, largest |t| first; "
                f"{self.differential.value}; against the {controls} controls of the cell type",
                "gene sets": ", ".join(("all", *self.gene_sets)),
                "means as cells": f"{lift.RULE}; the raw mean is scored beside it",
                **self.notes,
            }
        )

    def text(self) -> str:
        """Every choice as one paragraph."""
        return f"{self.label}: " + "; ".join(f"{name}: {choice}" for name, choice in self.choices.items()) + "."


def log1p_again(cells: csr_matrix) -> csr_matrix:
    """log(1 + x) of values that are log-normalised already, as the release does to all its cells."""
    again = cells.copy()
    again.data = np.log1p(cells.data)
    return again


_PAPER_GENES = ("all", "de20", "de40")
_RELEASE_NOTES: Mapping[str, str] = MappingProxyType(
    {
        "negative values": "an error in predicted cells; set to 0 where cells are made of a mean",
        "controls": "no metric uses them but the ranking",
        "floor and ceiling": "half of the true cells against the other half; training controls",
    }
)

PAPER = Protocol(
    name="paper",
    version=1,
    summary="Eq. 20 energy distance (V-statistic, no root), Eq. 21 EMD and RMSE, as the paper's text defines them.",
    transform=None,
    transform_text="log1p of counts per 10,000, as given",
    n_predicted=100,
    min_cells=10,
    differential=DifferentialRule.ALL_CELLS,
    differential_controls=("train", "scoring", "de"),
    repeats=0,
    gene_sets=("de20", "de40"),
    headline=tuple((metric, genes) for metric in ("rmse", "e_distance", "emd") for genes in _PAPER_GENES),
    notes=_RELEASE_NOTES,
)

RELEASED = Protocol(
    name="released",
    version=1,
    summary="What the released code computes: log1p once more on both sides, sqrt(max(U, 0)) energy distance.",
    transform=log1p_again,
    transform_text="log1p applied once more to predicted and true log-normalised values; genes ranked before that",
    n_predicted=100,
    min_cells=10,
    differential=DifferentialRule.ALL_CELLS,
    differential_controls=("train", "scoring", "de"),
    repeats=0,
    gene_sets=("de20", "de40"),
    headline=tuple((metric, genes) for metric in ("rmse", "e_distance_root", "emd") for genes in _PAPER_GENES),
    notes=_RELEASE_NOTES,
)

CALIBRATED = Protocol(
    name="calibrated",
    version=1,
    summary="The one to trust: unbiased in cell numbers, no cell both ranks genes and is scored, disjoint controls.",
    transform=None,
    transform_text="log1p of counts per 10,000, as given",
    n_predicted=100,
    min_cells=20,
    differential=DifferentialRule.HELD_OUT_HALF,
    differential_controls=("de",),
    repeats=10,
    gene_sets=("de20", "de40", "de20_other"),
    headline=(
        *((metric, genes) for metric in ("e_distance_u", "emd_debiased", "mse_debiased") for genes in _PAPER_GENES),
        ("pearson_delta_perturbed_mean", "all"),
        ("centroid_accuracy_cosine", "all"),
    ),
    notes=MappingProxyType(
        {
            "negative values": "an error in predicted cells; set to 0 where cells are made of a mean",
            "shifts": "predicted ones from the mean of the train controls, true ones from the mean of the scoring "
            "controls of the cell type: no noise in common",
            "perturbed mean": "mean centroid of the training conditions of the cell type; for a cell type without "
            "any, its train control mean plus the mean shift of all training conditions from their own",
            "retrieval": "among the scored conditions of the same cell type, true centroids at the smallest of their "
            "equal cell numbers",
            "de20_other": "the first 20 genes of the ranking that are not themselves perturbed; genes only",
            "floor and ceiling": "technical duplicate: one half of the scored cells predicts the other, averaged over "
            "the draws; training controls",
            "headline": "of cells drawn independently, those from the true distribution have the lowest expected "
            "e_distance_u, emd_debiased and mse_debiased; the correlation and the retrieval see the direction of the "
            "mean shift alone; the other metrics are for reading, since scale, few cells or shrinking can flatter them",
            "limit": "cells that are not independent draws (moved so that their own mean is exact, or stratified) can "
            "gain the sampling noise of the predicted cells, one part in their number of their spread",
        }
    ),
)

PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
    {protocol.name: protocol for protocol in (PAPER, RELEASED, CALIBRATED)}
)


def get_protocol(name: str) -> Protocol:
    """The protocol of this name, with or without its version (``calibrated``, ``calibrated@1``).

    Raises
    ------
    ProtocolError
        If there is none; the message lists those there are.
    """
    known = {**PROTOCOLS, **{protocol.label: protocol for protocol in PROTOCOLS.values()}}
    if name not in known:
        listed = ", ".join(protocol.label for protocol in PROTOCOLS.values())
        raise ProtocolError(f"protocol {name!r} is not known; there are {listed} (`python -m bench protocols`)")
    return known[name]
