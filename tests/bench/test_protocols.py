"""Protocols say every choice they make."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from bench.errors import ProtocolError
from bench.metrics import all_metrics
from bench.protocols import CALIBRATED, PAPER, PROTOCOLS, RELEASED, get_protocol, log1p_again


def test_a_protocol_is_found_with_and_without_its_version():
    assert get_protocol("calibrated") is get_protocol("calibrated@1") is CALIBRATED


def test_an_unknown_protocol_is_an_error_that_lists_the_known():
    with pytest.raises(ProtocolError, match="'papr' is not known; there are paper@1, released@1, calibrated@1"):
        get_protocol("papr")


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS.keys())
def test_headline_columns_are_computed(protocol):
    scopes = {metric.name: protocol.scopes_of(metric) for metric in protocol.metrics}
    assert all(genes in scopes[metric] for metric, genes in protocol.headline)


@pytest.mark.parametrize("protocol", [PAPER, RELEASED])
def test_the_papers_protocols_have_nine_metrics(protocol):
    assert len([genes for metric in protocol.metrics for genes in protocol.scopes_of(metric)]) == 9


def test_every_metric_the_specification_asks_for_is_in_calibrated():
    asked = {
        "rmse", "e_distance_u", "mse_debiased", "emd_excess", "centroid_accuracy_cosine", "centroid_accuracy_euclidean",
        "pearson_delta", "pearson_delta_perturbed_mean", "wmse", "variance_ratio", "zero_fraction_error",
        "centroid_correlation", "slope", "clipped_fraction", "intra_distance",
    }  # fmt: skip
    assert asked <= {metric.name for metric in CALIBRATED.metrics}


def test_a_biased_metric_is_no_headline_of_calibrated():
    biased = {name for name, metric in all_metrics().items() if metric.size_biased} - {"emd_debiased"}
    assert not biased & {metric for metric, _ in CALIBRATED.headline}


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS.keys())
def test_the_text_names_protocol_numbers_and_folds(protocol):
    text = protocol.text()
    assert text.startswith(protocol.label)
    for choice in (protocol.n_predicted, protocol.min_cells, *protocol.differential_controls, *protocol.gene_sets):
        assert str(choice) in text


def test_log1p_again_leaves_its_argument_alone():
    cells = csr_matrix(np.array([[0.0, 1.0]]))
    assert log1p_again(cells).toarray() == pytest.approx(np.array([[0.0, np.log(2.0)]]))
    assert cells.toarray().tolist() == [[0.0, 1.0]]
