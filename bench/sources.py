"""Hashes of source code, so that a result made by other code is not taken for this one's."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from bench.paths import PROJECT

SCORING_SOURCES = (
    "bench/differential.py",
    "bench/evaluator.py",
    "bench/heldout.py",
    "bench/lift.py",
    "bench/metrics",
    "bench/prediction_checks.py",
    "bench/protocols.py",
    "bench/reference.py",
    "bench/scoring.py",
)


def hash_sources(paths: Iterable[Path]) -> str:
    """SHA-256 over the Python files named or lying in the named folders."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


@cache
def scorer_hash() -> str:
    """Hash of all code that turns predictions into numbers; stored beside each score."""
    return hash_sources(PROJECT / name for name in SCORING_SOURCES)
