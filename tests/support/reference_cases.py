"""Data sets with validphys' numbers for them, from `tests/data/reference`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from n3hyper.data.commondata import CommonData, cut, load_commondata
from n3hyper.data.cuts import kept_points

_REFERENCE = Path(__file__).parents[1] / "data" / "reference"


@dataclass(frozen=True)
class ReferenceCase:
    """Data sets as loaded here, with validphys 4.1.5's numbers for them."""

    datasets: list[CommonData]
    """After cuts (q2min 3.49, w2min 12.5, NNLO)."""
    record: dict[str, Any]
    numbers: dict[str, np.ndarray]

    @property
    def weights(self) -> list[float]:
        return [entry.get("weight", 1.0) for entry in self.record["inputs"]]

    @property
    def fracs(self) -> list[float]:
        return [entry.get("frac", 1.0) for entry in self.record["inputs"]]


def reference_case(name: str) -> ReferenceCase:
    """Return the stored case of that name."""
    record = json.loads((_REFERENCE / f"{name}.json").read_text())
    with np.load(_REFERENCE / f"{name}.npz") as stored:
        numbers = {key: stored[key] for key in stored.files}
    uncut = [load_commondata(e["dataset"], e.get("variant")) for e in record["inputs"]]
    datasets = [cut(cd, kept_points(cd, 3.49, 12.5, 2)) for cd in uncut]
    return ReferenceCase(datasets, record, numbers)
