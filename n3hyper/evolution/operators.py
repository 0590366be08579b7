"""The operators of an evolution, kept between runs, and their action on PDFs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import numpy as np

from n3hyper.data.cache import read_entry, write_entry
from n3hyper.evolution.cards import EvolutionCard
from n3hyper.evolution.kernels import rows, without_compiler
from n3hyper.evolution.mellin import POINTS
from n3hyper.evolution.scales import Scale
from n3hyper.evolution.steps import Label, Plan, Step, plan
from n3hyper.physics.arrays import Array

_KIND: Final = "evolution"
_VERSION: Final = 2
"""To be raised when other numbers come out."""

PORTION: Final = 8
"""Nodes in x that a process works on at a time."""

Progress = Callable[[int, int], None]
"""Called with the number of finished portions, and of all."""


@dataclass(frozen=True, eq=False)
class Evolution:
    """The operators from Q0 to a grid of scales."""

    card: EvolutionCard
    xgrid: Array
    plan: Plan
    operators: tuple[Array, ...]
    """Of each step, (labels, n, n)."""

    def evolve(self, pdfs: Array) -> dict[Scale, Array]:
        """Return PDFs at all scales.

        Parameters
        ----------
        pdfs
            f at Q0 (not x f), (replicas, 14 flavours, n), flavours as in `steps.FLAVOUR_PIDS`.

        Returns
        -------
        dict
            Of the same shape at each scale.
        """
        at: dict[tuple[int, ...], Array] = {(): pdfs}
        for way in sorted(set(self.plan.ways.values()), key=len):
            for end in range(1, len(way) + 1):
                if way[:end] not in at:
                    at[way[:end]] = self._apply(way[end - 1], at[way[: end - 1]])
        return {scale: at[way] for scale, way in self.plan.ways.items()}

    def _apply(self, number: int, pdfs: Array) -> Array:
        step = self.plan.steps[number]
        # r replica, a and b flavours, i and j nodes
        result: Array = np.einsum("ab,rbj->raj", step.flavours[-1], pdfs)
        for flavours, operator in zip(step.flavours, self.operators[number], strict=False):
            active = np.flatnonzero(flavours.any(axis=1))
            mixed = np.einsum("ab,rbj->raj", flavours[active], pdfs)
            result[:, active] += mixed @ operator.T
        return result


def make_evolution(
    card: EvolutionCard,
    xgrid: Array,
    scales: tuple[Scale, ...],
    *,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Evolution:
    """Return the operators to all scales, from the user's cache where they are there already."""
    key = _key(card, xgrid, scales)
    known = read_entry(_KIND, key, Path())
    if known is not None:
        arrays, meta = known
        return _restore(card, xgrid, arrays, meta)
    made = _compute(card, xgrid, scales, jobs, progress)
    arrays, meta = _content(made)
    write_entry(_KIND, key, Path(), [], arrays, meta)
    return made


def _key(card: EvolutionCard, xgrid: Array, scales: tuple[Scale, ...]) -> str:
    content = dataclasses.asdict(card)
    del content["theoryid"]
    numbers = [xgrid.tolist(), scales, POINTS, _VERSION]
    return json.dumps([content, numbers, eko_version()], sort_keys=True)


def eko_version() -> str:
    """Return the version of eko, without importing it."""
    from importlib.metadata import version

    return version("eko")


def _compute(
    card: EvolutionCard,
    xgrid: Array,
    scales: tuple[Scale, ...],
    jobs: int,
    progress: Progress | None,
) -> Evolution:
    nodes = range(len(xgrid) - 1)
    parts = [nodes[start : start + PORTION] for start in range(0, len(nodes), PORTION)]
    with ProcessPoolExecutor(jobs, get_context("spawn"), without_compiler) as pool:
        way = pool.submit(plan, card, scales).result()
        found = [np.zeros((len(s.labels), len(xgrid), len(xgrid))) for s in way.steps]
        for operator in found:
            operator[:, -1, -1] = 1.0  # of diagonal elements; PDFs vanish at x = 1 anyway
        made = pool.map(partial(rows, card, xgrid, way.steps), parts)
        for number, (part, values) in enumerate(zip(parts, made, strict=True)):
            for operator, block in zip(found, values, strict=True):
                operator[:, part] = block
            if progress is not None:
                progress(number + 1, len(parts))
    return Evolution(card, xgrid, way, tuple(found))


def _content(made: Evolution) -> tuple[dict[str, Array], dict[str, Any]]:
    arrays = {}
    for number, (step, operator) in enumerate(zip(made.plan.steps, made.operators, strict=True)):
        arrays[f"operator_{number}"], arrays[f"flavours_{number}"] = operator, step.flavours
    plain = [_without_arrays(step) for step in made.plan.steps]
    ways = [[list(scale), list(way)] for scale, way in made.plan.ways.items()]
    return arrays, {"steps": plain, "ways": ways}


def _without_arrays(step: Step) -> dict[str, Any]:
    names = (field.name for field in dataclasses.fields(step) if field.name != "flavours")
    return {name: getattr(step, name) for name in names}


def _restore(
    card: EvolutionCard, xgrid: Array, arrays: dict[str, Array], meta: dict[str, Any]
) -> Evolution:
    steps = tuple(
        Step(
            **{
                **plain,
                "couplings": tuple(plain["couplings"]),
                "labels": _labels(plain["labels"]),
                "flavours": arrays[f"flavours_{number}"],
            }
        )
        for number, plain in enumerate(meta["steps"])
    )
    ways = {(scale[0], scale[1]): tuple(way) for scale, way in meta["ways"]}
    operators = tuple(arrays[f"operator_{number}"] for number in range(len(steps)))
    return Evolution(card, xgrid, Plan(steps, ways), operators)


def _labels(pairs: Sequence[Sequence[int]]) -> tuple[Label, ...]:
    return tuple((pair[0], pair[1]) for pair in pairs)
