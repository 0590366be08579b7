"""Run a command that ends with the process that started it, even when that is killed.

``python leash.py PARENT SIGNAL COMMAND ...``: the kernel is asked to send that signal when the
parent ends, and the command takes this process's place. Linux only; elsewhere the command runs
without a leash.
It is a file of its own, run without the package, so that it costs a few hundredths of a second.
"""

from __future__ import annotations

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask the kernel for the signal, then become the command."""
    parent, number, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:
            raise SystemExit(1)  # the parent ended before the leash was on
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
