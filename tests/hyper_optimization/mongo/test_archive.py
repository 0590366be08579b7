"""A database in an archive: restored by whoever starts a server, and told from a server's data."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from n3hyper.errors import StoreError
from n3hyper.hyper_optimization.mongo.address import database_name
from n3hyper.hyper_optimization.mongo.archive import restore
from n3hyper.hyper_optimization.mongo.connection import open_database
from n3hyper.hyper_optimization.mongo.server import MongodRunner, free_port, is_embedded
from n3hyper.hyper_optimization.mongofiletrials import MongoFileTrials
from n3hyper.hyper_optimization.sampling.suggest import Suggester
from tests.support.toy_processes import toy
from tests.support.waiting import HANGS

MONGOD_FILES = ("WiredTiger", "WiredTiger.wt", "_mdb_catalog.wt", "collection-0-1.wt")


@pytest.fixture
def packed(mongo_uri: str, tmp_path: Path) -> Iterator[Path]:
    """The archive of a scan of three trials: four documents."""
    space = toy()[1].as_dict()
    store = MongoFileTrials(tmp_path, uri=mongo_uri, parameters=space, exp_key="scan")
    suggester = Suggester(space, 1)
    for tid in range(3):
        store.insert(suggester.suggest(store, tid)[0])
    yield store.compress_mongodb_database()
    store.handle.close()


def test_a_server_in_the_folder_of_an_unpacked_archive_holds_it(
    packed: Path, mongo_uri: str, tmp_path: Path
) -> None:
    """As n3fit's users restart: extract the database, start it. It is restored once."""
    folder = MongoFileTrials.extract_mongodb_database(packed, tmp_path / "unpacked")
    name = database_name(mongo_uri)
    assert folder.name == name
    # what is removed after that stays removed
    for restored, tids in ((4, [0, 1, 2]), (0, [0, 1])):
        with MongodRunner(name, db_port=0, dbpath=folder, engine="embedded") as runner:
            assert runner.restored == restored
            again = MongoFileTrials(None, uri=runner.uri, exp_key="scan")
            assert again.tids == tids
            again.handle.jobs.delete_one({"tid": 2})
            again.handle.close()
    assert sorted(file.name for file in folder.glob("*.bson*")) == [
        "jobs.bson.restored",
        "scans.bson.restored",
    ]
    with MongodRunner(db_port=0, dbpath=tmp_path / "other", engine="embedded") as runner:
        assert runner.restored == 0
        assert runner.restore(packed) == 4
        assert runner.restore(str(packed)) == 4


def test_the_command_restores_and_ignores_interrupts_where_it_was_told_to(
    packed: Path, tmp_path: Path
) -> None:
    """A script that starts it in the background has it ignore Ctrl-C; SIGUSR1 ends it."""
    folder = MongoFileTrials.extract_mongodb_database(packed, tmp_path / "unpacked")
    command = [sys.executable, "-m", "n3hyper.cli", "mongod", "--port", str(free_port())]
    with subprocess.Popen(
        [*command, "--dbpath", str(folder), "--restore", str(packed)],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    ) as process:
        assert process.stderr is not None
        said = [process.stderr.readline() for _ in range(7)]
        assert said[0] == f"restored 4 documents of {packed}\n"
        assert said[1] == f"restored 4 documents unpacked in {folder}\n"
        if sys.platform.startswith("linux"):
            status = Path(f"/proc/{process.pid}/status").read_text()
            ignored = int(re.search(r"SigIgn:\s*(\w+)", status)[1], 16)  # type: ignore[index]
            assert ignored >> (signal.SIGINT - 1) & 1
        process.send_signal(signal.SIGUSR1)
        assert process.wait(HANGS) == 0


@pytest.mark.parametrize("link", ["jobs.bson", ""])
def test_no_link_leads_an_archive_out_of_its_folder(
    link: str, packed: Path, mongo_uri: str, tmp_path: Path
) -> None:
    target, precious = tmp_path / "target", tmp_path / "precious"
    folder = target / database_name(mongo_uri)
    precious.mkdir()
    (precious / "jobs.bson").write_text("precious")
    if link:
        folder.mkdir(parents=True)
        (folder / link).symlink_to(precious / link)
        MongoFileTrials.extract_mongodb_database(packed, target)
        assert not (folder / link).is_symlink()
    else:
        target.mkdir()
        folder.symlink_to(precious)
        with pytest.raises(StoreError, match="is a link"):
            MongoFileTrials.extract_mongodb_database(packed, target)
    assert (precious / "jobs.bson").read_text() == "precious"
    assert [file.name for file in precious.iterdir()] == ["jobs.bson"]


def test_a_broken_archive_in_the_folder_of_the_data(tmp_path: Path) -> None:
    (tmp_path / "jobs.bson").write_bytes(b"\x05")
    with pytest.raises(StoreError, match=r"jobs\.bson.*move the file away"):
        MongodRunner(db_port=0, dbpath=tmp_path, engine="embedded").start()
    (tmp_path / "jobs.bson").rename(tmp_path / "away")
    with MongodRunner(db_port=0, dbpath=tmp_path, engine="embedded"):
        pass


def test_an_archive_of_n3fit_is_recognised(tmp_path: Path) -> None:
    """It holds the folder of a mongod's data, whose files no other program reads."""
    path = tmp_path / "hyperopt db.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name in MONGOD_FILES:
            tar.addfile(tarfile.TarInfo(f"hyperopt-db/{name}"))
    with pytest.raises(StoreError, match="holds data of a mongod, not documents") as caught:
        MongoFileTrials.extract_mongodb_database(path, tmp_path / "x")
    advice = str(caught.value).partition("that server reads them: ")[2]
    folder = tmp_path / "unpacked"
    folder.mkdir()
    begin, _, command = advice.partition(" && ")
    subprocess.run(begin, shell=True, check=True, cwd=folder)
    options = command.removeprefix("n3hyper mongod ")
    assert options == "--engine mongod --dbpath hyperopt-db"
    # the same folder given to --restore, and started with the other server
    database = open_database("mongodb://localhost:1/x")
    with pytest.raises(StoreError, match="--engine mongod --dbpath "):
        restore(database, folder / "hyperopt-db")
    database.client.close()
    with pytest.raises(StoreError, match="which no other server can read; give --engine mongod"):
        MongodRunner(dbpath=folder / "hyperopt-db", engine="embedded")
    if shutil.which("mongod") is None:
        with pytest.raises(StoreError, match="holds data of a mongod; no mongod on PATH"):
            MongodRunner(dbpath=folder / "hyperopt-db")


def test_data_of_the_embedded_server_are_not_given_to_a_mongod(tmp_path: Path) -> None:
    program = tmp_path / "mongod"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    with MongodRunner(db_port=0, dbpath=tmp_path / "db", engine="embedded"):
        pass
    with pytest.raises(StoreError, match="give --engine embedded"):
        MongodRunner(dbpath=tmp_path / "db", mongod=program)
    # found by itself, also where a mongod comes first on PATH
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        assert is_embedded(MongodRunner(dbpath=tmp_path / "db").command)
        assert not is_embedded(MongodRunner(dbpath=tmp_path / "new").command)
