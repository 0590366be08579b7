"""The server of the page: whom it answers, and with what."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from n3hyper.report.analysis.prepare import Request, prepare
from n3hyper.report.errors import ReportError
from n3hyper.report.output.web.serve import Follower, server
from n3hyper.report.trials.sources import stamp_of
from tests.support.make_trials import write_scan


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    paths = (write_scan(tmp_path_factory.mktemp("served") / "dis", 20, folds=2, replicas=2),)
    follower = Follower(lambda: prepare(Request(paths=paths)), lambda: stamp_of(paths))
    with server(follower, 0) as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield found.server_port
        found.shutdown()


def ask(
    port: int, path: str, method: str = "GET", **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, headers=given)
    answer = connection.getresponse()
    return answer, answer.read()


def test_the_page_may_ask_its_server_and_nobody_else(port: int) -> None:
    answer, body = ask(port, "/")
    assert answer.status == 200
    assert b"connect-src 'self'; " in body
    assert b"default-src 'none'" in body
    assert answer.headers["X-Frame-Options"] == "DENY"


def test_news_are_told_once(port: int) -> None:
    answer, body = ask(port, "/data.json")
    news = json.loads(body)
    assert len(news["data"]["ok"]) == 20
    assert "best loss" in news["pieces"]["lead"]
    version = answer.headers["ETag"]
    again, nothing = ask(port, "/data.json", If_None_Match=version)
    assert (again.status, nothing) == (304, b"")
    assert version.strip('"').encode() in ask(port, "/")[1], "the page knows what it shows"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example:1"])
def test_names_that_point_here_are_refused(port: int, host: str) -> None:
    """Otherwise a page from elsewhere could read the trials (DNS rebinding)."""
    answer, body = ask(port, "/data.json", Host=host)
    assert answer.status == 403
    assert b"data" not in body


@pytest.mark.parametrize("path", ["/../filter.yml", "/etc/passwd", "/nnfit"])
def test_there_are_two_addresses(port: int, path: str) -> None:
    assert ask(port, path)[0].status == 404


def test_nothing_can_be_written(port: int) -> None:
    assert ask(port, "/", "POST")[0].status == 501


def test_a_port_that_is_taken_is_said(port: int) -> None:
    with pytest.raises(ReportError, match=f"--serve {port}: Address already in use"):
        server(Follower(lambda: None, lambda: None), port)  # type: ignore[arg-type,return-value]


def test_a_scan_that_comes_later_is_waited_for(tmp_path: Path) -> None:
    paths = (tmp_path / "later",)
    follower = Follower(lambda: prepare(Request(paths=paths)), lambda: stamp_of(paths))
    assert b"no such file or folder" in follower.edition().data
