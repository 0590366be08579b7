"""Words on how a trial ended: what its loss is made of, or why it failed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from n3hyper.hyper_optimization.record import known_mask, known_parts
from n3hyper.hyper_optimization.scores.loss_parts import in_words


def outcome(result: Mapping[str, Any], better: bool = False) -> str:
    """Return how a trial ended, in one line.

    Parameters
    ----------
    result
        Of the trial, see `n3hyper.hyper_optimization.record`.
    better
        Whether no trial before it had a loss as low.

    Examples
    --------
    >>> outcome({"status": "ok", "loss": 2.5, "loss_parts": {"chi2": 1.5, "saturation": 1.0}}, True)
    'loss 2.5000 = chi2 1.50 + saturation 1.00 (best so far)'
    >>> outcome({"status": "fail", "failure": {"reason": "nan", "text": "fold 1: ..."}})
    'failed: nan: fold 1: ...'
    """
    if result["status"] != "ok":
        failure = result.get("failure") or {}
        return ": ".join(["failed", *_known(failure.get("reason", "unknown"), failure.get("text"))])
    words = loss_in_words(result)
    dropped = replicas_in_words(result)
    if dropped:
        words += f", {dropped}"
    return words + (" (best so far)" if better else "")


def loss_in_words(result: Mapping[str, Any]) -> str:
    """Return the loss of a trial, with its parts where they are known.

    >>> loss_in_words({"loss": 1.7})
    'loss 1.7000'
    """
    parts = known_parts(result.get("loss_parts"))
    words = f"loss {result['loss']:.4f}"
    return f"{words} = {in_words(parts)}" if parts else words


def replicas_in_words(result: Mapping[str, Any]) -> str:
    """Return how many replicas of each fold count; nothing where all do.

    >>> used = [[True, True], [True, False]]
    >>> replicas_in_words({"kfold_meta": {"replicas_used": used}})
    'replicas that count 2, 1 of 2'
    """
    used = known_mask((result.get("kfold_meta") or {}).get("replicas_used"))
    if all(all(row) for row in used):
        return ""
    return f"replicas that count {', '.join(str(sum(row)) for row in used)} of {len(used[0])}"


def _known(*words: str | None) -> list[str]:
    return [word for word in words if word]
