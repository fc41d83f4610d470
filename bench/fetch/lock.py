"""Pinned checksums: what a file was when it was first fetched, and must be ever after."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from bench.atomic import write_text
from bench.errors import DataError
from bench.paths import cache_dir, splits_dir

LOCK_FILE = "sources.lock"
_HEADER = "# Checksums of fetched files, as first fetched; `python -m bench data fetch` compares with them.\n"


class Pin(BaseModel):
    """What a file is.

    Parameters
    ----------
    size
        Bytes.
    sha256
        Over all of them.
    repository
        Checksum the repository's own metadata gave, ``md5:...``; empty if it gives none, so that the pin says no more
        than what arrived first.
    url
        Where it was fetched from.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: int = Field(gt=0)
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    repository: str = ""
    url: str = ""


Pins = dict[str, dict[str, dict[str, Pin]]]
_PINS = TypeAdapter(Pins)


def lock_files() -> tuple[Path, Path]:
    """The lock beside the split files, then the one of this machine's cache, which new pins are written to."""
    return splits_dir() / "facts" / LOCK_FILE, cache_dir() / LOCK_FILE


def find_pin(dataset: str, source: str, file: str) -> Pin | None:
    """The pin of a file; ``None`` if it has never been fetched.

    Raises
    ------
    DataError
        If a lock file is damaged, or the two locks disagree.
    """
    found = [(path, pin) for path in lock_files() if (pin := _pin(read_pins(path), dataset, source, file)) is not None]
    if not found:
        return None
    (path, pin), *others = found
    for other_path, other in others:
        if (other.size, other.sha256) != (pin.size, pin.sha256):
            raise DataError(
                f"{other_path}, [{dataset}.{source}]: {file} is pinned as {other.sha256[:12]}, but as "
                f"{pin.sha256[:12]} in {path}; one of the two was fetched altered: remove the wrong entry"
            )
    return pin


def add_pin(dataset: str, source: str, file: str, pin: Pin) -> Path:
    """Pin a file in this machine's lock; the lock's path."""
    path = lock_files()[1]
    pins = read_pins(path)
    pins.setdefault(dataset, {}).setdefault(source, {})[file] = pin
    write_text(path, _HEADER + _toml(pins))
    return path


def read_pins(path: Path) -> Pins:
    """Pins of one lock file by data set, source and file; none if there is no such file.

    Raises
    ------
    DataError
        If the file is damaged.
    """
    if not path.exists():
        return {}
    try:
        return _PINS.validate_python(tomllib.loads(path.read_text(encoding="utf-8")))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path}: not a lock file ({reason}); restore it, or remove it to pin anew") from error


def _pin(pins: Mapping[str, Mapping[str, Mapping[str, Pin]]], dataset: str, source: str, file: str) -> Pin | None:
    return pins.get(dataset, {}).get(source, {}).get(file)


def _toml(pins: Pins) -> str:
    lines = []
    for dataset, sources in sorted(pins.items()):
        for source, files in sorted(sources.items()):
            for file, pin in sorted(files.items()):
                # JSON's strings are TOML's here: names and addresses hold no control characters
                lines += ["", f"[{dataset}.{source}.{json.dumps(file)}]"]
                lines += [f"{name} = {json.dumps(value)}" for name, value in pin.model_dump().items() if value != ""]
    return "\n".join(lines).lstrip("\n") + "\n"
