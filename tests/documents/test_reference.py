"""The generated reference has a place for each key and each option, and says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.site import commands, keys
from docs.site.commented import read_entries
from docs.site.generated import PAGES, write_pages
from docs.site.keys import Reference, make_reference
from docs.site.links import broken_links
from n3hyper import __version__
from n3hyper.runcard.load import TOP, load_runcard

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def reference() -> Reference:
    return make_reference()


def test_each_key_that_is_read_has_a_place(reference: Reference) -> None:
    known = reference.trace.paths()
    assert known >= set(TOP)
    assert [path for path in sorted(known) if reference.place_of(path) is None] == []


def test_each_key_of_the_reference_is_read(reference: Reference) -> None:
    known = reference.trace.paths()
    assert [key.path for key in reference.keys if key.path not in known] == []


def test_each_key_of_each_runcard_has_a_place(reference: Reference) -> None:
    for path in sorted((ROOT / "runcards").glob("*.yml")):
        with keys.trace() as traced:
            load_runcard(path)
        lost = [each for each in sorted(traced.paths()) if reference.place_of(each) is None]
        assert lost == [], path.name


def test_each_key_has_a_type_a_default_and_a_meaning(reference: Reference) -> None:
    assert [key.path for key in reference.keys if not key.kind or not key.default] == []
    assert [key.path for key in reference.keys if not key.meaning] == []
    assert {key.since for key in reference.keys} <= {
        __version__,
        *(path.stem for path in keys.RELEASES.glob("*.txt")),
    }


@pytest.mark.parametrize(
    ("path", "kind", "default", "unit"),
    [
        ("dataset_inputs[].frac", "number > 0, ≤ 1", "1, all of them train", ""),
        ("datacuts.q2min", "number ≥ 0", "`3.49`", "GeV²"),
        ("parameters.epochs", "whole number ≥ 1", "required", ""),
        ("genrep", "true or false", "`false`", ""),
        ("closuretest.filterseed", "whole number ≥ 0", "required with fakenoise: true", ""),
    ],
)
def test_keys_are_what_the_readers_ask_for(
    reference: Reference, path: str, kind: str, default: str, unit: str
) -> None:
    key = next(key for key in reference.keys if key.path == path)
    assert (key.kind, key.default, key.unit) == (kind, default, unit)


def test_a_key_without_a_place_is_found(reference: Reference) -> None:
    assert reference.place_of("kfold.partition") is None
    assert reference.place_of("hyperscan_config.parameters[].epochs") == "parameters.epochs"
    assert reference.place_of("trial_specs.override.epochs") == "trial_specs.override"


def test_comments_of_the_example_are_read_with_units_and_defaults() -> None:
    text = (
        "a: 1\nb:\n- q: 2   # [GeV] scale of it; default: 3\n" + " " * 40 + "# or 4\n# c: x  # y\n"
    )
    entries = {entry.path: entry for entry in read_entries(text)}
    assert list(entries) == ["a", "b", "b[].q", "c"]
    assert entries["b[].q"].unit == "GeV"
    assert entries["b[].q"].default == "3 or 4"
    assert entries["b[].q"].meaning == "Scale of it"
    assert entries["c"].commented_out


def test_each_option_has_a_help_text_and_a_place() -> None:
    page = "\n".join(commands.commands_page())
    for name, command in commands.commands().items():
        assert f"(command-{name})=" in page
        for option in commands.options(command):
            assert option.help, f"{name} {option.opts[0]} has no help text"
            assert f"({commands.anchor(name, option)})=" in page
            assert all(re.search(rf"`[^`]*{form}\b", page) for form in option.opts)


def test_pages_are_written_once(tmp_path: Path) -> None:
    (tmp_path / "reference").mkdir()
    write_pages(tmp_path)
    times = {name: (tmp_path / "reference" / name).stat().st_mtime_ns for name in PAGES}
    write_pages(tmp_path)
    for name, time in times.items():
        assert (tmp_path / "reference" / name).stat().st_mtime_ns == time


def test_broken_links_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<p id="x"><a href="b.html#y">b</a> <a href="#z">z</a>')
    (tmp_path / "b.html").write_text('<a href="a.html#x">a</a> <img src="c.png">')
    assert list(broken_links(tmp_path)) == [
        "a.html: b.html#y: no such place in the page",
        "a.html: #z: no such place in the page",
        "b.html: c.png: no such file",
    ]


def test_environment_variables_have_a_place() -> None:
    page = (ROOT / "docs/reference/environment.md").read_text(encoding="utf-8")
    named = {
        name
        for path in (ROOT / "n3hyper").rglob("*.py")
        for name in re.findall(r'"(N3HYPER_[A-Z_]+)"', path.read_text(encoding="utf-8"))
    }
    assert [name for name in sorted(named) if f"`{name}`" not in page] == []


def test_reasons_of_failure_have_a_place() -> None:
    from n3hyper.hyper_optimization.record import REASONS

    for page in ("reference/files.md", "how_to/failures.md"):
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        assert [reason for reason in REASONS if f"`{reason}`" not in text] == []
