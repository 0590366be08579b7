"""Compressed tables against the tables as they are: predictions, chi2, gradients, the cache."""

from dataclasses import replace

import numpy as np
import pytest

from n3hyper.data import cache
from n3hyper.errors import TheoryError
from n3hyper.fitting.loss.exact import predict
from n3hyper.fitting.loss.seen import check, seen_data
from n3hyper.fitting.loss.table_making import compression
from n3hyper.fitting.loss.table_making.builders import few_sizes
from n3hyper.fitting.loss.table_making.compression import ACCURACY
from n3hyper.fitting.loss.tables import FACTORS
from tests.support.fitting_samples import make_trial, problem_of_modes, small_problem


@pytest.fixture(scope="module")
def inputs():
    return make_trial(small_problem(dis=(90, 60, 12), hadronic=12), accuracy=ACCURACY).inputs


def fresh_pdfs(inputs, number=30, seed=7):
    """PDFs that a fit can take, other than those that tables were compressed with."""
    return inputs.plausible(number, seed)


def data_and_truth(inputs, pdfs):
    """What steps see of the data, and what the tables as they are give."""
    exact = inputs.problem.theory.predict(pdfs)[:, : inputs.problem.ndata]
    chosen = pdfs[..., inputs.tables.basis.flavours]
    return seen_data(inputs.likelihood.features, chosen), exact


def test_predictions_of_many_pdfs_are_those_of_the_oracle(inputs):
    pdfs = fresh_pdfs(inputs)
    theory = inputs.problem.theory
    np.testing.assert_allclose(predict(theory, pdfs), theory.predict(pdfs), rtol=1e-10)


@pytest.mark.parametrize("make", [small_problem, problem_of_modes])
def test_predictions_are_as_good_as_was_asked(make):
    inputs = make_trial(make(hadronic=12), accuracy=ACCURACY).inputs
    seen, exact = data_and_truth(inputs, fresh_pdfs(inputs))
    units = np.hypot(inputs.precision.uncertainties, exact - inputs.problem.central)
    errors = np.sqrt(np.mean(np.square((seen - exact) / units), axis=1))
    assert np.median(errors) < ACCURACY
    assert errors.max() < 5 * ACCURACY
    assert np.median(errors) > 1e-3 * ACCURACY  # else nothing would be compressed


def test_constraints_are_as_good(inputs):
    pdfs, ndata = fresh_pdfs(inputs), inputs.problem.ndata
    found = inputs.tables.predict(pdfs)[:, ndata:]
    expected = inputs.problem.theory.predict(pdfs)[:, ndata:]
    sizes = np.median(np.abs(expected), axis=0)
    assert np.median(np.abs(found - expected) / sizes) < 1e-2 * ACCURACY


def test_less_is_read_of_compressed_tables(inputs):
    exact = make_trial(inputs.problem, accuracy=None).inputs
    assert any(product.on for product in inputs.tables.products)
    assert inputs.likelihood.features.size < exact.likelihood.features.size

    def numbers(tables):
        return sum(each.matrix.size + each.forms.size for each in tables.products)

    assert numbers(inputs.tables) < 0.7 * numbers(exact.tables)


def test_more_accuracy_is_more_to_read(inputs):
    def numbers(accuracy):
        made = make_trial(inputs.problem, accuracy=accuracy).inputs
        coordinates = [product.on for product in made.tables.products if product.on]
        return made.likelihood.features.size, coordinates[-1][1]

    features, coordinates = np.array([numbers(accuracy) for accuracy in (1e-1, 1e-3, 1e-5)]).T
    assert (np.diff(features) > 0).all()
    assert (np.diff(coordinates) > 0).all()


def test_tables_that_were_compressed_too_far_are_refused(inputs):
    features, pdfs = inputs.likelihood.features, fresh_pdfs(inputs)
    chosen = pdfs[..., inputs.tables.basis.flavours]
    expected = inputs.problem.theory.predict(pdfs)[:, : inputs.problem.ndata]
    asked = (chosen, expected, inputs.problem.central, inputs.precision)
    check(features, *asked)
    number = next(n for n, each in enumerate(features.products) if each.kind == FACTORS)
    worse = features.products[number]
    random = np.random.default_rng(1).normal(size=(len(worse.matrix), 1))
    products = list(features.products)
    products[number] = replace(worse, matrix=worse.matrix * (1 + 0.1 * random))
    with pytest.raises(TheoryError, match=r"compressed FK tables miss predictions by .* double"):
        check(replace(features, products=tuple(products)), *asked)


def test_compressed_tables_are_kept(inputs, tmp_path, monkeypatch):
    monkeypatch.setenv(cache.ENVIRONMENT, str(tmp_path))
    problem = replace(inputs.problem, fingerprints={"theory": "of this test"})
    made = make_trial(problem, accuracy=ACCURACY).inputs.tables
    monkeypatch.setattr(compression, "compress", None)
    kept = make_trial(problem, accuracy=ACCURACY).inputs.tables
    for one, other in zip(made.products, kept.products, strict=True):
        np.testing.assert_array_equal(one.matrix, other.matrix)
        np.testing.assert_array_equal(one.signs, other.signs)


@pytest.mark.parametrize("changed", ["theory", "accuracy", "torn"])
def test_other_tables_are_compressed_anew(inputs, tmp_path, monkeypatch, changed):
    monkeypatch.setenv(cache.ENVIRONMENT, str(tmp_path))
    problem = replace(inputs.problem, fingerprints={"theory": "of this test"})
    make_trial(problem, accuracy=ACCURACY).inputs.tables  # noqa: B018
    calls, compress = [], compression.compress

    def counted(*arguments):
        calls.append(arguments)
        return compress(*arguments)

    monkeypatch.setattr(compression, "compress", counted)
    accuracy = ACCURACY
    if changed == "theory":
        problem = replace(problem, fingerprints={"theory": "another"})
    elif changed == "accuracy":
        accuracy = 2 * ACCURACY
    else:
        for file in tmp_path.rglob("*.npz"):
            file.write_bytes(file.read_bytes()[:1000])
    make_trial(problem, accuracy=accuracy).inputs.tables  # noqa: B018
    assert calls


@pytest.mark.parametrize("most", [1, 2, 3, 9])
def test_few_sizes(most):
    sizes = np.random.default_rng(most).integers(3, 40, 60).tolist()
    made = few_sizes(sizes, most)
    assert len(set(made)) <= most
    assert all(new >= old for new, old in zip(made, sizes, strict=True))
    assert max(made) == max(sizes)
    if most > 1:
        assert sum(made) < sum(few_sizes(sizes, most - 1))
