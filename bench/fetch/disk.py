"""Room on the disk, asked for before it is needed."""

from __future__ import annotations

import shutil
from pathlib import Path

from bench.errors import FetchError
from bench.paths import CACHE_VARIABLE

_SPARE = 100_000_000  # bytes left for others


def require_space(folder: Path, n_bytes: int, what: str) -> None:
    """Check that a folder's disk has room.

    Raises
    ------
    FetchError
        If it does not; the message says how much is needed and free.
    """
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < n_bytes + _SPARE:
        raise FetchError(
            f"{folder}: {what} needs {megabytes(n_bytes + _SPARE)}, {megabytes(free)} are free; make room, or name "
            f"another folder with ${CACHE_VARIABLE}"
        )


def megabytes(n_bytes: int) -> str:
    """A number of bytes for a person."""
    return f"{n_bytes / 1e6:,.1f} MB"
