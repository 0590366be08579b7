"""Tests of stacks of tables written for the test, against loops over their coefficients."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from n3hyper.data.commondata import load_commondata
from n3hyper.errors import TheoryError
from n3hyper.theory.build_stack import build_stack, table_nodes
from n3hyper.theory.fktable import EVOLUTION_PIDS, read_fktable
from n3hyper.theory.folders import TheoryFolder
from n3hyper.theory.operations import apply_operation
from n3hyper.theory.recipe import ObservableSource, TheoryRecipe
from tests.support.fktable_files import write_table
from tests.support.reference_cases import ReferenceCase
from tests.support.synthetic import synthetic_theory, toy_pdf

LOW = np.array([0.001, 0.01, 0.1, 0.4])
HIGH = np.array([0.1 * (1 + 1e-13), 0.2, 0.4, 0.8])
UNION = [0.001, 0.01, 0.1, 0.2, 0.4, 0.8]


class Theory:
    """A theory folder, and the coefficients of x f in its tables."""

    def __init__(self, folder: Path) -> None:
        self.folder = TheoryFolder(77, folder / "theory_77")
        self.rng = np.random.default_rng(11)
        self.tables: dict[str, tuple[np.ndarray, list[list[int]], np.ndarray]] = {}

    def add(self, name: str, rows: int, channels: list[list[int]], xgrid: np.ndarray = LOW) -> None:
        values = self.rng.uniform(0.5, 1.5, (rows, len(channels), *[4] * len(channels[0])))
        path = self.folder.path / "fastkernel" / f"{name}.pineappl.lz4"
        write_table(path, values, channels, xgrid)
        for axis in range(2, values.ndim):
            shape = [1] * values.ndim
            shape[axis] = 4
            values = values / xgrid.reshape(shape)
        self.tables[name] = values, channels, xgrid

    def row(self, name: str, row: int) -> float:
        """Return one number of one table with the toy proton, by loops."""
        values, channels, xgrid = self.tables[name]
        xf, total = toy_pdf(xgrid), 0.0
        for c, channel in enumerate(channels):
            flavours = [EVOLUTION_PIDS.index(pid) for pid in channel]
            for place in np.ndindex(values.shape[2:]):
                term = values[(row, c, *place)]
                for node, flavour in zip(place, flavours, strict=True):
                    term *= xf[node, flavour]
                total += term
        return total


@pytest.fixture(scope="module")
def theory(tmp_path_factory: pytest.TempPathFactory) -> Theory:
    made = Theory(tmp_path_factory.mktemp("theory"))
    made.add("A", 5, [[100], [21], [103]])
    made.add("B", 5, [[100], [200]], HIGH)
    made.add("C", 3, [[100], [108]])
    made.add("TOTAL", 1, [[100], [21]])
    made.add("H", 4, [[100, 21], [103, 200]])
    made.add("J", 4, [[100, 21], [103, 200]])
    made.add("K", 4, [[100, 100]], HIGH)
    return made


def source(
    operation: str, tables: list[list[str]], points: list[int], **options: object
) -> ObservableSource:
    cfac = options.pop("cfac", ())
    recipe = TheoryRecipe(operation, tuple(map(tuple, tables)), **options)  # type: ignore[arg-type]
    return ObservableSource("SET", recipe, np.array(points), cfac)  # type: ignore[arg-type]


def predict(theory: Theory, *sources: ObservableSource) -> np.ndarray:
    stack, _ = build_stack(sources, theory.folder)
    return stack.predict(toy_pdf(stack.xgrid))


def test_cut_points_have_no_rows(theory: Theory) -> None:
    expected = [theory.row("A", row) for row in (1, 4)]
    assert np.allclose(predict(theory, source("NULL", [["A"]], [1, 4])), expected, rtol=1e-12)


def test_grids_are_united(theory: Theory) -> None:
    stack, q0 = build_stack(
        [source("NULL", [["A"]], [0]), source("NULL", [["B"]], [3])], theory.folder
    )
    assert np.allclose(stack.xgrid, UNION, rtol=1e-12)
    assert stack.dis is not None
    assert stack.dis.table.shape == (2, 6, 4)
    assert stack.dis.flavours.tolist() == [1, 2, 3, 9]
    assert q0 == pytest.approx(1.65)
    expected = [theory.row("A", 0), theory.row("B", 3)]
    assert np.allclose(stack.predict(toy_pdf(stack.xgrid)), expected, rtol=1e-12)


def test_an_operation_combines_two_tables(theory: Theory) -> None:
    made = predict(theory, source("ASY", [["A"], ["B"]], [0, 2]))
    a = np.array([theory.row("A", row) for row in (0, 2)])
    b = np.array([theory.row("B", row) for row in (0, 2)])
    assert np.allclose(made, (a - b) / (a + b), rtol=1e-12)


def test_one_number_divides_all_points(theory: Theory) -> None:
    made = predict(theory, source("RATIO", [["A"], ["TOTAL"]], [2, 4]))
    expected = np.array([theory.row("A", row) for row in (2, 4)]) / theory.row("TOTAL", 0)
    assert np.allclose(made, expected, rtol=1e-12)


def test_rows_of_tables_follow_one_another(theory: Theory) -> None:
    made = predict(theory, source("NULL", [["A", "C"]], [4, 5, 7]))
    expected = [theory.row("A", 4), theory.row("C", 0), theory.row("C", 2)]
    assert np.allclose(made, expected, rtol=1e-12)


def test_shifts_leave_points_out(theory: Theory) -> None:
    recipe = {"shifts": (("C", 2),)}
    made = predict(theory, source("NULL", [["A", "C"]], [4, 7], **recipe))
    assert np.allclose(made, [theory.row("A", 4), theory.row("C", 0)], rtol=1e-12)
    with pytest.raises(TheoryError, match=r"point 5 has no row in FK table\(s\) A, C"):
        predict(theory, source("NULL", [["A", "C"]], [4, 5], **recipe))


def test_factors_multiply_rows(theory: Theory) -> None:
    folder = theory.folder.path / "cfactor"
    folder.mkdir(exist_ok=True)
    numbers = "\n".join(f"{1 + row} 0.0" for row in range(5))
    (folder / "CF_QCD_A.dat").write_text(f"***\nabout\n***\n{numbers}\n")
    (folder / "CF_EWK_A.dat").write_text(f"***\nabout\n***\n{numbers}\n")
    made = predict(
        theory,
        source("NULL", [["A"]], [1, 3], cfac=("QCD", "EWK"), conversion_factor=0.5),
        source("NULL", [["A"]], [1], normalization=(("A", 10.0),)),
        source("NULL", [["A"]], [1]),
    )
    first, second = theory.row("A", 1), theory.row("A", 3)
    assert np.allclose(made, [0.5 * 4 * first, 0.5 * 16 * second, 10 * first, first], rtol=1e-12)
    (folder / "CF_QCD_B.dat").write_text("***\n***\n1.0 0.0\n")
    with pytest.raises(TheoryError, match="1 K-factors for a table of 5 rows"):
        predict(theory, source("NULL", [["B"]], [0], cfac=("QCD",)))


def test_hadronic_predictions_are_those_of_loops(theory: Theory) -> None:
    made = predict(
        theory,
        source("NULL", [["C"]], [2]),
        source("RATIO", [["H"], ["K"]], [1, 3]),
        source("NULL", [["J"]], [0]),
    )
    ratio = [theory.row("H", row) / theory.row("K", row) for row in (1, 3)]
    assert np.allclose(made, [theory.row("C", 2), *ratio, theory.row("J", 0)], rtol=1e-12)


def test_alike_hadronic_tables_are_merged(theory: Theory) -> None:
    stack, _ = build_stack(
        [source("ASY", [["H"], ["J"]], [0, 1]), source("NULL", [["K"]], [0])], theory.folder
    )
    assert [table.table.shape for table in stack.hadronic] == [(4, 2, 4, 4), (1, 1, 4, 4)]
    assert stack.dis is None
    assert stack.nrows == 5


def test_shared_rows_are_kept_once(theory: Theory) -> None:
    stack, _ = build_stack(
        [source("NULL", [["A"]], [0, 1]), source("ADD", [["A"], ["A"]], [1, 2])], theory.folder
    )
    assert stack.nrows == 3
    raw = stack.raw(toy_pdf(stack.xgrid))
    made = stack.predict(toy_pdf(stack.xgrid))
    assert np.allclose(made[2:], 2 * raw[1:], rtol=1e-14)


def test_rounding_noise_is_dropped(tmp_path: Path) -> None:
    folder = TheoryFolder(77, tmp_path / "theory_77")
    values = np.ones((2, 3, 4))
    values[:, 1] = 1e-17
    values[:, :, 0] = 0.0
    path = folder.path / "fastkernel" / "N.pineappl.lz4"
    write_table(path, values, [[100], [203], [21]], LOW)
    stack, _ = build_stack([source("NULL", [["N"]], [0, 1])], folder)
    assert stack.dis is not None
    assert stack.dis.flavours.tolist() == [1, 2]
    assert stack.xgrid.tolist() == LOW[1:].tolist()


def test_tables_at_different_scales_are_an_error(tmp_path: Path) -> None:
    folder = TheoryFolder(77, tmp_path / "theory_77")
    for name, q0 in (("A", 1.65), ("B", 1.0)):
        path = folder.path / "fastkernel" / f"{name}.pineappl.lz4"
        write_table(path, np.ones((1, 1, 4)), [[100]], LOW, q0=q0)
    with pytest.raises(TheoryError, match=r"A at Q0 = 1\.65 GeV, B at 1 GeV"):
        build_stack([source("ADD", [["A"], ["B"]], [0])], folder)


def test_a_stack_without_points_is_an_error(theory: Theory) -> None:
    with pytest.raises(TheoryError, match="nothing is left after cuts"):
        build_stack([source("NULL", [["A"]], [])], theory.folder)


def test_predict_keeps_leading_axes() -> None:
    stack = synthetic_theory()
    rng = np.random.default_rng(5)
    pdfs = toy_pdf(stack.xgrid) * rng.uniform(0.9, 1.1, (2, 3, 1, 14))
    predictions = stack.predict(pdfs)
    assert predictions.shape == (2, 3, stack.npredictions)
    for place in np.ndindex(2, 3):
        assert np.allclose(predictions[place], stack.predict(pdfs[place]), rtol=1e-13)
    first = stack.observables[0]
    assert first.operation == "NULL"
    raw = stack.raw(pdfs)[..., first.operands[0]]
    assert np.array_equal(predictions[..., first.slice], apply_operation("NULL", [raw]))


def _source(name: str, group: str, *operands: tuple[str, ...]) -> ObservableSource:
    return ObservableSource(name, TheoryRecipe("NULL", operands), np.arange(1), group=group)


def test_nodes_are_counted_by_experiment() -> None:
    low, high = [0.001, 0.1], [0.1 * (1 + 1e-13), 0.5]
    grids = {"low": low, "again": low, "high": high}
    sources = [
        _source("one", "A", ("low",)),
        _source("two", "A", ("again",)),  # as the first: counted once
        _source("three", "B", ("low",), ("high",)),  # two operands
        _source("four", "B", ("low",)),
        _source("positivity", "", ("high",)),
        _source("more positivity", "", ("high",)),
    ]
    nodes = table_nodes(sources, lambda names: np.array(grids[names[0]]))
    values, counts = np.unique(nodes, return_counts=True)
    np.testing.assert_allclose(values, [0.001, 0.1, 0.5])
    assert counts.tolist() == [3, 6, 3]


def _xgrid(folder: TheoryFolder, name: str) -> np.ndarray:
    return read_fktable(folder.table_path(name)).xgrid


def test_nodes_are_those_of_n3fit(fit_case: ReferenceCase, shared_theory: Path) -> None:
    reference = Path(__file__).parents[1] / "data" / "reference" / "scaling.json"
    record = json.loads(reference.read_text())
    folder = TheoryFolder(40_000_000, shared_theory)
    sources = [
        ObservableSource(cd.name, cd.theory, cd.points, group=cd.experiment)
        for cd in fit_case.datasets
        if cd.theory is not None
    ]
    for name in record["positivity"] + record["integrability"]:
        cd = load_commondata(name)
        assert cd.theory is not None
        sources.append(ObservableSource(name, cd.theory, cd.points))

    def grid(names: tuple[str, ...]) -> np.ndarray:
        return np.unique(np.concatenate([_xgrid(folder, name) for name in names]))

    values, counts = np.unique(table_nodes(sources, grid), return_counts=True)
    np.testing.assert_allclose(values, record["nodes"], rtol=1e-9)
    assert counts.tolist() == record["counts"]
