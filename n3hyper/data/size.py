"""Check that the replicas that a user asks for fit into memory."""

from __future__ import annotations

from n3hyper.errors import RuncardError
from n3hyper.physics.bases import FK_FLAVOURS
from n3hyper.system.memory import available, in_words
from n3hyper.theory.stack import TheoryStack


def refuse_too_many_replicas(replicas: int, folds: int, ndata: int, theory: TheoryStack) -> None:
    """Raise RuncardError if the arrays of the replicas do not fit into the free memory.

    Only the arrays that every batch of a fit needs are counted: pseudodata and two masks of each
    replica; and, for each replica in each fold, three masks, and its predictions and PDFs once it
    is fitted (in float64, and twice while those of all models are put together).

    Parameters
    ----------
    replicas, folds
        Their numbers; without folds there is one fit of all data.
    ndata
        Number of points after cuts.
    """
    models = max(folds, 1)
    fitted = theory.npredictions + theory.xgrid.size * len(FK_FLAVOURS)
    # bytes
    per_replica = ndata * (8 + 2) + models * (3 * ndata + 2 * 8 * fitted)
    free = available()
    if free is None or replicas * per_replica <= free:
        return
    raise RuncardError(
        "too many replicas" if per_replica <= free else "too many folds",
        key="--replicas" if per_replica <= free else "kfold.partitions",
        value=replicas if per_replica <= free else folds,
        hint=f"{replicas} replicas of {models} folds of {ndata} points take "
        f"{in_words(replicas * per_replica)} of memory, and {in_words(free)} are free, enough for "
        f"{free // per_replica} replicas at the very most",
    )
