from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from file_server import Notes, Site, running_site


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with running_site() as running:
        yield running


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("DOLORIS_BENCH_CACHE", str(folder))
    return folder
