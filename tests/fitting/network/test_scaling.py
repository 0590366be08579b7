"""Feature scaling against n3fit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from n3hyper.errors import FitError
from n3hyper.fitting.network.scaling import feature_scaling

REFERENCE = json.loads(
    (Path(__file__).parents[2] / "data" / "reference" / "scaling.json").read_text()
)
NODES = np.repeat(REFERENCE["nodes"], REFERENCE["counts"])


@pytest.mark.parametrize("points", [5, 10, 20])
def test_scaled_x_is_that_of_n3fit(points: int) -> None:
    scaled = feature_scaling(NODES, points)(np.array(REFERENCE["x"]))
    np.testing.assert_allclose(scaled[:, 0], REFERENCE["scaled"][str(points)], atol=1e-12)


def test_repeated_nodes_count_each_time() -> None:
    once = feature_scaling(np.unique(NODES), 10)(np.array(REFERENCE["x"]))[:, 0]
    assert np.abs(once - REFERENCE["scaled"]["10"]).max() > 0.3


def test_more_points_than_nodes_are_refused() -> None:
    with pytest.raises(FitError, match="feature_scaling_points: 60; the x-grid has 51 values"):
        feature_scaling(NODES, 60)
