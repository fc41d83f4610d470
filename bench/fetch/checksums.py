"""Checksums of files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from bench.fetch.http import CHUNK

ALGORITHMS: Mapping[str, int] = MappingProxyType({"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128})
"""Algorithms that repositories use, with the length of their hexadecimal digests."""


def checksums(path: Path, algorithms: Iterable[str]) -> dict[str, str]:
    """Digests of a file by algorithm, ``algorithm:hexadecimal digest``, in one pass over it."""
    digests = {name: hashlib.new(name, usedforsecurity=False) for name in algorithms}
    with path.open("rb") as stream:
        while block := stream.read(CHUNK):
            for digest in digests.values():
                digest.update(block)
    return {name: f"{name}:{digest.hexdigest()}" for name, digest in digests.items()}
