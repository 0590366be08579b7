"""A scan of what a theory has tables for: ``n3hyper scan --skip-missing``.

A runcard of the whole of NNPDF's data is scanned with a theory that serves some of it. Before the
scan begins, the sets without theory leave the runcard, so that what is kept with the trials, or
sent to workers, is the runcard that is run.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from n3hyper.errors import RuncardError
from n3hyper.runcard import keys_as_written
from n3hyper.runcard.legacy import modernise
from n3hyper.runcard.yaml_file import yaml_text
from n3hyper.scanning.request import ScanRequest

if TYPE_CHECKING:
    from n3hyper.runcard import Runcard
    from n3hyper.theory.missing import Missing

_LISTS = (("positivity", "posdatasets"), ("integrability", "integdatasets"))


def with_what_theory_has(request: ScanRequest, note: Callable[[str], None]) -> ScanRequest:
    """Return the request with those sets alone that the theory has tables and K-factors for.

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
        return request
    from n3hyper.data.without_theory import sets_without_theory
    from n3hyper.theory.folders import find_theory

    runcard = request.load()
    folder = find_theory(runcard.theory.theoryid, request.theory_path)
    with keys_as_written(runcard):
        missing = sets_without_theory(runcard, folder)
        if not missing:
            return request
        card, moved = without(runcard, missing)
    note(f"theory {folder.theoryid} lacks {_counted(missing)}, left out: {_names(missing)}")
    head = [f"# Left out, since theory {folder.theoryid} lacks what they need:"]
    head += [f"#   {each.dataset}: {each.reason}" for each in missing]
    text = "\n".join([*head, yaml_text(card)])
    return dataclasses.replace(request, runcard_text=text, moved=(moved, *runcard.moved))


def without(runcard: Runcard, missing: Sequence[Missing]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the runcard in today's spelling without some sets and the folds that become empty.

    Returns
    -------
    card
        Its data.
    moved
        Where sets and folds stood, by the key path where they stand now.

    Raises
    ------
    RuncardError
        No data set or no fold is left.
    """
    source = None if runcard.source is None else str(runcard.source)
    card = modernise(copy.deepcopy(runcard.raw), source).card
    gone = {each.key for each in missing}
    moved: dict[str, str] = {}
    data = _kept(card["dataset_inputs"], "dataset_inputs", gone, moved)
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
            card[section][name] = _kept(sets, f"{section}.{name}", gone, moved)
    if card.get("kfold"):
        names = {each.dataset for each in missing if each.key.startswith("dataset_inputs")}
        folds = _folds(card["kfold"]["partitions"], names, moved)
        if not folds:
            raise RuncardError(
                "the theory lacks what the data sets of each fold need",
                source=source,
                key="kfold.partitions",
            )
        card["kfold"]["partitions"] = folds
    return card, moved


def _kept(sets: list[Any], key: str, gone: set[str], moved: dict[str, str]) -> list[Any]:
    """The sets that stay; `moved` learns where each of them was."""
    kept: list[Any] = []
    for number, each in enumerate(sets):
        if f"{key}[{number}]" not in gone:
            moved[f"{key}[{len(kept)}]"] = f"{key}[{number}]"
            kept.append(each)
    return kept


def _folds(partitions: list[Any], gone: set[str], moved: dict[str, str]) -> list[Any]:
    """The folds that leave something out, or were written to leave nothing out."""
    folds: list[Any] = []
    for number, partition in enumerate(partitions):
        datasets = partition["datasets"] or []
        kept = [name for name in datasets if name not in gone]
        if kept or not datasets:
            moved[f"kfold.partitions[{len(folds)}]"] = f"kfold.partitions[{number}]"
            folds.append({**partition, "datasets": kept})
    return folds


def _counted(missing: Sequence[Missing]) -> str:
    factors = sum(not each.tables and bool(each.cfactors) for each in missing)
    tables = f"FK tables of {len(missing) - factors} sets"
    return f"{tables} and K-factors of {factors}" if factors else tables


def _names(missing: Sequence[Missing]) -> str:
    return ", ".join(each.dataset for each in missing)
