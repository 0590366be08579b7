"""Real fits of a few epochs, with data and theory of the package, as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from n3hyper.cli import cli
from n3hyper.physics.xgrid import export_xgrid
from n3hyper.replicas.card import load_fit_card
from n3hyper.replicas.files.exportgrid import read_exportgrid
from n3hyper.replicas.preparation import prepare_fit
from n3hyper.replicas.replica_fit import ReplicaFit
from n3hyper.replicas.trainer import ReplicaTrainer
from tests.support.small_card import small_card, write_card

SETUPS = [{"epochs": 130}, {"nodes_per_layer": [4, 5, 8], "activation_per_layer": ["tanh"] * 2
           + ["linear"], "epochs": 120}]  # fmt: skip


def fit_card() -> dict[str, Any]:
    """A runcard with two setups, whose replicas differ in all of their seeds."""
    return {**small_card(), "genrep": True, "hyperscan_config": {"parameters": SETUPS}}


def trainer_of(path: Path, **changes: Any) -> ReplicaTrainer:
    card = load_fit_card(write_card(path, {**fit_card(), **changes}))
    return ReplicaTrainer(prepare_fit(card, 6, lambda text: None).plan, lambda progress: None)


def fits_of(trainer: ReplicaTrainer, first: int, count: int) -> dict[int, ReplicaFit]:
    result = trainer.hyperparametrizable({"first": float(first), "count": float(count)})
    return {fit.number: fit for fit in map(ReplicaFit.decode, result["replicas"])}


def assert_same_bits(one: ReplicaFit, other: ReplicaFit) -> None:
    for name in ("pdf", "predictions", "curves", "arc_lengths", "integrability"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    assert (one.chi2, one.best_epoch, one.stop_epoch) == (
        other.chi2, other.best_epoch, other.stop_epoch
    )  # fmt: skip


@pytest.fixture(scope="module")
def trainer(tmp_path_factory: pytest.TempPathFactory) -> ReplicaTrainer:
    return trainer_of(tmp_path_factory.mktemp("card") / "card.yml")


def test_a_replica_does_not_depend_on_its_batch(trainer: ReplicaTrainer) -> None:
    """Alone, with others, in another order, beyond what pseudodata were made for."""
    together = fits_of(trainer, 1, 5)
    assert sorted(together) == [1, 3, 5, 7, 9]
    (alone,) = fits_of(trainer, 5, 1).values()
    assert_same_bits(alone, together[5])
    # of these, no other replica is the same
    assert len({fit.chi2 for fit in together.values()}) == 5
    assert alone.curves.shape == (2, 2)
    assert np.isfinite(alone.curves[0]).all()
    assert np.isnan(alone.curves[1]).all()
    assert alone.pdf.shape == (export_xgrid().size, 14)


def test_weights_are_loaded(trainer: ReplicaTrainer, tmp_path: Path) -> None:
    """A fit that starts from weights, and changes them little, stays where they are."""
    from n3hyper.replicas.files.weights_file import weights_bytes

    before = fits_of(trainer, 3, 1)[3]
    path = tmp_path / "start.weights.h5"
    path.write_bytes(weights_bytes(before.weights, [False] * 8, subtracts=False))
    optimizer = {"optimizer_name": "SGD", "learning_rate": 1e-12, "clipnorm": 1e-6}
    changes = {"load": path.name, "hyperscan_config": {"parameters": [SETUPS[1]]}}
    parameters = {**small_card()["parameters"], "optimizer": optimizer}
    loaded = trainer_of(tmp_path / "card.yml", parameters=parameters, **changes)
    after = fits_of(loaded, 1, 1)[1]
    for one, other in zip(after.weights.layers, before.weights.layers, strict=True):
        assert one[0] == pytest.approx(other[0], rel=1e-5)
    assert after.pdf == pytest.approx(before.pdf, rel=1e-3, abs=1e-4)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, [str(each) for each in arguments])


@pytest.mark.slow
def test_the_command(tmp_path: Path) -> None:
    card = write_card(tmp_path / "card.yml", {**fit_card(), "kfold": small_card()["kfold"]})
    out = tmp_path / "my_fit"
    done = run("fit", card, "-o", out, "-r", "5", "--integrability-threshold", "1e9")
    assert done.exit_code == 0, done.output
    assert "kfold: ignored (a fit leaves no data out)" in done.stderr
    assert "5 in the set" in done.output
    grid = read_exportgrid(out / "postfit" / "replica_1" / "my_fit.exportgrid")
    assert grid.q0 == pytest.approx(1.65)
    setups = json.loads((out / "fit.json").read_text())["setups"]
    assert [setup["epochs"] for setup in setups] == [130, 120]
    again = run("fit", card, "-o", out)
    assert again.exception.exit_code == 2  # a user's mistake
    more = run("fit", out, "-r", "6", "--integrability-threshold", "1e9")
    assert more.exit_code == 0, more.output
    assert "6 in the set" in more.output
