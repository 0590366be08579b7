"""What anybody may have written into a database or an archive, and what becomes of it."""

from __future__ import annotations

import datetime
import io
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bson
import pytest
from bson import Code, Int64, ObjectId, Regex
from hypothesis import given
from hypothesis import strategies as st

from n3hyper.cli.outcome import outcome
from n3hyper.errors import StoreError
from n3hyper.hyper_optimization.mongo.archive import extract_archive, restore
from n3hyper.hyper_optimization.mongo.connection import open_database
from n3hyper.hyper_optimization.mongo.jobs import Jobs, job_id
from n3hyper.hyper_optimization.mongo.records import checked_result, record_of
from n3hyper.hyper_optimization.mongo.scan_document import ScanDocument, checked_point, decode_scan
from n3hyper.hyper_optimization.mongofiletrials import MongoFileTrials
from n3hyper.hyper_optimization.record import check_record, to_json
from n3hyper.hyper_optimization.sampling.suggest import Suggester
from n3hyper.hyper_optimization.stores.identity import complete_identity
from n3hyper.services.worker import Worker
from n3hyper.services.worker_process import teller
from n3hyper.services.worker_settings import WorkerSettings
from tests.support.toy_processes import toy
from tests.support.waiting import HANGS, until

GOOD = ScanDocument("key", "runcard: 1", 2, {"data": "toy"}, 60.0).encode()
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format": 2}, "format 2"),
        ({"package": "0.0.1"}, "made by n3hyper '0.0.1'"),
        ({"runcard": Code("import os")}, "its runcard"),
        ({"runcard": "x" * 2_000_000}, "its runcard"),
        ({"runcard": "changed: 1"}, "its hash"),
        ({"replicas": 10**9}, "replicas"),
        ({"replicas": True}, "replicas"),
        ({"lease": 0.0}, "lease"),
        ({"lease": float("nan")}, "lease"),
        ({"identity": [["data", 1]]}, "identity"),
        ({"identity": "data"}, "identity"),
    ],
)
def test_scans_that_are_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(StoreError, match=says):
        decode_scan("key", {**GOOD, **change})


@given(st.sampled_from(sorted(GOOD)), ANYTHING)
def test_a_scan_is_right_or_refused(key: str, value: Any) -> None:
    try:
        scan = decode_scan("key", {**GOOD, key: value})
    except StoreError:
        return
    assert scan.encode()[key] == value or key in ("identity", "runcard_hash")


@given(ANYTHING)
def test_a_point_is_numbers_or_refused(misc: Any) -> None:
    labels = frozenset({"a", "b"})
    try:
        point = checked_point(misc, labels)
    except StoreError:
        return
    assert set(point) <= labels


@given(ANYTHING)
def test_whatever_a_result_is_the_record_is_one(result: Any) -> None:
    document = {"state": 2, "misc": result, "result": result, "owner": ObjectId()}
    record = record_of(document, 4, "key")
    check_record(record)
    assert "\n" not in to_json(record)
    assert checked_result(result)["status"] in ("ok", "fail")


HOSTILE: list[dict[str, Any]] = [
    {"misc": {"vals": {"$where": ["sleep(1000)"]}}},
    {"misc": {"vals": {"epochs": [Code("import os; os._exit(1)")]}}},
    {"misc": {"vals": {"epochs": [float("inf")]}}},
    {"misc": {"vals": {"optimizer": [10**6]}}},
    {"misc": {"vals": {"optimizer": [-1]}}},
    {"misc": {"vals": [1, 2]}},
    {"misc": Regex("(a+)+$")},
    {"misc": {"cmd": ["domain_attachment", "x"]}},
    {"tid": "x"},
    {"tid": Int64(2**62), "attempts": "many"},
    {"version": [], "owner": {"$x": 1}, "book_time": "now"},
    {"misc": {"vals": {"a" * 100_000: [1]}}},
]


@pytest.fixture
def store(tmp_path: Path, mongo_uri: str) -> Iterator[MongoFileTrials]:
    """A published scan of the toy trainer."""
    _, scanner, identity = toy()
    space = scanner.as_dict()
    trials = MongoFileTrials(tmp_path, uri=mongo_uri, parameters=space)
    trials.publish(ScanDocument(trials.exp_key, "x: 1", 2, complete_identity(identity, space), 1.0))
    yield trials
    trials.handle.close()


def insert(store: MongoFileTrials, n: int) -> list[int]:
    suggester = Suggester(store.parameters, 1)
    return [store.insert(suggester.suggest(store, tid)[0]) for tid in range(n)]


def work(uri: str, jobs: int, idle: float = 5.0) -> list[str]:
    """A worker in this process; what it has said."""
    said: list[str] = []
    settings = WorkerSettings(uri, max_jobs=jobs, poll_interval=0.01, reserve_timeout=idle)
    Worker(settings, said.append, lambda *_: toy()).run()
    return said


def test_a_worker_lives_through_hostile_jobs(store: MongoFileTrials) -> None:
    """All of them fail, with a reason, and the good one after them is done."""
    jobs = store.handle.jobs
    for number, job in enumerate(HOSTILE):
        document = {"_id": f"{store.exp_key}/{number}", "exp_key": store.exp_key, "tid": number}
        jobs.insert_one({**document, "state": 0, "owner": None, "attempts": 0, **job})
    store.handle.raise_number(store.exp_key, len(HOSTILE))
    store.refresh()
    store.insert(Suggester(store.parameters, 1).suggest(store, len(HOSTILE))[0])
    work(store.uri, len(HOSTILE) + 1)
    store.refresh()
    assert [record["tid"] for record in store.finished] == list(range(len(HOSTILE) + 1))
    ends = [record["result"] for record in store.finished]
    assert [end["status"] for end in ends] == ["fail"] * len(HOSTILE) + ["ok"]
    assert all(end["failure"]["reason"] == "exception" for end in ends[:-1])
    assert "the job was refused" in ends[0]["failure"]["text"]


def test_a_worker_lives_through_hostile_scans(store: MongoFileTrials, mongo_uri: str) -> None:
    scans, jobs = store.handle.scans, store.handle.jobs
    hostile: list[Any] = [
        {"runcard": Code("import os")},
        {**GOOD, "identity": [["data", "others"]]},
        {**GOOD, "next": "x"},
        {},
    ]
    for number, document in enumerate(hostile):
        scans.insert_one({"_id": f"bad{number}", **document})
        job = {"_id": f"bad{number}/0", "exp_key": f"bad{number}", "state": 0, "tid": 0}
        jobs.insert_many([job, {**job, "_id": number}])
    jobs.insert_one({"_id": "x/0", "exp_key": {"x": 1}, "state": 0, "tid": 0})
    said = "\n".join(work(mongo_uri, 1, idle=0.3))
    assert said.count("refused: ") == len(hostile)
    insert(store, 2)
    work(mongo_uri, 2)
    assert "what differs: data (others before, toy now)" in said
    store.refresh()
    assert store.statuses() == ["ok", "ok"]


def test_no_code_and_no_pickle_in_the_database(store: MongoFileTrials) -> None:
    insert(store, 1)
    store.attachments["FMinIter_Domain"] = b"a pickle"
    work(store.uri, 1)
    database = store.handle.db
    assert set(database.list_collection_names()) <= {"jobs", "scans", "workers"}
    for name in database.list_collection_names():
        for document in database[name].find():
            assert_data(document)


def assert_data(value: Any) -> None:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            assert_data(each)
    else:
        assert not isinstance(value, (bytes, Code)), value


def test_a_counter_beyond_reason_is_no_work(store: MongoFileTrials) -> None:
    store.handle.scans.update_one({"_id": store.exp_key}, {"$set": {"next": 2**62}})
    with pytest.raises(StoreError, match="not that scan's"):
        store.refresh()


def test_results_that_come_late_or_twice_do_not_count(store: MongoFileTrials) -> None:
    """Two workers, of which the first was thought to be dead."""
    (tid,) = insert(store, 1)
    jobs = store.handle
    (candidate,) = jobs.candidates(store.exp_key)
    first = jobs.claim(candidate["_id"], "first")
    assert first is not None
    assert jobs.claim(candidate["_id"], "other") is None
    store.refresh()
    header = {**store.headers[tid], "_id": first.id}
    assert jobs.beat(first)
    # the heartbeat came in between: the job stays where it is
    assert not jobs.release(header)
    store.refresh()
    assert jobs.release({**store.headers[tid], "_id": first.id})
    second = jobs.claim(first.id, "second")
    assert second is not None
    assert not jobs.beat(first)
    assert not jobs.finish(first, {"status": "ok", "loss": 1.0})
    assert jobs.finish(second, {"status": "ok", "loss": 2.0})
    assert jobs.finish(second, {"status": "ok", "loss": 2.0})
    store.refresh()
    assert store.losses() == [2.0]


def test_a_worker_that_ends_gives_its_job_back(store: MongoFileTrials) -> None:
    insert(store, 1)
    begun, go_on = threading.Event(), threading.Event()

    def prepare(*_: Any) -> Any:
        trainer, scanner, identity = toy()

        def slow(setup: Any) -> None:
            begun.set()
            assert go_on.wait(HANGS)

        trainer.fail = slow
        return trainer, scanner, identity

    worker = Worker(WorkerSettings(store.uri, max_jobs=1), lambda text: None, prepare)
    thread = threading.Thread(target=worker.run)
    thread.start()
    assert begun.wait(HANGS)
    assert len(store.live_workers(10.0)) == 1
    worker.leave()
    go_on.set()
    thread.join(HANGS)
    store.refresh()
    # another could have it, and no attempt counts
    assert store.headers[0]["state"] == 0
    assert store.headers[0]["attempts"] == 0
    assert store.live_workers(10.0) == []


def test_two_scan_processes_share_the_trials(store: MongoFileTrials, tmp_path: Path) -> None:
    """The second finds what the first has put in, and no number is given twice."""
    (tmp_path / "other").mkdir()
    other = MongoFileTrials(
        tmp_path / "other", uri=store.uri, exp_key=store.exp_key, parameters=store.parameters
    )
    insert(store, 2)
    with pytest.raises(StoreError, match="has a trial 1 already"):
        other.insert(Suggester(store.parameters, 1).suggest(other, 1)[0])
    other.refresh()
    assert other.tids == [0, 1]
    work(store.uri, 2)
    for trials in (store, other):
        trials.refresh()
        assert trials.statuses() == ["ok", "ok"]
    texts = [(at / "tries.json").read_bytes() for at in (tmp_path, tmp_path / "other")]
    assert texts[0] == texts[1]
    other.handle.close()


def test_a_claim_whose_answer_was_lost_is_asked_for_again(store: MongoFileTrials) -> None:
    """The worker gets its own job, not one of another; it counts once."""
    (tid,) = insert(store, 1)
    name = job_id(store.exp_key, tid)
    first = store.handle.claim(name, "me")
    assert first == store.handle.claim(name, "me")
    assert first is not None
    assert first.attempts == 1
    assert store.handle.claim(name, "other") is None


def test_workers_that_were_killed_are_forgotten(store: MongoFileTrials) -> None:
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    ages = {"now": 0, "of late": 3600, "long ago": 90_000}
    store.handle.workers.insert_many(
        {"_id": name, "exp_key": None, "seen": now - datetime.timedelta(seconds=age)}
        for name, age in ages.items()
    )
    store.handle.workers.insert_one({"_id": "hostile", "exp_key": None, "seen": {"$gt": 1}})
    assert [each["_id"] for each in store.live_workers(600.0)] == ["now"]
    store.publish(store.scan_document)
    left = {each["_id"] for each in store.handle.workers.find()}
    assert left == {"now", "of late", "hostile"}


def test_a_worker_beats_in_time_for_a_scan_with_a_short_lease(store: MongoFileTrials) -> None:
    """Also while it works on its first job, for which it was idle a moment ago."""
    insert(store, 1)
    seen: set[Any] = set()

    def prepare(*_: Any) -> Any:
        trainer, scanner, identity = toy()

        def slow(setup: Any) -> None:
            def beaten() -> bool:
                seen.add(store.handle.jobs.find_one({"state": 1})["refresh_time"])
                return len(seen) > 2

            until(beaten)

        trainer.fail = slow
        return trainer, scanner, identity

    Worker(WorkerSettings(store.uri, max_jobs=1), lambda text: None, prepare).run()
    assert len(seen) > 2


def test_what_a_worker_refuses_cannot_command_the_terminal(
    store: MongoFileTrials, capsys: pytest.CaptureFixture[str]
) -> None:
    key = "x\x1b[2Jy"
    store.handle.jobs.insert_one({"_id": f"{key}/0", "exp_key": key, "state": 0, "tid": 0})
    settings = WorkerSettings(store.uri, poll_interval=0.01, reserve_timeout=0.1)
    Worker(settings, teller("worker 1"), lambda *_: toy()).run()
    printed = capsys.readouterr().out
    assert "refused: scan x [2Jy: its document is missing" in printed
    assert "\x1b" not in printed
    result = {"status": "fail", "failure": {"reason": "lost", "text": "\x1b]0;x\x07"}}
    assert checked_result(result)["failure"]["text"] == "?]0;x?"
    result["failure"] = {**result["failure"], "quantity": "\x1b]0;x\x07", "key": 3}
    failure = checked_result(result)["failure"]
    assert (failure["quantity"], failure["key"]) == ("?]0;x?", "3")
    strange = {"loss_parts": {"\x1b": 1.0}, "kfold_meta": {"replicas_used": [[True], "x"]}}
    assert outcome({"status": "ok", "loss": 1.5, **strange}) == "loss 1.5000"


def test_a_refresh_reads_only_what_has_changed(store: MongoFileTrials) -> None:
    insert(store, 3)
    work(store.uri, 2)
    store.refresh()
    # nobody looks at what is finished again, not even when it is changed
    done = [record["tid"] for record in store.finished]
    store.handle.jobs.update_many({"state": 2}, {"$set": {"result": "gone"}})
    asked: list[str] = []
    headers, documents = store.handle.headers, store.handle.documents
    store.handle.headers = lambda ids: asked.extend(ids) or headers(ids)
    store.handle.documents = lambda ids: asked.extend(ids) or documents(ids)
    store.refresh()
    (waiting,) = {0, 1, 2} - set(done)
    assert asked == [f"{store.exp_key}/{waiting}"]
    assert [record["tid"] for record in store.finished] == done


# ------------------------------------------------------------ archives
def archive(path: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0) -> Any:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size
    return info


@pytest.mark.parametrize(
    "bad",
    [
        member("/etc/cron.d/x"),
        member("db/../../x"),
        member("../x"),
        member("db/link", tarfile.SYMTYPE, "/etc"),
        member("db/link", tarfile.LNKTYPE, "/etc/passwd"),
        member("db/device", tarfile.CHRTYPE),
        member("db/pipe", tarfile.FIFOTYPE),
        member("other/x"),
    ],
    ids=lambda each: f"{each.name} {each.type.decode()}",
)
def test_crafted_archives_write_nothing(tmp_path: Path, bad: tarfile.TarInfo) -> None:
    path = archive(tmp_path / "a.tar.gz", member("db/jobs.bson"), bad)
    target = tmp_path / "inner" / "target"
    target.mkdir(parents=True)
    with pytest.raises(StoreError, match=r"a\.tar\.gz"):
        MongoFileTrials.extract_mongodb_database(path, target)
    assert list(target.iterdir()) == []
    assert [each.name for each in target.parent.iterdir()] == ["target"]


def test_an_archive_that_would_fill_the_disk(tmp_path: Path) -> None:
    header = member("db/jobs.bson", size=2**40).tobuf()
    path = tmp_path / "a.tar"
    path.write_bytes(header)
    with pytest.raises(StoreError, match="more than 4 GiB"):
        extract_archive(path, tmp_path / "x")


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b" + b"x" * 50])
def test_what_is_no_archive(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tar.gz").write_bytes(content)
    with pytest.raises(StoreError, match=r"a\.tar\.gz"):
        extract_archive(tmp_path / "a.tar.gz", tmp_path)


def test_a_database_goes_through_an_archive(
    store: MongoFileTrials, tmp_path: Path, mongo_uri: str
) -> None:
    insert(store, 3)
    work(store.uri, 2)
    store.refresh()
    packed = store.compress_mongodb_database()
    folder = MongoFileTrials.extract_mongodb_database(packed, tmp_path / "unpacked")
    database = open_database(f"{mongo_uri}-again")
    assert restore(database, folder) == 4
    again = MongoFileTrials(None, uri=f"{mongo_uri}-again", exp_key=store.exp_key)
    assert again.tids == store.tids
    assert again.losses() == store.losses()
    assert Jobs(database).candidates(store.exp_key)[0]["exp_key"] == store.exp_key
    again.handle.close()
    database.client.close()


def test_what_is_no_dump(tmp_path: Path, mongo_uri: str) -> None:
    database = open_database(mongo_uri)
    with pytest.raises(StoreError, match="holds no"):
        restore(database, tmp_path)
    (tmp_path / "jobs.bson").write_bytes(b"\x05")
    with pytest.raises(StoreError, match=r"jobs\.bson"):
        restore(database, tmp_path)
    (tmp_path / "jobs.bson").write_bytes(bson.encode({"no": "id"}))
    with pytest.raises(StoreError, match=r"jobs\.bson"):
        restore(database, tmp_path)
    database.client.close()
