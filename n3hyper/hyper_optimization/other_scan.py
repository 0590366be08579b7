"""A scan of the trials of another scan: ``hyperscan_config: {use_tries_from: PATH}``.

The key stands for a list of setups, those of the trials that succeeded, the best first. Before the
scan begins, the list takes the key's place in the runcard, so that what is kept with the trials,
or sent to workers, does not depend on the files of the other scan any more.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from n3hyper.errors import N3HyperError, RuncardError
from n3hyper.hyper_optimization.record import STATUS_OK, is_finite, read_tries
from n3hyper.hyper_optimization.session import REPLICA_FOLDER, ScanRequest
from n3hyper.hyper_optimization.space import runcard_parameters
from n3hyper.runcard import load_runcard
from n3hyper.runcard.hyperscan import OTHER_SCAN
from n3hyper.runcard.yaml_file import yaml_text

KEY = f"hyperscan_config.{OTHER_SCAN}"


@contextmanager
def tries_in_place(request: ScanRequest) -> Iterator[ScanRequest]:
    """The request with a runcard that lists the trials which its own points to.

    A runcard that points to no other scan, and one that is restarted, stays as it is.

    Raises
    ------
    RuncardError
        The runcard is wrong, or what it points to holds no trial that succeeded.
    """
    if request.restart:
        yield request
        return
    runcard = load_runcard(request.runcard)
    if OTHER_SCAN not in runcard.hyperscan:
        yield request
        return
    setups = best_setups(runcard.hyperscan[OTHER_SCAN], request.runcard)
    card = with_setups(runcard.raw, setups)
    with TemporaryDirectory(prefix="n3hyper-") as folder:
        # under the same name, by which its mistakes are reported
        copy = Path(folder) / request.runcard.name
        copy.write_text(yaml_text(card), encoding="utf-8")
        yield dataclasses.replace(request, runcard=copy)


def best_setups(named: str, runcard: Path) -> list[dict[str, Any]]:
    """Setups of the trials that succeeded, by rising loss, each once.

    Parameters
    ----------
    named
        A scan's folder or its ``tries.json``; from the runcard's folder, or from the present one.
    runcard
        Where the path was written.
    """
    file = _tries_file(named, runcard)
    try:
        records = read_tries(file)
    except N3HyperError as error:
        raise RuncardError(str(error), source=runcard, key=KEY) from error
    losses = [(_loss(record), record) for record in records]
    good = sorted(((loss, r) for loss, r in losses if loss is not None), key=lambda pair: pair[0])
    setups: list[dict[str, Any]] = []
    for _, record in good:
        setup = runcard_parameters(record["misc"]["space_vals"])
        if setup not in setups:
            setups.append(setup)
    if not setups:
        raise RuncardError(
            "no trial of that scan succeeded", source=runcard, key=KEY, value=str(named)
        )
    return setups


def with_setups(raw: Mapping[str, Any], setups: list[dict[str, Any]]) -> dict[str, Any]:
    """The runcard `raw` with the setups in place of the search space."""
    search = "hyperscan" if "hyperscan" in raw else "hyperscan_config"
    kept = {key: value for key, value in raw[search].items() if key != OTHER_SCAN}
    return {**raw, search: {**kept, "parameters": setups}}


def _tries_file(named: str, runcard: Path) -> Path:
    for base in (runcard.parent, Path()):
        place = base / Path(named).expanduser()
        for file in (place / REPLICA_FOLDER / "tries.json", place / "tries.json", place):
            if file.is_file():
                return file
    raise RuncardError(
        "no scan there",
        source=runcard,
        key=KEY,
        value=named,
        hint="name the folder of a scan, or its tries.json",
    )


def _loss(record: Mapping[str, Any]) -> float | None:
    """The loss of a trial that succeeded and says its setup."""
    result, misc = record.get("result"), record.get("misc")
    if not isinstance(result, dict) or not isinstance(misc, dict):
        return None
    if result.get("status") != STATUS_OK or not isinstance(misc.get("space_vals"), dict):
        return None
    return float(result["loss"]) if is_finite(result.get("loss")) else None
