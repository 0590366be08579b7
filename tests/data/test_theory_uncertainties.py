"""Tests of theory uncertainties: numbers of validphys with made-up theories, and their form."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from n3hyper.data.build import build_problem
from n3hyper.data.commondata import cut, load_commondata
from n3hyper.data.covariance import build_covariance
from n3hyper.data.problem import FitProblem
from n3hyper.data.uncertainties.prescriptions import PRESCRIPTIONS
from n3hyper.data.uncertainties.variations import VARIED, varied_theories
from n3hyper.errors import DataError, RuncardError, TheoryError
from n3hyper.fitting.loss.modes import modes_of
from n3hyper.runcard import parse_runcard
from n3hyper.runcard.names import POINT_PRESCRIPTIONS, POWER
from tests.data.reference.make_reference import varied_cases as reference
from tests.support.runcard_samples import good_card
from tests.support.varied_theories import write_pdf_sets, write_varied_theories

SEVEN_POINTS = 4 + 3 * 2
"""Columns of seven points in three processes."""
STORED = np.load(Path(__file__).parent / "reference" / "varied.npz")
SEVEN = {"point_prescriptions": ["7 point"], "pdf": "toy_unpol"}


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A folder of theories; the PDF sets are found by LHAPDF's variable."""
    folder = tmp_path_factory.mktemp("made_up")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LHAPDF_DATA_PATH", str(folder / "lhapdf"))
        write_pdf_sets(folder / "lhapdf")
        write_varied_theories(folder / "theories")
        yield folder / "theories"


def card(inputs: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    edits = {
        "dataset_inputs": inputs,
        "datacuts": {"q2min": 3.49, "w2min": 12.5, "t0pdfset": "toy_unpol"},
        "theory": {"theoryid": 40_000_000},
        "kfold": {"partitions": [{"datasets": [inputs[0]["dataset"]]}]},
        "positivity": {"posdatasets": []},
        "integrability": {"integdatasets": []},
        "genrep": True,
        "same_trvl_per_replica": False,
        **reference.SEEDS,
    }
    return {**good_card(), **edits, **changes}


def build(
    theories: Path, *, inputs: list[dict[str, Any]] = reference.VARIED, **changes: Any
) -> FitProblem:
    return build_problem(parse_runcard(card(inputs, **changes), "card.yml"), 2, theories)


def brief(matrix: np.ndarray) -> np.ndarray:
    return reference.brief(matrix)


def of_theory(problem: FitProblem, plain: FitProblem) -> np.ndarray:
    """The part of the covariance that theory has added."""
    columns = problem.fit_covariance.sys[:, plain.fit_covariance.sys.shape[1] :]
    dense: np.ndarray = columns @ columns.T
    return dense


def assert_same(found: np.ndarray, expected: np.ndarray) -> None:
    """As good as rounding in units of the largest number of each column."""
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-11 * np.abs(expected).max())


@pytest.fixture(scope="module")
def plain(made_up: Path) -> FitProblem:
    return build(made_up)


@pytest.fixture(scope="module")
def seven(made_up: Path) -> FitProblem:
    return build(made_up, theorycovmatconfig=SEVEN)


@pytest.mark.parametrize("name", reference.PRESCRIPTIONS)
def test_covariances_of_prescriptions_are_those_of_validphys(
    name: str, made_up: Path, plain: FitProblem
) -> None:
    problem = build(made_up, theorycovmatconfig={**SEVEN, "point_prescriptions": [name]})
    assert_same(brief(of_theory(problem, plain)), STORED[name.replace(" ", "_")])
    # few columns: one for each group, and its contrasts in each of three processes
    groups = PRESCRIPTIONS[name].groups
    columns = sum(1 + 3 * (len(group.members) - 1) for group in groups)
    assert problem.fit_covariance.sys.shape[1] - plain.fit_covariance.sys.shape[1] == columns


def test_a_fit_with_seven_points_is_that_of_n3fit(seven: FitProblem, plain: FitProblem) -> None:
    assert_same(brief(plain.fit_covariance.dense()), STORED["t0"])
    assert_same(brief(seven.fit_covariance.dense()), STORED["total"])
    np.testing.assert_allclose(seven.replica_data, STORED["replicas"], rtol=1e-10)
    np.testing.assert_array_equal(seven.training_masks, STORED["masks"])
    # scores look at the experimental uncertainties
    np.testing.assert_array_equal(seven.exp_covariance.sys, plain.exp_covariance.sys)
    assert seven.fingerprint != plain.fingerprint


def test_eigenmodes_are_those_of_the_sum(made_up: Path) -> None:
    folds = {"partitions": [{"datasets": [reference.VARIED[0]["dataset"]], "overfit": True}]}
    problem = build(made_up, theorycovmatconfig=SEVEN, diagonal_basis=True, kfold=folds)
    (modes,) = modes_of(problem)
    sigma = np.sqrt(np.diag(problem.fit_covariance.dense()))
    values = 1 / np.square(modes * sigma[:, None]).sum(axis=0)
    np.testing.assert_allclose(values, STORED["eigenvalues"], rtol=1e-9)


def test_prescriptions_and_a_matrix_of_the_user_add_up(
    made_up: Path, plain: FitProblem, tmp_path: Path
) -> None:
    file = tmp_path / "matrix.csv"
    file.write_text(reference.user_file())
    user = {"user_covmat_path": str(file), "mult_factor": 4}
    alone = build(made_up, theorycovmatconfig=user)
    assert_same(brief(of_theory(alone, plain)), 4 * STORED["user"])
    names = {**SEVEN, "point_prescriptions": ["9 point", "3 point"], **user}
    together = build(made_up, theorycovmatconfig=names)
    expected = STORED["9_point"] + STORED["3_point"] + 4 * STORED["user"]
    assert_same(brief(of_theory(together, plain)), expected)
    file.write_text("nothing")
    with pytest.raises(DataError, match="not a table of covariances"):
        build(made_up, theorycovmatconfig=user)
    last = "HERA_NC_318GEV_EAVG_BOTTOM-SIGMARED,26,"
    file.write_text(reference.user_file().replace(last, last.replace("HERA", "HERB")))
    with pytest.raises(DataError, match=r"has no row of point 26"):
        build(made_up, theorycovmatconfig={**user, "user_covmat_path": str(file)})
    with pytest.raises(RuncardError, match="no such file"):
        build(made_up, theorycovmatconfig={"user_covmat_path": "none.csv"})


@pytest.mark.parametrize("name", ["power", "power_one_rapidity"])
def test_power_corrections_are_those_of_validphys(name: str, made_up: Path) -> None:
    one = name != "power"
    inputs = reference.CORRECTED
    asked = {
        "point_prescriptions": [POWER],
        "pdf": "toy_unpol",
        "pc_parameters": reference.ONE_RAPIDITY if one else reference.POWER,
        "pc_included_procs": ["DIS NC", "DIS CC", "JETS", "DIJET"],
        "pc_excluded_datasets": [inputs[5]["dataset"]] if one else [],
    }
    before = build(made_up, inputs=inputs)
    problem = build(made_up, inputs=inputs, theorycovmatconfig=asked)
    assert_same(brief(of_theory(problem, before)), STORED[name])
    if one:
        asked["pc_excluded_datasets"] = []
        with pytest.raises(DataError, match=r"13TEV.*pc_excluded_datasets"):
            build(made_up, inputs=inputs, theorycovmatconfig=asked)


def test_where_theory_uncertainties_enter(
    made_up: Path, seven: FitProblem, plain: FitProblem
) -> None:
    only_fit = build(made_up, theorycovmatconfig={**SEVEN, "use_thcovmat_in_sampling": False})
    only_data = build(made_up, theorycovmatconfig={**SEVEN, "use_thcovmat_in_fitting": False})
    np.testing.assert_array_equal(only_fit.fit_covariance.sys, seven.fit_covariance.sys)
    np.testing.assert_array_equal(only_data.fit_covariance.sys, plain.fit_covariance.sys)
    np.testing.assert_array_equal(only_data.replica_data, seven.replica_data)
    assert not np.array_equal(only_fit.replica_data, seven.replica_data)


def test_the_theory_of_t0_may_be_another(made_up: Path, plain: FitProblem) -> None:
    other = build(made_up, theory={"theoryid": 40_000_000, "t0theoryid": 711})
    t0 = STORED["other_t0"]
    data = [
        cut(load_commondata(entry["dataset"], entry.get("variant")), info.points)
        for entry, info in zip(reference.VARIED, other.datasets, strict=True)
    ]
    expected = build_covariance(data, t0).dense()
    assert_same(other.fit_covariance.dense(), expected)
    assert other.fingerprints["cuts and t0"] != plain.fingerprints["cuts and t0"]


def test_small_eigenvalues_of_correlations_are_raised(made_up: Path) -> None:
    problem = build(made_up, theorycovmatconfig=SEVEN, norm_threshold=3)
    columns = problem.fit_covariance.sys.shape[1] - SEVEN_POINTS
    before = dataclasses.replace(
        problem.fit_covariance, sys=problem.fit_covariance.sys[:, :columns]
    )
    assert_same(brief(before.dense()), STORED["regularised"])


def test_points_pass_the_cuts_of_all_theories(made_up: Path, plain: FitProblem) -> None:
    datacuts = {
        "q2min": 3.49,
        "w2min": 12.5,
        "t0pdfset": "toy_unpol",
        "use_cuts": "fromintersection",
        "cuts_intersection_spec": [{"theoryid": 40_000_000}, {"theoryid": 717}],
    }
    both = build(made_up, datacuts=datacuts)
    for ours, of_one in zip(both.datasets, plain.datasets, strict=True):
        assert set(ours.points) <= set(of_one.points)


def test_all_prescriptions_have_theories_and_names() -> None:
    assert {*PRESCRIPTIONS, POWER} == set(POINT_PRESCRIPTIONS)
    # some of validphys' table
    assert varied_theories("7 point", 40_000_000) == (708, 711, 705, 709, 707, 712, 704)
    assert varied_theories("9 point", 717) == (717, 720, 714, 718, 716, 721, 713, 719, 715)
    assert varied_theories("7 point", 41_000_000)[1:3] == (41_000_014, 41_000_011)
    assert varied_theories("ad ihou", 722)[-1] == 783
    assert varied_theories("3pt missing", 41_100_000) == (41_100_000, 41_100_054, 41_100_055)
    assert varied_theories("alphas 0118 0120 0116", 40_000_000) == (708, 809, 806)
    assert varied_theories("dis ihou", 1000) == (1000, 1023, 1024)
    assert len(VARIED) == 76
    with pytest.raises(TheoryError, match="NNPDF has no theories of the prescription '9 point'"):
        varied_theories("9 point", 41_000_000)


def test_missing_theories_are_all_named(made_up: Path) -> None:
    with pytest.raises(TheoryError, match=r"need theories 708, 1, 2; missing: 1, 2: theory 1 not"):
        build(
            made_up,
            theorycovmatconfig={
                **SEVEN,
                "point_prescriptions": ["3 point"],
                "theoryids": [708, 1, 2],
            },
        )
    with pytest.raises(RuncardError, match="name 7, the central one first"):
        build(made_up, theorycovmatconfig={**SEVEN, "theoryids": [708, 1]})


@pytest.mark.parametrize("name", sorted(PRESCRIPTIONS))
def test_columns_make_the_sums_over_pairs_of_processes(name: str) -> None:
    """The slow, obvious twin: within a process all shifts, between two the groups' sums."""
    prescription = PRESCRIPTIONS[name]
    shifts = np.random.default_rng(3).normal(size=(len(prescription.variations), 6))
    processes = ["A", "B", "A", "B", "B", "C"]
    expected = np.zeros((6, 6))
    for i, j in np.ndindex(6, 6):
        for group in prescription.groups:
            ours, theirs = shifts[list(group.members), i], shifts[list(group.members), j]
            same = processes[i] == processes[j]
            mean = ours.sum() * theirs.sum() / len(group.members)
            expected[i, j] += group.factor * (ours @ theirs if same else mean)
    columns = prescription.columns(shifts, processes)
    np.testing.assert_allclose(columns @ columns.T, expected, rtol=1e-12, atol=1e-12)
