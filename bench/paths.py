"""Folders the benchmark reads and writes."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
CACHE_VARIABLE = "DOLORIS_BENCH_CACHE"


def cache_dir() -> Path:
    """Folder of imported, simulated and fetched data sets.

    ``$DOLORIS_BENCH_CACHE`` if set, else ``$XDG_CACHE_HOME/doloris-bench``, else ``~/.cache/doloris-bench``.
    """
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "doloris-bench"


def dataset_path(name: str) -> Path:
    """Canonical file of a data set, whether or not it is there yet."""
    return cache_dir() / "datasets" / f"{name}.h5ad"


def splits_dir() -> Path:
    """Folder of the checked-in split files."""
    return PROJECT / "splits"
