"""Theories on disk: folders of FK tables in NNPDF's layout, and where they are looked for.

A theory is a folder ``theory_<id>/``: tables in ``fastkernel/<name>.pineappl.lz4``, K-factors in
``cfactor/CF_<kind>_<name>.dat`` and, unless NNPDF ships it, its card in ``theory.yml``.
`find_theory` looks in the path given on the command line; without one in ``$N3HYPER_THEORY_PATH``,
in NNPDF's own share folders, and among the theories that n3hyper ships.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from n3hyper.errors import TheoryError, nearest
from n3hyper.foreign.files import read_regular
from n3hyper.foreign.yaml_text import LARGEST, load_yaml

ENVIRONMENT: Final = "N3HYPER_THEORY_PATH"
"""Environment variable that lists folders of theories, separated as in ``$PATH``."""

EXTENSIONS: Final = (".pineappl.lz4", ".pineappl")

SHIPPED: Final = Path(__file__).parent / "shipped"


@dataclass(frozen=True)
class TheoryCard:
    """Settings of a theory that a fit needs."""

    theoryid: int
    pto: int
    """Perturbative order: 0 for LO, 1 for NLO, 2 for NNLO."""
    q0: float
    """Scale of the fitted PDFs in GeV."""
    fns: str = "FONLL-C"
    """Flavour-number scheme; with `intrinsic_charm` it determines the cuts on charm production."""
    intrinsic_charm: bool = True
    """Whether charm is fitted."""
    active_flavours: int = 4
    """Number of quark flavours that PDFs have at Q0: those below their threshold are zero there."""
    comments: str = ""


@dataclass(frozen=True)
class TheoryFolder:
    """One theory on disk."""

    theoryid: int
    path: Path

    def table_path(self, name: str) -> Path:
        """Return the file of an FK table.

        Raises
        ------
        TheoryError
            when the theory has no such table.
        """
        for extension in EXTENSIONS:
            path = self.path / "fastkernel" / f"{name}{extension}"
            if path.is_file():
                return path
        raise TheoryError(
            f"theory {self.theoryid} has no FK table {name!r} in {self.path / 'fastkernel'}; "
            f"{self._hint(name)}"
        )

    def cfactor_path(self, cfactor: str, table: str) -> Path:
        """Return the file of a K-factor: the theory's own, else the one shipped with nnpdf_data.

        Raises
        ------
        TheoryError
            when there is no such file.
        """
        file = f"CF_{cfactor}_{table}.dat"
        folders = [self.path / "cfactor", *_nnpdf_data("cfactors")]
        for folder in folders:
            if (folder / file).is_file():
                return folder / file
        raise TheoryError(
            f"no K-factor {cfactor!r} for FK table {table}: {file} is not in {_either(folders)}"
        )

    def has_table(self, name: str) -> bool:
        """Return whether the theory has an FK table."""
        folder = self.path / "fastkernel"
        return any((folder / f"{name}{extension}").is_file() for extension in EXTENSIONS)

    def has_cfactor(self, cfactor: str, table: str) -> bool:
        """Return whether there is a K-factor, in the theory or in nnpdf_data."""
        try:
            return self.cfactor_path(cfactor, table).is_file()
        except TheoryError:
            return False

    def tables(self) -> tuple[str, ...]:
        """Return the names of all its FK tables, sorted."""
        folder = self.path / "fastkernel"
        return tuple(
            sorted(
                file.name.removesuffix(extension)
                for extension in EXTENSIONS
                for file in folder.glob(f"*{extension}")
            )
        )

    def card(self) -> TheoryCard:
        """Return the theory's card: ``theory.yml`` in the folder, else NNPDF's card of that number.

        Raises
        ------
        TheoryError
            when there is no card, or it cannot be read.
        """
        return _read_card(self.card_path(), self.theoryid)

    def card_path(self) -> Path:
        """Return the file of the theory's card.

        Raises
        ------
        TheoryError
            when there is none.
        """
        files = [self.path / "theory.yml", self.path / "theory.yaml", *_nnpdf_cards(self.theoryid)]
        for file in files:
            if file.is_file():
                return file
        raise TheoryError(f"theory {self.theoryid} has no card: looked for {_either(files)}")

    def _hint(self, name: str) -> str:
        known = self.tables()
        hint = nearest(name, known)
        return hint if hint.startswith("did you mean") else f"it has {len(known)} others"


def find_theory(theoryid: int, theory_path: Path | None = None) -> TheoryFolder:
    """Return the folder of theory number `theoryid`.

    Parameters
    ----------
    theory_path
        A folder that holds ``theory_<id>``, or ``theory_<id>`` itself; no other is searched then.
        By default ``$N3HYPER_THEORY_PATH``, NNPDF's share folders and the shipped theories.

    Raises
    ------
    TheoryError
        when it is nowhere; the message lists the searched folders and the theories found there.
    """
    folders = [theory_path] if theory_path is not None else list(search_path())
    for folder in folders:
        path = _theories_in(folder).get(theoryid)
        if path is not None:
            return TheoryFolder(theoryid, path)
    known_ids = sorted({known for folder in folders for known in _theories_in(folder)})
    ids = (
        f"there are theories {', '.join(map(str, known_ids))}"
        if known_ids
        else "no theory is there"
    )
    where = "; ".join(
        f"{folder}{'' if folder.is_dir() else ' (no such folder)'}" for folder in folders
    )
    raise TheoryError(
        f"theory {theoryid} not found in {where}: {ids}; name the folder that holds "
        f"theory_{theoryid} with --theory-path or ${ENVIRONMENT}"
    )


def known_theories(theory_path: Path | None = None) -> list[tuple[Path, TheoryFolder]]:
    """Return the theories of each folder that is searched, in that order, with that folder.

    Parameters
    ----------
    theory_path
        The only folder to search; see `find_theory`.
    """
    folders = [theory_path] if theory_path is not None else list(search_path())
    return [
        (folder, TheoryFolder(theoryid, path))
        for folder in folders
        for theoryid, path in sorted(_theories_in(folder).items())
    ]


def find_card(theoryid: int, theory_path: Path | None = None) -> tuple[Path, dict[str, Any]]:
    """Return the card of a theory, its file and its content, also where no FK tables are at hand.

    Raises
    ------
    TheoryError
        when neither a theory of that number nor NNPDF's card of it is there.
    """
    try:
        file = find_theory(theoryid, theory_path).card_path()
    except TheoryError:
        cards = [card for card in _nnpdf_cards(theoryid) if card.is_file()]
        if not cards:
            raise
        file = cards[0]
    return file, _read_yaml(file)


def theory_card(theoryid: int, theory_path: Path | None = None) -> TheoryCard:
    """Return the card of a theory, also where no FK tables are at hand; see `find_card`."""
    return _read_card(find_card(theoryid, theory_path)[0], theoryid)


def search_path() -> Iterator[Path]:
    """Yield the folders that may hold theories, in the order in which they are searched."""
    seen = set()
    for folder in _all_folders():
        if folder not in seen:
            seen.add(folder)
            yield folder


def _all_folders() -> Iterator[Path]:
    for entry in os.environ.get(ENVIRONMENT, "").split(os.pathsep):
        if entry:
            yield Path(entry).expanduser()
    for share in share_folders():
        yield share / "theories"
    profile = _profile()
    if "theories_path" in profile and "nnpdf_share" in profile:
        yield _share(profile["nnpdf_share"]) / Path(str(profile["theories_path"])).expanduser()
    yield SHIPPED


def share_folders() -> tuple[Path, ...]:
    """Return NNPDF's share folders: ``$NNPDF_SHARE``, its profile's, this Python's, the user's."""
    shares = [os.environ.get("NNPDF_SHARE"), _profile().get("nnpdf_share")]
    folders = [_share(share) for share in shares if share]
    folders.append(_share("RELATIVE_TO_PYTHON"))
    data_home = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return tuple(dict.fromkeys([*folders, Path(data_home).expanduser() / "NNPDF"]))


def _share(value: object) -> Path:
    # the word by which NNPDF's profiles mean sys.prefix
    if value == "RELATIVE_TO_PYTHON":
        return Path(sys.prefix) / "share" / "NNPDF"
    return Path(str(value)).expanduser()


def _profile() -> dict[str, Any]:
    """Return the content of NNPDF's ``nnprofile.yaml``, empty if the user has none."""
    config = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "NNPDF"
    named = os.environ.get("NNPDF_PROFILE_PATH")
    files = [Path(named)] if named else [config / "nnprofile.yaml", config / "nnprofile.yml"]
    for file in files:
        if file.is_file():
            return _read_yaml(file)
    return {}


def _theories_in(folder: Path) -> dict[int, Path]:
    """Return id -> folder of the theories in `folder`, which may be a theory itself."""
    if not folder.is_dir():
        return {}
    # abspath, since the folder may be "." or a link whose own name counts
    candidates = [Path(os.path.abspath(folder))]
    candidates += [*folder.glob("theory_*"), *folder.glob("theories/theory_*")]
    theories: dict[int, Path] = {}
    for path in candidates:
        match = re.fullmatch(r"theory_(\d+)", path.name)
        if match and path.is_dir():
            theories.setdefault(int(match.group(1)), path)
    return theories


def _read_card(file: Path, theoryid: int) -> TheoryCard:
    card = _read_yaml(file)
    try:
        return TheoryCard(
            theoryid=theoryid,
            pto=int(card["PTO"]),
            q0=float(card["Q0"]),
            fns=str(card.get("FNS", "FONLL-C")),
            intrinsic_charm=bool(card.get("IC", True)),
            active_flavours=_active_flavours(card),
            comments=str(card.get("Comments") or ""),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise TheoryError(f"{file}: not a theory card with numbers PTO and Q0") from error


def _active_flavours(card: Mapping[str, Any]) -> int:
    """Three light ones, heavy ones from their threshold on, and charm where it is fitted.

    >>> _active_flavours({"Q0": 1.65, "mc": 1.51, "kcThr": 1.0, "mb": 4.92, "kbThr": 1.0})
    4
    """
    active = 3
    for quark in ("c", "b", "t"):
        threshold = float(card.get(f"m{quark}", float("inf"))) * float(card.get(f"k{quark}Thr", 1))
        if float(card["Q0"]) < threshold:
            break
        active += 1
    return max(active, 4) if card.get("IC", 1) == 1 else active


def _read_yaml(file: Path) -> dict[str, Any]:
    from ruamel.yaml.error import YAMLError

    try:
        content = load_yaml(read_regular(file, LARGEST).decode())
    except (OSError, YAMLError, ValueError, TypeError, AttributeError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise TheoryError(f"{file} cannot be read: {reason}") from error
    return content if isinstance(content, dict) else {}


def _nnpdf_data(folder: str) -> list[Path]:
    """Return the paths of a folder in the package nnpdf_data, found without importing it."""
    spec = importlib.util.find_spec("nnpdf_data")
    locations = spec.submodule_search_locations if spec else None
    return [Path(location) / folder for location in locations or ()]


def _nnpdf_cards(theoryid: int) -> list[Path]:
    """Return the places where NNPDF's card of a theory may be."""
    return [folder / f"{theoryid}.yaml" for folder in _nnpdf_data("theory_cards")]


def _either(paths: list[Path]) -> str:
    return " or ".join(str(path) for path in paths)
