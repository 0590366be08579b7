"""The engine's matrices against the slow predictions of the theory."""

import numpy as np
import pytest

from n3hyper.errors import TheoryError
from n3hyper.fitting.loss.table_making.table_maker import make_tables
from n3hyper.fitting.loss.tables import flavour_basis
from n3hyper.physics.bases import FK_FLAVOURS, fitbasis_to_evolution
from n3hyper.physics.sum_rules import sum_rules
from n3hyper.theory.operations import OPERATIONS
from n3hyper.theory.stack import Observable, TheoryStack
from tests.support.synthetic import synthetic_theory, toy_pdf

NN31IC = fitbasis_to_evolution("NN31IC", ["sng", "g", "v", "v3", "v8", "t3", "t8", "cp"])
QUARKS = fitbasis_to_evolution("FLAVOUR", ["u", "ubar", "d", "dbar", "s", "sbar", "c", "g"])
CHARM = fitbasis_to_evolution(
    "CCBAR_ASYMM", ["sng", "g", "v", "v3", "v8", "t3", "t8", "t15", "v15"]
)


def random_pdfs(rotation, mode, nx, seed=0):
    """(3, nx, 14): what a network of the basis could give, with any normalisation."""
    rng = np.random.default_rng(seed)
    pdf = rng.normal(size=(3, nx, len(rotation))) @ rotation
    rules = sum_rules(mode)
    if rules is not None:
        integrals = rng.uniform(0.5, 2.0, size=(3, len(rotation))) @ np.abs(rotation)
        pdf *= rules.normalisation(integrals + 0.1, rules.constants([1, 2, 3]))[:, None]
    return pdf


@pytest.mark.parametrize("mode", ["All", "MSR", "VSR", "ALLBUTCSR", False])
@pytest.mark.parametrize("rotation", [NN31IC, QUARKS, CHARM], ids=["NN31IC", "FLAVOUR", "CCBAR"])
def test_predictions(rotation, mode):
    theory = synthetic_theory()
    tables = make_tables(theory, 66, rotation, sum_rules(mode))
    pdf = random_pdfs(rotation, mode, theory.xgrid.size)
    expected = theory.predict(pdf)
    np.testing.assert_allclose(tables.predict(pdf), expected, rtol=1e-8, atol=1e-10)


def test_toy_proton():
    theory = synthetic_theory()
    tables = make_tables(theory, 66, NN31IC, sum_rules("All"))
    pdf = toy_pdf(theory.xgrid)
    pdf[:, 6] = pdf[:, 3]  # V15 = V in this basis
    np.testing.assert_allclose(tables.predict(pdf), theory.predict(pdf), rtol=1e-9, atol=1e-12)


def test_eight_flavours_are_enough():
    basis = flavour_basis(NN31IC, sum_rules("All"))
    names = [FK_FLAVOURS[place] for place in basis.flavours]
    assert names == ["Sigma", "g", "V", "V3", "V8", "T3", "T8", "T15"]
    assert basis.expansion[FK_FLAVOURS.index("V24")].tolist() == [0, 0, 1, 0, 0, 0, 0, 0]
    assert not basis.expansion[0].any()


def test_flavours_with_factors_of_their_own_stay():
    names = [FK_FLAVOURS[f] for f in flavour_basis(QUARKS, sum_rules("ALLBUTCSR")).flavours]
    assert {"V", "V15"} <= set(names)


def with_observables(theory: TheoryStack, *kinds: tuple[str, list[int]]) -> TheoryStack:
    """The same tables with one-point observables of some rows."""
    observables = tuple(
        Observable(operation, operation, tuple(np.array([row]) for row in rows), slice(n, n + 1))
        for n, (operation, rows) in enumerate(kinds)
    )
    return TheoryStack(theory.xgrid, theory.dis, theory.hadronic, observables, len(kinds))


def test_all_operations():
    base = synthetic_theory()
    first = base.dis.rows
    theory = with_observables(
        base,
        ("NULL", [3]),
        ("ADD", [1, 5]),
        ("RATIO", [7, 2]),
        ("ASY", [4, 6]),
        ("SMN", [1, 2, 3, 4]),
        ("SMT", list(range(10))),
        ("COM", list(range(20))),
        ("SUBTRACT_ABS", [2, 8]),
        ("SUBTRACT_ABSPAIR", [2, 8, 1, 3]),
        ("NULL", [first + 1]),
        ("ADD", [first, first + 7]),
        ("ASY", [first + 2, first + 9]),
        ("SUBTRACT_ABS", [first + 3, first + 4]),
    )
    assert {observable.operation for observable in theory.observables} == set(OPERATIONS)
    tables = make_tables(theory, 10, NN31IC, None)
    pdf = np.random.default_rng(3).normal(size=(4, theory.xgrid.size, 8)) @ NN31IC
    np.testing.assert_allclose(tables.predict(pdf), theory.predict(pdf), rtol=1e-7)
    assert tables.ndata == 10


def test_mixed_tables_are_refused():
    base = synthetic_theory()
    theory = with_observables(base, ("ADD", [0, base.dis.rows]))
    with pytest.raises(TheoryError, match="mixes"):
        make_tables(theory, 1, NN31IC, None)
