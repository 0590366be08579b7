"""Advice is accepted when it is followed: a walk through all of it that the runcard's room gives.

Each step spoils a good runcard, sees the advice, does what it says, and the runcard is right. That
no place is left out is read off the source: each call that words advice must have been passed.
"""

from __future__ import annotations

import ast
import copy
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from n3hyper import runcard as room
from n3hyper.errors import RuncardError
from n3hyper.runcard import load_runcard, parse_runcard, require_scan
from tests.support.runcard_samples import DATASETS, delete_at, good_card, set_at

Edits = dict[str, Any]
NMC, SLAC, BCDMS = DATASETS
GONE = object()
"""Stands for a key that is removed."""
SPECS = {"hyperscan": "x", "thermalization": 0, "number_of_trials": 3}
FAKE = {"fakedata": True, "fakepdf": "toy", "fakenoise": False}
NOISY = {**FAKE, "fakenoise": True, "filterseed": 1}
RULE = {"dataset": NMC, "rule": "x > 0.1"}
TAKEN = (
    *("nodes_per_layer", "activation_per_layer", "initializer", "layer_type", "dropout"),
    *("epochs", "stopping_patience", "optimizer"),
)
NOT_GIVEN = {f"parameters.{key}": GONE for key in TAKEN}
BASIS = good_card()["fitting"]["basis"]
FIT, SCAN = "parameters", "hyperscan_config"
COVMAT = "theorycovmatconfig"
SEVEN = {"point_prescriptions": ["7 point"], "pdf": "toy"}
USER = {"user_covmat_path": "matrix.csv", "mult_factor": 2}
POWER = {
    "point_prescriptions": ["power corrections"],
    "pdf": "toy",
    "pc_parameters": {"Hj": {"yshift": [2.0, 2.0], "nodes": [0.0, 3.0]}},
    "pc_included_procs": ["JETS"],
}
BOUND = {"unpolarized_bc": "toy", "n_std": 1}
POLARIZED = {
    "fitting.fitbasis": "POLARIZED_EVOL_CMP",
    "fitting.basis": [
        {"fl": fl, "trainable": False, "smallx": [0.5, 1.2], "largex": [1.5, 3]}
        for fl in ("sng", "g", "t3", "t8", "v", "v3")
    ],
    "parameters.nodes_per_layer": [25, 20, 6],
    "hyperscan_config.architecture.output_size": 6,
    "sum_rules": "TSR",
    "positivity_bound": BOUND,
    "datacuts.unpolarized_bc": "toy",
}
DEEP: Any = functools.reduce(lambda inner, _: [inner], range(100), 1)
NADAM, ARCHITECTURE = f"{SCAN}.optimizer[0]", f"{SCAN}.architecture"

# what is spoilt, what the advice says (in part), what is done then
STEPS: list[tuple[Edits, str, Edits]] = [
    # keys that are missing
    (
        {"dataset_inputs": GONE},
        "list the data sets",
        {"dataset_inputs": [{"dataset": NMC}, {"dataset": SLAC}, {"dataset": BCDMS}]},
    ),
    ({"dataset_inputs[0].dataset": GONE}, "name a data set", {"dataset_inputs[0].dataset": NMC}),
    ({"theory": GONE}, "write theory: {theoryid: ...}", {"theory": {"theoryid": 53}}),
    ({"theory.theoryid": GONE}, "number of a theory folder", {"theory.theoryid": 53}),
    ({"datacuts.t0pdfset": GONE}, "or write use_t0: false", {"datacuts.use_t0": False}),
    ({"parameters": GONE}, "hyperparameters", {"parameters": good_card()["parameters"]}),
    ({"fitting": GONE}, "give fitbasis and basis", {"fitting": good_card()["fitting"]}),
    ({"fitting.fitbasis": GONE}, "one of: ", {"fitting.fitbasis": "NN31IC"}),
    ({"fitting.basis": GONE}, "list the flavours", {"fitting.basis": BASIS}),
    ({"fitting.basis[0].fl": GONE}, "one of: ", {"fitting.basis[0].fl": "sng"}),
    ({"fitting.basis[0].smallx": GONE}, "range of alpha", {"fitting.basis[0].smallx": [1, 1.1]}),
    ({"fitting.basis[0].largex": GONE}, "range of beta", {"fitting.basis[0].largex": [1, 3]}),
    ({"kfold": GONE}, "a scan needs folds", {"kfold": good_card()["kfold"]}),
    ({SCAN: GONE}, "a scan needs ranges", {SCAN: good_card()[SCAN]}),
    ({"kfold.partitions": GONE}, "list the folds", {"kfold.partitions": [{"datasets": [NMC]}]}),
    ({f"{FIT}.nodes_per_layer": GONE}, "[25, 20, 8] say", {f"{FIT}.nodes_per_layer": [25, 20, 8]}),
    (
        {f"{FIT}.activation_per_layer": GONE},
        "the last one linear",
        {f"{FIT}.activation_per_layer": ["tanh", "tanh", "linear"]},
    ),
    (
        {f"{FIT}.optimizer": GONE},
        "{optimizer_name: Nadam, ...}",
        {f"{FIT}.optimizer": {"optimizer_name": "Nadam"}},
    ),
    (
        {f"{FIT}.optimizer.optimizer_name": GONE},
        "one of: Adadelta",
        {f"{FIT}.optimizer.optimizer_name": "Adadelta"},
    ),
    ({f"{FIT}.epochs": GONE}, "how long to train", {f"{FIT}.epochs": 100}),
    ({f"{FIT}.stopping_patience": GONE}, "0.1 say", {f"{FIT}.stopping_patience": 0.1}),
    (
        {"positivity.posdatasets[0].dataset": GONE},
        "name a data set",
        {"positivity.posdatasets[0].dataset": "NNPDF_POS_2P24GEV_F2U"},
    ),
    (
        {"positivity.posdatasets[0].maxlambda": GONE},
        "1e6 say",
        {"positivity.posdatasets[0].maxlambda": 1e6},
    ),
    (
        {f"{SCAN}.stopping.max_epochs": GONE},
        "give both min_epochs and max_epochs",
        {f"{SCAN}.stopping.max_epochs": 500},
    ),
    ({f"{NADAM}.optimizer_name": GONE}, "one of: Adadelta", {f"{NADAM}.optimizer_name": "Adam"}),
    (
        {f"{NADAM}.clipnorm": {"sampling": "log"}},
        "give both min and max",
        {f"{NADAM}.clipnorm.min": 1e-6, f"{NADAM}.clipnorm.max": 1},
    ),
    (
        {f"{ARCHITECTURE}.max_units": GONE},
        "n_layers needs min_units and max_units",
        {f"{ARCHITECTURE}.max_units": 30},
    ),
    (
        {"trial_specs": {"thermalization": 0, "number_of_trials": 1}, **NOT_GIVEN, SCAN: GONE},
        "folder of a finished scan",
        {"trial_specs.hyperscan": "x"},
    ),
    (
        {"trial_specs": {"hyperscan": "x", "number_of_trials": 1}, **NOT_GIVEN, SCAN: GONE},
        "0 say",
        {"trial_specs.thermalization": 0},
    ),
    (
        {"trial_specs": {"hyperscan": "x", "thermalization": 0}, **NOT_GIVEN, SCAN: GONE},
        "how many of its best",
        {"trial_specs.number_of_trials": 3},
    ),
    ({"closuretest": {"fakedata": True}}, "the LHAPDF set", {"closuretest.fakepdf": "toy"}),
    (
        {"closuretest": {**FAKE, "fakenoise": True}},
        "the seed of the noise",
        {"closuretest.filterseed": 3},
    ),
    (
        {"added_filter_rules": [{"dataset": NMC}]},
        "the condition",
        {"added_filter_rules[0].rule": "x > 0.1"},
    ),
    (
        {"added_filter_rules": [{"rule": "x > 0.1"}]},
        "or the process_type",
        {"added_filter_rules[0].process_type": "DIS_NC"},
    ),
    # data sets, cuts, closure tests
    (
        {"dataset_inputs": []},
        "as {dataset: NAME, frac: 0.75}",
        {"dataset_inputs": [{"dataset": name, "frac": 0.75} for name in DATASETS]},
    ),
    (
        {"dataset_inputs[0]": NMC},
        f"write {{dataset: {NMC}}}",
        {"dataset_inputs[0]": {"dataset": NMC}},
    ),
    (
        {"dataset_inputs[3]": {"dataset": NMC}},
        "name each data set once",
        {"dataset_inputs[3]": GONE},
    ),
    (
        {"dataset_inputs[3]": {"dataset": "NNPDF_POS_2P24GEV_F2S"}},
        "under positivity.posdatasets",
        {
            "dataset_inputs[3]": GONE,
            "positivity.posdatasets[1]": {"dataset": "NNPDF_POS_2P24GEV_F2S", "maxlambda": 1},
        },
    ),
    ({"dataset_inputs[0].frac": 2}, "must be above 0 and at most 1", {"dataset_inputs[0].frac": 1}),
    ({"datacuts.combocuts": "NNPDF30"}, "only NNPDF31 is known", {"datacuts.combocuts": "NNPDF31"}),
    ({"datacuts.use_cuts": "nocuts"}, "remove the key", {"datacuts.use_cuts": GONE}),
    (
        {"datacuts.filter_defaults": {"q2min": 5}},
        "datacuts.q2min is 3.49: remove one",
        {"datacuts.q2min": GONE},
    ),
    ({"datacuts.q2mim": 5}, "did you mean 'q2min'?", {"datacuts.q2mim": GONE, "datacuts.q2min": 5}),
    ({"q2min": 5}, "give it below datacuts", {"q2min": GONE, "datacuts.q2min": 5}),
    ({"t0pdfset": "a"}, "give it below datacuts", {"t0pdfset": GONE, "datacuts.t0pdfset": "a"}),
    ({"use_t0": True}, "give it below datacuts", {"use_t0": GONE, "datacuts.use_t0": True}),
    ({"maxTau": 0.1}, "give it below datacuts", {"maxTau": GONE, "datacuts.maxTau": 0.1}),
    (
        {"use_cuts": "internal"},
        "give it below datacuts",
        {"use_cuts": GONE, "datacuts.use_cuts": "internal"},
    ),
    (
        {"fakepdf": "toy"},
        "give it below closuretest",
        {"fakepdf": GONE, "closuretest": {"fakepdf": "toy"}},
    ),
    (
        {"fakedata": False},
        "give it below closuretest",
        {"fakedata": GONE, "closuretest": {"fakedata": False}},
    ),
    (
        {"default_filter_settings": {}},
        "give q2min and w2min below datacuts",
        {"default_filter_settings": GONE, "datacuts.q2min": 4, "datacuts.w2min": 12},
    ),
    (
        {"theoryid": 53},
        "write theory: {theoryid: ...}",
        {"theoryid": GONE, "theory": {"theoryid": 53}},
    ),
    (
        {"added_filter_rules": [RULE], "datacuts.added_filter_rules": [RULE]},
        "it stands at datacuts.added_filter_rules as well: remove one",
        {"added_filter_rules": GONE},
    ),
    ({"added_filter_rules": [RULE, RULE]}, "give each rule once", {"added_filter_rules[1]": GONE}),
    (
        {"added_filter_rules": [{**RULE, "rule": "sqrt > 2"}]},
        "write sqrt(...)",
        {"added_filter_rules[0].rule": "sqrt(x) > 2"},
    ),
    (
        {"added_filter_rules": [{**RULE, "local_variables": "y"}]},
        "write {name: expression}",
        {"added_filter_rules[0].local_variables": {"y": "2 * x"}},
    ),
    (
        {"added_filter_rules": [{**RULE, "local_variables": {"a b": 1}}]},
        "use letters, digits and _",
        {"added_filter_rules[0].local_variables": {"a_b": 1}},
    ),
    (
        {"added_filter_rules": [{**RULE, "PTO": "3"}]},
        "write NLO or NNLO, NNLO+ (from)",
        {"added_filter_rules[0].PTO": "NNLO+"},
    ),
    ({"closuretest": {**FAKE, "errorsize": 2}}, "write 1", {"closuretest.errorsize": 1}),
    (
        {"closuretest": NOISY, "separate_multiplicative": True},
        "its noise is drawn from the whole",
        {"closuretest.fakenoise": False},
    ),
    (
        {"sampling": {"use_t0": False}, "use_t0_sampling": True},
        "which is there as well: remove one",
        {"sampling": GONE},
    ),
    ({"sampling": {"use_t0s": False}}, "did you mean 'use_t0'?", {"sampling": {"use_t0": False}}),
    ({"sampling": {"xyz": False}}, "one of: ", {"sampling": {"use_t0_sampling": False}}),
    (
        {"dataset_inputs": GONE, "experiments": [{"experiment": "A"}]},
        "or list all data sets under dataset_inputs",
        {"experiments": GONE, "dataset_inputs": [{"dataset": name} for name in DATASETS]},
    ),
    ({"load": "weights.h5"}, "remove the key", {"load": GONE}),
    # theory uncertainties
    (
        {COVMAT: {"point_prescription": "3 pont", "pdf": "toy"}},
        "did you mean '3 point'?",
        {COVMAT: SEVEN},
    ),
    ({COVMAT: {"pdf": "toy"}}, "list some, as ['7 point']", {COVMAT: SEVEN}),
    ({COVMAT: {"point_prescriptions": ["7 point"]}}, "the LHAPDF set", {COVMAT: SEVEN}),
    ({COVMAT: {**SEVEN, "mult_factor": 2}}, "user_covmat_path names", {COVMAT: {**SEVEN, **USER}}),
    (
        {COVMAT: {**SEVEN, "point_prescriptions": ["7 point", "3 point"], "theoryids": [1, 2]}},
        "name one of point_prescriptions, or none",
        {f"{COVMAT}.point_prescriptions": ["7 point"]},
    ),
    (
        {COVMAT: {**SEVEN, "pc_included_procs": ["JETS"]}},
        "add 'power corrections' to point_prescriptions",
        {COVMAT: POWER},
    ),
    ({COVMAT: {**POWER, "pc_included_procs": None}}, "as ['DIS NC', 'JETS']", {COVMAT: POWER}),
    ({COVMAT: {**POWER, "pc_parameters": None}}, "{f2p: {yshift", {COVMAT: POWER}),
    (
        {COVMAT: POWER, f"{COVMAT}.pc_parameters.Hj": {"nodes": [0, 1]}},
        "a standard deviation for each node",
        {f"{COVMAT}.pc_parameters.Hj.yshift": [1, 1]},
    ),
    (
        {COVMAT: POWER, f"{COVMAT}.pc_parameters.Hj": {"yshift": [1, 1]}},
        "ascending values of the variable",
        {f"{COVMAT}.pc_parameters.Hj.nodes": [0, 1]},
    ),
    (
        {COVMAT: POWER, f"{COVMAT}.pc_parameters.Hj.nodes": [1, 0]},
        "each larger than the one before",
        {f"{COVMAT}.pc_parameters.Hj.nodes": [0, 1]},
    ),
    (
        {COVMAT: POWER, f"{COVMAT}.pc_parameters.Hj.nodes": [0, 1, 2]},
        "give one for each node",
        {f"{COVMAT}.pc_parameters.Hj.yshift": [1, 1, 1]},
    ),
    # polarised fits
    ({**POLARIZED, "sum_rules": "All"}, "write TSR or false", {"sum_rules": "TSR"}),
    ({**POLARIZED, "sum_rules": GONE}, "write TSR or false", {"sum_rules": "TSR"}),
    ({**POLARIZED, "positivity_bound": None}, "{unpolarized_bc: SET", {"positivity_bound": BOUND}),
    (
        {**POLARIZED, "positivity_bound": {"n_std": 1}},
        "the LHAPDF set of the unpolarised PDFs",
        {"positivity_bound": BOUND},
    ),
    (
        {**POLARIZED, "datacuts.unpolarized_bc": None},
        "which tables beside polarised ones need",
        {"datacuts.unpolarized_bc": "toy"},
    ),
    ({"positivity_bound": BOUND}, "remove it", {"positivity_bound": GONE}),
    ({"datacuts.unpolarized_bc": "toy"}, "remove it", {"datacuts.unpolarized_bc": GONE}),
    # cuts
    (
        {"datacuts.use_cuts": "fromintersection"},
        "list theories, as [{theoryid: 708}",
        {"datacuts.cuts_intersection_spec": [{"theoryid": 708}]},
    ),
    (
        {"datacuts.use_cuts": "fromintersection", "datacuts.cuts_intersection_spec": []},
        "list some, as [{theoryid: 708}",
        {"datacuts.cuts_intersection_spec": [{"theoryid": 708}]},
    ),
    (
        {"datacuts.use_cuts": "fromintersection", "datacuts.cuts_intersection_spec": [{}]},
        "the number of a theory",
        {"datacuts.cuts_intersection_spec": [{"theoryid": 708}]},
    ),
    (
        {"datacuts.cuts_intersection_spec": [{"theoryid": 708}]},
        "write use_cuts: fromintersection",
        {"datacuts.use_cuts": "fromintersection"},
    ),
    (
        {"positivity.posdatasets[0].dataset": "POSDYC"},
        "remove it; NNPDF4.0 has NNPDF_POS_2P24GEV_XCQ",
        {"positivity.posdatasets[0].dataset": "NNPDF_POS_2P24GEV_XCQ"},
    ),
    # folds
    (
        {"kfold.partitions": []},
        "list at least one, as {datasets: [...]}",
        {"kfold.partitions": [{"datasets": [NMC]}]},
    ),
    (
        {"kfold.partitions[0].datasets": []},
        "name data sets of dataset_inputs",
        {"kfold.partitions[0].datasets": [NMC]},
    ),
    (
        {"kfold.partitions[0].datasets": list(DATASETS)},
        "leave out some of dataset_inputs, not all",
        {"kfold.partitions[0].datasets": [NMC, SLAC]},
    ),
    (
        {"kfold.partitions[0].datasets": ["HERAF2CHARM"]},
        "list it there as well",
        {"dataset_inputs[3]": {"dataset": "HERAF2CHARM"}},
    ),
    (
        {"kfold.partitions[0].datasets": ["NMC"]},
        f"write {NMC!r}",
        {"kfold.partitions[0].datasets": [NMC]},
    ),
    (
        {"dataset_inputs[0]": {"dataset": "NMC"}},
        "write 'NMC'",
        {"kfold.partitions[0].datasets": ["NMC"]},
    ),
    (
        {"kfold.partitions[0].datasets": [NMC, NMC]},
        "name each once",
        {"kfold.partitions[0].datasets": [NMC]},
    ),
    (
        {"kfold.fold_statistic": "fit_future_tests", "kfold.partitions": [{"datasets": [NMC]}]},
        "list two folds or more, the last one empty",
        {"kfold.partitions[1]": {"datasets": []}},
    ),
    (
        {"kfold.target": "average"},
        "old spelling of kfold.fold_statistic, which is there as well: remove one",
        {"kfold.target": GONE},
    ),
    # the basis
    ({"fitting.basis": []}, "list those of NN31IC", {"fitting.basis": BASIS}),
    (
        {"fitting.fitbasis": "LUX"},
        "fits with a photon are not supported",
        {"fitting.fitbasis": "NN31IC"},
    ),
    (
        {"fitting.basis[1].fl": "singlet"},
        "Sigma is there already as 'sng'",
        {"fitting.basis[1].fl": "g"},
    ),
    (
        {"fitting.basis[0].smallx": [2, 1]},
        "did you mean [1, 2]?",
        {"fitting.basis[0].smallx": [1, 2]},
    ),
    (
        {"fitting.basis[0].smallx": [2]},
        "write [lowest, highest]",
        {"fitting.basis[0].smallx": [1, 2]},
    ),
    (
        {f"{FIT}.feature_scaling_points": 5},
        "remove the key",
        {f"fitting.basis[{i}].largex": GONE for i in range(8)},
    ),
    ({"sum_rules": "TSR"}, "it is for bases POLARIZED_", {"sum_rules": "All"}),
    ({"sum_rules": "VRS"}, "did you mean 'VSR'?", {"sum_rules": "VSR"}),
    # one set of hyperparameters
    (
        {f"{FIT}.nodes_per_layer": []},
        "the last one has 8 nodes",
        {f"{FIT}.nodes_per_layer": [25, 20, 8]},
    ),
    ({f"{FIT}.nodes_per_layer": [25, 20, 7]}, "must be 8", {f"{FIT}.nodes_per_layer": [25, 20, 8]}),
    (
        {f"{FIT}.activation_per_layer": ["tanh", "linear"]},
        "give one for each entry",
        {f"{FIT}.activation_per_layer": ["tanh", "tanh", "linear"]},
    ),
    (
        {f"{FIT}.activation_per_layer": "tanh"},
        "write it as [..., ...]",
        {f"{FIT}.activation_per_layer": ["tanh", "tanh", "linear"]},
    ),
    (
        {f"{FIT}.activation_per_layer[0]": "square_singlet"},
        "choose another one here",
        {f"{FIT}.activation_per_layer[0]": "tanh"},
    ),
    (
        {f"{FIT}.activation_per_layer[2]": "square_singlet", "fitting.basis": BASIS[::-1]},
        "put sng and g first",
        {"fitting.basis": BASIS},
    ),
    ({f"{FIT}.initializer": 3}, "one of: glorot_normal", {f"{FIT}.initializer": "glorot_normal"}),
    (
        {f"{FIT}.initializer": "Glorot_normal"},
        "did you mean 'glorot_normal'?",
        {f"{FIT}.initializer": "glorot_normal"},
    ),
    (
        {f"{FIT}.layer_type": "dense_per_flavour", f"{ARCHITECTURE}.max_drop": GONE},
        "write 0.0, or dense",
        {f"{FIT}.dropout": 0.0},
    ),
    ({f"{FIT}.epochs": 0}, "must be at least 1", {f"{FIT}.epochs": 1}),
    (
        {f"{FIT}.regularizer_args": {"l1": 0.1}},
        "add regularizer: l1_l2",
        {f"{FIT}.regularizer": "l1_l2"},
    ),
    (
        {f"{FIT}.optimizer.amsgrad": True},
        "write optimizer_name: Amsgrad",
        {f"{FIT}.optimizer.amsgrad": GONE, f"{FIT}.optimizer.optimizer_name": "Amsgrad"},
    ),
    # the search space
    (
        {SCAN: {"stopping": {}}},
        "give ranges under stopping",
        {SCAN: {"stopping": {"min_epochs": 1, "max_epochs": 2}}},
    ),
    (
        {SCAN: {"parameters": []}},
        "list sets of parameters",
        {SCAN: {"parameters": [{"epochs": 3}]}},
    ),
    (
        {f"{SCAN}.parameters": [{"epochs": 3}]},
        "from ranges or from a list, not both",
        {f"{SCAN}": {"parameters": [{"epochs": 3}]}},
    ),
    (
        {SCAN: {"use_tries_from": "x", "stopping": {}}},
        "remove one of the two",
        {f"{SCAN}.stopping": GONE},
    ),
    (
        {SCAN: {"from_hyperscan": "x", "use_tries_from": "y"}},
        "remove one of the two",
        {f"{SCAN}.from_hyperscan": GONE},
    ),
    (
        {f"{SCAN}.stopping.min_epochs": 600},
        "the smaller one comes first",
        {f"{SCAN}.stopping.min_epochs": 500, f"{SCAN}.stopping.max_epochs": 600},
    ),
    (
        {f"{SCAN}.optimizer": []},
        "as {optimizer_name: Nadam}",
        {f"{SCAN}.optimizer": [{"optimizer_name": "Nadam"}]},
    ),
    (
        {f"{SCAN}.optimizer[1].optimizer_name": "Nadam"},
        "name each optimizer once",
        {f"{SCAN}.optimizer[1]": GONE},
    ),
    (
        {f"{NADAM}.clipnorm": [1e-5, 1]},
        "write {min: ..., max: ..., sampling: log}",
        {f"{NADAM}.clipnorm": {"min": 1e-5, "max": 1, "sampling": "log"}},
    ),
    ({f"{SCAN}.parallel": True}, "remove the key", {f"{SCAN}.parallel": GONE}),
    (
        {f"{ARCHITECTURE}.initializers": []},
        "name some, or remove the key",
        {f"{ARCHITECTURE}.initializers": GONE},
    ),
    (
        {f"{ARCHITECTURE}.n_layers": []},
        "list numbers of hidden layers",
        {f"{ARCHITECTURE}.n_layers": [2]},
    ),
    (
        {f"{ARCHITECTURE}.n_layers": [2, 2]},
        "name each number once",
        {f"{ARCHITECTURE}.n_layers": [2]},
    ),
    ({f"{ARCHITECTURE}.n_layers": GONE}, "add n_layers: [...]", {f"{ARCHITECTURE}.n_layers": [2]}),
    (
        {f"{ARCHITECTURE}.activations": GONE},
        f"add {ARCHITECTURE}.activations: [tanh]",
        {f"{ARCHITECTURE}.activations": ["tanh"]},
    ),
    (
        {f"{ARCHITECTURE}.layer_types": ["dense_per_flavour"]},
        "remove one of the two",
        {f"{ARCHITECTURE}.max_drop": GONE},
    ),
    (
        {
            "trial_specs": SPECS,
            SCAN: GONE,
            **{k: v for k, v in NOT_GIVEN.items() if "epochs" not in k},
        },
        "or put it under trial_specs.override",
        {f"{FIT}.epochs": GONE, "trial_specs.override": {"epochs": 400}},
    ),
    ({"trial_specs": SPECS, **NOT_GIVEN}, "the trials that it names are run", {SCAN: GONE}),
    # constraints
    (
        {"positivity.posdatasets[1]": {"dataset": "NNPDF_POS_2P24GEV_F2U", "maxlambda": 1}},
        "name each constraint once",
        {"positivity.posdatasets[1]": GONE},
    ),
    # values that YAML reads as something else
    ({"description": {1: 2}}, "put it in quotes", {"description": {"1": 2}}),
    ({"description": 1j}, "put it in quotes", {"description": "1j"}),
    # values without bounds, of documents that were not read from a file
    ({"description": DEEP}, "do its aliases contain themselves?", {"description": "flat"}),
    ({"description": {"k" * 201: 1}}, "a key of 201 characters", {"description": {"k" * 200: 1}}),
    ({"description": 10**2000}, "an integer beyond all bounds", {"description": 10**15}),
    (
        {"dataset_inputs": [{"dataset": NMC}] * 5001},
        "at most 5000 data sets",
        {"dataset_inputs": good_card()["dataset_inputs"]},
    ),
]

FILES: list[tuple[str, str, str]] = [
    ("a: 1\na: 2\n", "remove one of the two", "a: 1\n"),
    ("", "needs at least dataset_inputs", "dataset_inputs: []\n"),
    ("- 1\n", "expected a mapping (key: value)", "a: 1\n"),
    ("a: &x [*x]\n", "do its aliases contain themselves?", "a: 1\n"),
]
"""Files that are no runcards, and what the advice makes of them: another message, further on."""


def apply(card: dict[str, Any], edits: Edits) -> dict[str, Any]:
    for path, value in edits.items():
        steps = tuple(
            int(i) if i else key
            for key, i in re.findall(r"([^.\[\]]+)(?![^\[]*\])|\[(\d+)\]", path)
        )
        if value is GONE:
            delete_at(card, steps)
            continue
        *above, last = steps
        place: Any = card
        for step in above:
            place = place[step]
        if isinstance(place, list) and last == len(place):
            place.append(None)
        set_at(card, steps, copy.deepcopy(value))
    return card


def check(card: dict[str, Any]) -> None:
    require_scan(parse_runcard(card, "card.yml"))


@pytest.mark.parametrize(
    ("spoilt", "advice", "followed"), STEPS, ids=[str(i) for i in range(len(STEPS))]
)
def test_advice_is_accepted_when_followed(spoilt: Edits, advice: str, followed: Edits) -> None:
    card = apply(good_card(), spoilt)
    with pytest.raises(RuncardError) as raised:
        check(card)
    assert advice in str(raised.value)
    assert str(raised.value).startswith("card.yml: ")
    check(apply(card, followed))


@pytest.mark.parametrize(("text", "advice", "followed"), FILES)
def test_advice_on_files(tmp_path: Path, text: str, advice: str, followed: str) -> None:
    path = tmp_path / "card.yml"
    path.write_text(text)
    with pytest.raises(RuncardError, match=re.escape(advice)):
        load_runcard(path)
    path.write_text(followed)
    with pytest.raises(RuncardError) as raised:
        load_runcard(path)
    assert advice not in str(raised.value)
    with pytest.raises(RuncardError, match=r"did you mean 'card\.yml'\?"):
        load_runcard(tmp_path / "cart.yml")
    with pytest.raises(RuncardError, match=r"name a \.yml file"):
        load_runcard(tmp_path)


def places() -> Iterator[tuple[str, int, int]]:
    """File, first and last line of each call that words advice."""
    for file in Path(room.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(
                node.func, (ast.Attribute, ast.Name)
            ):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            worded = name in ("fail", "need", "_expected") and len(node.args) > 1
            worded |= name == "RuncardError" and any(
                each.arg == "hint" and not isinstance(each.value, ast.Name)
                for each in node.keywords
            )
            if worded:
                yield file.name, node.lineno, node.end_lineno or node.lineno


def test_no_advice_is_left_out(tmp_path: Path) -> None:
    passed: set[tuple[str, int]] = set()

    def walk(error: BaseException | None) -> None:
        while error is not None:
            trace = error.__traceback__
            while trace is not None:
                passed.add((Path(trace.tb_frame.f_code.co_filename).name, trace.tb_lineno))
                trace = trace.tb_next
            error = error.__context__

    for spoilt, _, _ in STEPS:
        try:
            check(apply(good_card(), spoilt))
        except RuncardError as error:
            walk(error)
    (tmp_path / "card.yml").write_text("a: 1\na: 2\n")
    for path in (tmp_path, tmp_path / "cart.yml", tmp_path / "card.yml"):
        try:
            load_runcard(path)
        except RuncardError as error:
            walk(error)
    for text, _, _ in FILES:
        (tmp_path / "card.yml").write_text(text)
        try:
            load_runcard(tmp_path / "card.yml")
        except RuncardError as error:
            walk(error)
    missed = [
        f"{file}:{first}"
        for file, first, last in places()
        if not any((file, line) in passed for line in range(first, last + 1))
    ]
    assert missed == []
