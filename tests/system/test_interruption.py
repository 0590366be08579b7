"""Signals: at once, within seconds when nothing else helps, and never in the middle of saving."""

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


def test_saving_outside_of_the_main_thread() -> None:
    done = threading.Event()

    def save() -> None:
        with uninterrupted():
            done.set()

    thread = threading.Thread(target=save)
    thread.start()
    thread.join(5)
    assert done.is_set()


DEAF = """
import hashlib, sys, time
from n3hyper.system.interruption import interrupted_by_signals, uninterrupted

def seconds_in_c():
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**28)

def ready():
    print("ready", flush=True)

saving = sys.argv[1] == "saving"
# saving takes longer than the grace, which is longer than a busy machine takes for a traceback
with interrupted_by_signals(lambda: "last words", grace=1.0 if saving else 0.2):
    if saving:
        with uninterrupted():
            ready()
            end = time.monotonic() + 1.5
            while time.monotonic() < end:
                time.sleep(0.01)
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
def test_a_process_ends_whatever_it_does(state: str, number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", DEAF, state],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    if state == "saving":
        assert out == "saved\n"
        assert "KeyboardInterrupt" in err
    else:
        assert (process.returncode, err) == (130, "last words\n")
