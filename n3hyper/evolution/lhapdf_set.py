"""PDF sets in LHAPDF's format, written by ekobox (arXiv:1412.7420; extra ``theory``)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from n3hyper.evolution.cards import EvolutionCard
from n3hyper.evolution.scales import Scale
from n3hyper.evolution.steps import FLAVOUR_PIDS
from n3hyper.physics.arrays import Array
from n3hyper.system.atomic_write import written_aside

REPLICA_HEAD = "PdfType: replica\nFromMCReplica: {}\n"
CENTRAL_HEAD = "PdfType: central\n"
MEMBERS = "REPLACE_NREP"
"""What stands for the number of members in the ``.info`` that NNPDF's postfit completes."""


def set_info(
    card: EvolutionCard, xgrid: Array, scales: Sequence[Scale], description: str
) -> dict[str, Any]:
    """Return the content of ``NAME.info``, but for the number of members. Imports eko."""
    from eko.io import runcards
    from ekobox import info_file

    theory = runcards.TheoryCard.from_dict(card.for_eko())
    operator = runcards.OperatorCard.from_dict(
        card.operator_for_eko(xgrid.tolist(), [(math.sqrt(q2), nf) for q2, nf in scales])
    )
    updates = {"SetDesc": description, "ErrorType": "replicas", "Particle": 2212}
    info: dict[str, Any] = info_file.build(theory, operator, 1, info_update=updates)
    info |= {
        "SetDesc": description,
        "Flavors": list(FLAVOUR_PIDS),
        "NumMembers": MEMBERS,
        "QMin": math.sqrt(min(q2 for q2, _ in scales)),
        "QMax": math.sqrt(max(q2 for q2, _ in scales)),
    }
    return info


def write_info(path: Path, info: Mapping[str, Any], members: int | str) -> None:
    """Write ``NAME.info``.

    Raises
    ------
    StoreError
        It cannot be written.
    """
    from ekobox.genpdf.export import dump_info

    with written_aside(path) as part:
        dump_info(part, {**info, "NumMembers": members})


def write_member(path: Path, head: str, xgrid: Array, values: Mapping[Scale, Array]) -> None:
    """Write a member of a set, whole or not at all.

    Parameters
    ----------
    head
        First lines of the file.
    values
        x f at each scale, (14 flavours, n).

    Raises
    ------
    StoreError
        It cannot be written.
    """
    from ekobox.genpdf.export import dump_blocks

    with written_aside(path) as part:
        dump_blocks(part, 0, _blocks(xgrid, values), pdf_type=head)


def by_flavours(scales: Iterable[Scale]) -> list[list[Scale]]:
    """Return the scales of each number of flavours, by rising Q^2."""
    order = sorted(scales, key=lambda scale: scale[::-1])
    return [list(group) for _, group in groupby(order, key=lambda scale: scale[1])]


def _blocks(xgrid: Array, values: Mapping[Scale, Array]) -> list[dict[str, Any]]:
    """ekobox's blocks, one for each number of flavours."""
    blocks = []
    for scales in by_flavours(values):
        # x, Q2, flavour
        data = np.stack([values[scale].T for scale in scales], axis=1)
        blocks.append(
            {
                "xgrid": xgrid.tolist(),
                "mu2grid": [q2 for q2, _ in scales],
                "pids": list(FLAVOUR_PIDS),
                "data": data.reshape(-1, len(FLAVOUR_PIDS)),
            }
        )
    return blocks
