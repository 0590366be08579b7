"""Preparation of a fit: data, theory, and what tells it from other fits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from n3hyper import __version__
from n3hyper.data.build import build_problem
from n3hyper.data.fingerprint import fingerprint
from n3hyper.data.problem import FitProblem
from n3hyper.fitting.training.memory import refuse_wide_networks
from n3hyper.replicas.card import FitCard
from n3hyper.replicas.folder import PDFScale
from n3hyper.replicas.trainer import FitPlan, drawn
from n3hyper.runcard import keys_as_written
from n3hyper.theory.folders import find_theory


@dataclass(frozen=True, eq=False)
class PreparedFit:
    """A fit that is ready to run."""

    card: FitCard
    plan: FitPlan
    """What the process of the fits is given."""
    scale: PDFScale
    identity: dict[str, str]
    """By name, what its jobs must share with those of a fit that goes on."""

    @property
    def problem(self) -> FitProblem:
        """Data and theory."""
        return self.plan.problem

    @property
    def setups(self) -> int:
        """Size of the ensemble."""
        return len(self.card.setups)


def prepare_fit(
    card: FitCard,
    replicas: int,
    say: Callable[[str], None],
    theory_path: Path | None = None,
    memory: int | None = None,
) -> PreparedFit:
    """Read data and theory of a fit.

    Parameters
    ----------
    replicas
        For so many are pseudodata and splits made; more can follow.
    say
        Is told what is done.
    theory_path, memory
        See `FitPlan`.

    Raises
    ------
    RuncardError, DataError, TheoryError
        The input is wrong.
    """
    for note in card.notes:
        say(note)
    say("reading data and theory")
    refuse_wide_networks(card.runcard, memory)
    theory = find_theory(card.runcard.theory.theoryid, theory_path).card()
    with keys_as_written(card.runcard):
        problem = build_problem(card.runcard, replicas, theory_path)
    setups = len(card.setups)
    say(
        f"{problem.ndata} points of {len(problem.datasets)} data sets, "
        f"{setups} {'setup' if setups == 1 else 'setups'}"
    )
    start = drawn if card.start is None else card.start
    return PreparedFit(
        card=card,
        plan=FitPlan(problem, card.runcard, card.setups, theory_path, memory, start),
        scale=PDFScale(theory.q0, theory.active_flavours),
        identity=_identity(card, problem),
    )


def _identity(card: FitCard, problem: FitProblem) -> dict[str, str]:
    """The parts of a fit; the number of replicas is none of them, since it may grow."""
    parts = dict(problem.fingerprints)
    parts.pop("replicas", None)
    parts.pop("folds", None)
    modes = problem.mode_masks and tuple(mask[:, :1] for mask in problem.mode_masks)
    first = (problem.training_masks[:1], problem.nn_seeds[:1], modes)
    runcard = card.runcard
    return {
        **parts,
        "seeds": fingerprint(runcard.seeds, *first),
        "fit basis and sum rules": fingerprint(
            (runcard.fitting, runcard.sum_rules, runcard.double_precision)
        ),
        "setups": fingerprint(list(card.setups)),
        "starting weights": "drawn" if card.start is None else fingerprint(str(card.start.path)),
        "version": __version__.split(".", maxsplit=1)[0],
    }
