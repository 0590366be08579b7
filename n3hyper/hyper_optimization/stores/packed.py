"""Arrays in records: compressed, as text, and checked when they are read."""

from __future__ import annotations

import base64
import zlib
from typing import Any, Final

import numpy as np

from n3hyper.physics.arrays import Array

DOUBLE, SINGLE = "<f8", "<f4"
_LARGEST: Final = 50_000_000
"""Bytes that an array of a record may unpack to."""


def pack_array(array: Array, dtype: str = DOUBLE) -> dict[str, Any]:
    """Return an array in plain types.

    Parameters
    ----------
    dtype
        `DOUBLE` or `SINGLE`.
    """
    packed = zlib.compress(np.ascontiguousarray(array, dtype=dtype).tobytes())
    data = base64.b64encode(packed).decode("ascii")
    return {"shape": list(array.shape), "dtype": dtype, "data": data}


def unpack_array(packed: Any) -> Array:
    """Return the array that `pack_array` wrote; anybody may have written what a database holds.

    Raises
    ------
    ValueError, KeyError, TypeError, zlib.error
        It is something else.

    >>> unpack_array(pack_array(np.arange(6.0).reshape(2, 3), SINGLE))
    array([[0., 1., 2.],
           [3., 4., 5.]])
    """
    shape, dtype = tuple(map(int, packed["shape"])), packed["dtype"]
    if dtype not in (DOUBLE, SINGLE) or min(shape, default=0) < 0:
        raise ValueError(f"an array of {dtype!r}, {shape}")
    size = int(np.prod(shape, dtype=object)) * np.dtype(dtype).itemsize
    if size > _LARGEST:
        raise ValueError(f"an array of {size} bytes")
    unpacker = zlib.decompressobj()
    data = unpacker.decompress(base64.b64decode(packed["data"], validate=True), size + 1)
    if len(data) != size:
        raise ValueError(f"{len(data)} bytes for an array {shape}")
    return np.frombuffer(data, dtype=dtype).reshape(shape).astype(np.float64)
