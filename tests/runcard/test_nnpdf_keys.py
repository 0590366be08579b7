"""Every key that n3fit 4.1.5 or an earlier n3fit may find in a runcard of a fit or a scan is known.

The list was made from the arguments of n3fit's and validphys' functions that a fit calls, from
their `parse_` functions, and from NNPDF's published runcards. A key is honoured, ignored with a
note that gives the reason, or refused with the reason; never dropped without a word.
"""

from __future__ import annotations

from typing import Any

import pytest

from n3hyper.errors import RuncardError
from n3hyper.runcard import parse_runcard
from tests.support.runcard_samples import DATASETS, good_card

HONOURED: dict[str, Any] = {
    "theorycovmatconfig": {"point_prescriptions": ["7 point"], "pdf": "x"},
    "theory.t0theoryid": 708,
    "t0theoryid": 708,
    "datacuts.t0theoryid": 708,
    "norm_threshold": 4,
    "sep_mult": True,
    "description": "text",
    "dataset_inputs": [{"dataset": name} for name in DATASETS],
    "dataset_inputs[0].frac": 0.5,
    "dataset_inputs[0].cfac": ["QCD"],
    "dataset_inputs[0].variant": "legacy_dw",
    "dataset_inputs[0].weight": 0.125,
    "dataset_inputs[0].custom_group": "mine",
    "datacuts": {"use_t0": False},
    "datacuts.q2min": 3.0,
    "datacuts.w2min": 10,
    "datacuts.t0pdfset": "NNPDF40_nnlo_as_01180",
    "datacuts.use_t0": False,
    "datacuts.combocuts": "NNPDF31",
    "datacuts.maxTau": 0.08,
    "datacuts.use_cuts": "internal",
    "theory": {"theoryid": 200},
    "theory.theoryid": 40_000_000,
    "hyperscan_config.stopping": {"min_epochs": 1e3, "max_epochs": 2e3},
    "hyperscan_config.stopping.min_patience": 0.15,
    "hyperscan_config.stopping.max_patience": 0.45,
    "hyperscan_config.positivity": {"min_initial": 1, "max_initial": 1000},
    "hyperscan_config.positivity.max_multiplier": 1.2,
    "hyperscan_config.integrability": {"min_initial": 2, "max_initial": 50},
    "hyperscan_config.optimizer": [{"optimizer_name": "Nadam", "learning_rate": 1e-3}],
    "hyperscan_config.optimizer[0].clipnorm": {"sampling": "log", "min": 1e-7, "max": 1e-4},
    "hyperscan_config.architecture.initializers": ["glorot_uniform"],
    "hyperscan_config.architecture.activations": ["tanh"],
    "hyperscan_config.architecture.max_drop": 0.15,
    "hyperscan_config.architecture.n_layers": [2, 3, 4, 5],
    "hyperscan_config.architecture.min_units": 11,
    "hyperscan_config.architecture.max_units": 50,
    "hyperscan_config.architecture.output_size": 8,
    "hyperscan_config": {"from_hyperscan": "scan"},
    "hyperscan_config.": {"use_tries_from": "scan"},
    "hyperscan_config..": {"parameters": [{"epochs": 10}]},
    "kfold.loss_type": "logp",
    "kfold.replica_statistic": "average_best",
    "kfold.fold_statistic": "std",
    "kfold.reduce_proportion": 0.85,
    "kfold.penalties": ["saturation"],
    "kfold.penalties_in_loss": True,
    "kfold.threshold": 1e3,
    "kfold.partitions": [{"datasets": [DATASETS[0]]}],
    "kfold.partitions[0].overfit": True,
    "parameters.nodes_per_layer": [20, 18, 8],
    "parameters.activation_per_layer": ["sigmoid", "tanh", "linear"],
    "parameters.initializer": "random_uniform",
    "parameters.optimizer": {"optimizer_name": "Adadelta"},
    "parameters.optimizer.learning_rate": 2e-3,
    "parameters.optimizer.clipnorm": 2e-4,
    "parameters.epochs": 1e3,
    "parameters.positivity": {"initial": 338, "multiplier": None},
    "parameters.positivity.threshold": 1e-5,
    "parameters.integrability": {"initial": None, "multiplier": 1.1},
    "parameters.stopping_patience": 0.3,
    "parameters.stopping_delta": 0.1,
    "parameters.dropout": 0.0,
    "parameters.threshold_chi2": 5.0,
    "parameters.regularizer": "l1_l2",
    "fitting.basis[0].smallx": [1.0, 1.1],
    "fitting.basis[0].largex": [1.0, 2.0],
    "fitting.basis[0].trainable": True,
    "positivity.posdatasets": [{"dataset": "NNPDF_POS_2P24GEV_DYU", "maxlambda": 1e10}],
    "integrability.integdatasets": [{"dataset": "NNPDF_INTEG_3GEV_XT8", "maxlambda": 1e2}],
    "trvlseed": 2182363835,
    "nnseed": 4044040809,
    "mcseed": 1977428487,
    "genrep": False,
    "same_trvl_per_replica": False,
    "resample_negative_pseudodata": True,
    "separate_multiplicative": True,
    "sampling": {"separate_multiplicative": True},
    "use_t0_sampling": False,
    "sum_rules": "VSR",
    "diagonal_basis": True,
    "diagonal_frac": 0.75,
    "double_precision": True,
    "closuretest": {"fakedata": False},
    "load": False,
}
"""Key and a value that the good card does not have."""

ASKS_FOR_NOTHING = {
    "load",
    "closuretest",
    "datacuts.combocuts",
    "datacuts.maxTau",
    "datacuts.use_cuts",
    "hyperscan_config.architecture.output_size",
}
"""Keys with one value that is right, with which nothing changes."""

TRANSLATED: dict[str, Any] = {
    "hyperscan": {"stopping": {"min_epochs": 1, "max_epochs": 2}},
    "experiments": [{"experiment": "A", "datasets": [{"dataset": name} for name in DATASETS]}],
    "experiment_inputs": [{"experiment": "A", "datasets": [{"dataset": n} for n in DATASETS]}],
    "dataset_inputs[2].sys": 10,
    "kfold.target": "average",
    "positivity.posdatasets[0].poslambda": 1e6,
    "integrability.integdatasets[0].poslambda": 1e2,
    "parameters.pos_initial": 10,
    "parameters.pos_multiplier": 1.1,
    "parameters.integ_initial": 10,
    "parameters.integ_multiplier": 1.1,
    "fitting.trvlseed": 4,
    "fitting.nnseed": 4,
    "fitting.mcseed": 4,
    "fitting.genrep": "on",
    "fitting.load": False,
    "fitting.sum_rules": True,
    "fitting.diagonal_basis": True,
    "fitting.same_trvl_per_replica": True,
    "fitting.parallel_models": True,
}
"""Old spellings; `_REPLACES` is what they stand for."""

_REPLACES = {
    "hyperscan": "hyperscan_config",
    "experiments": "dataset_inputs",
    "experiment_inputs": "dataset_inputs",
    "dataset_inputs[2].sys": "dataset_inputs[2].variant",
    "kfold.target": "kfold.fold_statistic",
    "positivity.posdatasets[0].poslambda": "positivity.posdatasets[0].maxlambda",
    "integrability.integdatasets[0].poslambda": "integrability.integdatasets[0].maxlambda",
    "parameters.pos_initial": "parameters.positivity.initial",
    "parameters.pos_multiplier": "parameters.positivity.multiplier",
    "parameters.integ_initial": "parameters.integrability.initial",
    "parameters.integ_multiplier": "parameters.integrability.multiplier",
    **{f"fitting.{key}": key for key in ("trvlseed", "nnseed", "mcseed", "genrep", "sum_rules")},
    **{f"fitting.{key}": key for key in ("same_trvl_per_replica", "parallel_models")},
}

IGNORED: dict[str, Any] = {
    "theorycovmatconfig": {"use_thcovmat_in_fitting": False, "use_thcovmat_in_sampling": False},
    "debug": True,
    "maxcores": 8,
    "save": "weights.h5",
    "savefile": "weights.h5",
    "loadfile": "weights.h5",
    "tensorboard": {"weight_freq": 100, "profiling": False},
    "lhagrid": {"nx": 150, "xmin": 1e-9},
    "stopping": {"stopmethod": "LOOKBACK"},
    "seed": 1,
    "max_tries": 100,
    "use_pdferr": True,
    "use_thcovmat_if_present": True,
    "cut_similarity_threshold": 1.0,
    **{
        f"datacuts.{key}": 0
        for key in (
            "jetptcut_tev",
            "jetptcut_lhc",
            "wptcut_lhc",
            "jetycut_tev",
            "jetycut_lhc",
            "dymasscut_min",
            "dymasscut_max",
            "jetcfactcut",
        )
    },
    "fitting.savepseudodata": False,
    "fitting.save": False,
    "fitting.savefile": "weights.hd5",
    "fitting.loadfile": "weights.hd5",
    "fitting.tensorboard": {"weight_freq": 100},
    "fitting.plot": True,
    "fitting.epochs": 900,
    "fitting.seed": 9453862133528,
    "fitting.rngalgo": 0,
    "fitting.rnalgo": 0,
    "fitting.fitmethod": "NGA",
    "fitting.ngen": 30000,
    "fitting.nmutants": 80,
    "fitting.paramtype": "NN",
    "fitting.nnodes": [2, 5, 3, 1],
    "fitting.basis[0].pos": False,
    "fitting.basis[0].mutsize": [15],
    "fitting.basis[0].mutprob": [0.05],
    "parameters.integrability.threshold": 1e-2,
    "kfold.verbosity": {"training": True},
    "parallel_models": False,
}

REFUSED: dict[str, Any] = {
    "point_prescription": "7 point",
    "point_prescriptions": ["7 point"],
    "use_thcovmat_in_fitting": True,
    "use_thcovmat_in_sampling": True,
    "use_user_uncertainties": True,
    "user_covmat_path": "x.csv",
    "mult_factor": 2.0,
    "fiatlux": {"luxset": "x"},
    "luxset": "x",
    "additional_errors": True,
    "unpolarized_bc": "x",
    "load": "weights.h5",
    "load_weights_from_fit": "fit",
    "inconsistent_data_settings": {"ADD": True},
    "threshold": 1e-5,
    "data_path": "data",
    "cuts_intersection_spec": [{"theoryid": 1}],
    "datacuts.cut_similarity_threshold": 1.0,
    "datacuts.use_cuts": "nocuts",
    "data_grouping": "standard_report",
    "metadata_group": "nnpdf31_process",
    "use_weights_in_covmat": False,
    "use_fitcommondata": True,
    "default_filter_rules": "31",
    "default_filter_settings": "31",
    "q2min": 3,
    "w2min": 12,
    "maxTau": 0.08,
    "use_cuts": "internal",
    "use_t0": True,
    "t0pdfset": "x",
    "theoryid": 1,
    "fakedata": True,
    "fakepdf": "x",
    "fakenoise": True,
    "filterseed": 1,
    "fitting.fitbasis": "LUX",
    "hyperscan_config.parallel": "true",
    "parameters.optimizer.momentum": 0.1,
    "parameters.optimizer.nesterov": True,
    "parameters.optimizer.amsgrad": True,
}


def _steps(path: str) -> list[str | int]:
    parts = path.rstrip(".").replace("[", ".[").split(".")
    return [int(part[1:-1]) if part.startswith("[") else part for part in parts]


def _put(card: dict[str, Any], path: str, value: Any) -> None:
    place: Any = card
    *way, last = _steps(path)
    for step in way:
        place = place[step]
    place[last] = value


def _drop(card: dict[str, Any], path: str) -> None:
    place: Any = card
    *way, last = _steps(path)
    for step in way:
        place = place[step]
    place.pop(last, None)


@pytest.mark.parametrize("path", HONOURED)
def test_keys_that_are_honoured_reach_the_runcard(path: str) -> None:
    card = good_card()
    before = parse_runcard(card)
    _put(card, path, HONOURED[path])
    after = parse_runcard(card)
    assert not any("ignored" in note for note in after.notes if "frac" not in note)
    names = set(vars(after)) - {"raw", "notes"}
    changed = any(getattr(after, name) != getattr(before, name) for name in names)
    assert changed or path in ASKS_FOR_NOTHING


def test_kinds_of_layers_and_fit_bases() -> None:
    card = good_card()
    card["parameters"]["layer_type"] = "dense_per_flavour"
    card["parameters"]["dropout"] = 0.0
    del card["hyperscan_config"]["architecture"]["max_drop"]
    card["hyperscan_config"]["architecture"]["layer_types"] = ["dense", "dense_per_flavour"]
    card["fitting"]["fitbasis"] = "EVOL"
    card["fitting"]["basis"][7]["fl"] = "t15"
    runcard = parse_runcard(card)
    assert runcard.parameters["layer_type"] == "dense_per_flavour"
    assert runcard.hyperscan["architecture"]["layer_types"] == ["dense", "dense_per_flavour"]
    assert runcard.fitting.fitbasis == "EVOL"


@pytest.mark.parametrize("path", TRANSLATED)
def test_keys_that_are_translated_leave_a_note(path: str) -> None:
    card = good_card()
    _drop(card, _REPLACES.get(path, path))
    _put(card, path, TRANSLATED[path])
    assert any("old spelling" in note for note in parse_runcard(card).notes)


@pytest.mark.parametrize("path", IGNORED)
def test_keys_that_are_ignored_leave_the_reason(path: str) -> None:
    card = good_card()
    before = parse_runcard(card)
    _put(card, path, IGNORED[path])
    after = parse_runcard(card)
    name = path.replace("[0]", "[]")
    (note,) = set(after.notes) - set(before.notes)
    assert note.startswith(f"{name}: ignored (")
    assert len(note) > len(f"{name}: ignored ()") + 10


@pytest.mark.parametrize("path", REFUSED)
def test_keys_that_are_refused_say_the_reason(path: str) -> None:
    card = good_card()
    _put(card, path, REFUSED[path])
    with pytest.raises(RuncardError) as raised:
        parse_runcard(card)
    assert raised.value.key.startswith(path)
    assert raised.value.problem == "not supported"
    assert len(raised.value.hint) > 10
