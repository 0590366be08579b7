"""Serving of the page of a scan on this machine, which follows the scan while it runs."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from n3hyper.report.analysis.view import View
from n3hyper.report.errors import ReportError
from n3hyper.report.output.markup import document, file, text
from n3hyper.report.output.web.data import page_data
from n3hyper.report.output.web.page import page, pieces, script_json

HOST: Final = "127.0.0.1"
INTERVAL: Final = 3.0
"""Seconds between two questions of a page, and at least between two readings of the trials."""
_SHARE: Final = 4.0
"""A reading that took t seconds is followed by a pause of at least so many t."""


@dataclass(frozen=True)
class Edition:
    """Content that the server tells at one time."""

    version: str
    """Changes with the content; an entity tag."""
    page: bytes
    data: bytes
    """The answer to a page that asks for news."""


class Follower:
    """Reader of a scan that somebody looks at.

    Parameters
    ----------
    read
        Returns the report as it is now; raises ReportError while there is none.
    stamp
        Returns something that differs when there is something new to read, None where only reading
        tells; raises ReportError as `read` does.
    """

    def __init__(self, read: Callable[[], View], stamp: Callable[[], object]) -> None:
        self._read, self._stamp = read, stamp
        self._lock = threading.Lock()
        self._edition: Edition | None = None
        self._seen: object = None
        self._next = 0.0

    def edition(self) -> Edition:
        """Return the newest edition, which is made again at most every few seconds."""
        with self._lock:
            if self._edition is None or time.monotonic() >= self._next:
                self._renew()
            assert self._edition is not None
            return self._edition

    def _renew(self) -> None:
        began = time.monotonic()
        try:
            seen = self._stamp()
            if self._edition is None or seen is None or seen != self._seen:
                self._edition = edition_of(self._read())
                self._seen = seen
        except ReportError as err:
            if self._edition is None or self._seen is None:
                self._edition = _waiting(str(err))
        now = time.monotonic()
        self._next = now + max(INTERVAL, _SHARE * (now - began))


def edition_of(view: View) -> Edition:
    """Return what the server tells of a report."""
    news = script_json({"data": page_data(view), "pieces": pieces(view)}).encode()
    version = _tag(news)
    follows = {"follow": f"{INTERVAL:g}", "version": version}
    return Edition(version, page(view, follows).encode(errors="replace"), news)


def _waiting(reason: str) -> Edition:
    """Return what the server tells before there is anything to report."""
    news = script_json({"waiting": reason}).encode()
    version = _tag(news)
    words = document(
        title="Waiting for the scan",
        lead=f'<p id="following" role="status">{text(reason)}</p>',
        sections=[],
        scripts=(file("waiting.js"),),
        data="{}",
        follows={"follow": f"{INTERVAL:g}", "version": version},
    )
    return Edition(version, words.encode(errors="replace"), news)


def _tag(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def server(follower: Follower, port: int) -> ThreadingHTTPServer:
    """Return a server on 127.0.0.1 that has not begun to answer.

    Parameters
    ----------
    port
        Zero takes a free one; `server_port` of what is returned tells which.

    Raises
    ------
    ReportError
        The port is in use, or may not be taken.
    """

    class Handler(_Handler):
        source = follower

    try:
        return ThreadingHTTPServer((HOST, port), Handler)
    except (OSError, OverflowError) as err:
        reason = getattr(err, "strerror", None) or str(err)
        raise ReportError(f"--serve {port}: {reason}; --serve alone takes a free port") from None


class _Handler(BaseHTTPRequestHandler):
    """Answers to GET and HEAD, of two addresses."""

    source: Follower
    server_version = "n3hyper"
    sys_version = ""
    timeout = 30

    def do_GET(self) -> None:
        """Answer with the page, or with what is new of it."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """Answer without the content."""
        self._answer(body=False)

    def _answer(self, body: bool) -> None:
        # a page from elsewhere that has its name point to this machine is refused
        host = self.headers.get("Host", "").rpartition(":")[0]
        path = self.path.partition("?")[0]
        if host not in (HOST, "localhost"):
            self._send(403, b"this server answers to 127.0.0.1 alone\n", "text/plain", "", body)
        elif path not in ("/", "/data.json"):
            self._send(404, b"there is / and /data.json\n", "text/plain", "", body)
        else:
            self._tell(path, body)

    def _tell(self, path: str, body: bool) -> None:
        now = self.source.edition()
        if path == "/":
            self._send(200, now.page, "text/html", now.version, body)
        elif self.headers.get("If-None-Match") == now.version:
            self._send(304, b"", "application/json", now.version, body=False)
        else:
            self._send(200, now.data, "application/json", now.version, body)

    def _send(self, status: int, content: bytes, kind: str, version: str, body: bool) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.send_header("Cross-Origin-Resource-Policy", "same-origin")
            self.send_header("X-Frame-Options", "DENY")
            if version:
                self.send_header("ETag", version)
            self.end_headers()
            if body:
                self.wfile.write(content)
        except (BrokenPipeError, ConnectionResetError):
            return  # the reader has gone

    def log_message(self, *_arguments: object) -> None:
        """Say nothing: the terminal belongs to the one who started the server."""
