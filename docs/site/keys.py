"""The reference of the keys of a runcard, made from the readers and from the commented example.

Names, types, bounds and admitted values are those that the readers of `n3hyper.runcard` ask for
(`docs.site.traced`); whether a key is required, and what holds without it, is found by reading the
example without the key. Meaning, unit, example and the defaults that the example does not show are
the comments of runcards/every_key.yml.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from docs.site.commented import EVERY_KEY, Entry, read_entries
from docs.site.traced import Trace, pattern, trace
from n3hyper import __version__
from n3hyper.errors import RuncardError
from n3hyper.runcard.load import parse_runcard, require_scan
from n3hyper.runcard.model import Runcard
from n3hyper.runcard.names import FIT_BASES, POLARIZED
from n3hyper.runcard.yaml_file import parse_yaml

RELEASES = Path(__file__).resolve().parents[1] / "reference" / "keys_of_releases"
"""Folder of a file for each release, the version its name, that lists its keys."""
SAME_AS = {
    "hyperscan_config.parameters[]": "parameters",
    "hyperscan_config.integrability": "hyperscan_config.positivity",
    "hyperscan_config.optimizer[].clipnorm": "hyperscan_config.optimizer[].learning_rate",
    "integrability.integdatasets[]": "positivity.posdatasets[]",
    "datacuts.filter_rules[]": "datacuts.added_filter_rules[]",
    "datacuts.filter_defaults": "datacuts",
    "added_filter_rules": "datacuts.added_filter_rules",
    "filter_rules": "datacuts.filter_rules",
    "drop_internal_rules": "datacuts.drop_internal_rules",
    "filter_defaults": "datacuts.filter_defaults",
    "sampling": "use_t0_sampling",
}
"""Places whose keys are those of another place, and are not explained twice."""


@dataclass(frozen=True)
class Key:
    """Key of a runcard, as the reference shows it."""

    path: str
    kind: str
    """Type, bounds and admitted values."""
    default: str
    """``required``, or what holds without the key."""
    unit: str
    since: str
    """First version that reads it."""
    example: str
    meaning: str


@dataclass(frozen=True)
class Reference:
    """All keys, with what the readers say of those that have no meaning in a scan."""

    keys: tuple[Key, ...]
    trace: Trace

    def place_of(self, path: str) -> str | None:
        """Return the path under which a key is explained; None where it is not."""
        explained = {key.path for key in self.keys}
        if path in explained:
            return path
        for place, other in SAME_AS.items():
            if path == place or path.startswith(f"{place}."):
                return self.place_of(other + path.removeprefix(place))
        parent = path.rpartition(".")[0].removesuffix("[]")
        if parent and parent not in explained:  # a mapping in a mapping that is listed
            return self.place_of(parent)
        return parent if path in self.listed(parent) else None

    def listed(self, path: str) -> list[str]:
        """Return the keys of a mapping, or of a list's mappings, none of which is explained."""
        below = [
            f"{place}.{key}"
            for place in (path, f"{path}[]")
            for key in sorted(self.trace.known.get(place, ()))
        ]
        return [] if {key.path for key in self.keys}.intersection(below) else below


def make_reference() -> Reference:
    """Read the example in all ways that it shows, and put the reference together."""
    entries = read_entries()
    card = parse_yaml(EVERY_KEY.read_text(encoding="utf-8"), EVERY_KEY)
    with trace() as traced:
        whole = _accepted(card)
        for entry in entries:
            if entry.commented_out:
                _read_with((card, _polarised(card)), entry, entries)
    released = _released()
    keys = tuple(
        Key(
            path=entry.path,
            kind=kind_of(traced, entry),
            default=_default(card, whole, entry),
            unit=entry.unit,
            since=released.get(entry.path, __version__),
            example=_example(entry),
            meaning=entry.meaning,
        )
        for entry in entries
    )
    return Reference(keys, traced)


def _released() -> dict[str, str]:
    """Return the first version of each key of a release."""
    first: dict[str, str] = {}
    for file in sorted(RELEASES.glob("*.txt"), key=lambda path: _numbers(path.stem)):
        for path in file.read_text(encoding="utf-8").split():
            first.setdefault(path, file.stem)
    return first


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


# ----------------------------------------------------------------------------- types
def kind_of(traced: Trace, entry: Entry) -> str:
    """Return in words what the readers ask of a key."""
    kinds = list(traced.types.get(entry.path, ()))
    inner = [kind for kind in traced.types.get(f"{entry.path}[]", ()) if kind != "mapping"]
    if any(kind.startswith(("number ", "whole number")) for kind in kinds):
        kinds = [kind for kind in kinds if kind != "number"]
    if len(kinds) > 1 and any(kind.startswith("list of `") for kind in kinds):
        kinds = [kind for kind in kinds if kind == "text" or kind.startswith("list of `")]
    if "list of texts" in kinds and len(kinds) > 1:
        kinds.remove("list of texts")
    if inner:
        kinds = [f"{kind}, each {inner[-1]}" for kind in kinds]
    return " or ".join(kinds) or ("mapping" if entry.example.startswith("{") else "text")


# ----------------------------------------------------------------------------- defaults
def _accepted(card: Mapping[str, Any]) -> Runcard:
    runcard = parse_runcard(card)
    require_scan(runcard)
    return dataclasses.replace(runcard, raw={}, notes=(), moved=())


def _default(card: Mapping[str, Any], whole: Runcard, entry: Entry) -> str:
    """Return what holds without a key, found by leaving it out where the example has it."""
    if entry.commented_out or entry.default:
        return entry.default
    less = copy.deepcopy(card)
    below, key = _find(less, entry.path)
    del below[key]
    try:
        left = _accepted(less)
    except RuncardError as error:
        return "required" if pattern(error.key or "") == entry.path else ""
    return f"`{entry.example}`" if left == whole and entry.example else ""


def _find(card: Any, path: str) -> tuple[Any, str]:
    """Return the mapping in which a key stands, of lists the first entry that has it."""
    *steps, key = path.split(".")
    places = [card]
    for step in steps:
        name = step.removesuffix("[]")
        places = [place[name] for place in places if isinstance(place, dict) and name in place]
        if step.endswith("[]"):
            places = [entry for place in places for entry in place]
    mappings = [place for place in places if isinstance(place, dict)]
    return next((place for place in mappings if key in place), mappings[0]), key


# ----------------------------------------------------------------------------- alternatives
def _polarised(card: Mapping[str, Any]) -> dict[str, Any]:
    """Return the example as a fit of polarised PDFs, which some keys are for."""
    made: dict[str, Any] = copy.deepcopy(dict(card))
    name = next(basis for basis in FIT_BASES if basis.startswith(POLARIZED))
    flavours = [each for each in made["fitting"]["basis"] if each["fl"] in FIT_BASES[name]]
    made["fitting"] |= {"fitbasis": name, "basis": flavours}
    made["parameters"]["nodes_per_layer"][-1] = len(flavours)
    del made["hyperscan_config"]["architecture"]["output_size"]
    unpolarised = made["datacuts"].get("t0pdfset", "NNPDF40_nnlo_as_01180")
    return made | {"sum_rules": "TSR", "positivity_bound": {"unpolarized_bc": unpolarised}}


def _read_with(cards: Sequence[dict[str, Any]], entry: Entry, entries: list[Entry]) -> None:
    """Read examples with a key that is commented out, alone and with its neighbours."""
    parent = entry.path.rpartition(".")[0]
    if any(other.path == parent and other.commented_out for other in entries):
        return  # read with its mapping
    neighbours = [
        other for other in entries
        if other.commented_out and other.path.rpartition(".")[0] == parent
    ]  # fmt: skip
    accepted = False
    optional = {other.path for other in entries if other.commented_out and other != entry}
    groups = ([entry], *([entry, other] for other in neighbours), neighbours)
    for card, group in product(cards, groups):
        more = copy.deepcopy(card)
        for each in group:
            below, _ = _find(more, f"{parent}.{_anchor(entries, parent)}" if parent else "theory")
            below[each.path.rpartition(".")[2]] = _value(each, entries)
        if parent == "closuretest":
            more[parent]["fakedata"] = True
        accepted |= _read_leaving_out(more, optional)
    if not accepted:
        raise ValueError(f"{EVERY_KEY.name}: no runcard with {entry.path} is accepted")


def _anchor(entries: list[Entry], parent: str) -> str:
    """Return a key that stands in the same mapping and is not commented out."""
    return next(
        other.path.rpartition(".")[2]
        for other in entries
        if other.path.rpartition(".")[0] == parent and not other.commented_out
    )


def _value(entry: Entry, entries: list[Entry]) -> Any:
    """Return the example of a key that is commented out, with what stands below it."""
    if entry.example:
        return parse_yaml(f"x: {entry.example}", EVERY_KEY)["x"]
    below = [other for other in entries if other.path.rpartition(".")[0] == entry.path]
    if below:
        return {other.path.rpartition(".")[2]: _value(other, entries) for other in below}
    return parse_yaml(_block(entry), EVERY_KEY)[entry.path.rpartition(".")[2]]


def _block(entry: Entry) -> str:
    """Return the lines of a list that is commented out, without their marks."""
    lines = EVERY_KEY.read_text(encoding="utf-8").splitlines()
    name = f"# {entry.path.rpartition('.')[2]}:"
    start = next(number for number, line in enumerate(lines) if line.lstrip().startswith(name))
    found = [name[2:]]
    for line in lines[start + 1 :]:
        text = line.strip()
        if text.startswith("# - "):
            found.append(text[2:])
        elif len(found) > 1:
            break
    return "\n".join(found)


def _read_leaving_out(card: dict[str, Any], optional: set[str]) -> bool:
    """Read a runcard, without what excludes the rest of it; return whether it is accepted.

    Left out are keys that an error says are excluded, and those of the `optional` ones that an
    error is about.
    """
    for _ in range(20):
        try:
            parse_runcard(card)
        except RuncardError as error:
            path = pattern(error.key or "")
            excluded = any(word in str(error) for word in ("not beside", "not used with"))
            if not excluded and path not in optional:
                return False
            below, key = _find(card, path)
            if key not in below:
                return False
            del below[key]
        else:
            return True
    return False


# ----------------------------------------------------------------------------- the page
def _example(entry: Entry) -> str:
    name = entry.path.rpartition(".")[2]
    return f"{name}: {entry.example}" if entry.example else ""


def anchor(path: str) -> str:
    """Return the target of a key: ``key-dataset_inputs-frac``."""
    return "key-" + path.replace("[]", "").replace(".", "-").lower()


def keys_page(reference: Reference | None = None) -> Iterator[str]:
    """Yield the lines of the page, in Markdown."""
    reference = reference or make_reference()
    yield from _INTRODUCTION.splitlines()
    group = None
    for key in reference.keys:
        top = key.path.partition(".")[0].removesuffix("[]")
        if top != group and (len([k for k in reference.keys if k.path.startswith(top)]) > 1):
            yield from ("", f"## `{top}`")
        elif group is not None and top != group and "." not in key.path:
            previous = [k for k in reference.keys if k.path.startswith(group)]
            if len(previous) > 1:
                yield from ("", "## Other keys")
        group = top
        yield from _key_lines(key, reference.listed(key.path))
    yield from _same()
    yield from _meaningless(reference.trace)


_INTRODUCTION = """\
# Keys of a runcard

A runcard is a YAML 1.2 file. This page lists every key that is read, by its path: the
entries of a list are written `[]`, so that `dataset_inputs[].frac` is the key `frac` of each data
set. Types, bounds, admitted values and defaults are those of the code that reads the runcard;
[every_key.yml](../../runcards/every_key.yml) shows all of them in one file.

Wrong input is answered with one line, which names the file, the path of the key, the value and
what would be right, and with exit status 2. A key that is not on this page is such a mistake.
"""


def _key_lines(key: Key, below: list[str]) -> Iterator[str]:
    facts = [key.kind]
    if below:
        names = ", ".join(f"`{path.rpartition('.')[2]}`" for path in below)
        facts = [f"{key.kind} with the keys {names}"]
    if key.unit:
        facts.append(f"in {key.unit}")
    if key.default:
        facts.append("**required**" if key.default == "required" else f"default: {key.default}")
    facts.append(f"since {key.since}")
    yield from ("", f"({anchor(key.path)})=", f"`{key.path}`")
    if key.meaning:
        yield from (f": {_sentence(key.meaning)}", "")
        yield f"  {_capital('; '.join(facts))}."
    else:
        yield f": {_capital('; '.join(facts))}."
    if key.example:
        yield from ("", f"  Example: `{key.example}`")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _sentence(text: str) -> str:
    """Return a comment as a sentence; names of keys keep their letters."""
    plain = text.replace("|", "\\|").replace("*", "\\*")
    return plain if plain.endswith(".") else f"{plain}."


def _same() -> Iterator[str]:
    yield from ("", "## The same keys in other places", "")
    for place, other in SAME_AS.items():
        target = other.removesuffix("[]")
        yield f"- `{place}`: as [`{other}`](#{anchor(target)})"


def _meaningless(traced: Trace) -> Iterator[str]:
    for title, tables in (
        ("Keys of NNPDF that mean nothing in a scan", traced.ignored),
        ("Keys of NNPDF that are refused", traced.refused),
    ):
        yield from ("", f"## {title}", "", "| key | why |", "|---|---|")
        for path, reasons in sorted(tables.items()):
            for key, reason in reasons.items():
                name = f"{path}.{key}" if path else key
                if name not in traced.paths():
                    yield f"| `{name}` | {reason} |"
