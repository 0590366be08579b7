"""Tests that processes end with the one that started them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import psutil
import pytest

from n3hyper.system.processes import describe, ending, leashed, listener, stop_process
from tests.support.waiting import HANGS

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the leash is Linux's")


@linux
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_leashed_process_ends_with_its_parent(number: signal.Signals) -> None:
    reader, writer = os.pipe()
    child = f"import os, time; os.write({writer}, str(os.getpid()).encode()); time.sleep(60)"
    code = (
        "import os, subprocess, time\n"
        "from n3hyper.system.processes import leashed\n"
        f"command = leashed(['{sys.executable}', '-c', {child!r}], {int(number)})\n"
        f"subprocess.Popen(command, pass_fds=[{writer}])\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], pass_fds=[writer])
    os.close(writer)
    leashed_one = int(os.read(reader, 20))
    if number == signal.SIGKILL:
        os.kill(leashed_one, signal.SIGSTOP)
    parent.kill()
    parent.wait()
    # the pipe ends when the last process that could write into it has ended
    assert os.read(reader, 20) == b""
    os.close(reader)
    assert leashed(["x"])[-1] == "x"


def test_a_stopped_process_ends_as_it_is_asked() -> None:
    """Let a stopped process of many threads do what it has to do at its end."""
    code = (
        "import os, signal, threading\n"
        "signal.signal(signal.SIGTERM, lambda *_: os._exit(7))\n"
        "for _ in range(8): threading.Thread(target=threading.Event().wait).start()\n"
        "print('ready', flush=True)\n"
        "threading.Event().wait()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        assert stop_process(process, HANGS) == 7


def test_a_process_that_does_not_end_is_killed() -> None:
    code = "import signal; signal.signal(15, signal.SIG_IGN); print(1, flush=True); signal.pause()"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"1\n"
        assert stop_process(process, 0.1) == -signal.SIGKILL


@linux
def test_the_listener_on_a_port_is_found_with_the_command_that_ends_it() -> None:
    code = (
        "import signal, socket\n"
        "probe = socket.create_server(('127.0.0.1', 0))\n"
        "print(probe.getsockname()[1], flush=True)\n"
        "signal.pause()"
    )
    for stopped in (False, True):
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            if stopped:
                process.send_signal(signal.SIGSTOP)
                os.waitid(os.P_PID, process.pid, os.WSTOPPED)
            found = listener(port)
            assert found is not None
            assert found.pid == process.pid
            assert f"process {process.pid} ({sys.executable} -c " in describe(found)
            subprocess.run(ending(found), shell=True, check=True)
            process.wait()
        assert listener(port) is None
    # of one that has ended no more can be said
    assert describe(found) == f"process {process.pid}"
    assert ending(psutil.Process()) == f"kill {os.getpid()}"


def test_a_port_without_a_listener_gives_none() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        assert listener(probe.getsockname()[1]) is None
