"""The folder of a fit, laid out as n3fit, vp-setupfit and postfit of nnpdf 4.1.5 do.

NAME/
  filter.yml, md5                 the runcard as it is run, and its hash
  filter/DATASET/FKMASK_*.dat     the points that are fitted, for validphys' cuts "fromfit"
  jobs/tries.json, tries.pkl      the store of the fit: all that the rest is made of
  fit.json                        the fit in numbers, for reports
  nnfit/replica_N/                NAME.exportgrid, .json, chi2exps.log, weights, version.json
  postfit/replica_K               links to the replicas that passed the vetoes; 0 is their mean
  postfit/veto_count.json         who passed what
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from n3hyper.data.problem import FitProblem
from n3hyper.errors import StoreError, StoreInputError
from n3hyper.hyper_optimization.commands import command_line
from n3hyper.hyper_optimization.paths import (
    FIT,
    JOBS,
    JSON,
    NNFIT,
    PICKLE,
    POSTFIT,
    REPLICA,
    RUNCARD_COPY,
)
from n3hyper.physics.xgrid import export_xgrid
from n3hyper.replicas.card import FitCard
from n3hyper.replicas.files.exportgrid import ExportGrid, mean_grid, partons
from n3hyper.replicas.files.fit_json import chi2_log, fit_json, versions
from n3hyper.replicas.files.weights_file import weights_bytes
from n3hyper.replicas.replica_fit import ReplicaFit
from n3hyper.replicas.vetoes import Vetoes
from n3hyper.system.atomic_write import remove_leftovers, write_atomically

_PART: Final = ".postfit.part"
_NAME: Final = re.compile(r"[\w\-]+")


@dataclass(frozen=True)
class PDFScale:
    """Scale and theory that export grids name."""

    q0: float
    """GeV."""
    active: int
    """Number of quark flavours that are not zero there."""


@dataclass(frozen=True)
class FitFolder:
    """Paths of a fit, and what is written to them."""

    path: Path

    @property
    def name(self) -> str:
        """Name of the fit: that of its folder."""
        return self.path.resolve().name

    @property
    def runcard(self) -> Path:
        """File of the runcard as it is run."""
        return self.path / RUNCARD_COPY

    @property
    def store(self) -> Path:
        """Folder of the fit's jobs."""
        return self.path / JOBS

    @property
    def summary(self) -> Path:
        """File of the fit in numbers."""
        return self.path / FIT

    @property
    def postfit(self) -> Path:
        """Folder of the replicas that passed the vetoes."""
        return self.path / POSTFIT

    def replica(self, number: int) -> Path:
        """Return the folder of a replica."""
        return self.path / NNFIT / f"{REPLICA}{number}"

    def exportgrid(self, number: int) -> Path:
        """Return the export grid of a replica."""
        return self.replica(number) / f"{self.name}.exportgrid"

    @property
    def has_store(self) -> bool:
        """Return whether some job has finished."""
        return any((self.store / name).exists() for name in (PICKLE, JSON))

    # ------------------------------------------------------------ before the fit
    def check_name(self) -> None:
        """StoreInputError unless NNPDF's tools take the name."""
        if not _NAME.fullmatch(self.name):
            raise StoreInputError(
                f"{self.name!r} cannot be the name of a fit: NNPDF's tools take letters, digits, "
                "- and _; choose another folder with -o"
            )

    def refuse_used(self) -> None:
        """StoreInputError where the folder holds something already; nothing is touched."""
        if self.path.exists() and not self.path.is_dir():
            raise StoreInputError(f"{self.path} is a file; choose a folder with -o")
        if self.has_store:
            raise StoreInputError(
                f"{self.path} holds a fit already; continue it by "
                f"{command_line('fit', self.path)}, or choose another folder with -o"
            )
        if (self.path / NNFIT).exists() and not self.store.is_dir():
            raise StoreInputError(
                f"{self.path} holds a scan, or a fit of another program; choose another folder "
                "with -o"
            )

    def begin(self, card: FitCard, problem: FitProblem) -> None:
        """Write what is known before the first replica: runcard, hash, and which points are fitted.

        Raises
        ------
        StoreError
            Something cannot be written.
        """
        content = card.text.encode()
        for data in problem.datasets:
            if data.points is not None:
                mask = self._folder("filter", data.name) / f"FKMASK_{data.name}.dat"
                write(mask, "".join(f"{point}\n" for point in data.points))
        self._folder(NNFIT)
        write(self.runcard, content)
        write(self.path / "md5", hashlib.md5(content, usedforsecurity=False).hexdigest())

    def _folder(self, *parts: str) -> Path:
        folder = self.path.joinpath(*parts)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{folder}: {error.strerror or error}") from error
        return folder

    # ------------------------------------------------------------ replicas
    def write_replica(
        self, fit: ReplicaFit, card: FitCard, scale: PDFScale, seconds: float
    ) -> None:
        """Write the folder of a replica; ``NAME.json`` is last, so that with it all is there."""
        folder = self._folder(NNFIT, f"{REPLICA}{fit.number}")
        basis = card.runcard.fitting.basis
        trainable = [flavour.trainable for flavour in basis]
        setup = None if card.from_runcard() else card.setups[fit.setup]
        files: dict[str, str | bytes] = {
            f"{self.name}.exportgrid": export_grid(fit, scale).text(),
            "chi2exps.log": chi2_log(fit),
            card.weights: weights_bytes(fit.weights, trainable, card.subtracts),
            "version.json": json.dumps(versions(), indent=2) + "\n",
            f"{self.name}.json": fit_json(fit, basis, setup, seconds),
        }
        for name, content in files.items():
            write(folder / name, content)

    def has_replica(self, number: int) -> bool:
        """Return whether the folder of a replica is whole."""
        return (self.replica(number) / f"{self.name}.json").is_file()

    def remove_replica(self, number: int) -> None:
        """Remove the folder of a replica that turned out to be none."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self.replica(number))

    # ------------------------------------------------------------ after the fit
    def write_postfit(
        self, chosen: Sequence[ReplicaFit], vetoes: Vetoes, scale: PDFScale, log: str
    ) -> None:
        """Make ``postfit`` anew: links to the chosen replicas, from 1 on, and their mean.

        NNPDF's postfit may have written to the folder before; LHAPDF grids of other replicas than
        those that are chosen now must not stay.
        """
        part = self.path / _PART
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        for place, fit in enumerate(chosen, 1):
            source = os.path.relpath(self.replica(fit.number), self.postfit)
            (part / f"{REPLICA}{place}").symlink_to(source)
        if chosen:
            mean = mean_grid([export_grid(fit, scale) for fit in chosen])
            (part / f"{REPLICA}0").mkdir()
            write(part / f"{REPLICA}0" / f"{self.name}.exportgrid", mean.text())
        write(part / "veto_count.json", json.dumps(vetoes.record()))
        write(part / "postfit.log", log)
        shutil.rmtree(self.postfit, ignore_errors=True)
        part.rename(self.postfit)

    def write_summary(self, content: dict[str, Any]) -> None:
        """Write the fit in numbers."""
        write(self.summary, json.dumps(content, indent=1) + "\n")


def export_grid(fit: ReplicaFit, scale: PDFScale) -> ExportGrid:
    """Return the export grid of a replica."""
    return ExportGrid(fit.number, scale.q0, export_xgrid(), partons(fit.pdf, scale.active))


def write(path: Path, content: str | bytes) -> None:
    """Write a file of a folder that is held, so that it is whole or as before."""
    remove_leftovers(path)
    write_atomically(path, [content.encode() if isinstance(content, str) else content])
