"""Scoring again gives what a scan with those settings would have given."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest

from n3hyper.report.analysis.prepare import Request, prepare
from n3hyper.report.errors import ReportError
from n3hyper.report.trials.rescoring import fold_losses, rescore, settings_of
from n3hyper.report.trials.scan import Scan, load_scan
from tests.support.scored_scans import (
    kfold,
    write,
)

REFERENCE = Path(__file__).parents[1] / "reference"


def outcome(scan: Scan) -> list[tuple[bool, str, float]]:
    return [(t.ok, t.reason, float(f"{t.loss:.10e}") if t.ok else math.inf) for t in scan.trials]


COMBINATIONS = [
    *itertools.product(("chi2",), ("average", "average_best", "best_worst", "std"), ("average",)),
    ("chi2", "average", "best_worst"),
    ("chi2", "best_worst", "std"),
    ("phi2", "average", "average"),
    ("phi2", "average", "best_worst"),
    ("logp", "average", "average"),
    ("logp", "average", "std"),
    ("chi2p", "average", "best_worst"),
    ("n3fit41", "average", "average"),
    ("n3fit41", "best_worst", "std"),
]


@pytest.mark.parametrize("penalties", [True, False])
@pytest.mark.parametrize("names", COMBINATIONS, ids=" ".join)
@pytest.mark.parametrize("proportion", [1.0, 0.7])
def test_the_same_numbers_as_a_scan(
    tmp_path: Path, names: tuple[str, str, str], penalties: bool, proportion: float
) -> None:
    asked = {
        "loss_type": names[0],
        "replica_statistic": names[1],
        "fold_statistic": names[2],
        "penalties_in_loss": penalties,
    }
    scanned = load_scan([write(tmp_path / "a", kfold(reduce_proportion=proportion))])
    wanted = load_scan([write(tmp_path / "b", kfold(reduce_proportion=proportion, **asked))])
    settings = dataclasses.replace(settings_of(scanned.runcard, True), **asked)
    found = rescore(scanned, settings)
    assert outcome(found) == outcome(wanted)
    assert {trial.ok for trial in found.trials} == {True, False}


def test_a_threshold_is_judged_again(tmp_path: Path) -> None:
    wanted = load_scan([write(tmp_path / "b", kfold(penalties=()))])
    plain = settings_of(wanted.runcard, True)
    worst = [losses.max() for t in wanted.good if (losses := fold_losses(t, plain)) is not None]
    settings = kfold(penalties=(), threshold=float(np.median(worst)))
    strict = load_scan([write(tmp_path / "a", settings)])
    assert strict.failures["threshold"] == len(worst) // 2
    assert outcome(rescore(strict, plain)) == outcome(wanted)
    assert outcome(rescore(wanted, settings_of(strict.runcard, True))) == outcome(strict)


def test_settings_of_the_scan_change_nothing(tmp_path: Path) -> None:
    scan = load_scan([write(tmp_path, kfold(fold_statistic="best_worst"))])
    assert outcome(rescore(scan, settings_of(scan.runcard, True))) == outcome(scan)


@pytest.mark.parametrize("key", ["fold_statistic", "target"])
def test_statistics_over_whole_fits_are_said_to_be_lost(tmp_path: Path, key: str) -> None:
    scan = load_scan([write(tmp_path, kfold())])
    runcard = {**scan.runcard, "kfold": {**scan.runcard["kfold"], key: "fit_distance"}}
    if key == "target":
        runcard["kfold"].pop("fold_statistic", None)
    asked = dataclasses.replace(scan, runcard=runcard)
    notes = rescore(asked, settings_of(runcard, True)).notes
    assert any("fit_distance" in note and "average of folds" in note for note in notes)
    plain = rescore(scan, settings_of(scan.runcard, True))
    assert not any("fit_distance" in note for note in plain.notes)


def test_validation_is_mixed_in(tmp_path: Path) -> None:
    folder = write(tmp_path, kfold())
    plain = prepare(Request(paths=(folder,))).scan
    mixed = prepare(Request(paths=(folder,), val_multiplier=0.25)).scan
    for first, second in zip(plain.good, mixed.good, strict=True):
        assert second.loss == pytest.approx(0.75 * first.loss + 0.25 * first.validation_loss)


def test_n3fit_is_scored_from_its_text() -> None:
    scan = load_scan([REFERENCE / "n3fit.json"])
    trial = scan.trials[0]
    settings = dataclasses.replace(settings_of({}, False), penalties_in_loss=False)
    matrix = trial.matrix("hyper_losses")
    found = fold_losses(trial, settings)
    assert matrix is not None
    assert found is not None
    np.testing.assert_allclose(found, matrix.mean(axis=1))
    assert rescore(scan, settings).trials[0].loss == pytest.approx(trial.experimental_loss)


def test_the_objective_of_n3fit_4_1_gives_the_loss_that_n3fit_stored() -> None:
    scan = prepare(Request(paths=(REFERENCE / "n3fit.json",), loss="n3fit41")).scan
    (trial,) = load_scan([REFERENCE / "n3fit.json"]).trials
    assert scan.trials[0].loss == pytest.approx(trial.stored_loss, rel=1e-8)
    assert not any("n3hyper's definition" in note for note in scan.notes)


@pytest.mark.parametrize("missing", ["validation_losses", "trvl_losses_chi2exp"])
def test_n3fit41_needs_more_than_old_records_hold(missing: str, tmp_path: Path) -> None:
    (record,) = json.loads((REFERENCE / "n3fit.json").read_text())
    del record["result"]["kfold_meta"][missing]
    path = tmp_path / "tries.json"
    path.write_text(json.dumps([record]))
    with pytest.raises(ReportError, match="not in the record"):
        prepare(Request(paths=(path,), loss="n3fit41"))


def test_penalties_that_n3fit_has_stored_in_the_chi2_are_taken_out() -> None:
    scan = load_scan([REFERENCE / "n3fit.json"])
    trial = scan.trials[0]
    settings = settings_of({"kfold": {"penalties_in_loss": True}}, False)
    clean, dirty = fold_losses(trial, settings), fold_losses(trial, settings, contaminated=True)
    extra = sum(values.mean(axis=1) for values in trial.penalties.values())
    assert clean is not None
    assert dirty is not None
    np.testing.assert_allclose(clean - dirty, extra)


def test_what_is_not_stored_cannot_be_scored(tmp_path: Path) -> None:
    record = {"tid": 0, "state": 2, "misc": {}, "result": {"status": "ok", "loss": 1.0}}
    path = tmp_path / "tries.json"
    path.write_text(json.dumps([record]))
    with pytest.raises(ReportError, match="not in the record"):
        prepare(Request(paths=(path,), loss="phi2"))
