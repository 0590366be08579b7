"""A scan of what a theory has tables for: ``n3hyper scan --skip-missing``.

A runcard of the whole of NNPDF's data is scanned with a theory that serves some of it. Before the
scan begins, the sets without theory leave the runcard, so that what is kept with the trials, or
sent to workers, is the runcard that is run.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from n3hyper.errors import RuncardError
from n3hyper.hyper_optimization.session import ScanRequest
from n3hyper.runcard import load_runcard
from n3hyper.runcard.legacy import modernise
from n3hyper.runcard.yaml_file import yaml_text

if TYPE_CHECKING:
    from n3hyper.runcard import Runcard
    from n3hyper.theory.missing import Missing

_LISTS = (("positivity", "posdatasets"), ("integrability", "integdatasets"))


@contextmanager
def what_theory_has(request: ScanRequest, note: Callable[[str], None]) -> Iterator[ScanRequest]:
    """The request with a runcard of those sets that the theory has tables and K-factors for.

    Where nothing is missing, where it was not asked for, and in a restart, the runcard stays as it
    is.

    Parameters
    ----------
    note
        Is told what is left out, in one line.

    Raises
    ------
    RuncardError
        The runcard is wrong, or nothing is left of its data or of its folds.
    TheoryError
        There is no such theory.
    """
    if request.restart or not request.skip_missing:
        yield request
        return
    from n3hyper.data.without_theory import sets_without_theory
    from n3hyper.theory.folders import find_theory

    runcard = load_runcard(request.runcard)
    folder = find_theory(runcard.theory.theoryid, request.theory_path)
    missing = sets_without_theory(runcard, folder)
    if not missing:
        yield request
        return
    card = without(runcard, missing)
    note(f"theory {folder.theoryid} lacks {_counted(missing)}, left out: {_names(missing)}")
    head = [f"# Left out, since theory {folder.theoryid} lacks what they need:"]
    head += [f"#   {each.dataset}: {each.reason}" for each in missing]
    with TemporaryDirectory(prefix="n3hyper-") as scratch:
        # under the same name, by which its mistakes are reported
        reduced = Path(scratch) / request.runcard.name
        reduced.write_text("\n".join([*head, yaml_text(card)]), encoding="utf-8")
        yield dataclasses.replace(request, runcard=reduced)


def without(runcard: Runcard, missing: Sequence[Missing]) -> dict[str, Any]:
    """The runcard in today's spelling, without some of its sets and the folds that become empty.

    Raises
    ------
    RuncardError
        No data set or no fold is left.
    """
    source = None if runcard.source is None else str(runcard.source)
    card = modernise(copy.deepcopy(runcard.raw), source).card
    gone = {each.key for each in missing}
    data = _kept(card["dataset_inputs"], "dataset_inputs", gone)
    if not data:
        raise RuncardError(
            f"the theory lacks what each of the {len(card['dataset_inputs'])} data sets needs",
            source=source,
            key="dataset_inputs",
            hint="choose another theory.theoryid or --theory-path",
        )
    card["dataset_inputs"] = data
    for section, name in _LISTS:
        sets = (card.get(section) or {}).get(name)
        if sets:
            card[section][name] = _kept(sets, f"{section}.{name}", gone)
    if card.get("kfold"):
        names = {each.dataset for each in missing if each.key.startswith("dataset_inputs")}
        folds = _folds(card["kfold"]["partitions"], names)
        if not folds:
            raise RuncardError(
                "the theory lacks what the data sets of each fold need",
                source=source,
                key="kfold.partitions",
            )
        card["kfold"]["partitions"] = folds
    return card


def _kept(sets: list[Any], key: str, gone: set[str]) -> list[Any]:
    return [each for number, each in enumerate(sets) if f"{key}[{number}]" not in gone]


def _folds(partitions: list[Any], gone: set[str]) -> list[Any]:
    """The folds that leave something out, or were written to leave nothing out."""
    folds = []
    for partition in partitions:
        datasets = partition["datasets"] or []
        kept = [name for name in datasets if name not in gone]
        if kept or not datasets:
            folds.append({**partition, "datasets": kept})
    return folds


def _counted(missing: Sequence[Missing]) -> str:
    factors = sum(not each.tables and bool(each.cfactors) for each in missing)
    tables = f"FK tables of {len(missing) - factors} sets"
    return f"{tables} and K-factors of {factors}" if factors else tables


def _names(missing: Sequence[Missing]) -> str:
    return ", ".join(each.dataset for each in missing)
