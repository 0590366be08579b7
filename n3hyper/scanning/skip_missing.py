"""Leaving out sets without theory: ``n3hyper scan --skip-missing``.

It lets a runcard of all of NNPDF's data be scanned with a theory that has tables for part of them.
Sets without theory leave the runcard before the scan begins, so that the runcard kept with the
trials, or sent to workers, is the one that is run.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from n3hyper.errors import RuncardError
from n3hyper.runcard import keys_as_written
from n3hyper.runcard.old_cards.legacy import modernise
from n3hyper.runcard.yaml_file import yaml_text
from n3hyper.scanning.request import ScanRequest

if TYPE_CHECKING:
    from n3hyper.runcard import Runcard
    from n3hyper.theory.missing import Missing

_LISTS = (("positivity", "posdatasets"), ("integrability", "integdatasets"))


def with_what_theory_has(request: ScanRequest, note: Callable[[str], None]) -> ScanRequest:
    """Return the request with only those sets that the theory has tables and K-factors for.

    If nothing is missing, if this was not asked for, and in a restart, the runcard stays as it is.

    Parameters
    ----------
    note
        Receives one line that says what is left out.

    Raises
    ------
    RuncardError
        when the runcard is wrong, or nothing is left of its data or of its folds.
    TheoryError
        when there is no such theory.
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
    head += [f"#   {lack.dataset}: {lack.reason}" for lack in missing]
    text = "\n".join([*head, yaml_text(card)])
    return dataclasses.replace(request, runcard_text=text, moved=(moved, *runcard.moved))


def without(runcard: Runcard, missing: Sequence[Missing]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the runcard in today's spelling without some sets and the folds that become empty.

    Returns
    -------
    card
        Data of the new runcard.
    moved
        Old key path of each set and fold, by the new one.

    Raises
    ------
    RuncardError
        when no data set or no fold is left.
    """
    source = None if runcard.source is None else str(runcard.source)
    card = modernise(copy.deepcopy(runcard.raw), source).card
    gone = {lack.key for lack in missing}
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
        names = {lack.dataset for lack in missing if lack.key.startswith("dataset_inputs")}
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
    """Return the remaining sets, and record in `moved` where each of them was."""
    kept: list[Any] = []
    for number, entry in enumerate(sets):
        if f"{key}[{number}]" not in gone:
            moved[f"{key}[{len(kept)}]"] = f"{key}[{number}]"
            kept.append(entry)
    return kept


def _folds(partitions: list[Any], gone: set[str], moved: dict[str, str]) -> list[Any]:
    """Return the folds that leave something out, or were meant to leave nothing out."""
    folds: list[Any] = []
    for number, partition in enumerate(partitions):
        datasets = partition["datasets"] or []
        kept = [name for name in datasets if name not in gone]
        if kept or not datasets:
            moved[f"kfold.partitions[{len(folds)}]"] = f"kfold.partitions[{number}]"
            folds.append({**partition, "datasets": kept})
    return folds


def _counted(missing: Sequence[Missing]) -> str:
    factors = sum(not lack.tables and bool(lack.cfactors) for lack in missing)
    tables = f"FK tables of {len(missing) - factors} sets"
    return f"{tables} and K-factors of {factors}" if factors else tables


def _names(missing: Sequence[Missing]) -> str:
    return ", ".join(lack.dataset for lack in missing)
