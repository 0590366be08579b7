"""The store of a scan in two files: ``tries.json`` for people and tools, ``tries.pkl`` to go on.

Both hold the finished trials, the same records; the pickle also what a restart needs. Each write
replaces the whole file at once, so that a kill at any instant leaves the state before or after.
A finished trial is final: it is turned into its record and its text once, and what a later write
costs is its bytes.

The pickle holds plain Python types and the name of one class, `FileTrials`. It does not know its
own folder: it may be moved, and is read by `FileTrials.from_pkl` from wherever it lies.
"""

from __future__ import annotations

import copyreg
import io
import json
import pickle
from collections.abc import Iterable, Mapping
from itertools import count, islice
from pathlib import Path
from typing import Any, Final

import numpy as np
from hyperopt.base import Trials

from n3hyper import __version__
from n3hyper.errors import StoreError, StoreInputError, shown
from n3hyper.foreign.files import open_regular
from n3hyper.hyper_optimization.paths import JSON, PICKLE
from n3hyper.hyper_optimization.record import (
    FINISHED,
    STATE_RUNNING,
    STATUS_FAIL,
    STATUS_OK,
    Record,
    check_record,
    failed_result,
    finished_state,
    from_json,
    not_finite,
    plain,
    to_json,
    utc_now,
)
from n3hyper.hyper_optimization.sampling.space import encode_space, evaluate_space, read_space
from n3hyper.hyper_optimization.stores.attachments import decode_attachments, encode_attachments
from n3hyper.hyper_optimization.stores.base import OwnStore
from n3hyper.hyper_optimization.stores.record_lines import RecordLines
from n3hyper.hyper_optimization.stores.safe_pickle import (
    FORMAT,
    ForeignStoreError,
    MissingStoreError,
    StoredState,
    read_state,
)
from n3hyper.system.atomic_write import write_atomically

_PICKLE_PROTOCOL: Final = 5
"""The first that writes a bytearray as it is."""
_MT19937_WORDS: Final = 624
_GENERATORS: Final = ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64")


def space_eval_trial(space: Any, trial: Mapping[str, Any]) -> Any:
    """Return the parameters of a trial, readable: "Adam" where hyperopt stores ``optimizer: [2]``.

    Parameters
    ----------
    space
        As `HyperScanner.as_dict` gives it, or any other space of hyperopt.
    trial
        Its document; the values are in ``misc.vals``.

    Returns
    -------
    dict
        Plain Python types; an activation for all layers by its name. For a space that is no
        dictionary, what it is: a list, or the value of a single sampler.

    Examples
    --------
    >>> from n3hyper.hyper_optimization.sampling.samplers import hp_choice
    >>> space = {"initializer": hp_choice("initializer", ["glorot_normal", "glorot_uniform"])}
    >>> space_eval_trial(space, {"misc": {"vals": {"initializer": [1]}}})
    {'initializer': 'glorot_uniform'}
    """
    return plain(evaluate_space(space, trial["misc"]["vals"]))


class FileTrials(Trials, OwnStore):  # type: ignore[misc]
    """hyperopt's Trials, kept in the replica folder of a scan.

    A user's own `hyperopt.fmin` takes it as its ``trials``. It differs from hyperopt's class in
    four things:

    - a trial whose objective raised is a trial (``len(trials)``, ``trials.trials``): it has the
      status ``fail`` and the exception as its ``failure``, and counts among ``max_evals`` when
      the search goes on. hyperopt hides it. Where all trials have raised, `argmin` and the end of
      `fmin` raise hyperopt's AllTrialsFailed, also with ``return_argmin=False``;
    - a finished trial is final: its document is in plain Python types from then on (arrays are
      lists, with None for NaN), and later changes of it reach no file. A NaN or infinite loss
      stays in memory and in the pickle; ``tries.json`` has null for it;
    - the number of a finished trial is an integer; new ones are the first that are free;
    - a pickle holds plain values only: `to_pkl` refuses other objects among the `attachments`,
      and in the space what is not in `n3hyper.hyper_optimization.sampling.space.OPERATIONS`.

    Parameters
    ----------
    replica_path
        Folder of ``tries.json`` and ``tries.pkl``, which exists; nothing is written before a trial
        has finished. Without a folder (None) the trials stay in memory.
    parameters
        The search space, for the readable values ``misc.space_vals`` of each trial: a dictionary,
        a list, or a single sampler or expression.

    Attributes
    ----------
    scan : dict
        What else a restart needs, in plain types: seed, algorithm, fingerprint.
    """

    def __init__(self, replica_path: Path | None, parameters: Any = None, **kwargs: Any) -> None:
        self._set_folder(replica_path)
        self._parameters = parameters
        self._space_text: str | None = None
        self._rstate: np.random.Generator | None = None
        self._lines = RecordLines()
        self._not_finite: dict[int, dict[str, float]] = {}
        self._written = 0
        self._absorbed = 0
        self._absorbed_of: Any = None
        self.scan: dict[str, Any] = {}
        super().__init__(**kwargs)

    def _set_folder(self, folder: Path | None) -> None:
        self._json_file = None if folder is None else Path(folder) / JSON
        self.pkl_file = None if folder is None else Path(folder) / PICKLE

    @property
    def rstate(self) -> np.random.Generator | None:
        """The random generator of the scan, kept in the pickle and restored from it.

        It is what `hyperopt.fmin` takes as ``rstate``. A scan run by `hyper_scan_wrapper` leaves
        here the generator of the next trial, which depends on the scan's seed and on how many
        trials there are, and on nothing else.

        Examples
        --------
        >>> trials = FileTrials(None)
        >>> trials.rstate = np.random.default_rng(42)
        >>> int(trials.rstate.integers(100))
        8
        """
        return self._rstate

    @rstate.setter
    def rstate(self, random_generator: np.random.Generator | None) -> None:
        self._rstate = random_generator

    @property
    def parameters(self) -> Any:
        """The search space; None when it is not known."""
        return self._parameters

    @property
    def number_finished(self) -> int:
        """Return the number of trials finished at the last `refresh`."""
        return len(self._lines)

    @property
    def finished(self) -> list[Record]:
        """The finished trials, in the order of their numbers."""
        return sorted(
            (trial for trial in self._dynamic_trials if trial["state"] in FINISHED),
            key=lambda trial: int(trial["tid"]),
        )

    def refresh(self) -> None:
        """Take up what has changed in the trials; write ``tries.json`` where some have finished.

        Raises
        ------
        StoreError
            The file cannot be written.
        """
        self._absorb()
        if self._written != len(self._lines):
            self.write_json()

    def _absorb(self) -> None:
        """The lists that hyperopt reads, and the records of trials that have finished since.

        hyperopt hides trials that raised; here they count as trials of the scan.
        """
        documents = self._dynamic_trials
        if self._exp_key is None:
            self._trials = list(documents)
        else:
            self._trials = [
                document for document in documents if document.get("exp_key") == self._exp_key
            ]
        if documents is not self._absorbed_of or len(documents) < self._absorbed:
            self._absorbed_of, self._absorbed = documents, 0
        # those before are final, and have been taken up
        final = True
        for trial in documents[self._absorbed :]:
            if self._exp_key is None or trial.get("exp_key") == self._exp_key:
                self._ids.add(trial["tid"])
                if trial["state"] not in FINISHED:
                    final = False
                elif trial["tid"] not in self._lines:
                    self._finish(trial)
            self._absorbed += final

    def _finish(self, trial: Record) -> None:
        """Turn the document of a finished trial into its record, but for a NaN or infinite loss."""
        check_record(trial)
        if self._parameters is not None and "space_vals" not in trial["misc"]:
            trial["misc"]["space_vals"] = space_eval_trial(self._parameters, trial)
        error = trial["misc"].get("error")
        if error and trial["result"].get("status") not in (STATUS_OK, STATUS_FAIL):
            trial["result"] = failed_result("exception", ": ".join(map(str, error)))
        numbers = not_finite(trial["result"])
        trial.update(plain(trial))
        self._lines.add(trial)
        if numbers:
            trial["result"].update(numbers)
            self._not_finite[trial["tid"]] = numbers

    def write_json(self) -> None:
        """Write ``tries.json``: a JSON list of the finished trials."""
        if self._json_file is not None:
            write_atomically(self._json_file, (b"[", self._lines.text(), b"]\n"))
        self._written = len(self._lines)

    def new_trial_ids(self, n: int) -> list[int]:
        """The next `n` numbers of trials, which nobody else is given.

        The first that are free: a parallel scan that was interrupted has left gaps.
        """
        numbers = list(islice((tid for tid in count() if tid not in self._ids), n))
        self._ids.update(numbers)
        return numbers

    def new_trial_docs(
        self, tids: list[int], specs: list[Any], results: list[Any], miscs: list[Any]
    ) -> list[Record]:
        """Documents of trials to be run; see `insert_trial_docs` for putting them in."""
        return [dict(doc) for doc in super().new_trial_docs(tids, specs, results, miscs)]

    def view(self, exp_key: str | None = None, refresh: bool = True) -> FileTrials:
        """Return another look at the same trials, or at those of one `exp_key`, without files."""
        other = type(self)(None, self._parameters, exp_key=exp_key, refresh=False)
        other._ids, other._dynamic_trials = self._ids, self._dynamic_trials
        other.attachments = self.attachments
        if refresh:
            other.refresh()
        return other

    def delete_all(self) -> None:
        """Forget all trials and attachments; ``tries.json`` is empty then.

        ``tries.pkl`` follows when `to_pkl` is called.
        """
        self._lines = RecordLines()
        self._not_finite.clear()
        self._ids.clear()
        super().delete_all()

    def begin(self, document: Record) -> Record:
        """Take in a trial that is about to be evaluated; the document as the store has it."""
        self.insert_trial_docs([document])
        trial: Record = self._dynamic_trials[-1]
        trial["state"] = STATE_RUNNING
        trial["book_time"] = trial["refresh_time"] = utc_now()
        return trial

    def finish(self, trial: Record, result: Record) -> None:
        """Give a trial that was begun its result; it is final then."""
        trial["result"] = result
        trial["refresh_time"] = utc_now()
        trial["state"] = finished_state(result)

    def discard_unfinished(self) -> None:
        """Forget trials that have not finished: they will be done again from their start."""
        kept = [trial for trial in self._dynamic_trials if trial["state"] in FINISHED]
        self._dynamic_trials[:] = kept
        self._ids = {trial["tid"] for trial in kept}
        self._absorb()

    def to_pkl(self) -> None:
        """Write ``tries.pkl``: the finished trials, the space and the random state.

        Raises
        ------
        StoreError
            It cannot be written; the file is as it was.
        """
        if self.pkl_file is None:
            raise StoreError("these trials have no folder to be written to")
        self._absorb()
        chunks = _Chunks()
        pickle.Pickler(chunks, _PICKLE_PROTOCOL).dump(self)
        write_atomically(self.pkl_file, chunks.chunks)

    @classmethod
    def from_pkl(cls, pickle_filepath: Path | str) -> FileTrials:
        """The store whose `to_pkl` wrote the file; its folder is where the file lies now.

        Raises
        ------
        MissingStoreError
            There is no such file; it is a FileNotFoundError, too.
        StoreError
            The file is not, or not wholly, the pickle of a FileTrials. No class but FileTrials is
            admitted, and nothing in the file runs.
        """
        path = Path(pickle_filepath)
        trials = cls.__new__(cls)
        try:
            trials.__setstate__(read_state(path))
        except (MissingStoreError, ForeignStoreError):
            raise
        except StoreError as err:
            message = str(err)
            raise StoreInputError(
                message if str(path) in message else f"{path}: {message}"
            ) from err
        trials._set_folder(path.parent)
        return trials

    @classmethod
    def from_records(
        cls, replica_path: Path | None, records: Iterable[Record], parameters: Any = None
    ) -> FileTrials:
        """A store of finished trials, as read from a ``tries.json``; others are left out."""
        trials = cls(replica_path, parameters)
        trials.add_records(records)
        return trials

    def add_records(self, records: Iterable[Record]) -> None:
        """Take up finished trials as read from a ``tries.json``; others are left out.

        Raises
        ------
        StoreError
            Something is not the record of a trial.
        """
        for record in records:
            check_record(record)
            if record["state"] in FINISHED:
                self._dynamic_trials.append(from_json(to_json(record)))
        self._absorb()

    def move_to(self, folder: Path) -> None:
        """Keep the trials in `folder` from now on, and write both files there.

        Raises
        ------
        StoreError
            They cannot be written.
        """
        self._set_folder(folder)
        self.to_pkl()
        self.write_json()

    def is_written_as(self, path: Path) -> bool:
        """Return whether the file holds what `write_json` would write."""
        text = self._lines.text()
        try:
            with open_regular(path) as file:
                return file.read() == b"[" + text + b"]\n"
        except OSError:
            return False

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        state = self.__getstate__()
        if protocol < _PICKLE_PROTOCOL:
            state["trials"] = bytes(state["trials"])
        return copyreg.__newobj__, (type(self),), state  # type: ignore[attr-defined]

    def __getstate__(self) -> dict[str, Any]:
        """Return the state in plain types; the text of the trials is not copied."""
        self._absorb()
        if self._space_text is None and self._parameters is not None:
            self._space_text = json.dumps(encode_space(self._parameters))
        state: dict[str, Any] = {
            "format": FORMAT,
            "version": __version__,
            "exp_key": self._exp_key,
            "scan": plain(self.scan),
            "space": self._space_text,
            "rstate": _generator_state(self._rstate),
            "trials": self._lines.text(),
        }
        # what the scans of n3hyper do not have is not mentioned: their pickles stay the same bits
        if self._not_finite:
            state["not_finite"] = self._not_finite
        if self.attachments:
            state["attachments"] = encode_attachments(self.attachments)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        stored = StoredState.of(state)
        try:
            FileTrials.__init__(self, None, exp_key=stored.exp_key, refresh=False)
            self._parameters = None if stored.space is None else read_space(stored.space)
            self.scan = dict(stored.scan)
            self._rstate = _generator(stored.rstate)
            self._lines, self._dynamic_trials = RecordLines.read(stored.trials)
            self._not_finite = stored.not_finite
            for trial in self._dynamic_trials if self._not_finite else ():
                trial["result"].update(not_finite(self._not_finite.get(trial["tid"], {})))
            self.attachments = decode_attachments(stored.attachments)
        except (
            KeyError,
            TypeError,
            ValueError,
            AttributeError,
            OverflowError,
            IndexError,
            EOFError,
        ) as err:
            raise StoreInputError(f"not the state of trials: {type(err).__name__}: {err}") from err
        self._written = len(self._lines)
        self._absorb()


class _Chunks(io.RawIOBase):
    """Takes what a pickler writes without a copy: it hands large bytes over as they are."""

    def __init__(self) -> None:
        self.chunks: list[Any] = []

    def write(self, chunk: Any) -> int:
        self.chunks.append(chunk)
        return len(chunk)


def _generator_state(generator: np.random.Generator | None) -> Any:
    """Return the state of a generator in plain types: names and integers."""
    return None if generator is None else plain(generator.bit_generator.state)


def _generator(state: Any) -> np.random.Generator | None:
    """The generator whose `_generator_state` this is."""
    if state is None:
        return None
    if state["bit_generator"] not in _GENERATORS:
        raise StoreInputError(f"unknown random generator {shown(state['bit_generator'])}")
    bits = getattr(np.random, state["bit_generator"])()
    words = dict(state["state"])
    if isinstance(words.get("key"), list):
        key = bits.state["state"]["key"]
        words["key"] = np.array(words["key"], key.dtype).reshape(key.shape)
    # NumPy takes them as they are, and reads the memory that they point to
    for place, most in ((words.get("pos"), _MT19937_WORDS), (state.get("buffer_pos"), 4)):
        if place is not None and not (isinstance(place, int) and 0 <= place <= most):
            raise StoreInputError(f"no state of a random generator: a place of {shown(place)}")
    bits.state = {**state, "state": words}
    return np.random.Generator(bits)
