"""The declared rows, and the pair a metric receives."""

import sys
from types import ModuleType

import numpy as np
import pytest
from pairs import background, cells

import bench.metrics
from bench.errors import PredictionError
from bench.metrics import all_metrics
from bench.metrics.distributions import METRICS
from bench.metrics.pair import CellPair


def test_every_row_is_found_by_its_name():
    assert {metric.name for metric in METRICS} <= set(all_metrics())


def test_every_protocol_a_row_names_exists():
    from bench.protocols import PROTOCOLS

    assert set().union(*(metric.protocols for metric in all_metrics().values())) == set(PROTOCOLS)


def test_a_row_without_a_perfect_value_has_the_truths_beside_it():
    names = {metric.name for metric in all_metrics().values() if metric.perfect is None}
    assert names == {"intra_distance", "intra_distance_true", "centroid_correlation", "centroid_correlation_true"}


def test_two_rows_of_one_name_are_refused(monkeypatch):
    twin = ModuleType("bench.metrics.twin")
    twin.METRICS = (METRICS[0],)
    monkeypatch.setitem(sys.modules, "bench.metrics.twin", twin)
    found = [*(info for info in bench.metrics.pkgutil.iter_modules(bench.metrics.__path__))]
    monkeypatch.setattr(bench.metrics.pkgutil, "iter_modules", lambda _: [*found, found[0]._replace(name="twin")])
    with pytest.raises(ValueError, match="declared twice"):
        all_metrics.__wrapped__()


def test_a_pair_of_different_gene_numbers_is_refused():
    with pytest.raises(PredictionError, match="predicted cells have 1 genes, true cells 2"):
        CellPair(cells([[1.0]]), cells([[1.0, 2.0]]), background(2))


def test_weights_on_some_genes_sum_to_one_again():
    some = background(4, weights=[0.1, 0.2, 0.3, 0.4]).on(np.array([1, 3]))
    assert some.weights == pytest.approx([1 / 3, 2 / 3])
