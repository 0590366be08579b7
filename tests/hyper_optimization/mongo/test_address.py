"""Addresses of databases: where they come from, and that no message shows a password."""

from __future__ import annotations

import string
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from n3hyper.cli import main
from n3hyper.errors import StoreError
from n3hyper.hyper_optimization.mongo.address import (
    VARIABLE,
    AddressError,
    checked,
    find_uri,
    make_uri,
    parse_uri,
    without_password,
)
from n3hyper.hyper_optimization.mongo.connection import address_of, open_database
from n3hyper.hyper_optimization.mongofiletrials import MongoFileTrials

ROOT = Path(__file__).resolve().parents[3]
SECRET = "mongodb://me:geheim@localhost:27017/x"
UGLY = [
    f"mongodb://me:{password}@localhost:1/x"
    for password in ("ab/geheim", "ab?geheim", "ab#geheim", "geheim@geheim", "ab:geheim",
                     "a%geheim", "ab geheim", "[geheim", "geheim]", "a://geheim", "geheim@")
] + [
    "mongodb://[u:geheim@localhost/x",
    "mongodb://[u:geheim",
    "mongodb://u:geheim",
    "mongodb://me:geheim@localhost:99999/x",
    "mongodb://me:geheim@localhost:port/x",
    "mongodb://me:geheim@a,b:c:d/x",
    "mongodb://me:geheim@/x",
    "mongodb+srv://me:geheim@localhost:1/x",
    "mongodb://me:geheim@localhost/a b.$",
    "mongodb://localhost/x?tlsCertificateKeyFilePassword=geheim@localhost",
    "http://me:geheim@localhost/x",
    "mongodb:/me:geheim@localhost/x",
    "mongodb:me:geheim@localhost",
    "me:geheim@localhost",
    "me:ge/geheim@localhost",
    f"me:geheim@{'x' * 5000}",
]  # fmt: skip


def test_no_password_on_a_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StoreError, match="mode 0600") as caught:
        find_uri(SECRET)
    assert "geheim" not in str(caught.value)
    file = tmp_path / "uri"
    file.write_text(SECRET)
    file.chmod(0o644)
    with pytest.raises(StoreError, match="chmod 600") as caught:
        find_uri(str(file))
    assert "geheim" not in str(caught.value)
    file.chmod(0o600)
    assert find_uri(str(file)) == find_uri(str(tmp_path)) == SECRET
    monkeypatch.setenv(VARIABLE, SECRET)
    assert find_uri() == SECRET
    for wrong in ("nothing-there", str(tmp_path.parent / "no")):
        with pytest.raises(StoreError, match="neither a URI"):
            find_uri(wrong)


@pytest.mark.parametrize("text", UGLY)
def test_mistakes_in_a_uri_do_not_show_its_password(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "uri"
    file.write_text(text)
    file.chmod(0o600)
    monkeypatch.setenv(VARIABLE, text)
    for attempt in (
        lambda: find_uri(text),
        lambda: open_database(find_uri(str(file))),
        lambda: open_database(find_uri()),
        lambda: open_database(text),
        lambda: MongoFileTrials(None, uri=text),
        lambda: MongoFileTrials(None, db_host=text),
    ):
        with pytest.raises(AddressError) as caught:
            attempt()
        assert "geheim" not in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1
    assert "@" not in text or "geheim" not in without_password(text)


@pytest.mark.parametrize("text", UGLY)
@pytest.mark.parametrize(
    "command",
    [
        ["scan", str(ROOT / "runcards" / "quickstart.yml"), "--parallel", "--mongo-uri"],
        ["mongo-worker", "--mongo-uri"],
        ["report"],
    ],
    ids=lambda command: command[0],
)
def test_commands_show_no_password(
    command: list[str],
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main([*command, text])
    out, err = capsys.readouterr()
    assert ended.value.code == 2
    assert out == ""
    assert len(err.strip().splitlines()) == 1
    assert "geheim" not in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("sign", "/?#@:% []")
def test_what_has_to_be_encoded_is_said_and_can_be_done(sign: str, tmp_path: Path) -> None:
    password = f"ge{sign}heim"
    file = tmp_path / "uri"
    file.write_text(f"mongodb://me:{password}@localhost/x")
    file.chmod(0o600)
    with pytest.raises(AddressError, match="must be percent-encoded"):
        find_uri(str(file))
    file.write_text(f"mongodb://me:{quote_plus(password)}@localhost/x")
    assert parse_uri(find_uri(str(file))).password == password


@given(secret=st.text(string.printable, min_size=4), rest=st.text(string.printable))
def test_no_text_before_the_last_at_is_shown(secret: str, rest: str) -> None:
    uri = f"mongodb://u:\x01{secret}/\x01@{rest}"
    assert "\x01" not in without_password(uri)
    with pytest.raises(AddressError) as caught:
        open_database(uri)
    assert "\x01" not in str(caught.value)


def test_a_report_takes_the_file_of_an_address(
    tmp_path: Path, mongo_uri: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """As is advised where an address holds a password."""
    file = tmp_path / "uri"
    file.write_text(mongo_uri)
    file.chmod(0o600)
    with pytest.raises(SystemExit):
        main(["report", str(file)])
    assert "no scan in this database" in capsys.readouterr().err


def test_addresses_that_are_right() -> None:
    for uri in (
        "mongodb://localhost/x",
        "mongodb://a:1,b:2,[::1]:3/x?replicaSet=r&w=1",
        "mongodb://me@node7:1/x",
        "mongodb://me:p%2Fw%40@node7:1/x?authSource=admin",
        "mongodb+srv://cluster.example.org/x",
        make_uri("::1", 5, "x", "me", "p/@:w"),
    ):
        assert checked(uri) == uri
    assert parse_uri("mongodb://a:1,b/x").port == 1
    assert parse_uri("mongodb://a").port == 0
    database = open_database("mongodb://me:p%2Fw@localhost:1/x")
    assert address_of(database) == "mongodb://localhost:1/x"
    database.client.close()
