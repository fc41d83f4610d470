"""One HTTP request at a time: time limits, redirects that may be followed, answers that are not the file."""

from __future__ import annotations

import http.client
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO
from urllib.parse import urlsplit

from bench import __version__

CHUNK = 1 << 20  # bytes read at once
_TRANSIENT = (408, 425, 429, 500, 502, 503, 504)
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


@dataclass(frozen=True)
class Patience:
    """How long to wait for a server.

    Parameters
    ----------
    stall_seconds
        A connection over which fewer than ``least_bytes`` come in this time is given up.
    least_bytes
        See there.
    attempts
        Tries in a row at one address that bring nothing new.
    pause_seconds
        Wait before the second try; doubled each time, at most a minute.
    """

    stall_seconds: float = 30.0
    least_bytes: int = 10_000
    attempts: int = 5
    pause_seconds: float = 1.0

    def pause(self, attempt: int) -> float:
        """Seconds to wait after the given failed try, counted from 1."""
        return min(self.pause_seconds * 2.0 ** (attempt - 1), 60.0)


class InterruptedTransferError(Exception):
    """The connection failed; another try may succeed."""


class OutOfRangeError(InterruptedTransferError):
    """The file is shorter than the part that was kept of it."""


class RefusedError(Exception):
    """The file is not to be had at this address; another try will not help."""


@dataclass(frozen=True)
class Answer:
    """The beginning of a server's answer.

    Parameters
    ----------
    status
        200 for the whole file, 206 for a part of it.
    url
        Where the file came from in the end, after redirects.
    start
        First byte of the file that follows.
    size
        Bytes of the whole file; ``None`` if the server does not say.
    validator
        What tells that the file is still the same, for ``If-Range``; empty if the server gives nothing of the kind.
    """

    status: int
    url: str
    start: int
    size: int | None
    validator: str
    _response: http.client.HTTPResponse
    _patience: Patience

    def chunks(self) -> Iterator[bytes]:
        """The bytes that follow.

        Raises
        ------
        InterruptedTransferError
            If the connection breaks, or is too slow.
        """
        since, received = time.monotonic(), 0
        while True:
            with _failures():
                chunk = self._response.read1(CHUNK)
            if not chunk:
                return
            yield chunk
            received += len(chunk)
            elapsed = time.monotonic() - since
            if elapsed >= self._patience.stall_seconds:
                if received < self._patience.least_bytes:
                    raise InterruptedTransferError(f"stalled: {received} bytes in {elapsed:.0f} s")
                since, received = time.monotonic(), 0


class _Redirects(urllib.request.HTTPRedirectHandler):
    max_redirections = 5

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        before, after = urlsplit(req.full_url).scheme, urlsplit(newurl).scheme
        if after not in ("http", "https") or (before == "https" and after != "https"):
            raise RefusedError(f"redirected to {newurl}, which is not followed from {before}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@contextmanager
def request(url: str, patience: Patience, *, start: int = 0, validator: str = "") -> Iterator[Answer]:
    """Ask for a file, from byte ``start`` on if it has not changed since ``validator`` was given.

    Raises
    ------
    InterruptedTransferError
        If the server cannot be reached or is busy.
    RefusedError
        If it answers with something else than the file.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise RefusedError("not an http or https address")
    headers = {"User-Agent": f"doloris-bench/{__version__}", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
        if validator:
            headers["If-Range"] = validator
    opener = urllib.request.build_opener(_Redirects)
    with _failures():
        response = opener.open(urllib.request.Request(url, headers=headers), timeout=patience.stall_seconds)
    with response:
        yield _answer(response, start, patience)


@contextmanager
def _failures() -> Iterator[None]:
    """Failures of the network as one of the two errors of this module."""
    try:
        yield
    except urllib.error.HTTPError as error:
        said = f"HTTP {error.code} {error.reason}".replace("\n", " ")
        error.close()
        if error.code == 416:
            raise OutOfRangeError("the file is shorter than what was kept of it") from error
        if error.code in _TRANSIENT:
            raise InterruptedTransferError(said) from error
        raise RefusedError(said) from error
    except urllib.error.URLError as error:
        reason = error.reason
        stalled = isinstance(reason, TimeoutError)
        raise InterruptedTransferError("no answer in time" if stalled else f"cannot be reached ({reason})") from error
    except TimeoutError as error:
        raise InterruptedTransferError("stalled: nothing came in time") from error
    except (http.client.HTTPException, ConnectionError) as error:
        raise InterruptedTransferError(f"connection broken ({type(error).__name__})") from error


def _answer(response: http.client.HTTPResponse, start: int, patience: Patience) -> Answer:
    headers = response.headers
    if response.status not in (200, 206):
        raise RefusedError(f"HTTP {response.status} instead of the file")
    if headers.get("Content-Type", "").split(";")[0].strip().lower() == "text/html":
        raise RefusedError(f"a web page instead of the file, at {response.url}: an error, login or challenge page")
    etag = headers.get("ETag", "")
    validator = etag if etag and not etag.startswith("W/") else headers.get("Last-Modified", "")
    length = headers.get("Content-Length")
    if response.status == 200:
        size = int(length) if length is not None and length.isdigit() else None
        return Answer(200, response.url, 0, size, validator, response, patience)
    found = _RANGE.fullmatch(headers.get("Content-Range", "").strip())
    if found is None or int(found[1]) != start:
        raise RefusedError(f"asked for byte {start} on, got {headers.get('Content-Range', 'an unnamed part')!r}")
    total = None if found[3] == "*" else int(found[3])
    return Answer(206, response.url, start, total, validator, response, patience)
