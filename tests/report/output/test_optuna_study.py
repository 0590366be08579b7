"""Scans as studies of Optuna, read with Optuna."""

from __future__ import annotations

from pathlib import Path

import pytest

from n3hyper.report.analysis.prepare import Request, prepare
from n3hyper.report.analysis.view import View
from n3hyper.report.errors import ReportError
from n3hyper.report.output.optuna_study import write_study
from tests.support.make_trials import write_scan

optuna = pytest.importorskip("optuna", reason="no Optuna (pip install 'n3hyper[optuna]')")


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> View:
    folder = write_scan(tmp_path_factory.mktemp("scan") / "dis", 40, folds=3, replicas=2)
    return prepare(Request(paths=(folder,)))


def test_a_study_has_the_trials_of_the_scan(view: View, tmp_path: Path) -> None:
    path = tmp_path / "dis.log"
    assert write_study(view, path) == "dis"
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    study = optuna.load_study(
        study_name="dis", storage=JournalStorage(JournalFileBackend(str(path)))
    )
    scan = view.scan
    assert [trial.state.name == "COMPLETE" for trial in study.trials] == [t.ok for t in scan.trials]
    assert scan.best is not None
    assert study.best_value == scan.best.loss
    assert study.best_trial.number == scan.best.iteration
    for ours, theirs in zip(scan.trials, study.trials, strict=True):
        assert theirs.params["learning_rate"] == ours.values["learning_rate"]
        assert theirs.params["optimizer"] == ours.values["optimizer"]
        assert theirs.user_attrs["tid"] == ours.tid
        assert theirs.duration.total_seconds() == pytest.approx(ours.seconds)
        if ours.ok:
            parts = [v for k, v in theirs.user_attrs.items() if k.startswith("loss_")]
            assert sum(parts) == pytest.approx(ours.loss)
        else:
            assert theirs.user_attrs["failure"] == ours.reason
    rate = study.best_trial.distributions["learning_rate"]
    assert rate.log
    assert study.best_trial.distributions["epochs"].__class__.__name__ == "IntDistribution"


def test_a_file_that_is_there_is_kept(view: View, tmp_path: Path) -> None:
    path = tmp_path / "mine.log"
    path.write_text("mine")
    with pytest.raises(ReportError, match="is there already"):
        write_study(view, path)
    assert path.read_text() == "mine"
