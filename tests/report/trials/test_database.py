"""The report of a scan that lies in a database."""

from __future__ import annotations

import json
from typing import Any

import hyperopt
import numpy as np
import pytest

from n3hyper.cli import main
from n3hyper.hyper_optimization.filetrials import space_eval_trial
from n3hyper.hyper_optimization.hyper_scan import HyperScanner
from n3hyper.hyper_optimization.mongo.connection import open_database
from n3hyper.hyper_optimization.mongo.jobs import job_id
from n3hyper.hyper_optimization.mongo.scan_document import ScanDocument
from n3hyper.hyper_optimization.record import plain
from n3hyper.report.trials.trial import flat_values
from n3hyper.runcard import load_runcard
from tests.support.make_trials import RUNCARD, result_of

TRIALS = 16


def drawn() -> list[dict[str, Any]]:
    """Trials as workers leave them: labels with numbers, and a result."""
    runcard = load_runcard(RUNCARD)
    space = HyperScanner(runcard.parameters, runcard.hyperscan).as_dict()
    rng, trials = np.random.default_rng(1), hyperopt.Trials()
    hyperopt.fmin(
        lambda setup: plain(result_of(rng, setup, 4, 2)),
        space,
        hyperopt.rand.suggest,
        TRIALS,
        trials=trials,
        rstate=np.random.default_rng(2),
        show_progressbar=False,
        verbose=False,
    )
    documents: list[dict[str, Any]] = plain(trials.trials)
    for document in documents:
        document["setup"] = space_eval_trial(space, document)
    return documents


def report(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, str]:
    with pytest.raises(SystemExit):
        main(["report", *arguments])
    captured = capsys.readouterr()
    return captured.out, captured.err


def test_a_scan_in_a_database(mongo_uri: str, capsys: pytest.CaptureFixture[str]) -> None:
    documents = drawn()
    database = open_database(mongo_uri)
    scan = ScanDocument("key", RUNCARD.read_text(), 2, {"theory": "x"})
    database["scans"].insert_one({"_id": "key", **scan.encode()})
    for document in documents:
        job = {name: value for name, value in document.items() if name != "setup"}
        job = {**job, "_id": job_id("key", document["tid"]), "exp_key": "key"}
        database["jobs"].insert_one(job)
    unfinished = {"_id": job_id("key", 99), "tid": 99, "exp_key": "key", "state": 1, "misc": {}}
    database["jobs"].insert_one(unfinished)
    database.client.close()
    found = json.loads(report(capsys, mongo_uri, "--format", "json", "--include-failures")[0])
    assert [trial["tid"] for trial in found["trials"]] == list(range(TRIALS))
    assert [trial["loss"] for trial in found["trials"]] == [d["result"]["loss"] for d in documents]
    for trial, document in zip(found["trials"], documents, strict=True):
        values = flat_values(document["setup"])
        for name in ("optimizer", "learning_rate", "epochs", "nodes_per_layer", "dropout"):
            assert trial[name] == values[name]
    assert found["folds"][0]["datasets"].startswith("HERA_CC_318GEV_EM-SIGMARED")


def test_what_is_no_scan(mongo_uri: str, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = report(capsys, f"{mongo_uri}")
    assert out == ""
    assert "no scan in this database" in err
    out, err = report(capsys, "http://localhost/x")
    assert "not the URI of a database" in err
