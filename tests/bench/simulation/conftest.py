from __future__ import annotations

import pytest
from anndata import AnnData

from bench.simulation import simulate


@pytest.fixture(scope="session")
def sim_single() -> AnnData:
    return simulate("sim_single")


@pytest.fixture(scope="session")
def sim_double() -> AnnData:
    return simulate("sim_double")


@pytest.fixture(scope="session")
def sim_drug() -> AnnData:
    return simulate("sim_drug")
