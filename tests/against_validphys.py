"""`python -m tests.against_validphys --python VENV/bin/python`: this package's numbers and NNPDF's.

For every data set that a theory has tables for, in each of its variants and with each K-factor,
and for all positivity and integrability sets: the points that cuts keep, covariances
(experimental and t0), predictions (of a t0 set and of the members of a PDF set), splits into
training and validation, and pseudodata, all of them made as for a fit (`build_problem`), compared
with validphys. Prints the largest deviation by data set, and ends with 1 where a limit is missed.

VENV is an environment of its own with nnpdf (`pip install nnpdf==4.1.5`, and, where there is no
LHAPDF, `pip install --no-deps lhapdf-management pdfflow appdirs`).

    --theory DIR   a folder theory_<id> whose number NNPDF knows
    --made-up      all unpolarised sets of nnpdf_data, with made-up tables in place of real ones
    --lhapdf DIR   the folder of the PDF set
    --pdf NAME     PDF set, whose central member makes the t0 predictions
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from n3hyper.data.build import build_problem
from n3hyper.data.commondata import commondata_folder, load_commondata
from n3hyper.data.cuts import kept_points
from n3hyper.data.problem import FitProblem
from n3hyper.runcard import parse_runcard
from n3hyper.theory.folders import TheoryFolder
from n3hyper.theory.pdf_predictions import t0_predictions
from tests.support.made_up_theory import usable_sets, write_theory
from tests.support.runcard_samples import good_card

NUMBERS = Path(__file__).parent / "validphys_numbers.py"
SHARED = Path(__file__).resolve().parents[2] / "shared"

LIMITS = {"exp": 1e-10, "t0 cov": 1e-10, "t0": 1e-6, "predictions": 1e-6, "replicas": 1e-6}
"""Largest deviations: of covariances in units of sqrt(C_ii C_jj), of all others relative."""
COUNTS = ("cuts", "masks")
"""Columns that count what differs: points that one side keeps, points of splits."""

REPLICAS = 3
MOST = 25
"""Data sets of one fit, for the sake of memory."""
SEEDS = {"trvlseed": 3, "nnseed": 2, "mcseed": 1}
Q2MIN, W2MIN = 3.49, 12.5


@dataclass(frozen=True)
class Input:
    """A data set as a fit takes it."""

    dataset: str
    variant: str | None
    cfac: tuple[str, ...] = ()

    def entry(self) -> dict[str, Any]:
        """It in a runcard."""
        return {
            "dataset": self.dataset,
            "frac": 0.75,
            **({"variant": self.variant} if self.variant else {}),
            **({"cfac": list(self.cfac)} if self.cfac else {}),
        }


@dataclass
class Row:
    """What is compared of one data set: deviations, or how many points differ."""

    name: str
    ndata: int
    values: dict[str, float] = field(default_factory=dict)

    def missed(self) -> list[str]:
        """The columns beyond their limits; a number that is none is beyond any."""
        return [key for key, value in self.values.items() if not value <= LIMITS.get(key, 0.0)]


# ---------------------------------------------------------------- what a theory has tables for


def inputs_of(theory: TheoryFolder, made_up: bool = False) -> tuple[list[Input], list[str]]:
    """Data sets in all their forms, and constraints.

    Of made-up tables each set is taken in its first form and in those whose theory differs, and
    without K-factors, whose rows are those of real tables.
    """
    tables = set(theory.tables())
    inputs: list[Input] = []
    constraints: list[str] = []
    seen = set()
    for name, variant, metadata in usable_sets():
        used = {table for operand in metadata.theory.FK_tables for table in operand}
        form = (name, str(metadata.theory))
        if not used <= tables or (made_up and form in seen):
            continue
        seen.add(form)
        if name.startswith("NNPDF_"):
            constraints.append(name)
            continue
        kinds = sorted({kind for table in used for kind in _cfactors(theory, table)})
        inputs.append(Input(name, variant))
        if not made_up:
            inputs += [Input(name, variant, (kind,)) for kind in kinds]
            if len(kinds) > 1:
                inputs.append(Input(name, variant, tuple(kinds)))
    return inputs, sorted(constraints)


def _cfactors(theory: TheoryFolder, table: str) -> list[str]:
    folders = [theory.path / "cfactor", commondata_folder().parent / "cfactors"]
    files = [path.name for folder in folders for path in folder.glob(f"CF_*_{table}.dat")]
    return [file.removeprefix("CF_").removesuffix(f"_{table}.dat") for file in files]


def batches(inputs: Sequence[Input]) -> list[list[Input]]:
    """Fits of at most `MOST` sets with each of them once, as few as that needs."""
    fits: list[list[Input]] = []
    for each in inputs:
        small = (fit for fit in fits if len(fit) < MOST)
        free = (fit for fit in small if each.dataset not in {other.dataset for other in fit})
        fit = next(free, None)
        if fit is None:
            fits.append([each])
        else:
            fit.append(each)
    return fits


# ---------------------------------------------------------------- the numbers of this package


def problem_of(
    fit: Sequence[Input], theory: TheoryFolder, pdf: str, constraints: Sequence[str]
) -> FitProblem:
    """All of a fit of these sets."""
    card = good_card()
    card |= {
        "dataset_inputs": [each.entry() for each in fit],
        "datacuts": {"q2min": Q2MIN, "w2min": W2MIN, "t0pdfset": pdf},
        "theory": {"theoryid": theory.theoryid},
        "kfold": {"partitions": [{"datasets": [fit[0].dataset], "overfit": True}]},
        "positivity": {"posdatasets": [{"dataset": c, "maxlambda": 1} for c in constraints]},
        "integrability": {"integdatasets": []},
        "genrep": True,
        "same_trvl_per_replica": False,
        "diagonal_basis": False,
        **SEEDS,
    }
    return build_problem(parse_runcard(card), REPLICAS, theory.path)


def points_of(each: Input, theory: TheoryFolder) -> np.ndarray:
    """The points that cuts keep."""
    card = theory.card()
    return kept_points(
        load_commondata(each.dataset, each.variant),
        Q2MIN,
        W2MIN,
        card.pto,
        fns=card.fns,
        intrinsic_charm=card.intrinsic_charm,
    )


# ---------------------------------------------------------------- the comparison


def compare_fit(
    fit: Sequence[Input],
    problem: FitProblem,
    t0: np.ndarray,
    points: Sequence[np.ndarray],
    numbers: dict[str, np.ndarray],
) -> list[Row]:
    """A row for each data set."""
    ends = np.cumsum([0, *numbers["ndata"]])
    predictions = problem.theory.predict(numbers["xf"])[:, : problem.ndata]
    matrices = {
        "exp": (problem.exp_covariance.dense(), numbers["exp"]),
        "t0 cov": (problem.fit_covariance.dense(), numbers["fit"]),
    }
    rows = []
    for number, (each, info) in enumerate(zip(fit, problem.datasets, strict=True)):
        theirs = slice(int(ends[number]), int(ends[number + 1]))
        row = Row(_label(each), info.ndata)
        kept = numbers["points"][theirs]
        row.values["cuts"] = float(len(set(kept.tolist()) ^ set(points[number].tolist())))
        rows.append(row)
        if row.values["cuts"] or len(numbers["central"]) != problem.ndata:
            row.values |= dict.fromkeys(LIMITS, np.nan)  # nothing lines up
            continue
        row.values |= {key: _distance(ours, ref, theirs) for key, (ours, ref) in matrices.items()}
        row.values["t0"] = _relative(t0[theirs], numbers["t0"][theirs])
        row.values["predictions"] = _relative(
            predictions[:, theirs], numbers["predictions"][:, theirs]
        )
        differ = problem.training_masks[:, theirs] != numbers["masks"][:, theirs]
        row.values["masks"] = float(differ.sum())
        row.values["replicas"] = _relative(
            problem.replica_data[:, theirs], numbers["replicas"][:, theirs]
        )
    return rows


def compare_constraints(
    problem: FitProblem, xf: np.ndarray, numbers: dict[str, np.ndarray]
) -> list[Row]:
    """A row for each positivity and integrability set."""
    predictions = problem.theory.predict(xf)
    rows = []
    for info in problem.positivity:
        row = Row(info.name, info.ndata)
        row.values["cuts"] = float(abs(info.ndata - len(numbers[f"{info.name}/points"])))
        theirs = numbers[f"{info.name}/predictions"]
        row.values["predictions"] = (
            np.nan if row.values["cuts"] else _relative(predictions[:, info.slice], theirs)
        )
        rows.append(row)
    return rows


def _label(each: Input) -> str:
    return " ".join([each.dataset, each.variant or "", *each.cfac]).replace("  ", " ").strip()


def _distance(ours: np.ndarray, theirs: np.ndarray, rows: slice) -> float:
    """Of some rows of two covariances, in units of the deviations."""
    deviation = np.sqrt(np.diag(theirs))
    difference = (ours[rows] - theirs[rows]) / np.outer(deviation[rows], deviation)
    return float(np.abs(difference).max())


def _relative(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Relative to each value; to a millionth of the largest one where a value is below that."""
    scale = np.maximum(np.abs(theirs), 1e-6 * np.abs(theirs).max())
    with np.errstate(invalid="ignore"):  # 0 / 0 where all values are zero
        quotient = np.where(ours == theirs, 0.0, (ours - theirs) / scale)
    return float(np.abs(quotient).max())


# ---------------------------------------------------------------- the table


def table(rows: Sequence[Row]) -> str:
    """All rows as a Markdown table."""
    keys = ("cuts", "exp", "t0 cov", "t0", "predictions", "masks", "replicas")
    lines = [f"| data set | points | {' | '.join(keys)} |", "|---" * (len(keys) + 2) + "|"]
    for row in rows:
        cells = [_cell(key, row) for key in keys]
        lines.append(f"| {row.name} | {row.ndata} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(key: str, row: Row) -> str:
    if key not in row.values:
        return ""
    value = row.values[key]
    text = f"{value:.0f}" if key in COUNTS else f"{value:.1e}"
    return f"**{text}**" if key in row.missed() else text


def verdict(rows: Sequence[Row]) -> tuple[int, str]:
    """Exit status and the last line."""
    bad = [f"{row.name}: {', '.join(row.missed())}" for row in rows if row.missed()]
    if bad:
        return 1, f"{len(bad)} of {len(rows)} rows beyond the limits: {'; '.join(bad)}"
    limits = ", ".join(f"{key} {limit:.0e}" for key, limit in LIMITS.items())
    return 0, f"{len(rows)} rows within the limits ({limits}; cuts and masks the same)"


def compare(
    python: Path, theory: TheoryFolder, lhapdf: Path, pdf: str, made_up: bool = False
) -> list[Row]:
    """All rows of a theory."""
    inputs, constraints = inputs_of(theory, made_up)
    fits = batches(inputs)
    # constraints are the same in all fits
    problems = [
        problem_of(fit, theory, pdf, [] if number else constraints)
        for number, fit in enumerate(fits)
    ]
    q0 = theory.card().q0
    request = {
        "theory": str(theory.path),
        "theoryid": theory.theoryid,
        "lhapdf": str(lhapdf),
        "pdf": pdf,
        "q0": q0,
        "q2min": Q2MIN,
        "w2min": W2MIN,
        "seeds": SEEDS,
        "replicas": REPLICAS,
        "constraints": constraints,
        "batches": [
            {"inputs": [each.entry() for each in fit], "xgrid": problem.theory.xgrid.tolist()}
            for fit, problem in zip(fits, problems, strict=True)
        ],
    }
    numbers = _ask(python, request)
    rows = []
    for number, (fit, problem) in enumerate(zip(fits, problems, strict=True)):
        prefix = f"{number}/"
        some = {key[len(prefix) :]: v for key, v in numbers.items() if key.startswith(prefix)}
        t0 = t0_predictions(problem.theory, q0, pdf, problem.ndata)
        points = [points_of(each, theory) for each in fit]
        rows += compare_fit(fit, problem, t0, points, some)
    rows.sort(key=lambda row: row.name)
    return [*rows, *compare_constraints(problems[0], numbers["0/xf"], numbers)]


def _ask(python: Path, request: dict[str, Any]) -> dict[str, np.ndarray]:
    with tempfile.TemporaryDirectory() as folder:
        question, answer = Path(folder) / "request.json", Path(folder) / "numbers.npz"
        question.write_text(json.dumps(request))
        command = [str(python), str(NUMBERS), str(question), str(answer)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{python} failed:\n{done.stderr[-3000:]}")
        with np.load(answer) as stored:
            return {key: stored[key] for key in stored.files}


def missing(python: Path, theory: Path, lhapdf: Path, pdf: str) -> str:
    """Why nothing can be compared, or nothing."""
    if not (theory / "fastkernel").is_dir():
        return f"no folder {theory / 'fastkernel'} (--theory)"
    if not (lhapdf / pdf).is_dir():
        return f"no PDF set {lhapdf / pdf} (--lhapdf, --pdf)"
    if not python.is_file():
        return f"no {python} (--python)"
    check = [str(python), "-c", "import validphys.api"]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    return f"{python} has no validphys: {done.stderr.strip()[-200:]}" if done.returncode else ""


def main() -> int:
    """Compare, print the table, and say whether all limits hold."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", type=Path, required=True, help="a Python that has nnpdf")
    parser.add_argument("--theory", type=Path, default=SHARED / "theory_40000000")
    parser.add_argument("--lhapdf", type=Path, default=SHARED / "lhapdf")
    parser.add_argument("--pdf", default="toy_t0")
    parser.add_argument("--made-up", action="store_true")
    arguments = parser.parse_args()
    os.environ["LHAPDF_DATA_PATH"] = str(arguments.lhapdf.resolve())
    with tempfile.TemporaryDirectory() as folder:
        theory = arguments.theory.resolve()
        if arguments.made_up:
            theory = Path(folder) / arguments.theory.name
            (theory / "fastkernel").mkdir(parents=True)
        lacking = missing(arguments.python, theory, arguments.lhapdf, arguments.pdf)
        if lacking:
            print(f"skipped: {lacking}")
            return 0
        if arguments.made_up:
            write_theory(theory, arguments.pdf)
        source = TheoryFolder(int(theory.name.removeprefix("theory_")), theory)
        rows = compare(arguments.python, source, arguments.lhapdf, arguments.pdf, arguments.made_up)
    status, line = verdict(rows)
    print(table(rows))
    print(line)
    return status


if __name__ == "__main__":
    raise SystemExit(main())
