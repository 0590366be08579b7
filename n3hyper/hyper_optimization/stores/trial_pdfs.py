"""PDFs of a scan's best trials, fold by fold and replica by replica, in files beside the trials.

The result of each trial carries its PDFs to the process that keeps the scan, also through the
database of a parallel one; there they are taken out of it, and a few files are kept:

    nnfit/replica_1/pdfs/trial_7.npz      xgrid (nx,), pdf (k, R, nx, 14), tid, loss
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from n3hyper.errors import StoreError, StoreInputError
from n3hyper.fitting.result import BatchFit
from n3hyper.foreign.arrays import read_npz
from n3hyper.hyper_optimization.record import STATUS_OK, Record, is_finite
from n3hyper.hyper_optimization.stores.packed import SINGLE, pack_array, unpack_array
from n3hyper.physics.arrays import Array
from n3hyper.physics.xgrid import export_xgrid
from n3hyper.system.atomic_write import remove_leftovers, write_atomically

PDFS: Final = "pdfs"
"""Key of a result, and folder beside the trials."""
_MOST_MODELS: Final = 256
"""Networks whose PDFs are carried: a document of the database has 16 MB at most."""
_FILE: Final = re.compile(r"trial_(\d+)\.npz")


def with_pdfs(score: Callable[[BatchFit], Record]) -> Callable[[BatchFit], Record]:
    """Return a score whose results carry the PDFs of trials that succeeded.

    Where a trial has very many networks, it is those of the first replicas.
    """

    def scored(fit: BatchFit) -> Record:
        result = score(fit)
        if result.get("status") == STATUS_OK:
            replicas = range(min(fit.replicas, max(_MOST_MODELS // fit.folds, 1)))
            models = [model.select(replicas) for model in fit.models]
            pdf = np.stack([model.evaluate(export_xgrid()) for model in models])
            result[PDFS] = pack_array(pdf, SINGLE)
        return result

    return scored


@dataclass(frozen=True, eq=False)
class TrialPDFs:
    """The PDFs of one trial."""

    tid: int
    loss: float
    xgrid: Array
    """(nx,)"""
    pdf: Array
    """(k, R, nx, 14): x f at the scale of the fit in the evolution basis."""


@dataclass(frozen=True)
class BestPDFs:
    """Keeps the PDFs of the best trials.

    Parameters
    ----------
    folder
        That of the trials.
    keep
        Of how many; 0 for none.
    """

    folder: Path
    keep: int

    def take(self, tid: int, result: Record) -> None:
        """Take the PDFs out of a result, and keep them if it is one of the best so far.

        Called before the trial is saved: a trial that is run again after a kill gives the same
        files.
        """
        packed = result.pop(PDFS, None)
        if packed is None or not self.keep or not is_finite(result.get("loss")):
            return
        loss = float(result["loss"])
        try:
            pdf = unpack_array(packed)
        except (KeyError, TypeError, ValueError, zlib.error):
            return  # who has written to the database what is no array gets no file
        others = sorted((other, number) for number, other in self.losses().items() if number != tid)
        if len(others) >= self.keep and (loss, tid) > others[self.keep - 1]:
            return
        self._write(TrialPDFs(tid, loss, export_xgrid(), pdf))
        for _, worse in others[self.keep - 1 :]:
            self._file(worse).unlink(missing_ok=True)

    def losses(self) -> dict[int, float]:
        """Return the losses of the trials whose PDFs are there, by number."""
        found = {}
        for path in sorted((self.folder / PDFS).glob("trial_*.npz")):
            named = _FILE.fullmatch(path.name)
            with suppress(StoreError):
                if named:
                    found[int(named[1])] = read_pdfs(path).loss
        return found

    def _file(self, tid: int) -> Path:
        return self.folder / PDFS / f"trial_{tid}.npz"

    def _write(self, pdfs: TrialPDFs) -> None:
        content = io.BytesIO()
        np.savez_compressed(
            content,
            tid=pdfs.tid,
            loss=pdfs.loss,
            xgrid=pdfs.xgrid,
            pdf=pdfs.pdf.astype(np.float32),
        )
        path = self._file(pdfs.tid)
        try:
            path.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise StoreError(f"{path.parent}: {error.strerror or error}") from error
        remove_leftovers(path)
        write_atomically(path, [content.getvalue()])


def read_pdfs(path: Path) -> TrialPDFs:
    """Return the PDFs of a file.

    Raises
    ------
    StoreError
        It cannot be read, or is no such file.
    """
    try:
        stored = read_npz(path)
        pdf = np.asarray(stored["pdf"], dtype=np.float64)
        return TrialPDFs(int(stored["tid"]), float(stored["loss"]), stored["xgrid"], pdf)
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise StoreInputError(f"{path}: not the PDFs of a trial: {error}") from error
