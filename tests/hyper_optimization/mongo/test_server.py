"""Servers: started, found, kept from others, stopped; addresses and what may be shown of them."""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pymongo
import pytest

from n3hyper.errors import StoreError
from n3hyper.hyper_optimization.mongo.address import find_uri
from n3hyper.hyper_optimization.mongo.connection import (
    Retrying,
    address_of,
    answers,
    open_database,
)
from n3hyper.hyper_optimization.mongo.server import MongodRunner, find_engine, free_port
from tests.support.mongo_servers import engines, running
from tests.support.waiting import HANGS


@pytest.mark.parametrize("engine", engines())
def test_data_outlive_the_server_however_it_ends(engine: str, tmp_path: Path) -> None:
    runner = MongodRunner(db_port=0, dbpath=tmp_path / "db", engine=engine)
    process = runner.start()
    database = open_database(runner.uri)
    database["c"].insert_one({"_id": 1})
    database["c"].insert_one({"_id": 2})
    process.kill()
    process.wait()
    # again on the same port, as workers expect it
    runner.revive()
    assert Retrying("it", 30.0)(lambda: database["c"].count_documents({})) == 2
    runner.stop(runner.process)
    assert not answers(database)
    database.client.close()
    assert runner.log_file.exists()
    with running(engine, tmp_path / "db") as server:
        again = open_database(server.uri)
        assert again["c"].count_documents({}) == 2
        again.client.close()


@pytest.mark.parametrize("engine", engines())
def test_a_server_for_other_hosts_wants_a_password(engine: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="add --auth"):
        MongodRunner(dbpath=tmp_path / "db", bind_ip="0.0.0.0", engine=engine)
    assert not (tmp_path / "db").exists()
    for _ in range(2):  # the password stays
        with running(engine, tmp_path / "db", bind_ip="0.0.0.0", auth=True) as server:
            assert stat.S_IMODE(os.stat(server.uri_file).st_mode) == 0o600
            uri = find_uri(str(server.uri_file))
            database = open_database(uri)
            database["c"].insert_one({})
            assert "n3hyper:" not in address_of(database)
            database.client.close()
            open_one = open_database(f"mongodb://127.0.0.1:{server.db_port}/hyperopt-db")
            with pytest.raises(pymongo.errors.OperationFailure):
                open_one["c"].find_one()
            with pytest.raises(StoreError, match="wants a user and a password"):
                Retrying("it")(lambda opened=open_one: opened["c"].find_one())
            open_one.client.close()
            assert uri.split("@")[0] not in Path(server.log_file).read_text()
    assert server.uri.partition("@")[0] == uri.partition("@")[0]


@pytest.mark.parametrize("engine", engines())
def test_folder_and_port_in_use(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("n3hyper.hyper_optimization.mongo.server._ENDING", 0.1)
    with running(engine, tmp_path / "db") as server:
        with pytest.raises(StoreError, match="another server is running here"):
            MongodRunner(db_port=0, dbpath=tmp_path / "db", engine=engine).start()
        with pytest.raises(StoreError, match="choose another --port"):
            MongodRunner(db_port=server.db_port, dbpath=tmp_path / "b", engine=engine).start()


def test_a_server_that_does_not_come_up_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("n3hyper.hyper_optimization.mongo.server._ENDING", 0.1)
    program = tmp_path / "mongod"
    program.write_text("#!/bin/sh\necho cannot do it >&2\nexit 3\n")
    program.chmod(0o755)
    with pytest.raises(StoreError, match=r"does not come up; .*ends: cannot do it"):
        MongodRunner(db_port=0, dbpath=tmp_path / "db", mongod=program).start()
    with pytest.raises(StoreError, match="not a program"):
        find_engine(mongod=tmp_path / "nothing")


def test_a_mongod_on_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StoreError, match="no mongod on PATH"):
        find_engine("mongod")
    assert "secantus" in find_engine()[-1]
    (tmp_path / "mongod").write_text("#!/bin/sh\n")
    (tmp_path / "mongod").chmod(0o755)
    assert find_engine() == [str(tmp_path / "mongod")]
    assert "secantus" in find_engine("embedded")[-1]


def test_the_command_says_what_to_do_and_stops(tmp_path: Path) -> None:
    """A new user's first terminal."""
    port = free_port()
    command = [sys.executable, "-m", "n3hyper.cli", "mongod", "--port", str(port)]
    for number in (signal.SIGINT, signal.SIGTERM):
        process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        said = [process.stderr.readline() for _ in range(5)]
        assert f"mongodb://127.0.0.1:{port}/hyperopt-db" in said[0]
        assert "mongod.log" in said[1]
        uri = tmp_path / "hyperopt-db" / "uri"
        assert f"n3hyper mongo-worker --mongo-uri {uri}" in said[2]
        database = open_database(find_uri(str(uri)))
        assert answers(database)
        process.send_signal(number)
        assert process.wait(HANGS) == 0
        assert "stopped; the data stay in hyperopt-db" in process.stderr.read()
        process.stderr.close()
        assert not answers(database)
        database.client.close()


ORDERS = {
    "server stopped, command killed": "stop server, kill command",
    "server stopped, command killed, server continued": "stop server, kill command, cont server",
    "both stopped, command killed": "stop server, stop command, kill command",
    "server stopped, command ended": "stop server, term command",
    "server stopped, command interrupted and killed": "stop server, int command, kill command",
    "command stopped, server killed": "stop command, kill server, cont command",
    "command stopped, server ended": "stop command, term server, cont command",
}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the leash is Linux's")
@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS.keys())
def test_a_server_ends_with_its_command(order: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "n3hyper.cli", "mongod", "--port", str(free_port())]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        while not process.stderr.readline().startswith("stop "):
            pass
        (server,) = psutil.Process(process.pid).children()
        for step in order.split(", "):
            number, whom = step.split()
            target = server.pid if whom == "server" else process.pid
            os.kill(target, getattr(signal, f"SIG{number.upper()}"))
        server.wait(HANGS)
        process.communicate(timeout=HANGS)


def test_who_holds_the_port_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("n3hyper.hyper_optimization.mongo.server._ENDING", 0.1)
    code = (
        "import signal, socket\n"
        "probe = socket.create_server(('127.0.0.1', 0))\n"
        "print(probe.getsockname()[1], flush=True)\n"
        "signal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with pytest.raises(StoreError, match=f"in use; by process {process.pid} ") as caught:
            MongodRunner(db_port=port, dbpath=tmp_path / "db", engine="embedded").start()
        said = re.search(r"end it with: ([^,]+),", str(caught.value))
        assert said is not None
        subprocess.run(said[1], shell=True, check=True)
    with running("embedded", tmp_path / "db", db_port=port):
        pass


@pytest.mark.parametrize("name", ["mongod.log", ".n3hyper.lock"])
def test_links_in_the_folder_of_the_data(name: str, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / name).symlink_to(precious)
    with pytest.raises(StoreError, match=name):
        MongodRunner(db_port=0, dbpath=tmp_path / "db", engine="embedded").start()
    assert precious.read_text() == "precious"


def test_a_port_that_is_free() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", free_port()))
