"""Files of a fit against those that n3fit 4.1.5 has made (see make_reference.py)."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from n3hyper.errors import FitError, StoreError
from n3hyper.fitting.network.pdf_model import Layer, PDFModel
from n3hyper.physics.bases import fitbasis_to_evolution
from n3hyper.physics.distributions import INTEGRABILITY_X, arc_lengths, integrability_numbers
from n3hyper.physics.preprocessing import Preprocessing
from n3hyper.physics.sum_rules import sum_rules
from n3hyper.physics.xgrid import export_xgrid
from n3hyper.replicas.files.exportgrid import ExportGrid, partons, read_exportgrid
from n3hyper.replicas.files.fit_json import chi2_log, fit_json
from n3hyper.replicas.files.weights_file import read_weights, weights_bytes
from n3hyper.replicas.replica_fit import ReplicaFit
from n3hyper.replicas.vetoes import TOTAL, judge
from n3hyper.runcard import Runcard, load_runcard
from tests.support.toy_replicas import toy_fit

REFERENCE = Path(__file__).parent / "reference"
TRAINABLE = [True] * 8


def unpacked(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_bytes(gzip.decompress((REFERENCE / f"{name}.gz").read_bytes()))
    return path


@pytest.fixture
def n3fit_json(tmp_path: Path) -> dict[str, Any]:
    return json.loads(unpacked(tmp_path, "n3fit.json").read_text())


@pytest.fixture
def runcard() -> Runcard:
    return load_runcard(REFERENCE / "n3fit.yml")


@pytest.fixture
def model(tmp_path: Path, runcard: Runcard) -> PDFModel:
    """The PDFs of n3fit's weights."""
    weights = read_weights(unpacked(tmp_path, "n3fit.weights.h5"), TRAINABLE, subtracts=False)
    rules = sum_rules("All", "NN31IC")
    flavours = Preprocessing.from_basis(runcard.fitting.basis).flavours
    names = runcard.parameters["activation_per_layer"]
    return PDFModel(
        layers=tuple(
            Layer(kernel[None], bias[None], name)
            for (kernel, bias), name in zip(weights.layers, names, strict=True)
        ),
        alpha=weights.alpha[None],
        beta=weights.beta[None],
        rotation=fitbasis_to_evolution("NN31IC", flavours),
        rules=rules,
        constants=rules.constants((1,)),
    )


def test_an_export_grid_is_that_of_the_weights(tmp_path: Path, model: PDFModel) -> None:
    grid = read_exportgrid(unpacked(tmp_path, "n3fit.exportgrid"))
    assert (grid.replica, grid.q0) == (1, pytest.approx(1.65))
    assert grid.xgrid == pytest.approx(export_xgrid(), rel=1e-11)
    made = partons(model.evaluate(export_xgrid())[0], active=4)
    # n3fit's sum rules are a trapezoid's, its numbers single precision
    assert made == pytest.approx(grid.values, rel=3e-4, abs=1e-4)
    assert (made[:, [0, 1, 11, 12, 13]] == 0).all()


def test_an_export_grid_is_read_as_it_was_written(tmp_path: Path) -> None:
    fit = toy_fit(4)
    grid = ExportGrid(4, 1.65, export_xgrid(), partons(fit.pdf, active=4))
    path = tmp_path / "a.exportgrid"
    path.write_text(grid.text())
    again = read_exportgrid(path)
    assert (again.values == grid.values).all()
    assert (again.xgrid == grid.xgrid).all()
    lines = unpacked(tmp_path, "n3fit.exportgrid").read_text().splitlines()
    assert grid.text().splitlines()[:2] == lines[:2]
    keys = [line.split(":")[0] for line in lines if line[0].isalpha()]
    assert [line.split(":")[0] for line in grid.text().splitlines() if line[0].isalpha()] == keys


@pytest.mark.parametrize("text", ["labels: [U]", "[]", "pdfgrid: 3", "a: b: c"])
def test_what_is_no_export_grid(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.exportgrid"
    path.write_text(text)
    with pytest.raises((StoreError, ValueError), match=r"a\.exportgrid: "):
        read_exportgrid(path)


def test_arc_lengths_and_integrability(model: PDFModel, n3fit_json: dict[str, Any]) -> None:
    lengths = arc_lengths(model.evaluate)[0]
    assert lengths == pytest.approx(n3fit_json["arc_lengths"], rel=1e-4)
    numbers = integrability_numbers(model.evaluate(np.array(INTEGRABILITY_X)))[0]
    assert numbers == pytest.approx(n3fit_json["integrability"], rel=1e-4, abs=1e-6)


def test_the_json_has_the_keys_of_n3fit(n3fit_json: dict[str, Any], runcard: Runcard) -> None:
    made = json.loads(fit_json(toy_fit(5), runcard.fitting.basis, None, seconds=3.0))
    assert list(made) == list(n3fit_json)
    assert list(made["preprocessing"][0]) == list(n3fit_json["preprocessing"][0])
    assert (made["pos_state"], made["stop_epoch"]) == ("POS_VETO", 250)
    assert made["hyperparameters"] == "from runcard"


def test_chi2_along_a_fit() -> None:
    fit = replace(toy_fit(1), curves=np.array([[3.0, 4.0], [1.0, 2.0], [np.nan, np.nan]]))
    made = json.loads(chi2_log(fit))
    assert list(made) == ["100", "200"]
    assert made["200"] == {
        "training_loss": 1.0,
        "validation_loss": [2.0],
        "validation_chi2s": {"total": 2.0},
    }


@pytest.mark.parametrize("subtracts", [False, True])
@pytest.mark.parametrize("blocks", [1, 8])
def test_weights_are_read_as_they_were_written(
    tmp_path: Path, subtracts: bool, blocks: int
) -> None:
    rng = np.random.default_rng(0)
    outputs = 8 // blocks
    layers = tuple(
        (rng.normal(size=(blocks, a, b)), rng.normal(size=(blocks, b)))
        for a, b in ((2, 5), (5, 4), (4, outputs))
    )
    weights = replace(toy_fit(1).weights, layers=layers)
    trainable = [True, False, True, True, False, True, True, True]
    path = tmp_path / "a.weights.h5"
    path.write_bytes(weights_bytes(weights, trainable, subtracts))
    again = read_weights(path, trainable, subtracts, blocks)
    for (kernel, bias), (one, other) in zip(layers, again.layers, strict=True):
        assert one == pytest.approx(kernel, rel=1e-6)
        assert other == pytest.approx(bias, rel=1e-6)
    assert again.alpha == pytest.approx(weights.alpha, rel=1e-6)
    assert again.beta == pytest.approx(weights.beta, rel=1e-6)


def test_the_same_weights_are_the_same_bytes() -> None:
    weights = toy_fit(1).weights
    assert weights_bytes(weights, TRAINABLE, False) == weights_bytes(weights, TRAINABLE, False)


def test_what_holds_no_weights(tmp_path: Path) -> None:
    path = tmp_path / "a.weights.h5"
    path.write_text("no")
    with pytest.raises(FitError, match=r"a\.weights\.h5: not weights"):
        read_weights(path, TRAINABLE, subtracts=False)


def test_vetoes_are_those_of_postfit() -> None:
    stored = json.loads((REFERENCE / "postfit.json").read_text())
    fits = [
        replace(
            toy_fit(1),
            number=number,
            chi2=chi2,
            positive=positive,
            arc_lengths=np.array(lengths),
            integrability=np.array(integrable),
        )
        for number, (chi2, positive, lengths, integrable) in enumerate(
            zip(
                *(stored[key] for key in ("chi2", "positive", "arc_lengths", "integrability")),
                strict=True,
            ),
            1,
        )
    ]
    vetoes = judge(fits)
    assert {name: mask.tolist() for name, mask in vetoes.passed.items()} == stored["passed"]
    assert 0 < vetoes.passed[TOTAL].sum() < len(fits)
    # the second largest is found once the largest is out
    assert not {4, 31, 41} & set(vetoes.chosen)


def test_a_replica_travels_as_plain_data() -> None:
    fit = toy_fit(3)
    again = ReplicaFit.decode(json.loads(json.dumps(fit.encode())))
    assert (again.pdf == fit.pdf).all()
    assert again.predictions == pytest.approx(fit.predictions, rel=1e-7)
    assert (again.chi2, again.number, again.positive) == (fit.chi2, 3, True)
    assert np.isnan(ReplicaFit.decode({**fit.encode(), "chi2": None}).chi2)


@pytest.mark.parametrize(
    "change",
    [
        {"pdf": None},
        {"pdf": {"shape": [10**9, 10**9], "dtype": "<f8", "data": ""}},
        {"pdf": {"shape": [2], "dtype": "object", "data": ""}},
        {"pdf": {"shape": [2], "dtype": "<f8", "data": "!"}},
        {"number": "x"},
        {"layers": [[1]]},
    ],
)
def test_a_hostile_replica_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(StoreError, match="not the fit of a replica"):
        ReplicaFit.decode({**toy_fit(3).encode(), **change})
