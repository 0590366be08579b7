"""The log of a scan or a fit: what has happened when, as lines for people and for programs."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

from n3hyper.errors import N3HyperError
from n3hyper.hyper_optimization.paths import LOG, LOG_LINES
from n3hyper.hyper_optimization.record import STATUS_OK, Record, plain, seconds_of
from n3hyper.hyper_optimization.scores.loss_parts import in_words
from n3hyper.hyper_optimization.standing.state import encode, short_worker
from n3hyper.system.own_files import open_log

FORMATS: Final = {"text": LOG, "json": LOG_LINES}
"""Files by format."""


class RunLog:
    """Log that is added to, line by line; what comes before its files are open is kept for them.

    Parameters
    ----------
    formats
        Some of `FORMATS`.
    """

    def __init__(self, formats: Sequence[str] = ()) -> None:
        self._formats = tuple(formats)
        self._files: dict[str, BinaryIO] = {}
        self._waiting: list[tuple[str, dict[str, Any]]] = []
        self._told: set[str] = set()
        self._workers: tuple[Any, ...] = ()

    @contextmanager
    def open(self, folder: Path) -> Iterator[None]:
        """Keep the files open during the block, and say at its end how it has ended.

        Raises
        ------
        StoreError
            when a file cannot be written to, or is a link.
        """
        if not self._formats:
            yield
            return
        with ExitStack() as held:
            for name in self._formats:
                self._files[name] = held.enter_context(open_log(folder / FORMATS[name]))
            waiting, self._waiting = self._waiting, []
            for text, event in waiting:
                self._write(text, event)
            try:
                yield
            except BaseException as err:
                self.note("end", f"ended by {_words(err)}")
                raise
            else:
                self.note("end", "ended")
            finally:
                self._files = {}

    def note(self, event: str, text: str, **values: Any) -> None:
        """Add a line.

        Parameters
        ----------
        event
            Its kind, for programs.
        text
            Its words.
        **values
            More for programs.
        """
        if not self._formats:
            return
        now = datetime.datetime.now().astimezone().isoformat(timespec="milliseconds")
        line = {"time": now, "event": event, **dict(plain(values)), "text": text}
        if self._files:
            self._write(text, line)
        else:
            self._waiting.append((text, line))

    def _write(self, text: str, line: Mapping[str, Any]) -> None:
        stamp = str(line["time"])
        lines = {"text": f"{stamp} {' '.join(text.split())}", "json": json.dumps(line)}
        for name, file in self._files.items():
            file.write(lines[name].encode() + b"\n")
            file.flush()

    def trial_started(self, tid: int, params: Mapping[str, Any]) -> None:
        """Add that a trial begins."""
        setup = json.dumps(plain(params))
        self.note("trial_started", f"trial {tid} begins: {setup}", tid=tid, parameters=params)

    def trial_ended(self, trial: Record) -> None:
        """Add the outcome of a trial."""
        result, tid = trial["result"], trial["tid"]
        failure, seconds = result.get("failure") or {}, seconds_of(trial)
        if result["status"] == STATUS_OK:
            parts = result.get("loss_parts")
            outcome = f"loss {result['loss']:.4f}" + (f" = {in_words(parts)}" if parts else "")
        else:
            outcome = f"failed: {failure.get('reason')}: {failure.get('text')}"
        owner = trial.get("owner")
        by = f", by {short_worker(owner)}" if isinstance(owner, str) else ""
        took = "" if seconds is None else f", {seconds:.1f} s"
        self.note(
            "trial_ended",
            f"trial {tid}: {outcome}{took}{by}",
            tid=tid,
            status=result["status"],
            loss=result.get("loss"),
            loss_parts=result.get("loss_parts"),
            reason=failure.get("reason"),
            seconds=seconds,
            worker=owner if isinstance(owner, str) else None,
        )

    def status(self, status: Any) -> None:
        """Add workers that have come, gone or been lost, and what they say."""
        for note in status.notes:
            if note not in self._told:
                self._told.add(note)
                self.note("refused", f"a worker refuses: {note}")
        now = tuple((worker.name, worker.lost) for worker in status.seen)
        if now == self._workers:
            return
        before, self._workers = dict(self._workers), now
        words = [
            f"{short_worker(name)} {'is lost' if lost else 'works'}"
            for name, lost in now
            if before.get(name) != lost
        ]
        words += [f"{short_worker(name)} is gone" for name in before if name not in dict(now)]
        workers = [encode(worker) for worker in status.seen]
        self.note("workers", f"{status.workers} workers: {', '.join(words)}", workers=workers)


def _words(error: BaseException) -> str:
    if isinstance(error, N3HyperError):
        return f"an error: {error}"
    return "a signal" if isinstance(error, KeyboardInterrupt) else type(error).__name__
