"""Help of all commands is there at once: none of them loads a heavy library for it."""

from __future__ import annotations

import subprocess
import sys

from tests.test_layout import DOORS


def test_help_of_each_command_imports_nothing_heavy() -> None:
    heavy = {*DOORS, "numpy", "rich"} - {"click"}
    code = (
        "import sys\n"
        "from n3hyper.cli import COMMANDS, main\n"
        "for name in COMMANDS:\n"
        "    try:\n        main([name, '--help'])\n    except SystemExit as ended:\n"
        "        assert not ended.code, name\n"
        f"    assert not {heavy!r} & set(sys.modules), name\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Usage: n3hyper ") > 10
