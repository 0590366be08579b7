"""Processes end with the one that started them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from n3hyper.system.processes import leashed


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the leash is Linux's")
def test_a_leashed_process_ends_with_its_parent() -> None:
    reader, writer = os.pipe()
    child = f"import os, time; os.write({writer}, str(os.getpid()).encode()); time.sleep(60)"
    code = (
        "import os, subprocess, time\n"
        "from n3hyper.system.processes import leashed\n"
        f"subprocess.Popen(leashed(['{sys.executable}', '-c', {child!r}]), pass_fds=[{writer}])\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], pass_fds=[writer])
    os.close(writer)
    assert os.read(reader, 20).isdigit()
    parent.kill()
    parent.wait()
    # the pipe ends when the last process that could write into it has ended
    assert os.read(reader, 20) == b""
    os.close(reader)
    assert leashed(["x"])[-1] == "x"
