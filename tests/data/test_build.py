"""Tests of fit problems built from runcards, with tables written for the test and real ones."""

from __future__ import annotations

import copy
import logging
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from n3hyper.data.build import build_problem
from n3hyper.data.fingerprint import fingerprint
from n3hyper.data.problem import FitProblem
from n3hyper.errors import DataError, RuncardError, TheoryError
from n3hyper.runcard.load import load_runcard, parse_runcard
from n3hyper.theory.folders import SHIPPED
from n3hyper.theory.lhapdf import evolution_grid
from tests.support.fktable_files import write_table

REFERENCE = Path(__file__).parents[1] / "theory" / "reference"
RUNCARDS = Path(__file__).resolve().parents[2] / "runcards"

SLAC, HERA = "SLAC_NC_NOTFIXED_P_EM-F2", "HERA_CC_318GEV_EM-SIGMARED"
BOTTOM = "HERA_NC_318GEV_EAVG_BOTTOM-SIGMARED"

BASIS = [
    {"fl": name, "smallx": [0.5, 1.2], "largex": [1.2, 3.0]}
    for name in ("sng", "g", "v", "v3", "v8", "t3", "t8", "cp")
]
CARD: dict[str, Any] = {
    "description": "for a test",
    "dataset_inputs": [
        {"dataset": SLAC, "frac": 0.75, "variant": "legacy_dw"},
        {"dataset": HERA, "frac": 0.5, "variant": "legacy", "weight": 4.0},
        {"dataset": BOTTOM, "frac": 0.75, "variant": "legacy"},
    ],
    "datacuts": {"q2min": 3.49, "w2min": 12.5, "t0pdfset": "tiny"},
    "theory": {"theoryid": 77},
    "hyperscan_config": {"stopping": {"min_epochs": 10, "max_epochs": 20}},
    "kfold": {"partitions": [{"datasets": [SLAC]}, {"datasets": [HERA, BOTTOM], "weight": 2.0}]},
    "genrep": True,
    "trvlseed": 1,
    "nnseed": 2,
    "mcseed": 3,
    "parameters": {
        "nodes_per_layer": [5, 8],
        "activation_per_layer": ["tanh", "linear"],
        "initializer": "glorot_normal",
        "optimizer": {"optimizer_name": "Nadam", "learning_rate": 0.01},
        "epochs": 10,
        "positivity": {"initial": 1.0, "multiplier": 1.1},
        "integrability": {"initial": 1.0, "multiplier": 1.1},
        "stopping_patience": 0.3,
        "layer_type": "dense",
        "dropout": 0.0,
        "threshold_chi2": 5.0,
    },
    "fitting": {"fitbasis": "NN31IC", "basis": BASIS},
    "positivity": {"posdatasets": [{"dataset": "NNPDF_POS_2P24GEV_F2U", "maxlambda": 1e6}]},
    "integrability": {"integdatasets": [{"dataset": "NNPDF_INTEG_3GEV_XT8", "maxlambda": 1e2}]},
}


@pytest.fixture(scope="module")
def theory_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write tables of the right lengths, with coefficients that give positive predictions."""
    folder = tmp_path_factory.mktemp("theories")
    rng = np.random.default_rng(2)
    tables = {
        "SLAC_NC_EM_P_F2": 211,
        "HERA_CC_318GEV_EM_SIGMARED": 42,
        "HERA_NC_318GEV_EAVG_SIGMARED_BOTTOM": 27,
        "NNPDF_POS_F2U_40": 20,
        "INTEGXT8": 1,
    }
    for name, rows in tables.items():
        path = folder / "theory_77" / "fastkernel" / f"{name}.pineappl.lz4"
        nodes = np.array([1e-4, 0.01, 0.1, 0.4])
        # about as large as the measured values, with x f of order one
        values = rng.uniform(0.02, 0.1, (rows, 3, 4)) * nodes
        write_table(path, values, [[100], [21], [108]], nodes)
    (folder / "theory_77" / "theory.yml").write_text("PTO: 1\nQ0: 1.65\n")
    return folder


@pytest.fixture(autouse=True)
def tiny_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LHAPDF_DATA_PATH", str(REFERENCE))


def build(theory_path: Path, replicas: int = 2, **changes: Any) -> FitProblem:
    card = copy.deepcopy({**CARD, **changes})
    return build_problem(parse_runcard(card), replicas, theory_path)


@pytest.fixture(scope="module")
def problem(theory_path: Path) -> FitProblem:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LHAPDF_DATA_PATH", str(REFERENCE))
        return build(theory_path)


def check_shapes(problem: FitProblem, replicas: int) -> None:
    """Check what holds for every fit problem."""
    ndata, observables = problem.ndata, problem.theory.observables
    slices = [observable.slice for observable in observables]
    assert slices[0].start == 0
    assert all(a.stop == b.start for a, b in pairwise(slices))
    assert slices[-1].stop == problem.theory.npredictions
    infos = [*problem.datasets, *problem.positivity, *problem.integrability]
    assert [info.slice for info in infos] == slices
    assert problem.datasets[-1].slice.stop == ndata
    assert problem.central.shape == (ndata,)
    assert problem.replica_data.shape == (replicas, ndata)
    assert len(problem.fit_covariance) == len(problem.exp_covariance) == ndata
    assert problem.training_masks.shape == (replicas, ndata)
    assert not (problem.training_masks & problem.validation_masks).any()
    assert (problem.training_masks | problem.validation_masks).all()
    assert problem.nn_seeds.shape == (replicas,)
    for info in problem.datasets:
        trained = problem.training_masks[:, info.slice].sum(axis=1)
        assert (trained == int(info.frac * info.ndata)).all()
    for fold in problem.folds:
        for info in problem.datasets:
            assert (fold.mask[info.slice] == (info.name in fold.datasets)).all()
    assert not problem.central.flags.writeable
    assert not problem.training_masks.flags.writeable


def test_a_problem_holds_the_runcards_sets_and_settings(problem: FitProblem) -> None:
    check_shapes(problem, 2)
    assert [info.ndata for info in problem.datasets] == [33, 42, 26]
    assert [info.group for info in problem.datasets] == ["DEUTERON", "HERACOMB", "HERACOMB"]
    assert [len(fold.datasets) for fold in problem.folds] == [1, 2]
    assert [fold.weight for fold in problem.folds] == [1.0, 2.0]
    assert [info.ndata for info in problem.positivity] == [20]
    assert [info.ndata for info in problem.integrability] == [1]
    assert problem.positivity[0].maxlambda == 1e6
    assert problem.describe()["rows"] == problem.theory.npredictions


def test_replicas_fluctuate_by_the_covariance_of_the_fit(theory_path: Path) -> None:
    problem = build(theory_path, 50)
    pulls = problem.fit_covariance.chi2(problem.replica_data - problem.central) / problem.ndata
    # the mean of 50 chi2 of 101 points, by 5 standard deviations
    assert abs(pulls.mean() - 1) < 5 * np.sqrt(2 / 101 / 50)
    assert np.array_equal(build(theory_path, 3).replica_data, problem.replica_data[:3])


def test_negative_pseudodata_are_drawn_again_on_request(theory_path: Path) -> None:
    hera = build(theory_path).datasets[1].slice
    as_drawn = build(theory_path, replicas=12).replica_data[:, hera]
    assert (as_drawn < 0).any()
    again = build(theory_path, replicas=12, resample_negative_pseudodata=True)
    assert (again.replica_data[:, hera] >= 0).all()


def test_eigenmodes_are_split_on_request(theory_path: Path, problem: FitProblem) -> None:
    assert problem.mode_masks is None
    modes = build(theory_path, diagonal_basis=True, diagonal_frac=0.6)
    assert modes.mode_masks is not None
    training, validation = modes.mode_masks
    assert training.shape == (2, 2, 101)
    # the folds keep 68 and 33 of 101 points
    assert (training.sum(axis=2) == [[int(0.6 * 68)], [int(0.6 * 33)]]).all()
    assert ((training | validation).sum(axis=2) == [[68], [33]]).all()
    assert modes.training_masks.all()
    assert not modes.validation_masks.any()
    assert modes.fingerprints["seeds"] != problem.fingerprints["seeds"]
    # n3fit then draws pseudodata in a single group
    assert not np.allclose(modes.replica_data, problem.replica_data, rtol=1e-6)


def test_options_change_how_pseudodata_fluctuate(theory_path: Path, problem: FitProblem) -> None:
    for changes in ({"use_t0_sampling": False}, {"separate_multiplicative": True}):
        other = build(theory_path, **changes)
        assert not np.allclose(other.replica_data, problem.replica_data, rtol=1e-6)
        np.testing.assert_array_equal(other.central, problem.central)
    without_t0 = build(theory_path, datacuts={**CARD["datacuts"], "use_t0": False})
    plain = build(theory_path, use_t0_sampling=False)
    np.testing.assert_array_equal(plain.replica_data, without_t0.replica_data)


def test_without_genrep_replicas_are_the_measured_values(theory_path: Path) -> None:
    problem = build(theory_path, genrep=False)
    assert (problem.replica_data == problem.central).all()


def test_weights_are_in_the_fit_only(problem: FitProblem, theory_path: Path) -> None:
    inputs = [{**entry, "weight": 1.0} for entry in CARD["dataset_inputs"]]
    plain = build(theory_path, dataset_inputs=inputs)
    hera = problem.datasets[1].slice
    weighted, unweighted = (built.fit_covariance.dense()[hera, hera] for built in (problem, plain))
    assert np.allclose(weighted, unweighted / 4, rtol=1e-10)
    assert np.allclose(
        problem.exp_covariance.dense(), plain.exp_covariance.dense(), rtol=1e-10, atol=0
    )


def test_without_t0_the_fit_has_the_experimental_covariance(theory_path: Path) -> None:
    inputs = [{**entry, "weight": 1.0} for entry in CARD["dataset_inputs"]]
    problem = build(theory_path, dataset_inputs=inputs, datacuts={"use_t0": False})
    assert np.allclose(
        problem.fit_covariance.dense(), problem.exp_covariance.dense(), rtol=1e-12, atol=0
    )
    with_t0 = build(theory_path, dataset_inputs=inputs)
    assert not np.allclose(with_t0.fit_covariance.dense(), with_t0.exp_covariance.dense())


def test_a_set_without_points_is_left_out(
    theory_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kfold = {"partitions": [{"datasets": [SLAC, HERA]}, {"datasets": [BOTTOM]}]}
    with caplog.at_level(logging.WARNING):
        problem = build(theory_path, datacuts={"w2min": 1000.0, "t0pdfset": "tiny"}, kfold=kfold)
    assert SLAC not in [info.name for info in problem.datasets]
    assert f"dataset {SLAC}: no point passes the cuts" in caplog.text
    check_shapes(problem, 2)


def test_a_fold_without_points_is_an_error(theory_path: Path) -> None:
    with pytest.raises(RuncardError, match=r"kfold\.partitions\[0\]\.datasets: no point"):
        build(theory_path, datacuts={"w2min": 1000.0, "t0pdfset": "tiny"})


def test_cuts_that_leave_no_point_are_an_error(theory_path: Path) -> None:
    with pytest.raises(RuncardError, match="datacuts: no point of any data set"):
        build(theory_path, datacuts={"q2min": 1e9})


def test_user_mistakes_name_their_place(theory_path: Path) -> None:
    wrong = [{"dataset": "SLAC_NC_NOTFIXED_P_EM-F3"}, *CARD["dataset_inputs"]]
    with pytest.raises(RuncardError, match=r"dataset_inputs\[0\].*SLAC_NC_NOTFIXED_P_EM-F3"):
        build(theory_path, dataset_inputs=wrong)
    wrong = [{"dataset": SLAC, "variant": "legaci"}, *CARD["dataset_inputs"][1:]]
    with pytest.raises(RuncardError, match=r"dataset_inputs\[0\].*'legaci'"):
        build(theory_path, dataset_inputs=wrong)
    positivity = {"posdatasets": [{"dataset": "NNPDF_POS_2P24GEV_F2X", "maxlambda": 1.0}]}
    with pytest.raises(RuncardError, match=r"positivity\.posdatasets\[0\].*F2X"):
        build(theory_path, positivity=positivity)


def test_missing_theory_table_and_set_are_errors(theory_path: Path) -> None:
    with pytest.raises(TheoryError, match="there are theories 77"):
        build(theory_path, theory={"theoryid": 78})
    positivity = {"posdatasets": [{"dataset": "NNPDF_POS_2P24GEV_F2D", "maxlambda": 1.0}]}
    with pytest.raises(TheoryError, match="theory 77 has no FK table 'NNPDF_POS_F2D_40'"):
        build(theory_path, positivity=positivity)
    with pytest.raises(DataError, match="'NNPDF99' for t0 not found"):
        build(theory_path, datacuts={"t0pdfset": "NNPDF99"})


def test_fingerprint_tells_problems_apart(problem: FitProblem, theory_path: Path) -> None:
    assert build(theory_path).fingerprint == problem.fingerprint
    assert build(theory_path, parameters={**CARD["parameters"], "epochs": 11}).fingerprint == (
        problem.fingerprint
    )
    others = [
        build(theory_path, 3),
        build(theory_path, trvlseed=5),
        build(theory_path, mcseed=5),
        build(theory_path, genrep=False),
        build(theory_path, datacuts={"use_t0": False}),
        build(theory_path, kfold={"partitions": CARD["kfold"]["partitions"][::-1]}),
        build(theory_path, integrability={}),
    ]
    assert len({problem.fingerprint, *(other.fingerprint for other in others)}) == 8


def test_fingerprint_takes_known_types_only() -> None:
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint(1) != fingerprint(1.0) != fingerprint("1.0")
    assert fingerprint(np.array([1, 2])) != fingerprint(np.array([1.0, 2.0]))
    with pytest.raises(TypeError, match="cannot be hashed"):
        fingerprint(object())


def test_baseline_runcards_give_problems(
    shared_baseline: Path,
    shared_theory: Path,
    shared_lhapdf: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LHAPDF_DATA_PATH", str(shared_lhapdf))
    problem = build_problem(load_runcard(shared_baseline / "mid.yml"), 3, shared_theory)
    check_shapes(problem, 3)
    sizes = problem.describe()
    assert (sizes["datasets"], sizes["ndata"], sizes["folds"]) == (14, 1804, 4)
    assert (sizes["positivity"], sizes["integrability"]) == (13, 2)
    quick = build_problem(load_runcard(shared_baseline / "quick.yml"), 1, shared_theory)
    check_shapes(quick, 1)
    asymmetry = quick.theory.observables[2]
    assert (asymmetry.operation, asymmetry.ndata) == ("ASY", 11)


def test_the_quickstart_gives_a_problem() -> None:
    if not (SHIPPED / "theory_1650" / "theory.yml").is_file():
        pytest.skip("the shipped theory is not here")
    check_shapes(build_problem(load_runcard(RUNCARDS / "quickstart.yml"), 2), 2)


def test_a_set_given_by_two_names_is_an_error(theory_path: Path) -> None:
    inputs = [{"dataset": SLAC, "variant": "legacy_dw"}, {"dataset": "SLACP_dwsh"}]
    with pytest.raises(
        RuncardError, match=r"dataset_inputs\[1\]\.dataset: the same data set twice"
    ):
        build(theory_path, dataset_inputs=inputs, kfold={"partitions": [{"datasets": [SLAC]}]})


def test_rules_of_the_runcard_cut_points(theory_path: Path, problem: FitProblem) -> None:
    rules = [
        {"dataset": SLAC, "rule": "Q2 > 8"},
        {"process_type": "DIS_CC", "rule": "Q2 > low", "local_variables": {"low": 1000}},
        {"process_type": "POS_DIS", "rule": "idat >= 15"},
    ]
    changed = build(theory_path, added_filter_rules=rules)
    check_shapes(changed, 2)
    ndata = [dataset.ndata for dataset in changed.datasets]
    uncut = [dataset.ndata for dataset in problem.datasets]
    assert all(a < b for a, b in zip(ndata[:2], uncut[:2], strict=True))
    assert ndata[2] == problem.datasets[2].ndata
    assert changed.positivity[0].ndata == 5
    assert changed.fingerprints["cuts and t0"] != problem.fingerprints["cuts and t0"]
    all_of_dis = build(theory_path, filter_rules=[{"process_type": "DIS_ALL", "rule": "Q2 > 0"}])
    assert [dataset.ndata for dataset in all_of_dis.datasets] == [211, 42, 27]


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ([{"dataset": SLAC, "rule": "w2 > 3"}], r"filter_rules\[0\]\.rule: dataset SLAC\w*-F2 has"),
        ([{"process_type": "INTEG", "rule": "x > 2"}], r"integdatasets\[0\]: no point passes"),
    ],
    ids=["variable", "nothing"],
)
def test_rules_that_cannot_be_applied_are_errors(
    theory_path: Path, rules: list[dict[str, Any]], message: str
) -> None:
    with pytest.raises(RuncardError, match=message):
        build(theory_path, added_filter_rules=rules)


def test_closure_data_are_predictions_with_noise_on_top(
    theory_path: Path, problem: FitProblem
) -> None:
    """Take predictions of the fakepdf as data; noise of the fit's own size comes on top."""
    closure = {"fakedata": True, "fakepdf": "tiny"}
    level0 = build(theory_path, closuretest=closure)
    check_shapes(level0, 2)
    pdf = evolution_grid("tiny", level0.theory.xgrid, 1.65)
    exact = level0.theory.predict(pdf)[: level0.ndata]
    np.testing.assert_allclose(level0.central, exact, rtol=1e-14)
    assert not np.allclose(level0.replica_data, level0.central)  # level 2, since genrep is true
    level1 = build(theory_path, closuretest={**closure, "fakenoise": True, "filterseed": 4})
    pulls = (level1.central - exact) / np.sqrt(np.diag(level0.exp_covariance.dense()))
    assert 0.5 < np.abs(pulls).mean() < 1.2  # 0.8 for a normal distribution
    other = build(theory_path, closuretest={**closure, "fakenoise": True, "filterseed": 5})
    assert not np.allclose(level1.central, other.central)
    hashes = {built.fingerprints["data"] for built in (problem, level0, level1, other)}
    assert len(hashes) == 4
    # the t0 covariance has one of the t0 set's predictions, which are the same here
    masks = [built.training_masks for built in (problem, level0, level1)]
    assert np.array_equal(masks[0], masks[1])
    assert np.array_equal(masks[0], masks[2])


def test_closure_data_may_come_from_another_theory(theory_path: Path, tmp_path: Path) -> None:
    for number in (77, 78):
        (tmp_path / f"theory_{number}").symlink_to(theory_path / "theory_77")
    closure = {"fakedata": True, "fakepdf": "tiny", "faketheoryid": 78}
    same = build(tmp_path, closuretest={"fakedata": True, "fakepdf": "tiny"})
    other = build(tmp_path, closuretest=closure)
    np.testing.assert_array_equal(other.central, same.central)
    assert other.fingerprints["data"] != same.fingerprints["data"]
    with pytest.raises(TheoryError, match="theory 79 not found"):
        build(tmp_path, closuretest={**closure, "faketheoryid": 79})
    with pytest.raises(DataError, match=r"'none' for fakepdf not found .*`fakedata: false`"):
        build(tmp_path, closuretest={**closure, "fakepdf": "none"})


def test_the_last_fold_of_future_tests_leaves_nothing_out(tmp_path):
    from tests.support.small_card import small_card, write_card

    card = small_card()
    card["kfold"]["fold_statistic"] = "fit_future_tests"
    card["kfold"]["partitions"].append({"datasets": []})
    problem = build_problem(load_runcard(write_card(tmp_path / "card.yml", card)), replicas=1)
    assert [bool(fold.mask.any()) for fold in problem.folds] == [True, True, False]
