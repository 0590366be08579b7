"""Tests of ``n3hyper scan --skip-missing``: a runcard of more data than a theory has tables."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from n3hyper.cli import main
from n3hyper.errors import RuncardError
from n3hyper.runcard import Runcard, load_runcard
from n3hyper.scanning.request import ScanRequest
from n3hyper.scanning.skip_missing import with_what_theory_has
from tests.support.small_card import small_card, write_card

RUNCARDS = Path(__file__).parents[2] / "runcards"
SLAC, HERA = "SLAC_NC_NOTFIXED_P_EM-F2", "HERA_CC_318GEV_EP-SIGMARED"
CMS, DRELL_YAN = "CMS_WPWM_7TEV_ELECTRON_ASY", "DYE605_Z0_38P8GEV_DW_PXSEC"


def larger_card() -> dict[str, Any]:
    """Return the small card with sets that theory 1650 has no tables for."""
    card = small_card()
    card["dataset_inputs"][1:1] = [
        {"dataset": CMS},
        {"dataset": DRELL_YAN, "variant": "legacy", "cfac": ["QCD"]},
    ]
    card["kfold"]["partitions"] = [
        {"datasets": [SLAC, CMS]},
        {"datasets": [DRELL_YAN]},
        {"datasets": [HERA], "weight": 2.0},
    ]
    card["positivity"]["posdatasets"].append({"dataset": "NNPDF_POS_2P24GEV_DYU", "maxlambda": 1e6})
    return card


def reduced(path: Path, **changes: Any) -> tuple[Runcard, str, list[str]]:
    """Return the runcard that is scanned, its text, and the messages to the user."""
    request = ScanRequest(path, path.parent / "out", 1, skip_missing=True, **changes)
    told: list[str] = []
    complete = with_what_theory_has(request, told.append)
    assert complete.runcard == path
    return complete.load(), complete.text, told


def test_sets_and_folds_without_theory_are_left_out(tmp_path: Path) -> None:
    runcard, text, told = reduced(write_card(tmp_path / "card.yml", larger_card()))
    assert [entry.dataset for entry in runcard.dataset_inputs] == [SLAC, HERA]
    assert [entry.datasets for entry in runcard.kfold.partitions] == [(SLAC,), (HERA,)]
    assert runcard.kfold.partitions[1].weight == 2.0
    assert [entry.dataset for entry in runcard.positivity] == ["NNPDF_POS_2P24GEV_F2U"]
    assert told == [
        "theory 1650 lacks FK tables of 3 sets, left out: "
        f"{CMS}, {DRELL_YAN}, NNPDF_POS_2P24GEV_DYU"
    ]
    assert f"#   {DRELL_YAN}: no FK table DYE605\n" in text
    complete = load_runcard(tmp_path / "card.yml")
    assert (runcard.parameters, runcard.hyperscan) == (complete.parameters, complete.hyperscan)


def test_old_spellings_are_understood(tmp_path: Path) -> None:
    card = larger_card()
    card["hyperscan"] = {**card.pop("hyperscan_config"), "kfold": card.pop("kfold")}
    card["experiments"] = [{"experiment": "ALL", "datasets": card.pop("dataset_inputs")}]
    runcard, _, _ = reduced(write_card(tmp_path / "card.yml", card))
    assert [entry.datasets for entry in runcard.kfold.partitions] == [(SLAC,), (HERA,)]


def test_keys_are_those_of_the_file(tmp_path: Path) -> None:
    """Report keys in the file's spelling and numbering, although sets before them are left out."""
    card = larger_card()
    inputs = card.pop("dataset_inputs")
    card["experiments"] = [{"experiment": "ALL", "datasets": inputs}]
    path = write_card(tmp_path / "card.yml", card)
    runcard, _, _ = reduced(path)
    assert runcard.source == path
    assert runcard.place("dataset_inputs[0].cfac") == "experiments[0].datasets[0].cfac"
    card = larger_card()
    runcard, _, _ = reduced(write_card(tmp_path / "card.yml", card))
    assert runcard.place("dataset_inputs[1].dataset") == "dataset_inputs[3].dataset"
    assert runcard.place("kfold.partitions[1]") == "kfold.partitions[2]"
    inputs[1]["variant"] = "no such"
    path = write_card(tmp_path / "card.yml", {**card, "dataset_inputs": inputs})
    with pytest.raises(RuncardError, match=r"card.yml: dataset_inputs\[1\]: unknown variant"):
        reduced(path)


def test_a_set_of_another_name_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from n3hyper.data.build import build_problem

    card = larger_card()
    card["dataset_inputs"][0] = {"dataset": "SLACP_dwsh"}
    card["kfold"]["partitions"] = [{"datasets": ["SLACP_dwsh"]}, {"datasets": [HERA]}]
    card["datacuts"]["drop_internal_rules"] = ["SLACP_dwsh"]
    runcard, _, _ = reduced(write_card(tmp_path / "card.yml", card))
    build_problem(runcard, 1, None)
    assert caplog.text.count("dataset SLACP_dwsh is now") == 1


def test_a_runcard_without_missing_sets_is_unchanged(tmp_path: Path) -> None:
    path = write_card(tmp_path / "card.yml", small_card())
    _, text, told = reduced(path)
    assert (text, told) == (path.read_text(), [])


def test_a_restart_is_unchanged(tmp_path: Path) -> None:
    path = write_card(tmp_path / "card.yml", larger_card())
    _, text, told = reduced(path, restart=True)
    assert (text, told) == (path.read_text(), [])


def test_a_runcard_of_which_nothing_is_left_is_refused(tmp_path: Path) -> None:
    card = larger_card()
    card["kfold"]["partitions"] = [{"datasets": [DRELL_YAN]}, {"datasets": [CMS]}]
    with pytest.raises(RuncardError, match=r"card.yml: kfold.partitions: .* each fold"):
        reduced(write_card(tmp_path / "card.yml", card))
    card["dataset_inputs"] = card["dataset_inputs"][1:3]
    with pytest.raises(RuncardError, match=r"card.yml: dataset_inputs: .* each of the 2 data sets"):
        reduced(write_card(tmp_path / "card.yml", card))


def test_mistakes_are_still_reported(tmp_path: Path) -> None:
    card = larger_card()
    card["dataset_inputs"][1]["dataset"] = "CMS_WPWM_7TEV_ELEKTRON_ASY"
    card["kfold"]["partitions"] = [{"datasets": [SLAC]}]
    with pytest.raises(RuncardError, match=r"card.yml: dataset_inputs\[1\]: .*did you mean"):
        reduced(write_card(tmp_path / "card.yml", card))


@pytest.mark.slow
def test_nnpdf40_runs_with_the_tables_of_a_theory(
    tmp_path: Path,
    shared_theory: Path,
    shared_lhapdf: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Run a trial of the runcard of all of NNPDF4.0's data, in two minutes (a few epochs only)."""
    monkeypatch.setenv("LHAPDF_DATA_PATH", str(shared_lhapdf))
    text = (RUNCARDS / "nnpdf40.yml").read_text()
    for old, new in {
        "min_epochs: 15e3, max_epochs: 45e3": "min_epochs: 100, max_epochs: 200",
        "t0pdfset: NNPDF40_nnlo_as_01180": "t0pdfset: toy_t0",
        "threshold: 10\n": "threshold: 1e30\n",
    }.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    card = tmp_path / "card.yml"
    card.write_text(text)
    arguments = ["scan", card, "-o", tmp_path / "out", "-n", 1, "--theory-path", shared_theory]
    with pytest.raises(SystemExit):  # so few epochs pass no threshold: what counts is the way
        main([*map(str, arguments), "--skip-missing"])
    told = capfd.readouterr().err
    left_out = re.search(r"lacks FK tables of (\d+) sets", told)
    assert left_out is not None
    assert int(left_out[1]) == 40
    (trial,) = json.loads((tmp_path / "out/nnfit/replica_1/tries.json").read_text())
    assert trial["result"]["status"] in ("ok", "fail")
    reason = trial["result"].get("failure", {}).get("reason")
    assert reason in (None, "positivity", "threshold_chi2")
    run_as = load_runcard(tmp_path / "out" / "filter.yml")
    assert [len(fold.datasets) for fold in run_as.kfold.partitions] == [9, 8, 10, 9]
