"""Tests of the maker of theories, and of the theory that ships with the package.

Only the tests marked slow need yadism or eko; they are skipped where these are missing.
"""

from __future__ import annotations

import math
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from n3hyper.errors import TheoryError
from n3hyper.theory.fktable import FKTable, read_fktable
from n3hyper.theory.folders import SHIPPED
from n3hyper.theory_maker import make_theory
from n3hyper.theory_maker.__main__ import main
from n3hyper.theory_maker.bases import EVOLUTION_PIDS, FLAVOUR_PIDS, X_GRID
from n3hyper.theory_maker.cards import CalculationCard, read_card, write_card
from n3hyper.theory_maker.coefficients.cross_sections import bound_in, coefficients
from n3hyper.theory_maker.coefficients.folding import fold
from n3hyper.theory_maker.coefficients.schemes import Term, scheme_terms
from n3hyper.theory_maker.coefficients.structure_functions import Calculator, Probe, coupled
from n3hyper.theory_maker.coefficients.target_mass import (
    integral_weights,
    interpolation_matrix,
    target_mass,
)
from n3hyper.theory_maker.fktables import without_heavy_quarks, write_fktable
from n3hyper.theory_maker.kinematics import (
    NUCLEI,
    Parton,
    StructureFunctions,
    TableRequest,
    requests,
)
from n3hyper.theory_maker.make import write_table
from n3hyper.theory_maker.operators.evolution import (
    Q2_MAX,
    Q2_MIN,
    chebyshev,
    frozen,
    lagrange_weights,
    log_log,
    make_evolution,
    node_scales,
)
from n3hyper.theory_maker.partons import combination_rows
from n3hyper.theory_maker.proton import Proton, Wanted
from n3hyper.theory_maker.sum_rules import (
    EXPECTED,
    FILE,
    TOLERANCE,
    integral,
    les_houches,
    pulled_back_rules,
    rule,
    violation,
)
from tests.support.yadism_cards import yadism_card

SHIPPED_THEORY = SHIPPED / "theory_1650"
SHIPPED_DATASETS = (SHIPPED_THEORY / "datasets.txt").read_text().split()


def shipped(name: str) -> FKTable:
    return read_fktable(SHIPPED_THEORY / "fastkernel" / f"{name}.pineappl.lz4")


def predictions(table: FKTable) -> np.ndarray:
    """Return the table folded with x f of the toy PDFs: (rows,)."""
    pdfs = les_houches(table.xgrid) * table.xgrid
    return np.einsum("nci,ci->n", table.table, pdfs[table.channels])


# --- the shipped theory


@pytest.mark.parametrize("dataset", SHIPPED_DATASETS)
def test_shipped_tables_have_a_row_for_each_point(dataset: str) -> None:
    for request in requests(dataset):
        table = shipped(request.name)
        assert table.rows == len(request.x)
        assert table.q0 == pytest.approx(1.65)
        assert np.all(np.isfinite(table.table))
        assert np.all(np.any(table.table != 0, axis=(1, 2))), "a row is empty"
        if isinstance(request.content, Parton) and request.content.pid >= 100:
            assert table.xgrid.tolist() == [1e-9]
        else:
            assert set(table.xgrid) <= set(X_GRID)


def test_shipped_rows_carry_the_points_of_the_commondata() -> None:
    from pineappl.fk_table import FkTable

    (request,) = requests("NMC_NC_NOTFIXED_P_EM-SIGMARED")
    path = SHIPPED_THEORY / "fastkernel" / f"{request.name}.pineappl.lz4"
    limits = np.array(FkTable.read(path).bin_limits())
    np.testing.assert_array_equal(limits[:, 0, 0], request.q2)
    np.testing.assert_array_equal(limits[:, 1, 0], request.x)


def test_shipped_card_is_the_default_one() -> None:
    card = read_card(SHIPPED_THEORY / "theory.yml")
    assert card == CalculationCard(Comments=card.Comments)


def test_shipped_theory_is_small() -> None:
    files = [file for file in SHIPPED_THEORY.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 20e6


@pytest.mark.parametrize("name", EXPECTED)
def test_shipped_evolution_conserves(name: str) -> None:
    with np.load(SHIPPED_THEORY / FILE) as rules:
        assert set(rules["nf"]) == {3, 4, 5}
        numbers = integral(rules[name], les_houches(X_GRID))
    np.testing.assert_allclose(numbers, EXPECTED[name], atol=TOLERANCE)


@given(power=st.floats(-0.2, 0.9), large=st.floats(2.0, 8.0), flavour=st.sampled_from([100, 21]))
def test_shipped_evolution_conserves_the_momentum_of_any_shape(
    power: float, large: float, flavour: int
) -> None:
    with np.load(SHIPPED_THEORY / FILE) as archive:
        rows = archive["momentum"][archive["q2"] > 1.65**2]  # going back, the gluon may be negative
    shape = X_GRID ** (power - 1) * (1 - X_GRID) ** large
    pdfs = np.zeros((14, 50))
    pdfs[EVOLUTION_PIDS.index(flavour)] = shape
    if flavour == 100:  # only light quarks: T15 = T24 = T35 = Sigma
        for pid in (115, 124, 135):
            pdfs[EVOLUTION_PIDS.index(pid)] = shape
    carried = math.gamma(power + 1) * math.gamma(large + 1) / math.gamma(power + large + 2)
    numbers = integral(rows, pdfs) / carried
    np.testing.assert_allclose(numbers, 1.0, atol=5e-4)


def test_shipped_positivity_is_positive_for_toy_pdfs() -> None:
    for dataset in SHIPPED_DATASETS:
        for request in requests(dataset):
            if dataset.startswith("NNPDF_POS") and "F2C" not in dataset:
                values = predictions(shipped(request.name))
                assert np.all(values > -1e-6 * values.max()), dataset


def test_shipped_predictions_are_near_the_data() -> None:
    """Mistakes of sign, factor or order of rows would show even with toy PDFs."""
    from n3hyper.data.commondata import load_commondata

    for name in ("BCDMS_NC_NOTFIXED_P_EM-F2", "HERA_NC_318GEV_EP-SIGMARED"):
        data = load_commondata(name, "legacy")
        theory = np.concatenate([predictions(shipped(table.name)) for table in requests(name)])
        (q2,) = [np.concatenate([table.q2 for table in requests(name)])]
        ratio = (theory / data.central)[q2 > 10]
        assert 0.7 < np.median(ratio) < 1.4
        assert np.corrcoef(theory[q2 > 10], data.central[q2 > 10])[0, 1] > 0.95


# --- kinematics -> what is computed


def content(dataset: str) -> StructureFunctions | Parton:
    return requests(dataset)[0].content


@pytest.mark.parametrize(
    ("dataset", "expected"),
    [
        ("NMC_NC_NOTFIXED_P_EM-SIGMARED", StructureFunctions("XSHERANC", "NC")),
        ("SLAC_NC_NOTFIXED_D_EM-F2", StructureFunctions("F2", "NC", nucleus=(1.0, 2.0))),
        ("HERA_NC_318GEV_EP-SIGMARED", StructureFunctions("XSHERANC", "NC", "positron")),
        ("HERA_CC_318GEV_EM-SIGMARED", StructureFunctions("XSHERACC", "CC", "electron")),
        (
            "HERA_NC_318GEV_EAVG_CHARM-SIGMARED",
            StructureFunctions("XSHERANCAVG", "NC", flavour="charm"),
        ),
        (
            "HERA_NC_318GEV_EAVG_BOTTOM-SIGMARED",
            StructureFunctions("XSHERANCAVG", "NC", flavour="bottom"),
        ),
        (
            "NUTEV_CC_NOTFIXED_FE_NB-SIGMARED",
            StructureFunctions("XSNUTEVCC", "CC", "antineutrino", "charm", NUCLEI["FE"]),
        ),
        (
            "CHORUS_CC_NOTFIXED_PB_NU-SIGMARED",
            StructureFunctions("XSCHORUSCC", "CC", "neutrino", nucleus=NUCLEI["PB"]),
        ),
        (
            "NNPDF_POS_2P24GEV_F2S",
            StructureFunctions("F2", "EM", flavour="light", charge="strange", target_mass=False),
        ),
        (
            "NNPDF_POS_2P24GEV_FLL-19PTS",
            StructureFunctions("FL", "EM", flavour="light", charge="all", target_mass=False),
        ),
        ("NNPDF_POS_2P24GEV_XSB", Parton(-3)),
        ("NNPDF_POS_2P24GEV_XGL", Parton(21)),
        ("NNPDF_INTEG_3GEV_XV8", Parton(208)),
    ],
)
def test_the_content_of_tables_follows_from_their_names(
    dataset: str, expected: StructureFunctions | Parton
) -> None:
    assert content(dataset) == expected


def test_light_structure_functions_are_those_of_light_quarks() -> None:
    """Light quarks are the same at any scale: light, charm and bottom add up to the total."""
    light = Probe("EM", "electron", "light", "all")
    assert [part.charge for part in coupled(light)] == ["down", "up", "strange"]
    for other in (Probe("EM", "electron", "light", "up"), Probe("NC", "electron", "total", None)):
        assert coupled(other) == [other]


def test_nmc_is_computed_at_the_measured_x() -> None:
    (table,) = requests("NMC_NC_NOTFIXED_P_EM-SIGMARED")
    assert (table.x[0], table.q2[0], table.y[0]) == (0.0078, 0.8, 0.635)


def test_bcdms_is_split_by_beam_energy() -> None:
    tables = requests("BCDMS_NC_NOTFIXED_P_EM-F2")
    assert [table.name.split("_")[2] for table in tables] == [
        "100GEV",
        "120GEV",
        "200GEV",
        "280GEV",
    ]
    assert [len(table.x) for table in tables] == [97, 99, 79, 76]


def test_a_ratio_requests_both_tables() -> None:
    deuteron, proton = requests("NMC_NC_NOTFIXED_EM-F2")
    assert (deuteron.name, proton.name) == ("NMC_NC_EM_D_F2", "NMC_NC_EM_P_F2")
    np.testing.assert_array_equal(deuteron.x, proton.x)


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ("NMC_NC_NOTFIXD_P_EM-SIGMARED", "did you mean"),
        ("NMC_NC_NOTFIXED_P_EM-SIGMARD", "did you mean 'EM-SIGMARED'"),
        ("NNPDF_POS_2P24GEV_DYU", "POS_DY cannot be made here: a cross section of jets or of two"),
        ("NNPDF_POS_2P24GEV_XGL-POLARIZED", "POS_POL cannot be made here: a polarised"),
        ("NNPDF_INTEG_1GEV_T8-543", "INTEG cannot be made here: a polarised"),
        ("E142_NC_NOTFIXED_EN_G1", "DIS_POL cannot be made here: a polarised"),
        ("ATLAS_Z0_7TEV_46FB_CC-Y", "DY_Z_Y cannot be made here: .* two hadrons"),
        ("H1_1JET_319GEV_290PB-1_DIF_PTQ2", "HERAJET cannot be made here: .* jets"),
        ("NNPDF_FIATLUX_NOTFIXED_F2", "DIS cannot be made here: input of the photon PDF"),
    ],
)
def test_what_cannot_be_made_is_refused_in_one_line(
    dataset: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(TheoryError, match=message):
        requests(dataset)
    assert main(["--datasets", dataset, "--output", str(tmp_path)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert dataset in lines[0]
    assert not list(tmp_path.iterdir())


# --- theory cards


def test_card_survives_a_file(tmp_path: Path) -> None:
    card = CalculationCard(ID=7, FNS="ZM-VFNS", Comments="a: b")
    write_card(card, tmp_path / "card.yml")
    assert read_card(tmp_path / "card.yml") == card


def test_cards_of_nnpdf_data_are_understood() -> None:
    import nnpdf_data

    card = read_card(Path(nnpdf_data.__file__).parent / "theory_cards" / "40000000.yaml")
    ours = CalculationCard()
    for key in ("mc", "mb", "mt", "alphas", "Qref", "Q0", "CKM", "MP", "SIN2TW", "MW", "ModEv"):
        assert getattr(card, key) == getattr(ours, key)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("FNS: FONLL-Z", "FNS: 'FONLL-Z' cannot be made; one of: ZM-VFNS"),
        ("PT: 1", "unknown key 'PT'; did you mean 'PTO'"),
        ("Q0: 1.0", "must lie between"),
        ("QED: 1", "QED: 1 cannot be made"),
        ("IC: 2", "IC: 2 cannot be made; one of: 0, 1"),
        ("FNS: FONLL-C", "PTO: FONLL-C needs 2"),
    ],
)
def test_wrong_cards_name_the_key(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "card.yml").write_text(text + "\n")
    with pytest.raises(TheoryError, match=message):
        read_card(tmp_path / "card.yml")


def test_missing_programs_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "eko", None)
    with pytest.raises(TheoryError, match=r"needs eko: pip install 'n3hyper\[theory\]'"):
        make_theory(["NNPDF_INTEG_3GEV_XV"], tmp_path, cache=tmp_path, report=lambda _: None)
    assert not list(tmp_path.iterdir())


# --- flavour-number schemes


@pytest.mark.parametrize("fns", ["ZM-VFNS", "FONLL-A", "FONLL-B"])
@given(q2=st.floats(0.5, 1e5))
def test_light_quarks_are_counted_once(fns: str, q2: float) -> None:
    """Sum the signs of the terms: light quarks count once, whatever is added and subtracted."""
    terms = [t for t in scheme_terms(CalculationCard(FNS=fns)) if t.parts != "massive"]
    assert sum(t.sign for t in terms if t.counts(np.array([q2]))[0]) == 1


@pytest.mark.parametrize("fns", ["FONLL-A", "FONLL-B", "FONLL-C"])
def test_what_is_subtracted_is_there_to_the_same_order(fns: str) -> None:
    card = CalculationCard(FNS=fns, PTO=2 if fns == "FONLL-C" else 1)
    terms = [t for t in scheme_terms(card) if t.counts(np.array([1e4]))[0]]
    assert [t.nf for t in terms if t.parts == "massless"] == [5]
    for limit in (t for t in terms if t.sign < 0):
        (full,) = [t for t in terms if t.parts == "full" and t.sign > 0 and t.nf == limit.nf]
        assert (full.pto, limit.pto_evol) == (limit.pto, card.PTO)


# --- interpolation in x and in the scale


@given(st.lists(st.floats(2e-7, 1.0), min_size=1, max_size=20))
def test_polynomials_in_log_x_are_exact(x: list[float]) -> None:
    points = np.array(x)
    for degree in range(5):
        values = interpolation_matrix(points) @ np.log(X_GRID) ** degree
        np.testing.assert_allclose(values, np.log(points) ** degree, rtol=1e-9, atol=1e-9)


@given(st.floats(1e-6, 0.9), st.sampled_from([-1, 0, 1, 2]))
def test_integrals_match_a_fine_sum(lowest: float, power: int) -> None:
    shape = (1 - X_GRID) ** 3
    u = np.geomspace(lowest, 1.0, 20001)
    values = interpolation_matrix(u) @ shape * u ** (1 - power)
    expected = np.trapezoid(values, np.log(u)) if hasattr(np, "trapezoid") else np.nan
    np.testing.assert_allclose(integral_weights(lowest, power) @ shape, expected, rtol=1e-4)


def distribution(**parts: Callable[[float], float]) -> SimpleNamespace:
    """Return what yadism calls RSL: regular, singular and local parts that take arguments."""
    functions = {
        name: (lambda z, _, part=parts[name]: part(z)) if name in parts else None
        for name in ("reg", "sing", "loc")
    }
    return SimpleNamespace(**functions, args=dict.fromkeys(functions))


@given(st.floats(1e-6, 0.99))
def test_a_constant_folds_to_a_logarithm(x: float) -> None:
    result = fold(distribution(reg=lambda z: 1.0), x) @ np.log(X_GRID)
    assert result == pytest.approx(-0.5 * math.log(x) ** 2, rel=1e-6)


@given(st.floats(1e-6, 0.99))
def test_a_plus_distribution_folded_with_one_is_exact(x: float) -> None:
    """Fold [1/(1-z)]_+ with f = 1, for which the integrand 1/(1-z) (1/z - 1) is 1/z."""
    plus = distribution(sing=lambda z: 1 / (1 - z), loc=lambda x: math.log(1 - x))
    result = fold(plus, x) @ np.ones(50)
    assert result == pytest.approx(math.log(1 - x) - math.log(x), rel=1e-6, abs=1e-6)


@given(st.floats(1e-6, 0.2), st.floats(0.25, 0.99))
def test_folding_stops_at_the_threshold(x: float, threshold: float) -> None:
    step = distribution(reg=lambda z: float(z < threshold))
    assert fold(step, x) @ np.ones(50) == pytest.approx(math.log(threshold / x), rel=1e-7)


@given(st.floats(1e-6, 0.2), st.floats(0.25, 0.99))
def test_folding_resolves_the_rise_above_the_threshold(x: float, threshold: float) -> None:
    """Fold a square root, like the phase space of a pair: sqrt(1 - z/t) dz/z integrates exactly."""
    rise = distribution(reg=lambda z: math.sqrt(max(1 - z / threshold, 0.0)))
    root = math.sqrt(1 - x / threshold)
    expected = 2 * math.atanh(root) - 2 * root
    assert fold(rise, x) @ np.ones(50) == pytest.approx(expected, rel=1e-6)


def test_nothing_folds_to_nothing() -> None:
    assert not fold(distribution(), 0.1).any()
    assert not fold(distribution(reg=lambda z: 1.0), 1.0).any()


@given(st.floats(Q2_MIN, Q2_MAX))
def test_scale_interpolation_is_exact_for_polynomials(q2: float) -> None:
    nodes = log_log(node_scales(CalculationCard(), 4))
    t = log_log(np.array([q2]))
    weights = lagrange_weights(nodes, t)
    np.testing.assert_allclose(weights @ nodes**6, t**6, rtol=1e-9)


def test_nodes_are_hit_exactly() -> None:
    nodes = chebyshev(0.0, 1.0, 5)
    np.testing.assert_array_equal(lagrange_weights(nodes, nodes), np.eye(5))


def test_scales_below_perturbation_theory_are_frozen() -> None:
    assert frozen(np.array([0.045, 1.0, 5.0])).tolist() == [1.0, 1.0, 5.0]


# --- target mass and cross sections


def test_massless_target_is_not_corrected() -> None:
    x, q2 = np.array([1e-4, 0.3]), np.array([2.0, 4.0])
    for correction in (target_mass("F2", x, q2, 0.0), target_mass("F2", x[:1], q2[:1], 0.938)):
        assert not correction.corrected.any()
        np.testing.assert_allclose(correction.factor, 1.0)
    np.testing.assert_allclose(target_mass("F2", x, q2, 0.0).xi, x)


@pytest.mark.parametrize("kind", ["F2", "FL", "F3"])
def test_correction_vanishes_at_high_scales(kind: str) -> None:
    x, values = np.array([0.65]), (1 - X_GRID) ** 3
    bare = interpolation_matrix(x)[0] @ values
    sizes = []
    for q2 in (10.0, 100.0, 1000.0):
        correction = target_mass(kind, x, np.array([q2]), 0.938)
        shifted = interpolation_matrix(correction.xi)[0] @ values
        sizes.append(abs(correction.factor[0] * shifted + correction.weights[0] @ values - bare))
    assert sizes[0] > 5 * sizes[1] > 25 * sizes[2] > 0


POINT = (np.array([0.1]), np.array([100.0]), np.array([0.4]))


def test_reduced_cross_sections_of_the_two_charges_average() -> None:
    card = CalculationCard()
    both = [
        coefficients(StructureFunctions("XSHERANC", "NC", lepton), card, *POINT)
        for lepton in ("electron", "positron")
    ]
    average = coefficients(StructureFunctions("XSHERANCAVG", "NC"), card, *POINT)
    for kind in ("F2", "FL"):
        assert both[0][kind] == both[1][kind] == average[kind]
    assert both[0]["F3"] == -both[1]["F3"] > 0
    assert both[0]["F2"] == 1
    assert both[0]["FL"] == pytest.approx(-(0.4**2) / 1.36)


def test_charged_current_cross_sections_have_their_normalisation() -> None:
    parts = coefficients(
        StructureFunctions("XSHERACC", "CC", "positron"), CalculationCard(), *POINT
    )
    assert {kind: value[0] for kind, value in parts.items()} == pytest.approx(
        {"F2": 1.36 / 4, "FL": -0.16 / 4, "F3": -0.64 / 4}
    )


def test_cross_sections_need_an_inelasticity() -> None:
    with pytest.raises(TheoryError, match="need 0 < y <= 1"):
        coefficients(
            StructureFunctions("XSHERANC", "NC"), CalculationCard(), *POINT[:2], np.array([0.0])
        )


def test_isoscalar_targets_see_no_isovector() -> None:
    rows = bound_in(NUCLEI["D"], np.ones((2, 14, 50)))
    empty = {EVOLUTION_PIDS[f] for f in range(14) if not rows[:, f].any()}
    assert empty == {103, 203}


# --- tables


def test_table_survives_a_file(tmp_path: Path) -> None:
    rows = np.zeros((2, 14, 50))
    rows[:, 2, 10:], rows[1, 4, 12:] = 1.0, 2.0
    path = tmp_path / "T.pineappl.lz4"
    write_fktable(path, rows, X_GRID, 1.65, np.array([[4.0, 0.1], [5.0, 0.2]]), {"a": "b"})
    table = read_fktable(path)
    assert table.channels.tolist() == [2, 4]
    np.testing.assert_array_equal(table.xgrid, X_GRID[10:])
    np.testing.assert_allclose(table.table * table.xgrid, rows[:, [2, 4], 10:])


def test_heavy_quarks_at_q0_are_folded_into_sigma_and_v() -> None:
    rows = np.random.default_rng(1).normal(size=(2, 14, 50))
    pdfs = les_houches(X_GRID)  # without bottom and top
    folded = without_heavy_quarks(rows)
    np.testing.assert_allclose(
        np.einsum("nej,ej->n", folded, pdfs), np.einsum("nej,ej->n", rows, pdfs)
    )
    assert not folded[:, [EVOLUTION_PIDS.index(pid) for pid in (124, 135, 224, 235)]].any()


def test_observable_is_put_together_from_structure_functions(tmp_path: Path) -> None:
    card = CalculationCard()
    measured = StructureFunctions("XSHERANC", "NC", "positron")
    x, q2, y = POINT
    rows = {}
    for value, kind in enumerate(("F2", "FL", "F3"), start=1):
        row = np.zeros((14, 50))
        row[2] = value
        rows[Wanted(Probe.of(measured), kind, True), 0.1, 100.0] = row

    class NoEvolution:
        card = CalculationCard()

    write_table(tmp_path, TableRequest("T", measured, x, q2, y), rows, NoEvolution(), {})  # type: ignore[arg-type]
    parts = coefficients(measured, card, *POINT)
    expected = parts["F2"] + 2 * parts["FL"] + 3 * parts["F3"]
    table = read_fktable(tmp_path / "T.pineappl.lz4")
    np.testing.assert_allclose(table.table * table.xgrid, np.full((1, 1, 50), expected))


def test_integrability_is_made_at_q0_alone() -> None:
    with pytest.raises(TheoryError, match="at Q0"):
        combination_rows(103, np.array([1e-9]), np.array([1.0]), 1.65)


# --- sum rules


def test_sum_rules_give_the_numbers_of_a_proton() -> None:
    rules = {name: rule(name) for name in EXPECTED}
    pdfs = les_houches(X_GRID)
    sigma, gluon, valence = (pdfs[EVOLUTION_PIDS.index(pid)] for pid in (100, 21, 200))
    up, down = FLAVOUR_PIDS.index(2), FLAVOUR_PIDS.index(1)
    down_only = rules["momentum"][:, [down]]
    assert integral(down_only, (sigma + gluon)[None]) == pytest.approx(1.0, abs=TOLERANCE)
    assert integral(rules["V"][:, [up]], valence[None]) == pytest.approx(3.0, abs=TOLERANCE)
    assert not rules["V3"][:, FLAVOUR_PIDS.index(21)].any()


@pytest.mark.slow
def test_evolution_obeys_the_sum_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take leading order and two scales from eko itself (some minutes, most of it compiling)."""
    pytest.importorskip("eko")
    for name, value in {"N_NODES": {4: 2}, "BATCH": 2}.items():
        monkeypatch.setattr(f"n3hyper.theory_maker.operators.evolution.{name}", value)
    monkeypatch.setattr("n3hyper.theory_maker.sum_rules.N_NODES", {4: 2})
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        evolution = make_evolution(CalculationCard(PTO=0, FNS="ZM-VFNS"), tmp_path, pool)
    assert max(violation(pulled_back_rules(evolution)).values()) < TOLERANCE


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["F2", "FL", "F3"])
def test_coefficients_are_those_of_yadism(kind: str, tmp_path: Path) -> None:
    """Compare a massive calculation with target-mass corrections to yadism's own (a minute)."""
    runner = pytest.importorskip("yadism.runner")
    x, q2 = np.array([0.3, 0.01]), np.array([4.0, 12.0])
    term, probe = Term("FONLL-FFNS", 3), Probe("NC", "electron", "total", None)
    card = CalculationCard(FNS="FONLL-A")
    with ThreadPoolExecutor(1) as pool:
        proton = Proton(Calculator(card, tmp_path, pool), None)  # type: ignore[arg-type]
        wanted = Wanted(probe, kind, target_mass=True)
        correction = target_mass(kind, x, q2, card.MP)
        ours = proton._corrected(wanted, term, correction, q2)
    observable = f"{kind}_total"
    theirs = runner.Runner(
        {**card.for_yadism("FONLL-FFNS", 3, "full", 1, 1), "TMC": 1},
        yadism_card(observable, "NC", zip(x, q2, strict=True)),
    ).get_result()[observable]
    for n, result in enumerate(theirs):
        for order in (0, 1):
            expected = result.orders[(order, 0, 0, 0)][0]
            scale = max(np.abs(expected).max(), 1e-12)
            np.testing.assert_allclose(ours[n, order], expected, atol=1e-6 * scale)
