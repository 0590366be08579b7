"""Examples of the how-to guides run: the Python interface, a data set of one's own, a penalty."""

from __future__ import annotations

import doctest
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nnpdf_data
import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


@pytest.mark.slow
def test_the_python_interface(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "runcards").symlink_to(ROOT / "runcards")
    shutil.copy(DOCS / "examples" / "mymodule.py", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    text = (DOCS / "how_to" / "python.md").read_text(encoding="utf-8")
    examples = doctest.DocTestParser().get_doctest(text, {}, "python.md", "python.md", 0)
    assert len(examples.examples) > 40
    runner = doctest.DocTestRunner(optionflags=doctest.FAIL_FAST)
    said: list[str] = []
    runner.run(examples, out=said.append)
    assert runner.failures == 0, "".join(said)


def own_package(folder: Path) -> Path:
    """Make a copy of nnpdf_data by links, with the folder of a new experiment beside the others."""
    source, package = Path(nnpdf_data.__path__[0]), folder / "nnpdf_data"
    (package / "commondata").mkdir(parents=True)
    for path in source.iterdir():
        if path.name not in ("commondata", "__pycache__"):
            (package / path.name).symlink_to(path)
    for path in (source / "commondata").iterdir():
        (package / "commondata" / path.name).symlink_to(path)
    own = package / "commondata" / "MYEXP_NC_NOTFIXED_P"
    shutil.copytree(source / "commondata" / "NMC_NC_NOTFIXED_P", own)
    metadata = own / "metadata.yaml"
    text = metadata.read_text(encoding="utf-8")
    metadata.write_text(
        re.sub(r"^setname:.*$", "setname: MYEXP_NC_NOTFIXED_P", text, flags=re.MULTILINE)
    )
    return package


def test_a_data_set_of_ones_own(tmp_path: Path) -> None:
    own_package(tmp_path)
    code = (
        "from n3hyper.data.commondata import load_commondata\n"
        "print(len(load_commondata('MYEXP_NC_NOTFIXED_P_EM-SIGMARED', 'legacy').central))"
    )
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "292", done.stderr


def test_the_penalty_of_the_guide() -> None:
    """The function as the guide has it, in a module of the same names."""
    import numpy as np

    from n3hyper.hyper_optimization import penalties

    text = (DOCS / "how_to" / "extend.md").read_text(encoding="utf-8")
    found = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert found is not None
    names = dict(vars(penalties))
    exec(found[1], names)
    values = np.zeros((1, 1, 14, 2))
    values[0, 0, penalties.GLUON] = [-0.3, 0.2]
    assert names["negative_gluon"](lambda _x: values).tolist() == pytest.approx([0.3, 0.0])
    assert penalties._is_penalty(names["negative_gluon"])
