"""Penalties: documented numbers, limits, and slow twins."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import n3hyper
from n3hyper.errors import RuncardError
from n3hyper.hyper_optimization.penalties import (
    find_penalties,
    integrability,
    patience,
    saturation,
)
from n3hyper.physics.bases import FK_FLAVOURS
from n3hyper.physics.distributions import INTEGRABLE_FLAVOURS
from n3hyper.runcard.names import PENALTIES as NAMES
from tests.support.toy_trainer import ToyPDF


def power(exponent: float, replicas: int = 3):
    """x f = (r + 1) x^exponent for each flavour and replica r."""
    weights = np.arange(1.0, replicas + 1)
    return lambda x: (x**exponent * np.ones(14))[..., None] * weights


def test_names_are_those_of_runcards() -> None:
    assert NAMES == ("saturation", "patience", "integrability")
    assert list(find_penalties(NAMES).values()) == [saturation, patience, integrability]


WRITTEN = """

def largest(pdf_model=None, **_kwargs):
    return np.abs(pdf_model(np.array([[[0.1]]]))).max(axis=(0, 1, 2))


def no_penalty(pdf_model):
    return 0.0
"""
USED = """
import json
from dataclasses import replace
import numpy as np
from n3hyper.errors import RuncardError
from n3hyper.hyper_optimization.scores.scoring import make_scorer
from n3hyper.runcard import parse_runcard
from tests.support.toy_trainer import toy_fit
from tests.support.runcard_samples import good_card
from tests.support.synthetic import synthetic_problem

card = good_card()
card["kfold"]["penalties"] = ["largest", "patience"]
kfold = replace(parse_runcard(card).kfold, threshold=np.inf)
problem = synthetic_problem(folds=2, replicas=3)
result = make_scorer(problem, kfold)(toy_fit(problem, np.array(json.loads(input()))))
print(json.dumps(result["kfold_meta"]["penalties"]["largest"]))
card["kfold"]["penalties"] = ["no_penalty"]
try:
    parse_runcard(card)
except RuncardError as error:
    print(error)
"""


def test_a_penalty_that_is_written_into_the_module_is_found_by_its_name(tmp_path: Path) -> None:
    """A twin of the package with one function more, from the runcard to the record of a trial."""
    package, root = Path(n3hyper.__file__).parent, Path(__file__).parents[2]
    twin = tmp_path / "n3hyper"
    (twin / "hyper_optimization").mkdir(parents=True)
    for original in [*package.iterdir(), *(package / "hyper_optimization").iterdir()]:
        copy = twin / original.relative_to(package)
        if not copy.exists() and original.name != "__pycache__":
            copy.symlink_to(original)
    module = twin / "hyper_optimization" / "penalties.py"
    text = module.read_text()
    module.unlink()
    module.write_text(text + WRITTEN)
    scales = 1.0 + 0.1 * np.arange(6.0).reshape(2, 3)
    done = subprocess.run(
        [sys.executable, "-c", USED],
        input=json.dumps(scales.tolist()),
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(root)])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    numbers, refusal = done.stdout.splitlines()
    x = np.array([[[0.1]]])
    expected = [[np.abs(ToyPDF(np.array(s))(x)).max() for s in row] for row in scales]
    np.testing.assert_allclose(json.loads(numbers), expected)
    assert "kfold.penalties[0]" in refusal
    assert "one of: integrability, largest, patience, saturation" in refusal


@pytest.mark.parametrize("name", ["np", "_per_replica", "find_penalties", "Any", "nothing"])
def test_what_is_no_penalty_is_refused_with_its_place(name: str) -> None:
    with pytest.raises(RuncardError, match="unknown penalty") as caught:
        find_penalties(["patience", name])
    assert str(caught.value).startswith("kfold.penalties[1]: ")
    assert "\n" not in str(caught.value)


def test_patience_has_the_documented_number() -> None:
    stopping = SimpleNamespace(
        e_best_chi2=1000, stopping_patience=500, total_epochs=5000, vl_loss=2.42
    )
    value = patience(stopping, alpha=1e-4)
    assert value == 3.434143467595683
    assert isinstance(value, float)


def test_patience_takes_the_name_of_n3fit_and_arrays() -> None:
    stopping = SimpleNamespace(
        e_best_chi2=np.array([500, 4500]),
        stopping_patience=500,
        total_epochs=5000,
        vl_chi2=np.array([2.0, 3.0]),
    )
    np.testing.assert_allclose(
        patience(stopping_object=stopping), [2.0 * np.exp(0.4), 3.0], rtol=1e-14
    )


@given(best=st.integers(0, 20_000), wait=st.integers(0, 20_000), loss=st.floats(0.1, 100.0))
def test_patience_never_lowers_the_validation_loss(best: int, wait: int, loss: float) -> None:
    stopping = SimpleNamespace(
        e_best_chi2=best, stopping_patience=wait, total_epochs=20_000, vl_loss=loss
    )
    assert patience(stopping) >= loss


def slow_saturation(model, n: int, low: float, high: float, flavours: list[int]) -> np.ndarray:
    """Replica by replica, flavour by flavour, slope by slope."""
    x = [low * (high / low) ** (i / (n - 1)) for i in range(n)]
    y = model(np.array(x).reshape(1, -1, 1))[0]
    total = []
    for replica in range(y.shape[-1]):
        penalty = 0.0
        for flavour in flavours:
            slopes = [
                (y[i + 1, flavour, replica] - y[i, flavour, replica])
                / (np.log10(x[i + 1]) - np.log10(x[i]))
                for i in range(n - 1)
            ]
            penalty += 1 / (1e-7 + abs(np.mean(slopes)) + np.std(slopes))
        total.append(penalty)
    return np.array(total)


@pytest.mark.parametrize("flavours", [None, [1, 2, 9]])
def test_saturation_agrees_with_its_slow_twin(flavours: list[int] | None) -> None:
    model = power(0.3)
    expected = slow_saturation(model, 7, 1e-6, 1e-4, flavours or [1, 2])
    np.testing.assert_allclose(saturation(model, n=7, flavors=flavours), expected, rtol=1e-10)


def test_saturation_of_a_flat_pdf_is_bounded() -> None:
    assert saturation(lambda x: np.ones((1, x.size, 14))) == pytest.approx(2e7)


def test_a_single_network_gives_a_float() -> None:
    single = lambda x: x**0.3 * np.ones(14)  # noqa: E731
    assert isinstance(saturation(single, 5), float)
    assert isinstance(integrability(single), float)


def test_integrability_looks_at_the_flavours_with_sum_rules() -> None:
    names = [FK_FLAVOURS[index] for index in INTEGRABLE_FLAVOURS]
    assert names == ["V", "T3", "V3", "T8", "V8"]


def test_integrability_vanishes_below_the_threshold_and_is_capped() -> None:
    assert not integrability(power(0.5)).any()
    assert integrability(lambda x: 1e9 * np.ones((1, 3, 14))) == pytest.approx(np.expm1(50))


def test_integrability_counts_each_flavour_above_the_threshold() -> None:
    xpdf = np.zeros((1, 3, 14, 2))
    xpdf[:, :, 3, 0] = 0.3  # V of the first replica: 0.9
    xpdf[:, :, 10, 0] = -0.2  # T8: 0.6
    xpdf[:, :, 5, 1] = 0.16  # V8 of the second: 0.48
    np.testing.assert_allclose(integrability(lambda _x: xpdf), [np.expm1(1.5), 0.0])


def test_nan_stays_nan() -> None:
    broken = lambda x: np.full((1, x.size, 14, 1), np.nan)  # noqa: E731
    assert np.isnan(saturation(broken)).all()
    assert np.isnan(integrability(broken)).all()


def test_a_penalty_without_its_model_says_so() -> None:
    with pytest.raises(TypeError, match="needs a pdf_model"):
        saturation()
