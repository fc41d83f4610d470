"""Downloading one file: resumed where it stopped, checked when it is whole, never seen half."""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.atomic import write_text
from bench.errors import FetchError
from bench.fetch.checksums import checksums
from bench.fetch.disk import megabytes, require_space
from bench.fetch.http import Answer, InterruptedTransferError, OutOfRangeError, Patience, RefusedError, request
from bench.fetch.metadata import Expected


class Watcher(Protocol):
    """Who is told how far a download is."""

    def at(self, done: int, total: int | None) -> None:
        """``done`` of ``total`` bytes are there."""

    def say(self, text: str) -> None:
        """Something happened that a person may want to know."""


@dataclass(frozen=True)
class Downloaded:
    """A file that is there and is what it should be.

    Parameters
    ----------
    path
        The file.
    size, sha256
        What it is.
    url
        Where it came from, after redirects.
    """

    path: Path
    size: int
    sha256: str
    url: str


class _AlteredError(Exception):
    """All bytes are there, but they are not the file's."""


def download(
    urls: Sequence[str], target: Path, expected: Expected, watcher: Watcher, patience: Patience | None = None
) -> Downloaded:
    """Fetch a file from the first address that gives it.

    What has arrived lies in ``target.part`` until the file is whole and its length and checksum are right; the same
    call goes on from there. Bytes of an earlier call are kept only where the server says that the file is still the
    same, or a checksum is known.

    Parameters
    ----------
    urls
        Addresses of the very same file, tried in order.
    target
        Where it is put.
    expected
        What it must be.
    watcher
        Told how far it is.
    patience
        How long to wait.

    Raises
    ------
    FetchError
        If no address gives the file, it arrives altered, the disk has no room, or another process is fetching it.
    """
    patience = patience or Patience()
    target.parent.mkdir(parents=True, exist_ok=True)
    part = _Part(target.with_name(f"{target.name}.part"), target.with_name(f"{target.name}.part.json"))
    failures = []
    with _alone(target):
        for url in urls:
            try:
                final, digests = _whole(url, part, expected, watcher, patience)
            except (InterruptedTransferError, RefusedError, _AlteredError) as error:
                failures.append(f"{url}: {error}")
                watcher.say(failures[-1])
                continue
            size = part.path.stat().st_size
            part.path.replace(target)
            part.record.unlink(missing_ok=True)
            return Downloaded(target, size, digests["sha256"].removeprefix("sha256:"), final)
    there = f" {megabytes(part.size)} are kept, the same command goes on from there." if part.size else ""
    raise FetchError(
        f"{target.name} could not be fetched ({'; '.join(failures)}).{there} Other ways: `--source`, `--mirror URL`, "
        "or `--from FOLDER` for a file you have"
    )


@dataclass(frozen=True)
class _Part:
    """What has arrived so far, and a record of what it is a part of."""

    path: Path
    record: Path

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def validator(self, url: str) -> str:
        """What the server at this address called the file when these bytes came from it; empty if they did not."""
        try:
            noted = json.loads(self.record.read_text(encoding="utf-8"))
            return str(noted["validator"]) if noted["url"] == url else ""
        except (OSError, ValueError, KeyError, TypeError):
            return ""  # nothing is known of these bytes, so nothing is claimed of them

    def note(self, url: str, validator: str) -> None:
        write_text(self.record, json.dumps({"url": url, "validator": validator}))

    def drop(self) -> None:
        self.path.unlink(missing_ok=True)
        self.record.unlink(missing_ok=True)


def _whole(
    url: str, part: _Part, expected: Expected, watcher: Watcher, patience: Patience
) -> tuple[str, dict[str, str]]:
    """Complete and check the part; where its bytes came from, and their digests."""
    resumed = part.size > 0
    final = _from(url, part, expected, watcher, patience)
    try:
        return final, _check(part, expected)
    except _AlteredError as error:
        if not resumed:
            raise
        # The bytes kept from before may have been another file's: once more, from the first one.
        watcher.say(f"{url}: {error}; fetching all of it again")
        final = _from(url, part, expected, watcher, patience)
        return final, _check(part, expected)


def _from(url: str, part: _Part, expected: Expected, watcher: Watcher, patience: Patience) -> str:
    """Complete the part from one address; where the bytes came from in the end."""
    failed = 0
    while True:
        before = part.size
        try:
            return _transfer(url, part, expected, watcher, patience)
        except InterruptedTransferError as error:
            failed = 1 if part.size > before else failed + 1
            if failed >= patience.attempts:
                raise
            watcher.say(f"{url}: {error}; trying again at {megabytes(part.size)}")
            time.sleep(patience.pause(failed))


def _transfer(url: str, part: _Part, expected: Expected, watcher: Watcher, patience: Patience) -> str:
    validator = part.validator(url)
    if part.size and not validator and not expected.checksum:
        part.drop()
    if expected.size is not None and part.size == expected.size:
        return url
    if expected.size is not None and part.size > expected.size:
        part.drop()
    try:
        opened = request(url, patience, start=part.size, validator=validator)
        return _receive(opened, part, expected, watcher, url)
    except OutOfRangeError:
        part.drop()
        raise


def _receive(
    opened: AbstractContextManager[Answer], part: _Part, expected: Expected, watcher: Watcher, url: str
) -> str:
    with opened as answer:
        size = _size(answer, expected)
        if answer.start == 0:
            part.drop()
        part.note(url, answer.validator)
        if size is not None:
            require_space(part.path.parent, size - answer.start, f"downloading {part.path.name.removesuffix('.part')}")
        done = answer.start
        watcher.at(done, size)
        with part.path.open("ab") as stream:
            for chunk in answer.chunks():
                stream.write(chunk)
                done += len(chunk)
                if size is not None and done > size:
                    break
                watcher.at(done, size)
    if size is not None and done > size:
        part.drop()
        raise RefusedError(f"more than the {size:,} bytes of the file")
    if size is not None and done < size:
        raise InterruptedTransferError(f"truncated: {done:,} of {size:,} bytes")
    return answer.url


def _size(answer: Answer, expected: Expected) -> int | None:
    """Bytes of the whole file."""
    if answer.size is None and expected.size is None and not expected.checksum:
        raise RefusedError("the server does not say how long the file is: a truncated one could not be told")
    if None not in (answer.size, expected.size) and answer.size != expected.size:
        raise RefusedError(
            f"offers {answer.size:,} bytes, but the file has {expected.size:,} according to {expected.said_by}"
        )
    return answer.size if answer.size is not None else expected.size


def _check(part: _Part, expected: Expected) -> dict[str, str]:
    """Checksums of a whole file; it is removed if they are wrong."""
    algorithm = expected.checksum.partition(":")[0]
    digests = checksums(part.path, {"sha256", algorithm} - {""})
    if expected.checksum and digests[algorithm] != expected.checksum:
        part.drop()
        raise _AlteredError(
            f"arrived altered: {digests[algorithm]}, but {expected.checksum} according to {expected.said_by}; what "
            "arrived was removed"
        )
    return digests


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Keep other processes from fetching the same file at the same time."""
    with target.with_name(f"{target.name}.lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FetchError(f"{target}: another process is fetching it; wait for it to end") from error
        yield
