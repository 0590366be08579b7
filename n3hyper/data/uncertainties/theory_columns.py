"""Uncertainties of the theory as columns of S in C = S S^T, few of them for each prescription."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from n3hyper.data.commondata import CommonData
from n3hyper.data.fingerprint import fingerprint, hash_of
from n3hyper.data.uncertainties.power_corrections import power_shifts
from n3hyper.data.uncertainties.prescriptions import PRESCRIPTIONS
from n3hyper.data.uncertainties.user_matrix import user_columns
from n3hyper.data.uncertainties.variations import varied_theories
from n3hyper.errors import RuncardError, TheoryError
from n3hyper.physics.arrays import Array
from n3hyper.runcard.model import Runcard, TheoryCovariance
from n3hyper.runcard.names import POWER
from n3hyper.theory.boundary import Boundary
from n3hyper.theory.build_stack import build_stack
from n3hyper.theory.folders import TheoryFolder, find_theory
from n3hyper.theory.lhapdf import find_set
from n3hyper.theory.pdf_predictions import t0_predictions
from n3hyper.theory.recipe import ObservableSource
from n3hyper.theory.stack import TheoryStack

_PURPOSE = "theory uncertainties"


@dataclass(frozen=True)
class TheoryColumns:
    """Columns of S, and what they were made of."""

    columns: Array
    """(ndata, k), in units of the data."""
    made_of: str
    """Hash of the settings, tables and files."""


def theory_columns(
    runcard: Runcard,
    asked: TheoryCovariance,
    datasets: Sequence[CommonData],
    sources: Sequence[ObservableSource],
    fitted: tuple[TheoryStack, float],
    theory_path: Path | None = None,
) -> TheoryColumns:
    """Return the columns of all prescriptions, of power corrections and of the user's matrix.

    Parameters
    ----------
    datasets, sources
        The data of the fit after cuts, and what they need of theory.
    fitted
        The tables of the fit, and their scale Q0 in GeV.

    Raises
    ------
    TheoryError
        where a varied theory is missing, or NNPDF has made none.
    DataError
        for a PDF set or a matrix that cannot be used.
    """
    found, hashes = [], [fingerprint(asked)]
    ndata = sum(data.ndata for data in datasets)
    processes = [data.nnpdf31_process for data in datasets for _ in range(data.ndata)]
    boundary = None if asked.unpolarized_bc is None else Boundary(asked.unpolarized_bc)
    if asked.pdf is not None:
        hashes.append(hash_of(find_set(asked.pdf, _PURPOSE)))

    def predicted(tables: tuple[TheoryStack, float]) -> Array:
        return t0_predictions(*tables, asked.pdf or "", ndata, _PURPOSE)

    for name in asked.prescriptions:
        if name == POWER:
            found.append(power_shifts(asked, datasets, predicted(fitted)).T)
            continue
        predictions = []
        for folder in _folders(runcard, asked, name, theory_path):
            tables = build_stack(sources, folder, boundary)
            predictions.append(predicted(tables))
            hashes.append(fingerprint(tables[0]))
        shifts = np.stack(predictions[1:]) - predictions[0]
        found.append(PRESCRIPTIONS[name].columns(shifts, processes))
    if asked.user_covmat is not None:
        path = _user_file(runcard, asked.user_covmat)
        found.append(user_columns(path, datasets, asked.user_factor))
        hashes.append(hash_of(path))
    return TheoryColumns(np.concatenate(found, axis=1), fingerprint(hashes))


def _folders(
    runcard: Runcard, asked: TheoryCovariance, name: str, theory_path: Path | None
) -> list[TheoryFolder]:
    """Return the theories of a prescription, the central one first."""
    theories = asked.theoryids or varied_theories(name, runcard.theory.of_t0)
    wanted = 1 + len(PRESCRIPTIONS[name].variations)
    if len(theories) != wanted:
        raise RuncardError(
            f"{len(theories)} theories for the prescription {name!r}",
            source=runcard.source,
            key="theorycovmatconfig.theoryids",
            hint=f"name {wanted}, the central one first",
        )
    found, missing, error = [], [], None
    for number in theories:
        try:
            found.append(find_theory(number, theory_path))
        except TheoryError as caught:
            missing.append(number)
            error = error or caught
    if error is not None:
        needed = ", ".join(map(str, theories))
        raise TheoryError(
            f"theory uncertainties ({name}) need theories {needed}; missing: "
            f"{', '.join(map(str, missing))}: {error}"
        )
    return found


def _user_file(runcard: Runcard, name: str) -> Path:
    beside = [] if runcard.source is None else [runcard.source.parent]
    for folder in (*beside, Path()):
        path = folder / Path(name).expanduser()
        if path.is_file():
            return path
    raise RuncardError(
        "no such file",
        source=runcard.source,
        key="theorycovmatconfig.user_covmat_path",
        value=name,
        hint="name it from the root, or from the folder of the runcard",
    )
