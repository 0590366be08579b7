"""Predictions of many PDFs with the tables as they are, in float64: what results are made of.

`n3hyper.theory.stack.TheoryStack.predict` in the order of large products, without an array that
all models and all entries of a table would have.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from n3hyper.physics.arrays import Array
from n3hyper.theory.operations import apply_operation
from n3hyper.theory.stack import HadronicTable, TheoryStack

CHUNK: Final = 8
"""Rows of a hadronic table at a time."""


def predict(theory: TheoryStack, pdfs: Array) -> Array:
    """Return the predictions of theory for all observables.

    Parameters
    ----------
    pdfs
        x f(x, Q0) on the x-grid in the evolution basis, (m, nx, 14).

    Returns
    -------
    array (m, npredictions)
    """
    parts = []
    if theory.dis is not None:
        rows = theory.dis.table.reshape(theory.dis.rows, -1)
        parts.append(rows @ pdfs[..., theory.dis.flavours].reshape(len(pdfs), -1).T)
    parts.extend(_hadronic(table, pdfs) for table in theory.hadronic)
    if theory.constants is not None:
        parts.append(np.repeat(theory.constants[:, np.newaxis], len(pdfs), axis=1))
    raw = np.concatenate(parts).T
    predictions = np.empty((len(pdfs), theory.npredictions))
    for observable in theory.observables:
        operands = [raw[:, rows] for rows in observable.operands]
        predictions[:, observable.slice] = apply_operation(observable.operation, operands)
    return predictions


def _hadronic(table: HadronicTable, pdfs: Array) -> Array:
    """(rows, m)"""
    nodes = pdfs[:, table.x_index]
    # l luminosity, x and y nodes of the two partons, m model, n row
    first = np.ascontiguousarray(nodes[..., table.luminosity[:, 0]].transpose(2, 1, 0))
    second = np.ascontiguousarray(nodes[..., table.luminosity[:, 1]].transpose(2, 1, 0))
    return np.concatenate(
        [
            np.einsum("nlxm,lxm->nm", chunk @ second, first)
            for chunk in np.array_split(table.table, -(-table.rows // CHUNK))
        ]
    )
