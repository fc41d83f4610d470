"""A web server on this machine that serves files well or badly, as a test scripts it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from bench.fetch.http import Patience

Behaviour = Callable[["Request"], None]
IMPATIENT = Patience(stall_seconds=0.3, attempts=2, pause_seconds=0.0)


class Notes:
    """What a download said."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.places: list[tuple[int, int | None]] = []

    def at(self, done: int, total: int | None) -> None:
        self.places.append((done, total))

    def say(self, text: str) -> None:
        self.said.append(text)


class Request(BaseHTTPRequestHandler):
    """One request; behaviours answer it."""

    protocol_version = "HTTP/1.1"
    site: Site

    def do_GET(self) -> None:
        self.site.requests.append((self.path, dict(self.headers)))
        behaviours = self.site.behaviours.get(self.path.partition("?")[0])
        if behaviours is None:
            return self.reply(404, b"")
        (behaviours.pop(0) if len(behaviours) > 1 else behaviours[0])(self)
        return None

    def reply(
        self, status: int, body: bytes, headers: dict[str, str] | None = None, *, length: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def start_of(self, content: bytes, etag: str) -> int:
        """First byte asked for; 0 if the range does not hold for this version of the file."""
        asked = self.headers.get("Range", "")
        if not asked or self.headers.get("If-Range", etag) != etag:
            return 0
        return min(int(asked.removeprefix("bytes=").removesuffix("-")), len(content))

    def log_message(self, *args: object) -> None:
        """Quiet."""


class Site:
    """What is served, and what was asked for."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.behaviours: dict[str, list[Behaviour]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.released = threading.Event()

    def serve(self, path: str, *behaviours: Behaviour) -> str:
        """Answer with each behaviour in turn, with the last one for ever; the address."""
        self.behaviours[path] = list(behaviours)
        return f"{self.url}{path}"

    def ranges(self) -> list[str]:
        return [headers.get("Range", "") for _, headers in self.requests]

    # behaviours

    def whole(self, content: bytes, etag: str = '"1"', kind: str = "application/octet-stream") -> Behaviour:
        return self.until(content, len(content), etag, kind)

    def until(
        self,
        content: bytes,
        stop: int,
        etag: str = '"1"',
        kind: str = "application/octet-stream",
        *,
        stall: bool = False,
    ) -> Behaviour:
        """All of the file is promised, but the connection ends, or falls silent, after byte ``stop``."""

        def answer(request: Request) -> None:
            start = request.start_of(content, etag)
            headers = {"ETag": etag, "Content-Type": kind, "Accept-Ranges": "bytes"}
            if start:
                if start == len(content):
                    return request.reply(416, b"", {"Content-Range": f"bytes */{len(content)}"})
                headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            request.reply(206 if start else 200, content[start:stop], headers, length=len(content) - start)
            if stall:
                self.released.wait(10)
            if stop < len(content):
                request.close_connection = True
            return None

        return answer

    def drip(self, content: bytes, pause: float) -> Behaviour:
        """A byte at a time."""

        def answer(request: Request) -> None:
            request.reply(200, b"", length=len(content))
            for place in range(len(content)):
                if self.released.wait(pause):
                    return
                try:
                    request.wfile.write(content[place : place + 1])
                    request.wfile.flush()
                except OSError:
                    return

        return answer

    @staticmethod
    def without_ranges(content: bytes) -> Behaviour:
        return lambda request: request.reply(200, content)

    @staticmethod
    def without_length(content: bytes) -> Behaviour:
        def answer(request: Request) -> None:
            request.send_response(200)
            request.end_headers()
            request.wfile.write(content)
            request.close_connection = True

        return answer

    @staticmethod
    def moved(to: str, status: int = 302) -> Behaviour:
        return lambda request: request.reply(status, b"", {"Location": to})

    @staticmethod
    def failing(status: int) -> Behaviour:
        return lambda request: request.reply(status, b"no")

    @staticmethod
    def page() -> Behaviour:
        return lambda request: request.reply(200, b"<html>log in</html>", {"Content-Type": "text/html; charset=utf-8"})

    @staticmethod
    def said(answer: object) -> Behaviour:
        return lambda request: request.reply(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})


@contextmanager
def running_site() -> Iterator[Site]:
    class Handler(Request):
        pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    site = Site(f"http://127.0.0.1:{server.server_address[1]}")
    Handler.site = site
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.released.set()
        server.shutdown()
        server.server_close()
