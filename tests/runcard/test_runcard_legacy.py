"""Old spellings mean what they meant, and each leaves a note."""

from __future__ import annotations

from typing import Any

import pytest

from n3hyper.data.commondata import known_names
from n3hyper.errors import RuncardError
from n3hyper.runcard import Runcard, parse_runcard
from n3hyper.runcard.old_cards.retired import SUCCESSORS
from tests.support.runcard_samples import good_card

OBJECTIVE = parse_runcard(good_card()).notes
"""The note on the objective, which the good card has as well."""


def _same(card: dict[str, Any]) -> Runcard:
    """The old card, which must say what the good card says."""
    old, new = parse_runcard(card), parse_runcard(good_card())
    for part in (
        "dataset_inputs",
        "datacuts",
        "hyperscan",
        "kfold",
        "parameters",
        "fitting",
        "seeds",
        "positivity",
        "integrability",
        "sum_rules",
    ):
        assert getattr(old, part) == getattr(new, part), part
    return old


def test_hyperscan_with_its_folds_inside() -> None:
    card = good_card()
    card["hyperscan"] = {**card.pop("hyperscan_config"), "kfold": card.pop("kfold")}
    assert _same(card).notes == (
        "hyperscan: old spelling, read as hyperscan_config",
        "hyperscan.kfold: old spelling, read as kfold",
        *OBJECTIVE,
    )


def test_keys_that_stood_below_fitting() -> None:
    card = good_card()
    for key in ("parameters", "trvlseed", "nnseed", "mcseed", "genrep", "sum_rules"):
        card["fitting"][key] = card.pop(key)
    assert "fitting.nnseed: old spelling, read as nnseed" in _same(card).notes


def test_experiments_are_groups_of_data_sets() -> None:
    card = good_card()
    sets = card.pop("dataset_inputs")
    card["experiments"] = [
        {"experiment": "NMC", "datasets": sets[:1]},
        {"experiment": "OTHERS", "datasets": sets[1:]},
    ]
    _same(card)


def test_constraints_and_optimizer_and_multipliers_of_old() -> None:
    card = good_card()
    entry = card["positivity"]["posdatasets"][0]
    entry["poslambda"] = entry.pop("maxlambda")
    entry = card["integrability"]["integdatasets"][0]
    entry["poslambda"] = entry.pop("maxlambda")
    parameters = card["parameters"]
    parameters.update(
        optimizer="Nadam",
        learning_rate=1e-3,
        clipnorm=1e-4,
        pos_initial=parameters.pop("positivity")["initial"],
        integ_multiplier=parameters["integrability"].pop("multiplier"),
    )
    _same(card)


@pytest.mark.parametrize("target", ["average", "best_worst", "std", "fit_distance"])
def test_target_is_the_statistic_of_the_folds(target: str) -> None:
    card = good_card()
    del card["kfold"]["fold_statistic"]
    card["kfold"]["target"] = target
    kfold = parse_runcard(card).kfold
    assert kfold is not None
    assert kfold.fold_statistic == target


@pytest.mark.parametrize(
    ("loss", "key"),
    [("best_worst", "fold_statistic"), ("fit_distance", "fold_statistic"), ("phi2", "loss_type")],
)
def test_loss_was_the_statistic_or_the_type(loss: str, key: str) -> None:
    card = good_card()
    for name in ("fold_statistic", "loss_type"):
        card["kfold"].pop(name, None)
    card["kfold"]["loss"] = loss
    read = parse_runcard(card)
    assert read.kfold is not None
    assert getattr(read.kfold, key) == loss
    assert f"kfold.loss: old spelling, read as kfold.{key}" in read.notes


def test_systematics_were_variants() -> None:
    card = good_card()
    card["dataset_inputs"][2]["sys"] = 10
    assert parse_runcard(card).dataset_inputs[2].variant == "legacy_10"


def test_flags_of_yaml_1_1() -> None:
    card = good_card()
    card.update(genrep="on", debug="off")
    _same(card)
    card["genrep"] = "No"
    assert not parse_runcard(card).seeds.genrep


def test_old_data_names_pass() -> None:
    card = good_card()
    card["dataset_inputs"][0]["dataset"] = "NMC"
    card["kfold"]["partitions"][0]["datasets"] = ["NMC"]
    assert parse_runcard(card).dataset_inputs[0].dataset == "NMC"


def test_keys_without_meaning_are_noted_with_the_reason() -> None:
    card = good_card()
    card.update(debug=True, maxcores=4, lhagrid={"nx": 150}, tensorboard={"profiling": False})
    card["fitting"]["savepseudodata"] = False
    card["fitting"]["basis"][0].update(pos=False, mutsize=[15], mutprob=[0.05])
    card["datacuts"].update(combocuts="NNPDF31", jetptcut_tev=0, dymasscut_max=1e30)
    card["closuretest"] = {"fakedata": "off", "fakepdf": "MSTW2008nlo68cl", "rancutmethod": 0}
    card["diagonal_basis"] = False
    card["load"] = False
    notes = set(_same(card).notes) - set(OBJECTIVE)
    named = {note.split(":")[0] for note in notes}
    assert named == {
        "debug",
        "maxcores",
        "lhagrid",
        "tensorboard",
        "fitting.savepseudodata",
        "fitting.basis[].pos",
        "fitting.basis[].mutsize",
        "fitting.basis[].mutprob",
        "datacuts.jetptcut_tev",
        "datacuts.dymasscut_max",
        "closuretest.fakepdf",
        "closuretest.rancutmethod",
    }
    assert all("ignored (" in note for note in notes)


def test_separate_multiplicative_stands_in_two_places() -> None:
    card = good_card()
    card["sampling"] = {"separate_multiplicative": True}
    assert parse_runcard(card).seeds.separate_multiplicative
    card["separate_multiplicative"] = False
    assert "sampling.separate_multiplicative: given twice" in _fails(card)
    del card["sampling"]
    assert not parse_runcard(card).seeds.separate_multiplicative


def test_epochs_of_old_below_fitting() -> None:
    card = good_card()
    card["fitting"]["epochs"] = 123
    assert "fitting.epochs: ignored (parameters.epochs is what counts)" in _same(card).notes
    del card["parameters"]["epochs"]
    card["fitting"]["parameters"] = card.pop("parameters")
    assert parse_runcard(card).parameters["epochs"] == 123


def test_interpolation_points_are_feature_scaling_points() -> None:
    card = good_card()
    card["parameters"]["interpolation_points"] = 40
    for flavour in card["fitting"]["basis"]:
        del flavour["largex"]
    assert parse_runcard(card).parameters["feature_scaling_points"] == 40


def _fails(card: dict[str, Any]) -> str:
    with pytest.raises(RuncardError) as raised:
        parse_runcard(card, "old.yml")
    return str(raised.value)


def test_mistakes_are_named_where_they_stand_in_the_file() -> None:
    card = good_card()
    card["hyperscan"] = {**card.pop("hyperscan_config"), "kfold": card.pop("kfold")}
    card["hyperscan"]["kfold"]["partitions"][0]["datasets"] = ["NMX"]
    assert _fails(card).startswith("old.yml: hyperscan.kfold.partitions[0].datasets[0]: ")

    card = good_card()
    card["fitting"]["parameters"] = card.pop("parameters")
    card["fitting"]["parameters"]["epochs"] = -1
    assert _fails(card).startswith("old.yml: fitting.parameters.epochs: out of range: -1; ")

    card = good_card()
    card["experiments"] = [{"experiment": "E", "datasets": card.pop("dataset_inputs")}]
    card["experiments"][0]["datasets"][1]["frac"] = 2
    assert _fails(card).startswith("old.yml: experiments[0].datasets[1].frac: ")

    card = good_card()
    card["parameters"].update(optimizer="Nadan", learning_rate=0.1)
    assert _fails(card).startswith("old.yml: parameters.optimizer: unknown name: 'Nadan'; ")

    card = good_card()
    card["kfold"]["target"] = "mean"
    del card["kfold"]["fold_statistic"]
    assert _fails(card).startswith("old.yml: kfold.target: unknown name: 'mean'; ")


def test_old_and_new_spelling_together_are_refused() -> None:
    card = good_card()
    card["kfold"]["target"] = "average"
    line = _fails(card)
    assert line.startswith("old.yml: kfold.target: given twice; ")
    assert "kfold.fold_statistic" in line


def test_experiments_that_are_none() -> None:
    card = good_card()
    del card["dataset_inputs"]
    card["experiments"] = ["NMC"]
    assert _fails(card).startswith("old.yml: experiments[0]: expected experiment: and datasets: ")


def test_retired_sets_are_replaced_in_data_and_folds() -> None:
    card = good_card()
    rest = [entry["dataset"] for entry in card["dataset_inputs"][2:]]
    card["dataset_inputs"][0] = {"dataset": "NMCPD_dw", "frac": 0.75}
    card["dataset_inputs"][1] = {"dataset": "CMSTTBARTOT", "frac": 0.5, "cfac": ["QCD"]}
    card["kfold"]["partitions"] = [{"datasets": ["CMSTTBARTOT"]}, {"datasets": ["NMCPD_dw"]}]
    runcard = parse_runcard(card)
    several = ("CMSTTBARTOT7TEV", "CMSTTBARTOT8TEV", "CMSTTBARTOT13TEV")
    names = [entry.dataset for entry in runcard.dataset_inputs]
    assert names == ["NMCPD_dw_ite", *several, *rest]
    assert {(entry.frac, entry.cfac) for entry in runcard.dataset_inputs[1:4]} == {(0.5, ("QCD",))}
    assert runcard.kfold is not None
    assert [fold.datasets for fold in runcard.kfold.partitions] == [several, ("NMCPD_dw_ite",)]
    assert runcard.notes == (
        "dataset_inputs[0].dataset: NMCPD_dw is no longer in nnpdf_data, read as NMCPD_dw_ite",
        "dataset_inputs[1].dataset: CMSTTBARTOT is no longer in nnpdf_data, read as "
        + ", ".join(several),
        *OBJECTIVE,
    )


def test_mistakes_after_a_retired_set_are_found_at_their_place() -> None:
    card = good_card()
    card["dataset_inputs"].insert(0, {"dataset": "CMSTTBARTOT"})
    card["dataset_inputs"][2]["frac"] = 2.0
    with pytest.raises(RuncardError, match=r"dataset_inputs\[2\].frac"):
        parse_runcard(card)


def test_successors_are_known_to_nnpdf_data() -> None:
    known = known_names()
    for old, successors in SUCCESSORS.items():
        assert old not in known
        assert set(successors) <= set(known), old
