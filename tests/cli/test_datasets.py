"""Tests of ``n3hyper datasets`` and ``n3hyper theories``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from n3hyper.data.catalogue.known_sets import known_sets
from n3hyper.data.commondata import known_names, load_commondata
from n3hyper.runcard.dataset_names import legacy_names
from tests.support.commands import run


def test_all_sets_of_nnpdf_data_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("datasets", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    names = [name for name in known_names() if name not in legacy_names()]
    assert sorted(row["name"] for row in rows) == sorted(set(names))


@pytest.mark.parametrize(
    "name",
    ["HERA_CC_318GEV_EP-SIGMARED", "NMC_NC_NOTFIXED_P_EM-SIGMARED", "DYE866_Z0_800GEV_PXSEC"],
)
def test_points_and_tables_are_those_of_the_data(name: str) -> None:
    (known,) = known_sets(name)
    data = load_commondata(name, "legacy")
    assert known.points == data.ndata
    assert data.theory is not None
    assert known.tables == tuple(table for operand in data.theory.fk_tables for table in operand)
    assert known.process == data.process
    for kinematic in known.kinematics:
        values = data.kinematic(kinematic.name)
        assert kinematic.low <= np.min(values)
        assert kinematic.high >= np.max(values)


def test_few_sets_are_shown_with_all_that_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    # by a name of old
    assert run("datasets", "HERACOMBCCEP") == 0
    text = capsys.readouterr().out
    assert text.startswith("HERA_CC_318GEV_EP-SIGMARED\n")
    for part in ("39", "legacy", "HERACOMBCCEP", "1650", "range of Q2", "0.008 to 0.4"):
        assert part in text


def test_theories_decide_what_can_be_predicted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = tmp_path / "theory_7" / "fastkernel"
    tables.mkdir(parents=True)
    (tables / "DYE605.pineappl.lz4").touch()
    for options in ((), ("--theory-path", tmp_path)):
        assert run("datasets", "DYE605*", *options, "--json") == 0
        (row,) = json.loads(capsys.readouterr().out)
        assert row["theories"] == ([7] if options else [])


def test_an_unknown_set_and_an_empty_folder_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("datasets", "HERA_XX") == 2
    assert "no data set is like 'HERA_XX'" in capsys.readouterr().err
    assert run("datasets", "HERA_CC", "--theory-path", tmp_path) == 2
    assert "no theory there" in capsys.readouterr().err


def test_theories_are_listed_with_their_places(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("N3HYPER_THEORY_PATH", str(tmp_path))
    (tmp_path / "theory_1650" / "fastkernel").mkdir(parents=True)
    (tmp_path / "theory_99887766").mkdir()
    assert run("theories", "--json") == 0
    rows = {row["path"]: row for row in json.loads(capsys.readouterr().out)["theories"]}
    ours = rows[str(tmp_path / "theory_1650")]
    assert (ours["tables"], ours["taken"]) == (0, True) or "problem" in ours
    (shipped,) = [row for row in rows.values() if row["id"] == 1650 and row is not ours]
    assert (shipped["order"], shipped["q0"], shipped["taken"]) == ("NLO", 1.65, False)
    assert "has no card" in rows[str(tmp_path / "theory_99887766")]["problem"]
    assert run("theories") == 0
    text = capsys.readouterr().out
    assert text.splitlines()[0] == str(tmp_path)
    assert "(not taken: one of that number comes before)" in text
    assert run("theories", "--theory-path", tmp_path / "nowhere") == 1
    assert "(no such folder)" in capsys.readouterr().out
