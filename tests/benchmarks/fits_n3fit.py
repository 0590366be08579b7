"""Fit of n3fit, with its PDFs on our nodes.

Imported, this runs n3fit in a Python of its own (``n3fit_pdfs``); run by that Python, it is n3fit
with one thing added: the PDFs at the best weights go to a file. It must not import n3hyper, which
n3fit's Python may not have.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np


def n3fit_pdfs(
    python: Path, card: Path, replicas: int, xgrid: Any, theories: Path, sets: Path, output: Path
) -> dict[str, Any]:
    """Fit replicas 1 to `replicas` of a runcard, all in parallel.

    Parameters
    ----------
    python
        Of an environment with nnpdf 4.1.5 (and LHAPDF, or lhapdf-management and pdfflow).
    xgrid
        Where the PDFs are wanted, (nx,).
    theories, sets
        The folders that hold ``theory_<id>`` and the PDF sets.
    output
        The file to be written, with the log beside it.

    Returns
    -------
    dict
        ``pdfs`` (replicas, nx, 14): x f in the evolution basis at the scale of the fit;
        ``training_chi2``, ``validation_chi2``, ``best_epoch`` (replicas,): what n3fit says.
    """
    output = output.resolve()
    np.save(output.with_suffix(".xgrid.npy"), xgrid)
    with tempfile.TemporaryDirectory() as folder, output.with_suffix(".log").open("w") as log:
        share = Path(folder)
        (share / "theories").mkdir()
        for theory in theories.resolve().glob("theory_*"):
            (share / "theories" / theory.name).symlink_to(theory)
        (share / "nnprofile.yaml").write_text(f"nnpdf_share: {share}\n")
        # LHAPDF and lhapdf-management look at the first, pdfflow at the second
        environment = dict(
            os.environ,
            NNPDF_PROFILE_PATH=str(share / "nnprofile.yaml"),
            LHAPDF_DATA_PATH=str(sets.resolve()),
            LHAPATH=str(sets.resolve()),
        )
        environment.pop("PYTHONPATH", None)
        command = [python.absolute(), Path(__file__).resolve(), output, card.resolve()]
        subprocess.run(
            [*map(str, command), "1", "-r", str(replicas), "-o", "fit", "--skip-md5-check"],
            cwd=share,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=True,
        )
    return dict(np.load(output))


def main() -> None:
    """Run n3fit and write OUTPUT: ``python fits_n3fit.py OUTPUT RUNCARD 1 -r R ...``."""
    from n3fit.io.writer import WriterWrapper
    from n3fit.scripts.n3fit_exec import main as n3fit

    output = Path(sys.argv.pop(1))
    xgrid = np.load(output.with_suffix(".xgrid.npy"))
    write = WriterWrapper.write_data

    def write_more(self: Any, *arguments: Any) -> None:
        pdfs = [pdf(xgrid, flavours="n3fit")[0] for pdf in self.pdf_objects]
        np.savez(
            output,
            pdfs=np.array(pdfs, dtype=np.float64),
            training_chi2=np.array(self.tr_chi2),
            validation_chi2=np.array(self.vl_chi2),
            best_epoch=np.array(self.stopping_object.e_best_chi2),
        )
        write(self, *arguments)

    WriterWrapper.write_data = write_more
    n3fit()


if __name__ == "__main__":
    main()
