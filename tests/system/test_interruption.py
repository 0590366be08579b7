"""Tests of signals, which act at once or within seconds, and never in the middle of saving."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

import pytest

from n3hyper.system.interruption import (
    SIGNALS,
    interrupted_by_signals,
    uninterrupted,
)
from tests.support.waiting import HANGS


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_an_interrupt(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), interrupted_by_signals(lambda: ""):
        signal.raise_signal(number)
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_while_saving_acts_afterwards(number: signal.Signals) -> None:
    steps = []

    def save_and_go_on() -> None:
        with uninterrupted():
            signal.raise_signal(number)
            steps.append("saved")
        steps.append("never")

    with pytest.raises(KeyboardInterrupt), interrupted_by_signals(lambda: ""):
        save_and_go_on()
    assert steps == ["saved"]


def test_a_failure_while_saving_is_not_hidden_by_a_signal() -> None:
    def fail() -> None:
        with uninterrupted():
            signal.raise_signal(signal.SIGTERM)
            raise OSError("full")

    with pytest.raises(KeyboardInterrupt) as caught, interrupted_by_signals(lambda: ""):
        fail()
    assert isinstance(caught.value.__context__, OSError)


def test_saving_works_outside_the_main_thread() -> None:
    done = threading.Event()

    def save() -> None:
        with uninterrupted():
            done.set()

    thread = threading.Thread(target=save)
    thread.start()
    thread.join(HANGS)
    assert done.is_set()


DEAF = """
import hashlib, sys, threading, time
from n3hyper.system import interruption
from n3hyper.system.interruption import interrupted_by_signals, uninterrupted

class Watched:
    # a lock that lets know when somebody has not got it

    def __init__(self):
        self.lock, self.refused = threading.Lock(), threading.Event()

    def acquire(self, blocking):
        got = self.lock.acquire(blocking)
        if not got:
            self.refused.set()
        return got

    def __enter__(self):
        self.lock.acquire()

    def __exit__(self, *error):
        self.lock.release()

interruption._saving = Watched()

def seconds_in_c():
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**28)

def ready():
    print("ready", flush=True)

saving = sys.argv[1] == "saving"
with interrupted_by_signals(lambda: "last words", grace=0.2):
    if saving:
        with uninterrupted():
            ready()
            # saving takes longer than the grace
            interruption._saving.refused.wait()
            print("saved", flush=True)
    task = {"deaf": seconds_in_c, "swallowing": lambda: time.sleep(60)}[sys.argv[1]]
    while True:
        try:
            ready()
            task()
        except KeyboardInterrupt:
            pass
"""


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("state", ["deaf", "swallowing", "saving"])
def test_a_signal_ends_a_process_whatever_it_does(state: str, number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", DEAF, state],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        out, err = process.communicate(timeout=HANGS)
    if state == "saving":
        assert out == "saved\n"
        # a machine that is busy may need longer than the grace for the traceback
        assert "KeyboardInterrupt" in err or (process.returncode, err) == (130, "last words\n")
    else:
        assert (process.returncode, err) == (130, "last words\n")
