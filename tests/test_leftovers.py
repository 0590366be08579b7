"""The tests hear signals however they are started, and leave no process behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.leftovers import VARIABLE, mark, marked, still_there

ROOT = Path(__file__).resolve().parents[1]
TESTS = "tests/system/test_interruption.py"


def ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])


def test_tests_that_are_started_in_the_background_hear_signals() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", TESTS]
    done = subprocess.run(
        command, cwd=ROOT, preexec_fn=ignore_interrupts, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


KILLED = """
import os, subprocess, sys
from tests.support.leftovers import mark, watched
child = "import os, time; os.write(1, str(os.getpid()).encode()); time.sleep(600)"
with watched(mark()):
    subprocess.Popen([sys.executable, "-c", child], start_new_session=True)
    sys.stdin.read()
    os.kill(os.getpid(), 9)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_what_tests_have_started_ends_when_they_are_killed() -> None:
    reader, writer = os.pipe()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", KILLED],
        stdin=subprocess.PIPE,
        stdout=writer,
        env=environment,
    ) as tests:
        os.close(writer)
        assert os.read(reader, 20).isdigit()
        assert tests.stdin is not None
        tests.stdin.close()
        assert tests.wait() == -signal.SIGKILL
        # the pipe ends when the last process that could write into it has ended
        assert os.read(reader, 20) == b""
    os.close(reader)


def test_what_is_left_is_said_and_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, os.environ.get(VARIABLE, ""))
    text = mark()
    sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
    with subprocess.Popen(sleeper) as process:
        (said,) = still_there(text, 0.0)
        assert said.startswith(f"{process.pid} ")
        assert process.wait() == -signal.SIGKILL
    assert marked(text) == []
