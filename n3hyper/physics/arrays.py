"""Array types that the whole package uses, and the number of flavours."""

from __future__ import annotations

from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Mask = NDArray[np.bool_]

N_FLAVOURS: Final = 14
"""Evolution flavours: photon Sigma g V V3 V8 V15 V24 V35 T3 T8 T15 T24 T35, in this order."""

_Scalar = TypeVar("_Scalar", bound=np.generic)


def frozen(array: NDArray[_Scalar]) -> NDArray[_Scalar]:
    """Return the array, contiguous and read-only."""
    array = np.ascontiguousarray(array)
    array.setflags(write=False)
    return array
