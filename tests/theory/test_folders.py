"""Tests of finding theories, in folders made for the test."""

from __future__ import annotations

from pathlib import Path

import pytest

from n3hyper.errors import TheoryError
from n3hyper.theory import folders as theories
from n3hyper.theory.folders import find_theory, search_path, share_folders

CARD = "ID: 77\nPTO: 1\nQ0: 1.65\nFNS: FONLL-A\nIC: 0\nComments: for a test\n"


def make_theory(folder: Path, theoryid: int, tables: tuple[str, ...] = ()) -> Path:
    path = folder / f"theory_{theoryid}"
    (path / "fastkernel").mkdir(parents=True)
    for table in tables:
        (path / "fastkernel" / f"{table}.pineappl.lz4").touch()
    return path


@pytest.fixture(autouse=True)
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave no theory to be found but those of the test and the shipped ones."""
    for name in ("NNPDF_SHARE", "NNPDF_PROFILE_PATH", theories.ENVIRONMENT):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def test_the_path_of_a_theory_or_its_folder_finds_it(tmp_path: Path) -> None:
    path = make_theory(tmp_path / "theories", 77)
    for given in (path, path.parent, tmp_path):
        assert find_theory(77, given).path == path


def test_links_and_relative_paths_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_theory(tmp_path, 77)
    link = tmp_path / "theory_78"
    link.symlink_to(path)
    assert find_theory(78, link).path == link
    monkeypatch.chdir(path)
    assert find_theory(77, Path(".")).path == path


def test_environment_goes_before_nnpdf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_theory(tmp_path / "data" / "NNPDF" / "theories", 77)
    named = make_theory(tmp_path / "named", 77)
    monkeypatch.setenv(theories.ENVIRONMENT, f"{tmp_path / 'nothing'}:{tmp_path / 'named'}")
    assert find_theory(77).path == named


def test_the_share_folder_of_the_user_is_searched(tmp_path: Path) -> None:
    path = make_theory(tmp_path / "data" / "NNPDF" / "theories", 77)
    assert find_theory(77).path == path


def test_the_share_folder_of_the_profile_is_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_theory(tmp_path / "elsewhere" / "tables", 77)
    profile = tmp_path / "profile.yaml"
    profile.write_text(f"nnpdf_share: {tmp_path / 'elsewhere'}\ntheories_path: tables\n")
    monkeypatch.setenv("NNPDF_PROFILE_PATH", str(profile))
    assert find_theory(77).path == path
    profile.write_text("nnpdf_share: RELATIVE_TO_PYTHON\n")
    assert share_folders()[0] == Path(theories.sys.prefix) / "share" / "NNPDF"


def test_shipped_theories_come_last() -> None:
    assert list(search_path())[-1] == theories.SHIPPED


def test_a_missing_theory_is_an_error_that_names_those_found(tmp_path: Path) -> None:
    make_theory(tmp_path, 77)
    make_theory(tmp_path, 8)
    with pytest.raises(TheoryError) as error:
        find_theory(9, tmp_path)
    message = str(error.value)
    assert f"theory 9 not found in {tmp_path}: there are theories 8, 77" in message
    assert "--theory-path" in message
    assert "\n" not in message


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(TheoryError, match=r"nothing \(no such folder\)"):
        find_theory(9, tmp_path / "nothing")


def test_missing_table_names_the_nearest(tmp_path: Path) -> None:
    folder = make_theory(tmp_path, 77, ("NMC_NC_EM_D_F2", "SLAC_NC_EM_D_F2"))
    theory = find_theory(77, folder)
    assert theory.tables() == ("NMC_NC_EM_D_F2", "SLAC_NC_EM_D_F2")
    with pytest.raises(TheoryError, match="did you mean 'NMC_NC_EM_D_F2'"):
        theory.table_path("NMC_NC_EM_D_F3")
    with pytest.raises(TheoryError, match="it has 2 others"):
        theory.table_path("XYZ")


def test_the_card_is_the_folders_own_or_nnpdfs(tmp_path: Path) -> None:
    path = make_theory(tmp_path, 77)
    (path / "theory.yml").write_text(CARD)
    card = find_theory(77, path).card()
    assert (card.pto, card.q0, card.fns, card.intrinsic_charm) == (1, 1.65, "FONLL-A", False)
    card = find_theory(40000000, make_theory(tmp_path, 40000000)).card()
    assert (card.pto, card.q0, card.fns, card.intrinsic_charm) == (2, 1.65, "FONLL-C", True)


@pytest.mark.parametrize("text", ["PTO: 1\n", "PTO: [\n", "- PTO\n", "PTO: one\nQ0: 1.65\n"])
def test_a_bad_card_is_an_error(tmp_path: Path, text: str) -> None:
    path = make_theory(tmp_path, 77)
    (path / "theory.yml").write_text(text)
    with pytest.raises(TheoryError, match=r"theory\.yml") as error:
        find_theory(77, path).card()
    assert "\n" not in str(error.value)


def test_a_theory_without_a_card_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TheoryError, match="theory 987654321 has no card"):
        find_theory(987654321, make_theory(tmp_path, 987654321)).card()


def test_cfactors_of_the_theory_go_before_nnpdf_data(tmp_path: Path) -> None:
    path = make_theory(tmp_path, 77)
    theory = find_theory(77, path)
    name = "NUTEV_CC_NB_FE_SIGMARED"
    assert "nnpdf_data" in theory.cfactor_path("MAS", name).parts
    own = path / "cfactor" / f"CF_MAS_{name}.dat"
    own.parent.mkdir()
    own.touch()
    assert theory.cfactor_path("MAS", name) == own
    with pytest.raises(TheoryError, match=r"no K-factor 'QCD'.*CF_QCD_"):
        theory.cfactor_path("QCD", name)
