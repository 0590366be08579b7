"""Tests of loading measurements: values against validphys, names, variants, errors, the cache."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import numpy as np
import pytest

from n3hyper.data import cache
from n3hyper.data.commondata import CommonData, current_name, cut, known_names, load_commondata
from n3hyper.errors import DataError
from tests.support.reference_cases import ReferenceCase

SMALL = "CMS_WPWM_7TEV_ELECTRON_ASY"  # quick to parse


@pytest.fixture(params=["fit_case", "other_case"])
def case(request: pytest.FixtureRequest) -> ReferenceCase:
    found: ReferenceCase = request.getfixturevalue(request.param)
    return found


def test_central_values_are_those_of_validphys(case: ReferenceCase) -> None:
    central = np.concatenate([cd.central for cd in case.datasets])
    np.testing.assert_array_equal(central, case.numbers["central"])


def test_metadata_are_those_of_validphys(case: ReferenceCase) -> None:
    for cd, expected in zip(case.datasets, case.record["sets"], strict=True):
        found = {key: getattr(cd, key) for key in expected}
        assert found == {**expected, "legacy_names": tuple(expected["legacy_names"])}


def test_a_set_holds_points_kinematics_and_uncertainties() -> None:
    cd = load_commondata(SMALL)
    assert (cd.name, cd.requested, cd.variant) == (SMALL, SMALL, None)
    assert cd.theory is not None
    assert cd.theory.operation == "ASY"
    assert [len(operand) for operand in cd.theory.fk_tables] == [1, 1]
    assert cd.kinematics.shape == (cd.ndata, 3)
    assert cd.kinematic("sqrts").tolist() == [7000.0] * 11
    assert cd.sys.shape == (cd.ndata, len(cd.sys_names)) == (11, len(cd.multiplicative))
    assert not cd.is_lagrange


def test_variant_changes_group_and_uncertainties(fit_case: ReferenceCase) -> None:
    by_name = {cd.name: cd for cd in fit_case.datasets}
    assert by_name["NMC_NC_NOTFIXED_EM-F2"].experiment == "DEUTERON"
    assert load_commondata("NMC_NC_NOTFIXED_EM-F2", "legacy").experiment == "NMC"


def test_positivity_sets_have_no_data() -> None:
    cd = load_commondata("NNPDF_POS_2P24GEV_F2U")
    assert cd.is_lagrange
    assert cd.sys.shape == (20, 0)
    assert not cd.central.any()


def test_arrays_are_read_only() -> None:
    cd = load_commondata(SMALL)
    for field in ("points", "kinematics", "central", "stat", "sys", "multiplicative"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(cd, field)[0] = 0


def test_cut_keeps_points_and_columns() -> None:
    cd = load_commondata(SMALL)
    part = cut(cd, [1, 4])
    again = cut(part, np.array([False, True]))
    assert part.points.tolist() == [1, 4]
    assert again.points.tolist() == [4]
    assert again.central[0] == cd.central[4]
    np.testing.assert_array_equal(again.sys[0], cd.sys[4])
    assert again.sys_names == cd.sys_names


# ---------------------------------------------------------------- names


def test_legacy_name_is_translated_and_noted(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        cd = load_commondata("CMSWEASY840PB")
    assert (cd.name, cd.requested) == (SMALL, "CMSWEASY840PB")
    assert SMALL in caplog.text


def test_new_names_are_logged_only_where_data_are_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        assert current_name("CMSWEASY840PB") == (SMALL, None)
        load_commondata("CMSWEASY840PB", say_new_name=False)
    assert caplog.text == ""


def test_legacy_name_with_a_variant() -> None:
    assert current_name("SLACP", "legacy_dw") == ("SLAC_NC_NOTFIXED_P_EM-F2", "legacy_dw")
    assert current_name("SLACP_dwsh", "legacy") == ("SLAC_NC_NOTFIXED_P_EM-F2", "legacy_dw")
    assert current_name(SMALL, "x") == (SMALL, "x")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("HERA_NC_318GEV_EP-SIGMRED", "did you mean 'HERA_NC_318GEV_EP-SIGMARED'?"),
        ("DYE886R", "did you mean 'DYE886R_dw_ite'?"),
        ("DYE605", "one of: DYE605_Z0_38P8GEV_DW_PXSEC, DYE605_dw_ite"),
        ("HERA_NC_318GEV_EX-SIGMARED", "did you mean 'HERA_NC_318GEV_E"),
        ("NMCPD_dw", "did you mean 'NMCPD_dw_ite'?"),
        ("!", "has no name like it"),
        ("", "has no name like it"),
        ("_", "has no name like it"),
        ("../NMC_NC_NOTFIXED_EM-F2", "unknown dataset"),
        (".._EM-F2", "unknown dataset"),
    ],
)
def test_unknown_name_gets_a_hint(name: str, hint: str) -> None:
    with pytest.raises(DataError, match="unknown dataset") as caught:
        load_commondata(name)
    assert hint in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "variant", "message"),
    [
        ("HERA_NC_318GEV_EP-SIGMARED", "legcy", "'legcy'; did you mean 'legacy'?"),
        (SMALL, "legacy", "it has no variants"),
        ("NMC_NC_NOTFIXED_EM-F2", None, "needs a variant; one of: legacy"),
    ],
)
def test_unknown_variant_gets_a_hint(name: str, variant: str | None, message: str) -> None:
    with pytest.raises(DataError) as caught:
        load_commondata(name, variant)
    assert message in str(caught.value)
    assert name in str(caught.value)


def test_known_names_can_be_loaded_as_listed() -> None:
    names = known_names()
    assert {SMALL, "NMC_NC_NOTFIXED_EM-F2", "NNPDF_INTEG_3GEV_XT3", "SLACP_dwsh"} <= set(names)
    assert len(names) > 300


# ---------------------------------------------------------------- the cache


@pytest.fixture
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(cache.ENVIRONMENT, str(tmp_path / "cache"))
    return tmp_path / "cache"


def entries(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def assert_same(a: CommonData, b: CommonData) -> None:
    for field in dataclasses.fields(CommonData):
        first, second = getattr(a, field.name), getattr(b, field.name)
        if isinstance(first, np.ndarray):
            np.testing.assert_array_equal(first, second)
            assert first.dtype == second.dtype
        else:
            assert first == second


def test_cached_set_equals_the_parsed_set(cache_folder: Path) -> None:
    parsed = load_commondata(SMALL)
    (entry,) = entries(cache_folder)
    assert entry.suffix == ".npz"
    before = entry.stat().st_mtime_ns
    assert_same(parsed, load_commondata(SMALL))
    assert_same(parsed, load_commondata(SMALL, use_cache=False))
    assert entry.stat().st_mtime_ns == before


@pytest.mark.parametrize("content", [b"", b"no archive", None])
def test_broken_entry_is_made_anew(cache_folder: Path, content: bytes | None) -> None:
    parsed = load_commondata(SMALL)
    (entry,) = entries(cache_folder)
    good = entry.read_bytes()
    entry.write_bytes(good[: len(good) // 2] if content is None else content)
    assert_same(parsed, load_commondata(SMALL))
    assert len(entries(cache_folder)) == 1
    with np.load(entry, allow_pickle=False) as stored:
        np.testing.assert_array_equal(stored["central"], parsed.central)


def test_cache_that_cannot_be_written_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    monkeypatch.setenv(cache.ENVIRONMENT, str(in_the_way))
    assert load_commondata(SMALL).ndata == 11


def test_cache_can_be_switched_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(cache.ENVIRONMENT, "")
    assert cache.cache_folder() is None
    assert load_commondata(SMALL).ndata == 11
    assert not entries(tmp_path)


def test_cache_folder_follows_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(cache.ENVIRONMENT, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.cache_folder() == tmp_path / "n3hyper"


def test_entry_is_valid_only_while_its_files_are_the_same(
    cache_folder: Path, tmp_path: Path
) -> None:
    source = tmp_path / "source.yaml"
    source.write_text("a: 1")
    cache.write_entry("kind", "key", tmp_path, [source], {"x": np.arange(3)}, {"note": "a"})
    found = cache.read_entry("kind", "key", tmp_path)
    assert found is not None
    arrays, meta = found
    assert (arrays["x"].tolist(), meta) == ([0, 1, 2], {"note": "a"})
    assert cache.read_entry("kind", "other key", tmp_path) is None
    source.write_text("a: 2")
    assert cache.read_entry("kind", "key", tmp_path) is None
    source.unlink()
    assert cache.read_entry("kind", "key", tmp_path) is None
    assert len(entries(cache_folder)) == 1


def test_pickles_in_the_cache_are_not_loaded(cache_folder: Path, tmp_path: Path) -> None:
    cache.write_entry("kind", "key", tmp_path, [], {"x": np.arange(3)}, {})
    (entry,) = entries(cache_folder)
    with np.load(entry) as stored:
        meta = stored["__meta__"]
    np.savez(entry, x=np.array([{"any": "object"}], dtype=object), __meta__=meta)
    assert cache.read_entry("kind", "key", tmp_path) is None
