"""Tests of the memory that a process may use, with limits of batch systems and containers."""

from __future__ import annotations

import subprocess
import sys

import pytest

from n3hyper.system import memory


@pytest.mark.parametrize("version", [1, 2])
def test_limits_of_control_groups_bound_the_free_memory(tmp_path, version):
    """Limits of a batch system are below what the machine has."""
    names = ("memory.max", "memory.current")
    if version == 1:
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
    root = tmp_path / "cgroup"
    job = root / ("memory/job" if version == 1 else "job")
    (job / "step").mkdir(parents=True)
    for folder, limit, used in ((job, "1000", "400"), (job / "step", "900", "350")):
        (folder / names[0]).write_text(limit + "\n")
        (folder / names[1]).write_text(used + "\n")
        (folder / "memory.stat").write_text("anon 5\ninactive_file 100\n")
    if version == 2:
        (root / "memory.max").write_text("max\n")
    table = tmp_path / "self"
    table.write_text("3:cpuset:/\n2:memory:/job/step\n0::/\n" if version == 1 else "0::/job/step\n")
    assert sorted(memory._free_in_groups(table, root)) == [650, 700]
    assert list(memory._free_in_groups(tmp_path / "none", root)) == []


def test_workers_of_a_host_share_its_memory():
    assert memory.share(None, 1) is None
    assert 0 < memory.share(None, 4) < memory.share(None, 2)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="malloc_trim is glibc's")
def test_free_memory_is_given_back() -> None:
    """In a process of its own, whose heap is not that of other tests."""
    code = """
from n3hyper.system.memory import give_back, resident
pieces = [bytes(50_000) for _ in range(4_000)]
last = bytes(50_000)
del pieces
before = resident()
give_back()
print((before - resident()) >> 20)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 100
