"""Importance: known functions, and the trees against an obvious twin."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from n3hyper.report.analysis.forest import BINS, Tree, forest_anova, grow
from n3hyper.report.analysis.importance import FEWEST, importances
from n3hyper.report.trials.scan import load_scan
from tests.support.make_trials import make_records, write_tries


def test_shares_of_a_sum() -> None:
    """Of a x + b y the variances are a^2/12 and b^2/12."""
    points = np.random.default_rng(0).random((800, 3))
    anova = forest_anova(points, 3 * points[:, 0] + points[:, 1])
    assert anova.shares.mean(axis=0) == pytest.approx([0.9, 0.1, 0.0], abs=0.03)
    assert anova.score > 0.95


def test_a_product_is_a_combination() -> None:
    """(x - 1/2)(y - 1/2) does not depend on x alone, nor on y alone."""
    points = np.random.default_rng(1).random((800, 2)) - 0.5
    anova = forest_anova(points + 0.5, points[:, 0] * points[:, 1])
    assert anova.shares.mean(axis=0).max() < 0.15
    assert anova.score > 0.7


def test_noise_is_not_understood() -> None:
    rng = np.random.default_rng(2)
    assert forest_anova(rng.random((300, 4)), rng.random(300)).score < 0.1


def a_tree() -> tuple[Tree, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    points = rng.random((200, 3))
    edges = [np.arange(1, BINS) / BINS] * 3
    target = np.sin(5 * points[:, 0]) + points[:, 1] * points[:, 2]
    return grow((points * BINS).astype(int), edges, target, rng, 2), points, target


def test_boxes_fill_the_cube() -> None:
    tree, points, target = a_tree()
    assert tree.volume.sum() == pytest.approx(1.0)
    assert np.corrcoef(tree.predict(points), target)[0, 1] > 0.95
    corners = np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    assert np.isfinite(tree.predict(corners)).all()


def test_variances_are_those_of_a_fine_grid() -> None:
    """The closed forms against means over all cells between cuts."""
    tree, _, _ = a_tree()
    middle = (np.arange(BINS) + 0.5) / BINS
    grid = np.stack(np.meshgrid(middle, middle, middle, indexing="ij"), axis=-1)
    values = tree.predict(grid.reshape(-1, 3)).reshape(BINS, BINS, BINS)
    assert tree.variance == pytest.approx(values.var())
    main = [values.mean(axis=axes).var() for axes in ((1, 2), (0, 2), (0, 1))]
    np.testing.assert_allclose(tree.main_effects(), main)


def test_what_the_made_up_scans_depend_on(tmp_path) -> None:  # type: ignore[no-untyped-def]
    scan = load_scan([write_tries(tmp_path / "tries.json", make_records(300))])
    found = importances(scan)
    assert found is not None
    assert {entry.name for entry in found.entries[:3]} == {"learning_rate", "optimizer", "dropout"}
    shares = {entry.name: entry.share for entry in found.entries}
    assert shares["initializer"] < 0.01
    assert sum(shares.values()) + found.together == pytest.approx(1.0)
    again = importances(scan)
    assert again is not None
    assert dataclasses.astuple(again) == dataclasses.astuple(found)
    assert importances(scan.with_trials(scan.good[: FEWEST - 1])) is None
