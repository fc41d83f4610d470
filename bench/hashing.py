"""Content hashes and seeds derived from named axes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np


def hash_json(value: Mapping[str, object] | list[object]) -> str:
    """SHA-256 of a JSON value, independent of key order."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def derive_seed(**axes: object) -> int:
    """Seed in [0, 2**32) that depends on the named axes and on nothing else.

    >>> derive_seed(data=0, condition="KLF1") == derive_seed(condition="KLF1", data=0)
    True
    """
    return int(hash_json({name: str(value) for name, value in axes.items()})[:8], 16)


def unit_hash(ids: Iterable[str], seed: int) -> np.ndarray:
    """A number in [0, 1) per id, fixed by the id and the seed: (n,), float64.

    Used for folds: which fold a cell falls in does not depend on the other cells or their order.
    """
    key = seed.to_bytes(8, "little", signed=False)
    digests = (hashlib.blake2b(text.encode(), digest_size=8, key=key).digest() for text in ids)
    return np.fromiter((int.from_bytes(d, "little") for d in digests), dtype=np.uint64).astype(np.float64) / 2.0**64
