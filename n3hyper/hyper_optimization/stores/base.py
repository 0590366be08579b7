"""Abstract store of trials, with the promises that every store keeps.

The stores are hyperopt's Trials as well: its algorithms and its `fmin` read them. What n3hyper's
scans ask of a store stands here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from n3hyper.hyper_optimization.record import Record


class TrialStore(ABC):
    """The trials of one scan, kept in its replica folder.

    - The number of a trial is given once, whoever asks.
    - A trial that has finished is final. Its record is in plain Python types and is never changed;
      a failed trial is a trial, too.
    - After `refresh`, ``tries.json`` holds the records of all trials that have finished by then;
      after `to_pkl`, ``tries.pkl`` holds them and what a restart needs. Each write replaces the
      whole file at once.
    - A store that is opened again is the same: records, space, random state and `scan`. Trials
      that had not finished are in no file.
    - Files are read without running anything in them.

    Attributes
    ----------
    scan : dict
        What a restart needs beside the trials, in plain types: seed, algorithm, fingerprint.
    """

    scan: dict[str, Any]

    @property
    @abstractmethod
    def parameters(self) -> Any:
        """The search space; None when it is not known."""

    @property
    @abstractmethod
    def rstate(self) -> np.random.Generator | None:
        """The random generator of the scan."""

    @rstate.setter
    @abstractmethod
    def rstate(self, random_generator: np.random.Generator | None) -> None: ...

    @property
    @abstractmethod
    def finished(self) -> list[Record]:
        """The records of the finished trials, in the order of their numbers."""

    @abstractmethod
    def new_trial_ids(self, n: int) -> list[int]:
        """Return the next `n` numbers of trials, which nobody else is given."""

    @abstractmethod
    def refresh(self) -> None:
        """Take up what has changed in the trials, and write ``tries.json`` where some have
        finished.

        Raises
        ------
        StoreError
            The file cannot be written; it is as it was.
        """

    @abstractmethod
    def to_pkl(self) -> None:
        """Write ``tries.pkl``.

        Raises
        ------
        StoreError
            The file cannot be written; it is as it was.
        """


class OwnStore(TrialStore):
    """The store of a scan that evaluates its trials itself, one after the other."""

    @property
    def number_finished(self) -> int:
        """Return the number of trials that have finished."""
        return len(self.finished)

    @abstractmethod
    def begin(self, document: Record) -> Record:
        """Take in a trial that is about to be evaluated.

        Parameters
        ----------
        document
            Of a suggestion, with a number of `new_trial_ids`.

        Returns
        -------
        Record
            The document as the store has it: until the trial has finished, it may be added to.
        """

    @abstractmethod
    def finish(self, trial: Record, result: Record) -> None:
        """Give a trial that was begun its result; it is final then.

        Parameters
        ----------
        trial
            As `begin` gave it.
        result
            See `n3hyper.hyper_optimization.record`.
        """

    @abstractmethod
    def discard_unfinished(self) -> None:
        """Forget trials that have not finished: they will be done again from their start."""
