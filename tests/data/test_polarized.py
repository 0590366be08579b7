"""Tests of polarised fits: numbers of validphys and n3fit with made-up tables."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from n3hyper.data.build import build_problem
from n3hyper.data.fingerprint import fingerprint
from n3hyper.data.problem import FitProblem
from n3hyper.errors import DataError, TheoryError
from n3hyper.fitting.loss.table_making.table_maker import make_tables
from n3hyper.physics.bases import fitbasis_to_evolution
from n3hyper.physics.sum_rules import sum_rules
from n3hyper.runcard import parse_runcard
from n3hyper.theory.lhapdf import at_scale, evolution_of, find_set, read_member
from tests.data.reference.make_reference import varied_cases as reference
from tests.support.runcard_samples import good_card
from tests.support.varied_theories import write_pdf_sets, write_varied_theories

STORED = np.load(Path(__file__).parent / "reference" / "polarized.npz")
FLAVOURS = ("sng", "g", "t3", "t8", "v", "v3")
BOUND = {"unpolarized_bc": "toy_unpol", "n_std": 1.0}


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A folder of theories; the PDF sets are found by LHAPDF's variable."""
    folder = tmp_path_factory.mktemp("made_up")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LHAPDF_DATA_PATH", str(folder / "lhapdf"))
        write_pdf_sets(folder / "lhapdf")
        write_varied_theories(folder / "theories")
        yield folder / "theories"


def card(**changes: Any) -> dict[str, Any]:
    parameters = {**good_card()["parameters"], "nodes_per_layer": [25, 20, 6]}
    edits: dict[str, Any] = {
        "dataset_inputs": reference.POLARIZED,
        "datacuts": {
            "q2min": 1.0,
            "w2min": 4.0,
            "t0pdfset": "toy_pol",
            "unpolarized_bc": "toy_unpol",
        },
        "theory": {"theoryid": 41_100_010},
        "theorycovmatconfig": {
            "point_prescriptions": ["3 point"],
            "pdf": "toy_pol",
            "unpolarized_bc": "toy_unpol",
        },
        "parameters": parameters,
        "hyperscan_config": {"stopping": {"min_epochs": 100, "max_epochs": 200}},
        "fitting": {
            "fitbasis": "POLARIZED_EVOL_CMP",
            "basis": [
                {"fl": fl, "trainable": False, "smallx": [0.5, 1.2], "largex": [1.5, 3]}
                for fl in FLAVOURS
            ],
        },
        "sum_rules": "TSR",
        "positivity_bound": BOUND,
        "kfold": {"partitions": [{"datasets": [reference.POLARIZED[0]["dataset"]]}]},
        "positivity": {
            "posdatasets": [{"dataset": n, "maxlambda": 1e8} for n in reference.CONSTRAINTS[:3]]
        },
        "integrability": {
            "integdatasets": [{"dataset": n, "maxlambda": 100} for n in reference.CONSTRAINTS[3:]]
        },
        "genrep": True,
        "same_trvl_per_replica": False,
        **reference.SEEDS,
    }
    return {**good_card(), **edits, **changes}


def build(theories: Path, **changes: Any) -> FitProblem:
    return build_problem(parse_runcard(card(**changes), "card.yml"), 2, theories)


@pytest.fixture(scope="module")
def problem(made_up: Path) -> FitProblem:
    return build(made_up)


@pytest.fixture(scope="module")
def pdfs(problem: FitProblem) -> np.ndarray:
    """The central member of `toy_pol` and its replicas, on the x-grid of the fit."""
    central = find_set("toy_pol")
    files = sorted(central.parent.glob("toy_pol_*.dat"))
    members = [at_scale(read_member(file), 1.65, "toy_pol") for file in files]
    return np.stack([evolution_of(member, problem.theory.xgrid, 1.65) for member in members])


def assert_same(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-11 * np.abs(expected).max())


def test_predictions_are_those_of_validphys(problem: FitProblem, pdfs: np.ndarray) -> None:
    predictions = problem.theory.predict(pdfs)
    points = np.concatenate([info.points for info in problem.datasets if info.points is not None])
    np.testing.assert_array_equal(points, STORED["points"])
    # readers of LHAPDF sets round differently
    np.testing.assert_allclose(
        predictions[:, : problem.ndata], STORED["predictions"], rtol=1e-6, atol=1e-9
    )
    np.testing.assert_allclose(
        predictions[0, : problem.ndata], STORED["t0_predictions"], rtol=1e-6, atol=1e-9
    )


def test_positivity_has_standard_deviations_as_in_n3fit(
    problem: FitProblem, pdfs: np.ndarray, made_up: Path
) -> None:
    predictions = problem.theory.predict(pdfs)
    without = build(made_up, positivity_bound={**BOUND, "n_std": 0.0}).theory.predict(pdfs)
    for info in (*problem.positivity, *problem.integrability):
        stored = STORED[f"{info.name}/bounded"]
        size = 1e-6 * np.abs(stored).max()
        np.testing.assert_allclose(predictions[0, info.slice], stored, rtol=0, atol=size)
        # of bounds validphys has the central member alone: it pairs those of both sets by number
        stored = STORED[f"{info.name}/predictions"]
        known = np.isfinite(stored).all(axis=1)
        assert known[0]
        np.testing.assert_allclose(without[known][:, info.slice], stored[known], rtol=0, atol=size)


def test_covariance_pseudodata_and_split_are_those_of_n3fit(
    problem: FitProblem, made_up: Path
) -> None:
    plain = build(made_up, theorycovmatconfig=None)
    assert_same(reference.brief(plain.fit_covariance.dense()), STORED["t0"])
    assert_same(reference.brief(problem.fit_covariance.dense()), STORED["total"])
    np.testing.assert_allclose(problem.replica_data, STORED["replicas"], rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(problem.training_masks, STORED["masks"])


def test_steps_read_what_is_left_of_the_tables(problem: FitProblem) -> None:
    rotation = fitbasis_to_evolution("POLARIZED_EVOL_CMP", FLAVOURS)
    tables = make_tables(
        problem.theory, problem.ndata, rotation, sum_rules("TSR", "POLARIZED_EVOL_CMP")
    )
    fitted = np.random.default_rng(2).normal(size=(3, problem.theory.xgrid.size, len(FLAVOURS)))
    pdfs = fitted @ rotation
    expected = problem.theory.predict(pdfs)
    np.testing.assert_allclose(tables.predict(pdfs), expected, rtol=1e-9, atol=1e-9)


def test_what_is_not_polarised_is_said(made_up: Path, problem: FitProblem) -> None:
    with pytest.raises(DataError, match="PDF set 'nowhere' for unpolarised not found"):
        build(made_up, positivity_bound={"unpolarized_bc": "nowhere"})
    with pytest.raises(TheoryError, match="no table has a fitted PDF in it"):
        build(
            made_up,
            theory={"theoryid": 40_000_000},
            dataset_inputs=reference.VARIED,
            kfold={"partitions": [{"datasets": [reference.VARIED[0]["dataset"]]}]},
            theorycovmatconfig=None,
            positivity={"posdatasets": []},
            integrability={"integdatasets": []},
        )
    unpolarized = {key: good_card()[key] for key in ("fitting", "parameters", "sum_rules")}
    with pytest.raises(TheoryError, match="polarised protons, in a fit of unpolarised PDFs"):
        build(
            made_up,
            **unpolarized,
            datacuts={"q2min": 1.0, "w2min": 4.0},
            theorycovmatconfig=None,
            positivity_bound=None,
        )


def test_the_tables_of_unpolarised_fits_have_the_fingerprint_of_before(problem: FitProblem) -> None:
    stack = dataclasses.replace(problem.theory, constants=None)
    assert fingerprint(stack) != fingerprint(problem.theory)
    kept = [getattr(stack, f.name) for f in dataclasses.fields(stack) if f.name != "constants"]
    assert fingerprint(stack) == fingerprint(["TheoryStack", *kept])
