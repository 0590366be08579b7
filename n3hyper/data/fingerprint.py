"""Fingerprints: hashes of inputs, the same wherever and whenever the inputs are the same.

Only inputs are hashed (files, tables, measurements, masks, settings), not the results of linear
algebra on them, whose last bits depend on the machine.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np


def fingerprint(*parts: object) -> str:
    """Return the SHA-256 of numbers, texts, arrays, and tuples, mappings and dataclasses of them.

    Fields of dataclasses that are marked as `added` later are left out where they have their
    defaults.

    >>> fingerprint(1, np.zeros(2)) == fingerprint(1, np.zeros(2))
    True
    >>> fingerprint(1, np.zeros(2)) == fingerprint(1, np.zeros((2, 1)))
    False
    """
    digest = hashlib.sha256()
    for chunk in _chunks(parts):
        digest.update(chunk)
    return digest.hexdigest()


def hash_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _chunks(part: object) -> Iterator[bytes]:
    if isinstance(part, np.ndarray):
        # one byte order on all machines
        array = np.ascontiguousarray(part.astype(part.dtype.newbyteorder("<"), copy=False))
        yield f"<{array.dtype.str}{array.shape}>".encode()
        yield array.tobytes()
    elif isinstance(part, (tuple, list)):
        yield f"({len(part)}".encode()
        for element in part:
            yield from _chunks(element)
        yield b")"
    elif isinstance(part, Mapping):
        yield from _chunks([(key, part[key]) for key in sorted(part)])
    elif dataclasses.is_dataclass(part):
        names = [field.name for field in dataclasses.fields(part) if _counts(field, part)]
        yield from _chunks([type(part).__name__, *(getattr(part, name) for name in names)])
    elif part is None or isinstance(part, (str, int, float, slice, np.generic)):
        value = part.item() if isinstance(part, np.generic) else part
        yield f"{type(value).__name__}:{value!r};".encode()
    else:
        raise TypeError(f"cannot be hashed: {type(part)}")


def _counts(field: dataclasses.Field[object], part: object) -> bool:
    """Return whether a field is hashed: not if it was added later and has its default."""
    value = getattr(part, field.name)
    default = value is field.default or (isinstance(value, tuple) and value == field.default)
    return not (field.metadata.get("added") and default)
