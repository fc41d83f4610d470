from __future__ import annotations

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def _cache_of_its_own(tmp_path_factory: pytest.TempPathFactory):
    """Tests never read or write the user's cache; simulated sets are generated once per session."""
    before = os.environ.get("DOLORIS_BENCH_CACHE")
    os.environ["DOLORIS_BENCH_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["DOLORIS_BENCH_CACHE"]
    else:
        os.environ["DOLORIS_BENCH_CACHE"] = before


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") is None:
        return
    import torch

    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
