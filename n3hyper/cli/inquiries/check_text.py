"""Words on what a check of a runcard has found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from n3hyper.cli.displays.duration import clock
from n3hyper.system.memory import in_words

_WIDTH = 14


def check_text(found: Mapping[str, Any]) -> str:
    """Return what `n3hyper.scanning.checks` or `n3hyper.replicas.check` has found."""
    return "\n".join(_lines(found))


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    yield f"{found['runcard']}: a {found['kind']} that can be run"
    theory = found["theory"]
    yield _row(
        "theory",
        f"{theory['id']}, {theory['order']}, Q0 = {theory['q0']:g} GeV, {theory['folder']}",
    )
    yield _row("data", f"{found['points']} points of {len(found['datasets'])} data sets")
    yield from _table(found["datasets"])
    for number, fold in enumerate(found["folds"]):
        names = ", ".join(fold["datasets"]) or "nothing"
        yield _row(
            f"fold {number + 1}",
            f"fits {fold['fitted']} points, leaves out {fold['left out']}: {names}",
        )
    if found["folds"] and found["never left out"]:
        yield _row("in no fold", ", ".join(found["never left out"]))
    for constraint in ("positivity", "integrability"):
        sets = found[constraint]
        points = sum(sets.values())
        yield _row(constraint, f"{len(sets)} sets, {points} points" if sets else "none")
    yield from _search(found)
    for number, note in enumerate(found["notes"]):
        yield _row("" if number else "notes", note)
    if found["cost"]:
        yield from _cost(found)


def _row(name: str, text: str) -> str:
    return f"  {name:<{_WIDTH}}{text}"


def _table(datasets: list[dict[str, Any]]) -> Iterator[str]:
    width = max(len(each["name"]) for each in datasets)
    for each in datasets:
        kept = f"{each['points']:5d} of {each['of']} points"
        train = f", {each['training']:.0f} train" if each["points"] else ", all are cut"
        yield _row("", f"{each['name']:<{width}}  {each['process']:<10} {kept}{train}")


def _search(found: Mapping[str, Any]) -> Iterator[str]:
    if found["kind"] == "fit":
        setups = found["setups"]
        yield _row(
            "fits",
            f"{found['replicas']} replicas, {setups} setup{'' if setups == 1 else 's'}, "
            f"{found['jobs']} jobs of up to {found['networks']} networks",
        )
        return
    dimensions = found["dimensions"]
    yield _row("search space", f"{len(dimensions)} dimensions")
    width = max((len(label) for label in dimensions), default=0)
    for label, words in dimensions.items():
        yield _row("", f"{label:<{width}}  {words}")
    yield _row(
        "a trial",
        f"{found['networks']} networks: {len(found['folds'])} folds x {found['replicas']} "
        f"{'replica' if found['replicas'] == 1 else 'replicas'}, loss: {found['loss']}",
    )


def _cost(found: Mapping[str, Any]) -> Iterator[str]:
    cost = found["cost"]
    what = "trial" if found["kind"] == "scan" else "job"
    for name in ("middle", "largest"):
        if name not in cost:
            continue
        row = cost[name]
        shape = "-".join(str(nodes) for nodes in row["nodes_per_layer"])
        batches = f", in {row['batches']} batches" if row["batches"] > 1 else ""
        yield _row(
            f"{name} {what}",
            f"at most {_seconds(row['seconds'])}: {row['epochs']} epochs of network {shape}, "
            f"{1000 * row['epoch']:.2f} ms each{batches}; compiling {row['compile']:.1f} s, "
            f"the rest {row['rest']:.1f} s",
        )
    yield _row("memory", in_words(cost["memory"]))
    if found["kind"] == "scan":
        yield _row("time", f"{found['trials']} trials: at most some {clock(cost['all trials'])}")
    else:
        yield _row("time", f"{found['jobs']} jobs: at most some {clock(cost['all jobs'])}")


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 else clock(seconds)
