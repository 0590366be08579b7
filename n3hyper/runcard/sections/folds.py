"""Reader of ``kfold``: what each fold leaves out, and how a trial is scored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from n3hyper.physics.objectives import (
    LOSS_TYPES,
    N3FIT41,
    STATISTICS,
    WHOLE_FITS,
    default_proportion,
)
from n3hyper.runcard.dataset_names import present_name
from n3hyper.runcard.keys import IGNORED_KFOLD
from n3hyper.runcard.model import KFold, Partition
from n3hyper.runcard.names import PENALTIES
from n3hyper.runcard.node import Node, near

_KEYS = (
    "loss_type",
    "replica_statistic",
    "fold_statistic",
    "penalties",
    "penalties_in_loss",
    "reduce_proportion",
    "threshold",
    "partitions",
)
_FUTURE = "fit_future_tests"
_FOR_THEIRS = f" (n3fit 4.1's objective: loss_type: {N3FIT41})"
_FOLD_STATISTICS = (*STATISTICS, *WHOLE_FITS)


def read_kfold(node: Node, datasets: Sequence[str]) -> KFold:
    """Read ``kfold``; its partitions may name the `datasets` of dataset_inputs."""
    section = node.section(_KEYS, ignored=IGNORED_KFOLD)
    losses, replicas, folds = (
        section.get(key) for key in ("loss_type", "replica_statistic", "fold_statistic")
    )
    penalties, proportion, threshold = (
        section.get(key) for key in ("penalties", "reduce_proportion", "threshold")
    )
    loss_type = KFold.loss_type if losses is None else losses.text(LOSS_TYPES)
    fold_statistic = KFold.fold_statistic if folds is None else folds.text(_FOLD_STATISTICS)
    statistic = KFold.replica_statistic if replicas is None else replicas.text(STATISTICS)
    everyone = default_proportion(loss_type, statistic)
    partitions = section.need("partitions", "list the folds, each as {datasets: [...]}")
    return KFold(
        partitions=_read_partitions(partitions, datasets, fold_statistic == _FUTURE),
        loss_type=loss_type,
        replica_statistic=statistic,
        fold_statistic=fold_statistic,
        penalties=() if penalties is None else penalties.texts(PENALTIES),
        penalties_in_loss=section.flag(
            "penalties_in_loss", LOSS_TYPES[loss_type].penalties_in_loss
        ),
        reduce_proportion=(everyone if proportion is None else proportion.number(0, 1, above=True)),
        threshold=(
            KFold.threshold if threshold is None else threshold.number(0, above=True, infinite=True)
        ),
    )


def notes_on_objective(kfold: Any) -> Iterator[str]:
    """Yield what is minimised where ``kfold`` leaves open whether n3fit 4.1's objective is meant.

    n3fit 4.1 minimises another number under the name chi2 than those before it did, and adds
    penalties only where it is told to; ``reduce_proportion`` is a key that came with it.
    """
    if not isinstance(kfold, Mapping):
        return
    name, penalties = kfold.get("loss_type"), kfold.get("penalties_in_loss")
    if name is None:
        yield f"kfold.loss_type: {KFold.loss_type} where a runcard does not say{_FOR_THEIRS}"
    elif name == KFold.loss_type and kfold.get("reduce_proportion") not in (None, 1):
        yield f"kfold.loss_type: {name} is that of the data which a fold leaves out{_FOR_THEIRS}"
    added = LOSS_TYPES[KFold.loss_type if name is None else name].penalties_in_loss
    if kfold.get("penalties") and penalties is None and added:
        yield "kfold.penalties_in_loss: true where a runcard does not say (n3fit 4.1: false)"


def _read_partitions(
    node: Node, datasets: Sequence[str], future_test: bool
) -> tuple[Partition, ...]:
    entries = node.items("folds")
    if not entries:
        node.fail("no folds", "list at least one, as {datasets: [...]}")
    if future_test and len(entries) < 2:
        node.fail(f"{_FUTURE} compares folds", "list two folds or more, the last one empty")
    return tuple(
        _read_partition(entry, datasets, may_be_empty=future_test and entry is entries[-1])
        for entry in entries
    )


def _read_partition(entry: Node, datasets: Sequence[str], may_be_empty: bool) -> Partition:
    section = entry.section(("datasets", "weight", "overfit"))
    left_out, weight = section.get("datasets"), section.get("weight")
    names: tuple[str, ...] = ()
    if left_out is not None:
        for item in left_out.items("data sets"):
            if isinstance(item.value, str) and item.value not in datasets:
                _unknown(item, datasets)
        names = left_out.texts()
    overfit = section.flag("overfit", False)
    if not names and not may_be_empty:
        Node(list(names), entry.at("datasets"), entry.source).fail(
            "an empty fold leaves nothing to test on",
            f"name data sets of dataset_inputs (only the last fold of {_FUTURE} is empty)",
        )
    if len(names) == len(datasets) and not overfit:
        Node(list(names), entry.at("datasets"), entry.source).fail(
            "the fold leaves no data to fit", "leave out some of dataset_inputs, not all"
        )
    return Partition(
        datasets=names,
        weight=1.0 if weight is None else weight.number(0, above=True),
        overfit=overfit,
    )


def _unknown(item: Node, datasets: Sequence[str]) -> None:
    same = [name for name in datasets if present_name(name) == present_name(item.value)]
    if same:
        item.fail("not the name that dataset_inputs has", f"write {same[0]!r}, which is the same")
    item.fail("not in dataset_inputs", near(item.value, datasets, "list it there as well"))
