"""Whether the replicas that a user asks for fit into memory."""

from __future__ import annotations

from n3hyper.errors import RuncardError
from n3hyper.physics.bases import FK_FLAVOURS
from n3hyper.system.memory import available, in_words
from n3hyper.theory.stack import TheoryStack


def refuse_too_many_replicas(replicas: int, folds: int, ndata: int, theory: TheoryStack) -> None:
    """Raise RuncardError where the replicas' numbers do not fit into the memory that is free.

    Counted is what no batch of a fit can do without: pseudodata and two masks of each replica; and
    of each replica in each fold its three masks, and its predictions and PDFs once it is fitted
    (in float64, and there twice when those of all models are put together).

    Parameters
    ----------
    replicas, folds
        As asked for; without folds there is one fit of all data.
    ndata
        Points after cuts.
    """
    models = max(folds, 1)
    fitted = theory.npredictions + theory.xgrid.size * len(FK_FLAVOURS)
    each = ndata * (8 + 2) + models * (3 * ndata + 2 * 8 * fitted)
    free = available()
    if free is None or replicas * each <= free:
        return
    raise RuncardError(
        "too many replicas" if each <= free else "too many folds",
        key="--replicas" if each <= free else "kfold.partitions",
        value=replicas if each <= free else folds,
        hint=f"{replicas} replicas of {models} folds of {ndata} points take "
        f"{in_words(replicas * each)} of memory, and {in_words(free)} are free, enough for "
        f"{free // each} replicas at the very most",
    )
