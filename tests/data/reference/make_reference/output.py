"""Output of numbers into files, in brief."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parents[1]


def save(name: str, **arrays: object) -> None:
    """Write arrays into an ``.npz`` file of the folder."""
    np.savez_compressed(FOLDER / name, **arrays)
    print(name, (FOLDER / name).stat().st_size)


def save_record(name: str, record: dict[str, object]) -> None:
    """Write a record into a ``.json`` file of the folder."""
    save_text(name, json.dumps(record, indent=1))


def save_text(name: str, text: str) -> None:
    """Write a file of the folder."""
    (FOLDER / name).write_text(text + "\n")


def projections(covariance: np.ndarray) -> dict[str, np.ndarray]:
    """Return a large matrix in brief: its diagonal, products with vectors, 20,000 elements."""
    n = len(covariance)
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(n, 3))
    i, j = rng.integers(n, size=(2, 20_000))
    return {
        "diagonal": np.diag(covariance),
        "products": covariance @ vectors,
        "elements": covariance[i, j],
    }


def runs(points: list[int]) -> list[list[int]]:
    """Return ascending integers as [first, last + 1] pairs."""
    pairs: list[list[int]] = []
    for point in points:
        if pairs and pairs[-1][1] == point:
            pairs[-1][1] += 1
        else:
            pairs.append([point, point + 1])
    return pairs
