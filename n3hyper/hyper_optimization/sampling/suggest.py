"""The next point of a scan, as a function of (scan seed, trial, history) and of nothing else.

hyperopt's own loop draws the seed of each suggestion from a generator that lives as long as the
process, so that a restart repeats or skips. Here the generator of trial `tid` is made anew from the
scan's seed and `tid`.

What TPE is told of failed trials. It compares where the best trials lie to where the others do,
and goes where the former are dense and the latter are not. A failed trial has no number that it
could be ranked by, least of all a made-up one; but where TPE does not hear of failures, the region
that fails looks unexplored and draws nearly all samples. (Half of a square failing, 120 trials:
98 % of the samples after the first 40 fell there with failures hidden, 20 to 40 % otherwise.)
Failures are therefore among "the others", after every trial with a loss, and never among the best.

What TPE is told of trials that still run. The same: until it has a loss, a trial counts among the
others (a constant liar, whose lie is the worst). Otherwise TPE would draw for all workers of a
parallel scan from the same peak, as if nobody else were there. What that does is measured by
`python -m tests.benchmarks.suggestions`. The rule is fixed: suggestions depend on nothing but the
scan's seed, the trial, and what has begun and finished by then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Protocol

import numpy as np

from n3hyper.errors import RuncardError, nearest
from n3hyper.hyper_optimization.record import (
    STATE_DONE,
    STATUS_FAIL,
    STATUS_OK,
    is_finite,
)
from n3hyper.hyper_optimization.sampling.history import HISTORY, documents_of
from n3hyper.hyper_optimization.sampling.space import LIST_LABEL

HYPEROPT_SEED: Final = 42
"""Seed of a scan that is given none."""
ALGORITHMS: Final = ("tpe", "anneal", "random")
_SEED_LIMIT: Final = 2**31 - 1
"""hyperopt's bound on the seed of one suggestion."""


def trial_generator(seed: int, tid: int) -> np.random.Generator:
    """The generator of trial `tid`.

    Examples
    --------
    >>> int(trial_generator(42, 3).integers(100)) == int(trial_generator(42, 3).integers(100))
    True
    """
    return np.random.default_rng(np.random.SeedSequence([seed, tid]))


def _algorithm(algo: str) -> Callable[..., list[dict[str, Any]]]:
    """hyperopt's suggest function of that name."""
    if algo not in ALGORITHMS:
        raise RuncardError("unknown algorithm", value=algo, hint=nearest(algo, ALGORITHMS))
    from hyperopt import anneal, rand, tpe

    known: dict[str, Callable[..., list[dict[str, Any]]]] = {
        "tpe": partial(tpe.suggest, verbose=False),
        "anneal": anneal.suggest,
        "random": rand.suggest,
    }
    return known[algo]


def scored(document: dict[str, Any]) -> bool:
    """Return whether a trial has a loss to learn from."""
    result = document["result"]
    return (
        document["state"] == STATE_DONE
        and result.get("status") == STATUS_OK
        and is_finite(result.get("loss"))
    )


def learned_from(documents: Iterable[dict[str, Any]], without_loss: bool) -> list[dict[str, Any]]:
    """The trials that an algorithm is shown, each with a loss or, where it has none, without any.

    Parameters
    ----------
    documents
        Of all trials.
    without_loss
        Whether trials that failed or have not finished are shown at all. They are, the latest
        first, as far as TPE's best trials (the first ceil(sqrt(n)/4) of n) are all trials with a
        loss.
    """
    begun = list(documents)
    losses = sum(scored(document) for document in begun)
    room = 16 * losses**2 - losses if without_loss else 0
    shown: list[dict[str, Any]] = []
    for document in reversed(begun):
        if scored(document):
            shown.append(document)
        elif room > 0:
            room -= 1
            # one stored by others may hold a number, or NaN; hyperopt drops those of STATE_ERROR
            result = {"status": STATUS_FAIL}
            shown.append({**document, "state": STATE_DONE, "result": result})
    return shown[::-1]


def listed_setups(space: Any) -> int:
    """Return the number of setups that a space lists; 0 for one that is sampled.

    >>> from n3hyper.hyper_optimization.sampling.samplers import hp_choice, hp_uniform
    >>> listed_setups({LIST_LABEL: hp_choice(LIST_LABEL, [{"epochs": 1}, {"epochs": 2}])})
    2
    >>> listed_setups({"epochs": 5, "dropout": hp_uniform("dropout", 0, 1)})
    0
    """
    choice: Any = space.get(LIST_LABEL) if isinstance(space, dict) else None
    return len(choice.pos_args) - 1 if getattr(choice, "name", "") == "switch" else 0


class Suggests(Protocol):
    """Who says which point a trial is."""

    seed: int
    """It goes into the records of trials."""

    def suggest(self, trials: Any, tid: int) -> list[dict[str, Any]]:
        """Return the documents (one) of trial `tid` given those of `trials`; nothing is stored."""


class Suggester:
    """Suggests trials of a space.

    Setups that the space lists are run first, in their order; later trials choose among them.

    Parameters
    ----------
    space
        As `HyperScanner.as_dict` gives it.
    seed
        Of the scan.
    algo
        ``tpe`` (random for the first 20 trials, those of history counted), ``anneal`` or
        ``random``.
    history
        Trials of another scan to learn from; see `n3hyper.hyper_optimization.sampling.history`.
    """

    def __init__(
        self, space: Any, seed: int, algo: str = "tpe", history: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        from hyperopt.base import Domain

        self.seed = seed
        self.algo = algo
        self._algorithm = _algorithm(algo)
        self._domain = Domain(_no_objective, space)
        self._listed = listed_setups(space)
        self._history = documents_of(history, space, self._domain.params)

    @property
    def domain(self) -> Any:
        """hyperopt's Domain of the space."""
        return self._domain

    def suggest(self, trials: Any, tid: int) -> list[dict[str, Any]]:
        """Documents (one) of trial `tid` given those of `trials`; nothing is stored.

        Parameters
        ----------
        trials
            A hyperopt Trials, whose `new_trial_docs` makes the document.
        """
        from hyperopt.base import trials_from_docs

        key = trials._exp_key
        known = [*({**trial, "exp_key": key} for trial in self._history), *trials.trials]
        history = learned_from(known, without_loss=self.algo == "tpe")
        view = trials_from_docs(history, validate=False, exp_key=key)
        seed = int(trial_generator(self.seed, tid).integers(_SEED_LIMIT))
        documents: list[dict[str, Any]] = list(self._algorithm([tid], self._domain, view, seed))
        if tid < self._listed:
            documents[0]["misc"]["vals"][LIST_LABEL] = [tid]
        return documents


def suggester_of(scan: Mapping[str, Any], space: Any) -> Suggester:
    """Return what suggests the trials of a scan.

    Parameters
    ----------
    scan
        What its store keeps with the trials.
    """
    return Suggester(space, scan["seed"], scan["algo"], scan.get(HISTORY, ()))


def _no_objective(_parameters: Any) -> float:
    """The domain asks for a function; the scan evaluates trials itself."""
    raise NotImplementedError("trials are evaluated by the scan")
