"""Reader of ``kfold``: what each fold leaves out, and how a trial is scored."""

from __future__ import annotations

from collections.abc import Sequence

from n3hyper.runcard.dataset_names import present_name
from n3hyper.runcard.keys import IGNORED_KFOLD
from n3hyper.runcard.model import KFold, Partition
from n3hyper.runcard.names import FOLD_STATISTICS, LOSS_TYPES, PENALTIES, STATISTICS
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
_BEST_PROPORTION = 0.85  # n3fit's default; its average_best means nothing with all replicas


def read_kfold(node: Node, datasets: Sequence[str]) -> KFold:
    """Read ``kfold``; its partitions may name the `datasets` of dataset_inputs."""
    section = node.section(_KEYS, ignored=IGNORED_KFOLD)
    loss, replicas, folds = (
        section.get(key) for key in ("loss_type", "replica_statistic", "fold_statistic")
    )
    penalties, proportion, threshold = (
        section.get(key) for key in ("penalties", "reduce_proportion", "threshold")
    )
    fold_statistic = KFold.fold_statistic if folds is None else folds.text(FOLD_STATISTICS)
    statistic = KFold.replica_statistic if replicas is None else replicas.text(STATISTICS)
    everyone = _BEST_PROPORTION if statistic == "average_best" else KFold.reduce_proportion
    partitions = section.need("partitions", "list the folds, each as {datasets: [...]}")
    return KFold(
        partitions=_read_partitions(partitions, datasets, fold_statistic == _FUTURE),
        loss_type=KFold.loss_type if loss is None else loss.text(LOSS_TYPES),
        replica_statistic=statistic,
        fold_statistic=fold_statistic,
        penalties=() if penalties is None else penalties.texts(PENALTIES),
        penalties_in_loss=section.flag("penalties_in_loss", KFold.penalties_in_loss),
        reduce_proportion=(everyone if proportion is None else proportion.number(0, 1, above=True)),
        threshold=(
            KFold.threshold if threshold is None else threshold.number(0, above=True, infinite=True)
        ),
    )


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
