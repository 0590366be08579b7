"""Identity of a scan: named parts that all of its trials share.

They are kept with the trials, and what goes on with them compares them and says what differs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from n3hyper import __version__
from n3hyper.data.fingerprint import fingerprint
from n3hyper.errors import StoreInputError
from n3hyper.hyper_optimization.sampling.history import HISTORY
from n3hyper.hyper_optimization.sampling.space import differing_keys, space_fingerprint

if TYPE_CHECKING:
    from n3hyper.data.problem import FitProblem
    from n3hyper.runcard import Runcard

Identity = dict[str, str]
"""By the name of the part its hash, or its value where that is short."""

_SHOWN: Final = 24
"""Longest value that a message shows; hashes are longer."""
_DIGEST: Final = 16


def scan_identity(problem: FitProblem, runcard: Runcard) -> Identity:
    """The parts of a scan but for its search space, which `complete_identity` adds.

    Parameters
    ----------
    problem
        Made of the runcard.
    """
    parts = dict(problem.fingerprints) or {"problem": problem.fingerprint}
    fit = (runcard.fitting, runcard.sum_rules, getattr(runcard, "double_precision", False))
    return {
        **parts,
        "scoring": fingerprint(runcard.kfold),
        "fit basis and sum rules": fingerprint(fit),
        "replicas": str(problem.replicas),
        "version": __version__.split(".", maxsplit=1)[0],
    }


def complete_identity(identity: Mapping[str, str] | None, space: Any) -> Identity:
    """Return the identity with the search space; `space` as `HyperScanner.as_dict` gives it."""
    return {**(identity or {}), "space": space_fingerprint(space)}


def of_trials(identity: Mapping[str, str]) -> Identity:
    """The parts that whoever runs a trial must share: all but what the scan has learned from.

    >>> of_trials({"data": "1", "history": "12 trials of old"})
    {'data': '1'}
    """
    return {name: part for name, part in identity.items() if name != HISTORY}


def digest(identity: Mapping[str, str]) -> str:
    """The parts of `of_trials` in 16 hexadecimal digits.

    >>> digest({"a": "1", "b": "2"}) == digest({"b": "2", "a": "1"})
    True
    """
    text = json.dumps(of_trials(identity), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST]


def differences(
    before: Mapping[str, str], now: Mapping[str, str], spaces: tuple[Any, Any] | None = None
) -> list[str]:
    """Return what differs, each in a few words; parts that only one of the two has do not count.

    Parameters
    ----------
    spaces
        The search space before and now, to name the parameters that differ.

    Examples
    --------
    >>> differences({"replicas": "2", "theory": "a" * 64}, {"replicas": "1", "theory": "b" * 64})
    ['replicas (2 before, 1 now)', 'theory']
    """
    found = []
    for name in sorted(before):
        if name not in now or before[name] == now[name]:
            continue
        detail = ""
        if name == "space" and spaces is not None and None not in spaces:
            detail = ", ".join(differing_keys(*spaces))
        elif max(len(before[name]), len(now[name])) <= _SHOWN:
            detail = f"{before[name]} before, {now[name]} now"
        found.append(f"{name} ({detail})" if detail else name)
    return found


def check_identity(
    before: Mapping[str, str], now: Mapping[str, str], spaces: tuple[Any, Any] | None = None
) -> None:
    """StoreInputError that says what differs, if anything does."""
    found = differences(before, now, spaces)
    if found:
        raise StoreInputError(
            f"not the scan that the trials belong to: {', '.join(found)} "
            f"{'differs' if len(found) == 1 else 'differ'}"
        )
