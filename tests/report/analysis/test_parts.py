"""Parts of losses and groups of failures in a report, of records as a scan writes them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from n3hyper.report.analysis.parts import fold_parts, loss_parts
from n3hyper.report.analysis.prepare import Request, prepare
from n3hyper.report.analysis.view import View
from n3hyper.report.output.formats import to_csv, to_json, to_markdown
from n3hyper.report.output.terminal import Terminal
from tests.support.scored_scans import FOLDS, REPLICAS, kfold, write


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("scan"), kfold())


@pytest.fixture(scope="module")
def view(folder: Path) -> View:
    return prepare(Request(paths=(folder,)))


def without_parts(folder: Path, target: Path) -> Path:
    """The same scan as 0.1.0 wrote it: no parts, and phi2 of one replica is zero."""
    records = json.loads((folder / "nnfit/replica_1/tries.json").read_text())
    for record in records:
        record["result"].pop("loss_parts", None)
        meta = record["result"]["kfold_meta"]
        for name in ("fold_parts", "phi2_folds", "with_dropped"):
            meta.pop(name, None)
        record["result"].get("failure", {}).pop("quantity", None)
    (target / "nnfit/replica_1").mkdir(parents=True)
    (target / "nnfit/replica_1/tries.json").write_text(json.dumps(records))
    (target / "filter.yml").write_text((folder / "filter.yml").read_text())
    return target


def test_parts_add_up_to_the_losses(view: View) -> None:
    found = loss_parts(view.scan)
    assert found.names[0] == "chi2"
    assert set(found.names) <= {"chi2", "saturation", "patience", "integrability", "dropped"}
    losses = [trial.loss for trial in view.scan.good]
    assert found.values.sum(axis=1) == pytest.approx(losses)
    assert found.iteration.tolist() == [trial.iteration for trial in view.scan.good]
    assert "dropped" in found.names


def test_parts_of_folds_add_up_to_their_losses(view: View) -> None:
    best = view.scan.best
    assert best is not None
    stored = best.fold("fold_losses")
    for rescored in (False, True):
        found = fold_parts(best, view.settings, rescored)
        assert np.sum(list(found.parts.values()), axis=0) == pytest.approx(stored)
        assert len(found.replicas) == FOLDS
        assert {asked for _, asked in found.replicas} == {REPLICAS}


def test_records_of_old_have_parts_where_all_replicas_count(folder: Path, tmp_path: Path) -> None:
    """Where some were dropped, an old loss left them out, and its parts are another sum."""
    old = prepare(Request(paths=(without_parts(folder, tmp_path),)))
    whole = [trial for trial in old.scan.good if all(u == n for u, n in trial.replicas)]
    for trial in whole:
        assert sum(old.scan.parts_of(trial).values()) == pytest.approx(trial.loss)
    for trial in old.scan.good:
        parts = old.scan.parts_of(trial)
        assert not parts or sum(parts.values()) == pytest.approx(trial.loss)


def test_shares_say_which_replicas_count(view: View) -> None:
    shares = view.replica_shares
    used = [[u for u, _ in trial.replicas] for trial in view.scan.trials]
    assert shares.shape == (FOLDS, REPLICAS)
    assert shares.sum(axis=1) == pytest.approx(np.mean(used, axis=0))
    rarest = np.unravel_index(shares.argmin(), shares.shape)
    assert f"replica {rarest[1] + 1} of fold {rarest[0] + 1} in " in view.replica_words
    assert json.loads(to_json(view))["replica_shares"] == shares.tolist()


def test_csv_and_json_have_the_parts(view: View) -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(view))))
    trials: list[dict[str, Any]] = json.loads(to_json(view))["trials"]
    for row, trial in zip(rows, trials, strict=True):
        parts = {
            name.removeprefix("loss_"): float(row[name]) for name in row if name.startswith("loss_")
        }
        assert sum(parts.values()) == pytest.approx(float(row["loss"]))
        assert parts == pytest.approx(trial["loss_parts"])
        used = [int(row[f"replicas_used_fold_{fold + 1}"]) for fold in range(FOLDS)]
        assert used == trial["replicas_used"]
        assert trial["replicas_asked"] == [REPLICAS] * FOLDS
        assert set(trial["fold_parts"]) == set(trial["loss_parts"])


def test_trials_are_chosen_and_sorted_by_parts(folder: Path) -> None:
    view = prepare(Request(paths=(folder,), filters=("loss_chi2<1e3",), sort="loss_saturation"))
    values = [view.scan.parts_of(trial)["saturation"] for trial in view.top_trials]
    assert values == sorted(values)
    assert len(values) > 1


def test_failures_are_grouped_and_explained(view: View) -> None:
    groups = view.failure_groups
    assert sum(group.count for group in groups) == sum(view.scan.failures.values()) > 0
    for group in groups:
        assert group.advice
        assert group.label in view.counts
    said = json.loads(to_json(view))["failure_groups"]
    assert [each["count"] for each in said] == [group.count for group in groups]
    assert "## Why trials failed" in to_markdown(view)


def test_failures_of_old_are_explained_as_well(tmp_path: Path) -> None:
    strict = write(tmp_path / "new", kfold(threshold=4.0))
    new = prepare(Request(paths=(strict,)))
    old = prepare(Request(paths=(without_parts(strict, tmp_path / "old"),)))
    found = {group.label: group.tids for group in old.failure_groups}
    said = {group.label: group.tids for group in new.failure_groups}
    assert any(label.startswith("threshold: ") for label in found)
    whole = {t.tid for t in new.scan.trials if all(used == of for used, of in t.replicas)}
    for label, tids in said.items():
        assert whole.intersection(tids) <= set(found.get(label, ()))


@pytest.mark.parametrize("width", [80, 160])
def test_the_terminal_says_why_a_loss_is_what_it_is(view: View, width: int) -> None:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    Terminal(view, console).show()
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    best = view.scan.best
    assert best is not None
    used, asked = best.replicas[0]
    for part in ("= chi2 ", " + saturation ", "Why trials failed", f"{used} of {asked}"):
        assert part in text
    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize(
    "meta",
    [
        {"fold_parts": {"chi2": [1.0], "saturation": [1.0, 2.0]}},
        {"fold_parts": {"chi2": [[1.0, 2.0]]}},
        {"fold_parts": {"chi2": "x", "": None, "y" * 999: [1, 2]}},
        {"fold_parts": [1, 2]},
        {"fold_parts": {"chi2": [1.0, 2.0, 3.0]}, "replicas_used": [[True], [False]]},
        {"replicas_used": [[True], "x"], "with_dropped": {"chi2": 3}},
    ],
)
@pytest.mark.parametrize("parts", [{"chi2": 1.0}, {"chi2": "x"}, [1], {"a": 1e400}, None])
def test_strange_parts_are_left_out(tmp_path: Path, meta: dict[str, Any], parts: Any) -> None:
    misc = {"tid": 0, "vals": {}, "idxs": {}, "space_vals": {"epochs": 9}}
    result = {"status": "ok", "loss": 1.0, "version": "1", "kfold_meta": meta, "loss_parts": parts}
    path = tmp_path / "tries.json"
    path.write_text(json.dumps([{"tid": 0, "state": 2, "misc": misc, "result": result}]))
    view = prepare(Request(paths=(path,)))
    console = Console(file=io.StringIO(), width=80)
    Terminal(view, console).show()
    for text in (to_csv(view), to_markdown(view)):
        assert text
    json.loads(to_json(view))


def test_figures_of_other_numbers_of_folds_are_left_out(folder: Path, tmp_path: Path) -> None:
    records = json.loads((folder / "nnfit/replica_1/tries.json").read_text())
    for record in records:
        record["result"]["kfold_meta"]["with_dropped"] = {"chi2": [1.0]}
    (tmp_path / "tries.json").write_text(json.dumps(records))
    (tmp_path / "filter.yml").write_text((folder / "filter.yml").read_text())
    assert prepare(Request(paths=(tmp_path / "tries.json",), loss="chi2p")).scan.good


def test_phi2_of_one_replica_is_absent_also_in_records_of_old(tmp_path: Path) -> None:
    meta = {
        "hyper_losses_chi2": [1.0, 2.0],
        "hyper_losses_phi2": [0.25, 0.0],
        "hyper_losses_logp": [1.0, 1.0],
        "trvl_losses_chi2exp": [1.0, 1.0],
    }
    misc = {"tid": 0, "vals": {}, "idxs": {}, "space_vals": {"epochs": 9}}
    result = {"status": "ok", "loss": 1.0, "version": "0.1.0", "kfold_meta": meta}
    path = tmp_path / "tries.json"
    path.write_text(json.dumps([{"tid": 0, "state": 2, "misc": misc, "result": result}]))
    scan = prepare(Request(paths=(path,))).scan
    assert np.isnan(scan.numbers("hyper_loss_phi2")).all()
    assert scan.column("hyper_loss_phi2") == [None]
    found = scan.trials[0].fold("hyper_losses_phi2")
    assert found is not None
    assert np.isnan(found).tolist() == [False, True]
