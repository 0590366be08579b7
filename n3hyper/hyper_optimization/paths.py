"""Names of the files and folders of a scan: the one place that knows them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

RUNCARD_COPY: Final = "filter.yml"
"""The runcard as it is run, in the folder of the scan."""
NNFIT: Final = "nnfit"
"""The folder of the replicas, in the folder of the scan or of the fit."""
REPLICA: Final = "replica_"
"""How the folder of a replica begins; its number follows."""
POSTFIT: Final = "postfit"
"""The folder of the replicas that passed the vetoes, in the folder of a fit."""
REPLICA_FOLDER: Final = Path(NNFIT) / f"{REPLICA}1"
"""Where the trials are kept, from the folder of the scan."""
JSON: Final = "tries.json"
"""The trials for people and programs."""
PICKLE: Final = "tries.pkl"
"""The trials for a restart."""
RUNNING: Final = "running.json"
"""What runs at the moment, beside the trials; it is gone when nothing does."""
LOG, LOG_LINES = "run.log", "run.jsonl"
"""What has happened when, beside the trials, where that was asked for: for people, for programs."""
FIT: Final = "fit.json"
"""A fit in numbers, in its folder."""
JOBS: Final = "jobs"
"""The store of the jobs of a fit, in its folder ``nnfit``."""
_NUMBERED: Final = re.compile(rf"{REPLICA}(\d{{1,8}})")


def replica_folder(output: Path) -> Path:
    """Return where the trials of the scan in `output` are kept.

    >>> replica_folder(Path("scan")).as_posix()
    'scan/nnfit/replica_1'
    """
    return output / REPLICA_FOLDER


def is_replica_folder(folder: Path) -> bool:
    """Return whether a folder is named as that of a replica is: ``nnfit/replica_<number>``.

    >>> is_replica_folder(Path("scan/nnfit/replica_2")), is_replica_folder(Path("scan/nnfit"))
    (True, False)
    """
    return folder.name.startswith(REPLICA) and folder.parent.name == NNFIT


def replica_number(folder: Path) -> int | None:
    """Return the number in the name of a replica's folder; None for any other name.

    >>> replica_number(Path("nnfit/replica_12")), replica_number(Path("nnfit/replica_x"))
    (12, None)
    """
    found = _NUMBERED.fullmatch(folder.name)
    return int(found[1]) if found else None


def replica_folders(above: Path) -> dict[int, Path]:
    """Return the folders of replicas in ``nnfit`` or ``postfit`` by number, in ascending order."""
    numbered = ((replica_number(folder), folder) for folder in above.glob(f"{REPLICA}*"))
    return dict(sorted((number, folder) for number, folder in numbered if number is not None))


def find_store(path: Path) -> Path:
    """Return the pickle of a scan from what a user names: it, its JSON, or a folder above it.

    Where none of them exists, it is the path of the pickle that would be there.
    """
    if path.is_dir():
        inner = replica_folder(path)
        return (inner if inner.is_dir() else path) / PICKLE
    return path.with_name(PICKLE) if path.name == JSON else path
