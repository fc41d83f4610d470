"""Distances held against pertpy's."""

import numpy as np
import pytest
from pairs import negative_binomial, pair

from bench.metrics.distributions import energy_distance
from bench.metrics.means import rmse

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # pertpy and its dependencies warn when imported and used
]


@pytest.fixture(scope="module")
def distance():
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pertpy.tools import Distance
    return Distance


def test_energy_distance_agrees_with_pertpy(distance):
    x, y = negative_binomial(30, 25, seed=1), negative_binomial(40, 25, seed=2, scale=1.3)
    assert energy_distance(pair(x, y)) == pytest.approx(distance("edistance", layer_key="x")(x, y), rel=1e-5)


def test_rmse_agrees_with_pertpys_mean_squared_error(distance):
    x, y = negative_binomial(30, 25, seed=1), negative_binomial(40, 25, seed=2, scale=1.3)
    assert rmse(pair(x, y)) ** 2 == pytest.approx(distance("mse", layer_key="x")(x, y), rel=1e-6)
    assert np.isfinite(rmse(pair(x, y)))
