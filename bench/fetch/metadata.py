"""What a repository says about a file of its own: its length and checksum."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from bench.errors import FetchError
from bench.fetch.checksums import ALGORITHMS
from bench.fetch.http import InterruptedTransferError, Patience, RefusedError, request
from bench.fetch.sources import Metadata

_LARGEST = 20_000_000  # bytes of an answer


@dataclass(frozen=True)
class Expected:
    """What a file must be.

    Parameters
    ----------
    size
        Bytes; ``None`` if not known.
    checksum
        ``algorithm:hexadecimal digest``; empty if not known.
    said_by
        Who says so, for messages.
    """

    size: int | None = None
    checksum: str = ""
    said_by: str = ""


def published(metadata: Metadata, file: str, patience: Patience) -> Expected:
    """Length and checksum of a file by the repository's own metadata.

    Raises
    ------
    FetchError
        If the repository cannot be asked, or its answer does not name the file and its checksum.
    """
    answer = _json(metadata.url, patience)
    try:
        size, checksum = _READERS[metadata.kind](answer, file)
    except (KeyError, TypeError, ValueError, StopIteration) as error:
        raise FetchError(
            f"{metadata.url}: does not say the length and checksum of {file} as {metadata.kind} does; choose another "
            "source with `--source`, or a file you have with `--from`"
        ) from error
    algorithm, _, digest = checksum.partition(":")
    if algorithm not in ALGORITHMS or len(digest) != ALGORITHMS[algorithm] or size <= 0:
        raise FetchError(
            f"{metadata.url}: gives {checksum!r} and {size} bytes for {file}, which cannot be checked (known: "
            f"{', '.join(ALGORITHMS)}); choose another source with `--source`"
        )
    return Expected(size, checksum, f"the metadata of its repository ({metadata.url})")


def _dataverse(answer: Any, file: str) -> tuple[int, str]:
    stored = answer["data"]["dataFile"]
    if str(stored["filename"]) != file:
        raise ValueError(stored["filename"])
    checksum = stored["checksum"]
    algorithm = str(checksum["type"]).lower().replace("-", "")
    return int(stored["filesize"]), f"{algorithm}:{str(checksum['value']).lower()}"


def _zenodo(answer: Any, file: str) -> tuple[int, str]:
    stored = next(entry for entry in answer["files"] if entry["key"] == file)
    return int(stored["size"]), str(stored["checksum"]).lower()


_READERS = {"dataverse": _dataverse, "zenodo": _zenodo}


def _json(url: str, patience: Patience) -> Any:
    for attempt in range(1, patience.attempts + 1):
        try:
            return json.loads(_body(url, patience))
        except (RefusedError, ValueError) as error:
            reason = str(error)
            break
        except InterruptedTransferError as error:
            reason = str(error)
            if attempt < patience.attempts:
                time.sleep(patience.pause(attempt))
    raise FetchError(
        f"{url}: the repository's metadata cannot be read ({reason}), so that nothing would tell whether the file "
        "arrives unaltered. Try again later, choose another source with `--source`, or a file you have with `--from`"
    )


def _body(url: str, patience: Patience) -> bytes:
    with request(url, patience) as answer:
        body = b""
        for chunk in answer.chunks():
            body += chunk
            if len(body) > _LARGEST:
                raise RefusedError(f"more than {_LARGEST:,} bytes of metadata")
    if answer.size is not None and len(body) != answer.size:
        raise InterruptedTransferError(f"{len(body)} of {answer.size} bytes")
    return body
