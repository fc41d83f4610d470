"""Retrieval among conditions and correlation between them."""

import numpy as np
import pytest

from bench.metrics.centroids import Centroids
from bench.metrics.retrieval import (
    centroid_accuracy_cosine,
    centroid_accuracy_euclidean,
    centroid_correlation,
    centroid_correlation_true,
)

TRUE = np.array([[1.0, 0.0, 0.1], [0.0, 1.0, 0.0], [0.9, 0.0, 1.0], [3.0, 3.0, 0.0]])


def task(predicted: object, own: object = None, true: np.ndarray = TRUE) -> Centroids:
    predicted = np.asarray(predicted, dtype=float)
    g = true.shape[1]
    return Centroids(
        predicted=predicted,
        own=np.arange(predicted.shape[0]) if own is None else np.asarray(own),
        true=true,
        predicted_equal=predicted,
        source_control=np.zeros(g),
        reference_control=np.zeros(g),
    )


BOTH = pytest.mark.parametrize("accuracy", [centroid_accuracy_cosine, centroid_accuracy_euclidean])


@BOTH
def test_the_truth_finds_itself(accuracy):
    assert accuracy(task(TRUE)).tolist() == [1.0, 1.0, 1.0, 1.0]


@BOTH
def test_accuracy_is_the_share_of_other_conditions_that_are_farther(accuracy):
    rng = np.random.default_rng(0)
    true, predicted = rng.normal(size=(2, 6, 4))

    def distance(a: np.ndarray, b: np.ndarray) -> float:
        if accuracy is centroid_accuracy_euclidean:
            return float(np.sqrt(((a - b) ** 2).sum()))
        return float(1 - a @ b / np.sqrt((a @ a) * (b @ b)))

    expected = [
        np.mean([distance(predicted[p], true[q]) > distance(predicted[p], true[p]) for q in range(6) if q != p])
        for p in range(6)
    ]
    assert accuracy(task(predicted, true=true)) == pytest.approx(expected)


@BOTH
def test_a_tie_counts_half(accuracy):
    true = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert accuracy(task([[1.0, 0.1]], own=[0], true=true)) == pytest.approx([0.75])


@BOTH
def test_one_prediction_for_all_conditions_is_right_half_of_the_time(accuracy):
    rng = np.random.default_rng(0)
    true = rng.normal(size=(30, 5))
    assert accuracy(task(np.repeat([rng.normal(size=5)], 30, axis=0), true=true)).mean() == pytest.approx(0.5)


def test_a_prediction_of_no_shift_is_a_tie_with_all():
    assert centroid_accuracy_cosine(task(np.zeros((4, 3)))) == pytest.approx([0.5] * 4)


def test_scaling_the_shift_leaves_cosine_retrieval_as_it_is():
    predicted = TRUE + np.random.default_rng(1).normal(0, 0.5, TRUE.shape)
    assert centroid_accuracy_cosine(task(3 * predicted)).tolist() == centroid_accuracy_cosine(task(predicted)).tolist()


@BOTH
def test_a_condition_alone_has_no_accuracy(accuracy):
    assert np.isnan(accuracy(task([[1.0, 0.0, 0.0]], true=TRUE[:1]))).all()


def test_shifts_are_measured_from_either_sides_control():
    control = np.array([5.0, 0.0, 2.0])
    moved = Centroids(TRUE + control, np.arange(4), TRUE - control, TRUE, control, -control)
    assert centroid_accuracy_cosine(moved).tolist() == centroid_accuracy_cosine(task(TRUE)).tolist()


def test_centroid_correlation_is_the_mean_over_the_other_conditions():
    correlations = np.corrcoef(TRUE)
    expected = [np.mean(np.delete(correlations[p], p)) for p in range(4)]
    assert centroid_correlation(task(TRUE)) == pytest.approx(expected)


def test_the_truths_correlation_is_over_the_predicted_conditions():
    found = centroid_correlation_true(task(TRUE[:2], own=[0, 3]))
    assert found == pytest.approx([np.corrcoef(TRUE[0], TRUE[3])[0, 1]] * 2)


def test_collapsed_centroids_correlate_fully():
    assert centroid_correlation(task(np.repeat(TRUE[:1], 3, axis=0))) == pytest.approx([1.0] * 3)


def test_a_condition_alone_correlates_with_nothing():
    assert np.isnan(centroid_correlation(task(TRUE[:1]))).all()
