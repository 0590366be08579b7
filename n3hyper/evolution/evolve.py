"""Evolves a fit: from the export grids of its replicas to a PDF set in LHAPDF's format.

Files are laid out as by NNPDF's evolven3fit and postfit: ``nnfit/replica_N/NAME.dat`` and
``nnfit/NAME.info``, and, of the replicas that passed the vetoes, the set ``postfit/NAME/`` of
links to them, with their mean as member 0.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import numpy as np

from n3hyper.errors import RuncardError, StoreError, TheoryError
from n3hyper.evolution.cards import evolution_card
from n3hyper.evolution.kernels import without_compiler
from n3hyper.evolution.lhapdf_set import (
    CENTRAL_HEAD,
    MEMBERS,
    REPLICA_HEAD,
    by_flavours,
    set_info,
    write_info,
    write_member,
)
from n3hyper.evolution.operators import Evolution, Progress, make_evolution
from n3hyper.evolution.replica_grids import FittedReplicas, read_replicas
from n3hyper.evolution.scales import Scale, scale_grid
from n3hyper.evolution.steps import FLAVOUR_PIDS
from n3hyper.evolution.sum_rules import sum_rules
from n3hyper.hyper_optimization.paths import NNFIT, POSTFIT, RUNCARD_COPY
from n3hyper.physics.arrays import Array
from n3hyper.runcard.names import POLARIZED
from n3hyper.runcard.yaml_file import read_yaml
from n3hyper.theory.lhapdf import read_member

PORTION: Final = 10
"""Replicas that are in memory at all scales at once (13 MB each)."""
CHECKED: Final = (1.65, 10.0, 100.0)
"""Scales in GeV near which sum rules are printed."""
_READ_BACK: Final = 1e-7
"""Largest difference of a set that is read back from what was written, relative to 1 + |x f|."""
_PACKAGES: Final = ("eko", "ekobox")


@dataclass(frozen=True)
class SumRule:
    """A sum rule of all replicas at a scale."""

    rule: str
    q: float
    """GeV."""
    mean: float
    std: float
    drift: float
    """Largest change from Q0 of a replica."""


@dataclass(frozen=True)
class EvolvedSet:
    """A PDF set that has been written."""

    name: str
    folder: Path
    """That of the ``.info`` and the members."""
    members: int
    """With the mean."""
    selected: bool
    """Whether vetoes had been applied."""
    sum_rules: tuple[SumRule, ...]


def evolve_fit(
    folder: Path,
    output: Path | None = None,
    *,
    theory_path: Path | None = None,
    jobs: int = 1,
    eko_solution: bool = False,
    progress: Progress | None = None,
    said: Callable[[str], None] = lambda _: None,
) -> EvolvedSet:
    """Evolve the replicas of a fit and write the set.

    Parameters
    ----------
    folder
        Of the fit, n3hyper's or n3fit's.
    output
        Folder in which the set NAME is written, all its files; None: in the fit, as NNPDF does.
    jobs
        Processes that compute the operators.
    eko_solution
        Take the truncated solution as eko has it, see `truncated`.
    progress
        Told how much of the operators has been computed.
    said
        Told what is being done.

    Raises
    ------
    N3HyperError
        If the fit, its theory or a program of the extra ``theory`` is missing, or something cannot
        be written.
    """
    require_eko()
    replicas = read_replicas(folder)
    card = evolution_card(_theoryid(folder), theory_path, eko_solution=eko_solution)
    if not np.isclose(card.q0, replicas.q0, rtol=1e-6):
        raise TheoryError(
            f"{folder}: its PDFs are at Q0 = {replicas.q0:g} GeV, and theory {card.theoryid} "
            f"begins at {card.q0:g} GeV"
        )
    scales = scale_grid(card)
    said(f"{len(replicas.files)} replicas of {replicas.name}, theory {card.theoryid}")
    evolution = make_evolution(card, replicas.xgrid, scales, jobs=jobs, progress=progress)
    description = f"{replicas.name}: {len(replicas.files)} replicas, theory {card.theoryid}"
    with ProcessPoolExecutor(1, get_context("spawn"), without_compiler) as pool:
        info = pool.submit(set_info, card, replicas.xgrid, scales, description).result()
    target = _Target.inside(replicas) if output is None else _Target.apart(replicas, output)
    return _write(replicas, evolution, info, target, said)


def require_eko() -> None:
    """TheoryError where the extra ``theory`` is missing."""
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise TheoryError(f"evolution needs {missing[0]}: pip install 'n3hyper[theory]'")


def _theoryid(folder: Path) -> int:
    runcard = folder / RUNCARD_COPY
    document = read_yaml(runcard)
    _refuse_polarized(document, runcard)
    theory = document.get("theory") if isinstance(document, Mapping) else None
    number = theory.get("theoryid") if isinstance(theory, Mapping) else None
    if isinstance(number, bool) or not isinstance(number, int):
        raise RuncardError(
            "not the number of a theory", source=runcard, key="theory.theoryid", value=number
        )
    return number


def _refuse_polarized(document: Any, runcard: Path) -> None:
    """Refuse polarised PDFs, whose splitting functions are others."""
    fitting = document.get("fitting") if isinstance(document, Mapping) else None
    fitbasis = fitting.get("fitbasis") if isinstance(fitting, Mapping) else None
    if str(fitbasis).startswith(POLARIZED):
        raise RuncardError(
            "polarised PDFs are not evolved",
            source=runcard,
            key="fitting.fitbasis",
            value=fitbasis,
            hint="evolven3fit evolve --use_polarized does it",
        )


@dataclass(frozen=True)
class _Target:
    """Folder and names of the files of a set."""

    folder: Path
    """Of the set."""
    members: tuple[Path, ...]
    """Files of the replicas."""
    links: bool
    """Whether the members of the set are links to them."""
    info: Path | None
    """A second ``.info``, for NNPDF's postfit."""

    @classmethod
    def inside(cls, replicas: FittedReplicas) -> _Target:
        """The layout of evolven3fit and postfit."""
        nnfit = replicas.folder / NNFIT
        name = replicas.name
        members = tuple(file.resolve().with_name(f"{name}.dat") for file in replicas.files)
        place = replicas.folder / POSTFIT if replicas.selected else nnfit
        return cls(place / name, members, True, nnfit / f"{name}.info")

    @classmethod
    def apart(cls, replicas: FittedReplicas, output: Path) -> _Target:
        """A set of its own in a folder."""
        folder = output / replicas.name
        count = len(replicas.files)
        return cls(folder, tuple(cls.member(folder, i + 1) for i in range(count)), False, None)

    @staticmethod
    def member(folder: Path, number: int) -> Path:
        """The file of a member of a set."""
        return folder / f"{folder.name}_{number:04d}.dat"


def _write(
    replicas: FittedReplicas,
    evolution: Evolution,
    info: Mapping[str, Any],
    target: _Target,
    said: Callable[[str], None],
) -> EvolvedSet:
    name = target.folder.name
    said(f"writing {target.folder}")
    try:
        target.folder.mkdir(parents=True, exist_ok=True)
        # a set without .info is none; one that is written anew must not be taken for whole
        (target.folder / f"{name}.info").unlink(missing_ok=True)
        for file in target.folder.glob(f"{name}_[0-9][0-9][0-9][0-9]*.dat"):
            file.unlink()
    except OSError as error:
        raise StoreError(f"{target.folder}: {error.strerror or error}") from error
    total: dict[Scale, Array] = {}
    rules: list[dict[float, dict[str, Array]]] = []
    for numbers, values in _portions(replicas, evolution):
        for place, number in enumerate(numbers):
            member = {scale: block[place] for scale, block in values.items()}
            head = REPLICA_HEAD.format(replicas.numbers[number])
            write_member(target.members[number], head, replicas.xgrid, member)
            if target.links:
                _link(target.member(target.folder, number + 1), target.members[number])
        for scale, block in values.items():
            total[scale] = total.get(scale, 0.0) + block.sum(axis=0)
        rules.append(_rules(replicas, values))
    count = len(replicas.files)
    mean = {scale: summed / count for scale, summed in total.items()}
    central = target.member(target.folder, 0)
    write_member(central, CENTRAL_HEAD, replicas.xgrid, mean)
    _check(central, mean)
    if target.info is not None:
        write_info(target.info, info, MEMBERS)
    write_info(target.folder / f"{name}.info", info, count + 1)
    return EvolvedSet(name, target.folder, count + 1, replicas.selected, tuple(_table(rules)))


def _portions(
    replicas: FittedReplicas, evolution: Evolution
) -> Iterator[tuple[range, dict[Scale, Array]]]:
    """Numbers of some replicas, and x f of them at all scales."""
    for start in range(0, len(replicas.files), PORTION):
        numbers = range(start, min(start + PORTION, len(replicas.files)))
        pdfs = replicas.values[numbers.start : numbers.stop] / replicas.xgrid
        yield (
            numbers,
            {scale: f * replicas.xgrid for scale, f in evolution.evolve(pdfs).items()},
        )


def _link(link: Path, target: Path) -> None:
    try:
        link.symlink_to(os.path.relpath(target, link.parent.resolve()))
    except OSError as error:
        raise StoreError(f"{link}: {error.strerror or error}") from error


def _check(path: Path, values: Mapping[Scale, Array]) -> None:
    """StoreError where a member does not read as it was written."""
    for grid, scales in zip(read_member(path), by_flavours(values), strict=True):
        order = [FLAVOUR_PIDS.index(pid) for pid in grid.pids]
        # x, Q, flavour
        wanted = np.stack([values[scale][order].T for scale in scales], axis=1)
        if grid.values.shape != wanted.shape:
            raise StoreError(f"{path}: it does not read as it was written")
        difference = np.abs(grid.values - wanted) / (1 + np.abs(wanted))
        if not difference.max() < _READ_BACK:
            raise StoreError(f"{path}: it does not read as it was written")


def _rules(
    replicas: FittedReplicas, values: Mapping[Scale, Array]
) -> dict[float, dict[str, Array]]:
    found = {}
    for q in CHECKED:
        nearest = min(values, key=lambda scale: abs(np.log(scale[0] / q**2)))
        found[nearest[0] ** 0.5] = sum_rules(replicas.xgrid, values[nearest])
    return found


def _table(portions: list[dict[float, dict[str, Array]]]) -> Iterator[SumRule]:
    first = next(iter(portions[0]))
    for rule in portions[0][first]:
        start = np.concatenate([portion[first][rule] for portion in portions])
        for q in portions[0]:
            numbers = np.concatenate([portion[q][rule] for portion in portions])
            drift = float(np.abs(numbers - start).max())
            yield SumRule(rule, q, float(numbers.mean()), float(numbers.std()), drift)
