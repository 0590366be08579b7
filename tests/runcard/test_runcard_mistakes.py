"""Each mistake is one line with the file, the key path, the value and what would be right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from n3hyper.errors import RuncardError
from n3hyper.runcard import load_runcard, parse_runcard, require_scan
from tests.support.runcard_samples import DATASETS, delete_at, good_card, set_at

SCAN, FIT = "hyperscan_config", "parameters"
ARCHITECTURE = (SCAN, "architecture")
NADAM = (SCAN, "optimizer", 0)
FOLD = ("kfold", "partitions", 1)
OLD_POS = {"dataset": "NNPDF_POS_2P24GEV_F2U", "maxlambda": 1}

# path to set, value put there, key that the error names, value it quotes, what it says is right
SPECS = {"hyperscan": "x", "thermalization": 0, "number_of_trials": 3}

WRONG_VALUES: list[tuple[tuple[str | int, ...], Any, str, str, str]] = [
    (("hyperscan_confg",), {}, "hyperscan_confg", "{}", "did you mean 'hyperscan_config'?"),
    (("theoryid",), 53, "theoryid", "53", "write theory: {theoryid: ...}"),
    (("q2min",), 4, "q2min", "4", "below datacuts"),
    (("theory", "theoryid"), "NNLO", "theory.theoryid", "'NNLO'", "expected a number"),
    (("theory", "theoryid"), -1, "theory.theoryid", "-1", "at least 0"),
    (("theory", "theoryid"), 0.5, "theory.theoryid", "0.5", "whole number"),
    (("theory",), 1650, "theory", "1650", "expected a mapping"),
    (("dataset_inputs",), [], "dataset_inputs", "[]", "at least one"),
    (("dataset_inputs",), {"NMC": 1}, "dataset_inputs", "{'NMC': 1}", "expected a list"),
    (("dataset_inputs", 0), "NMC", "dataset_inputs[0]", "'NMC'", "{dataset: NMC}"),
    (("dataset_inputs", 1, "dataset"), DATASETS[0], "dataset_inputs[1].dataset", "NMC", "twice"),
    (("dataset_inputs", 0, "frac"), 1.5, "dataset_inputs[0].frac", "1.5", "at most 1"),
    (("dataset_inputs", 0, "frac"), True, "dataset_inputs[0].frac", "True", "a number"),
    (("dataset_inputs", 0, "fraq"), 0.5, "dataset_inputs[0].fraq", "0.5", "did you mean 'frac'?"),
    (("dataset_inputs", 1, "cfac"), "NRM", "dataset_inputs[1].cfac", "'NRM'", "[..., ...]"),
    (("dataset_inputs", 1, "weight"), 0, "dataset_inputs[1].weight", "0", "above 0"),
    (
        ("dataset_inputs", 2, "dataset"),
        "NNPDF_POS_2P24GEV_F2U",
        "dataset_inputs[2].dataset",
        "'NNPDF_POS_2P24GEV_F2U'",
        "positivity.posdatasets",
    ),
    (("datacuts", "q2min"), "3.49 GeV2", "datacuts.q2min", "'3.49 GeV2'", "a number"),
    (("datacuts", "w2min"), float("nan"), "datacuts.w2min", "nan", "finite"),
    (("datacuts", "combocuts"), "NNPDF30", "datacuts.combocuts", "'NNPDF30'", "NNPDF31"),
    (("datacuts", "t0pdf"), "CT18", "datacuts.t0pdf", "'CT18'", "did you mean 't0pdfset'?"),
    (("datacuts", "use_t0"), "true", "datacuts.use_t0", "'true'", "true or false"),
    ((*FOLD, "datasets", 0), "SLAC", "kfold.partitions[1].datasets[0]", "'SLAC'", "list it there"),
    (
        (*FOLD, "datasets", 0),
        "SLAC_NC_NOTFIXED_P_EM-F1",
        "kfold.partitions[1].datasets[0]",
        "'SLAC_NC_NOTFIXED_P_EM-F1'",
        "did you mean 'SLAC_NC_NOTFIXED_P_EM-F2'?",
    ),
    ((*FOLD, "datasets", 1), DATASETS[1], "kfold.partitions[1].datasets[1]", "SLAC", "once"),
    ((*FOLD, "datasets"), [], "kfold.partitions[1].datasets", "[]", "name data sets"),
    (("kfold", "partitions", 0, "datasets"), list(DATASETS), "kfold.partitions[0]", "NMC", "all"),
    (("kfold", "partitions"), [], "kfold.partitions", "[]", "at least one"),
    (("kfold", "partitions", 0, "weight"), -1, "kfold.partitions[0].weight", "-1", "above 0"),
    (("kfold", "loss_type"), "chi", "kfold.loss_type", "'chi'", "did you mean 'chi2'?"),
    (("kfold", "fold_statistic"), "mean", "kfold.fold_statistic", "'mean'", "average, "),
    (
        ("kfold", "replica_statistic"),
        "Average",
        "kfold.replica_statistic",
        "'Average'",
        "'average'",
    ),
    (("kfold", "penalties", 1), "patiance", "kfold.penalties[1]", "'patiance'", "'patience'?"),
    (("kfold", "penalties"), "patience", "kfold.penalties", "'patience'", "a list"),
    (("kfold", "reduce_proportion"), 0, "kfold.reduce_proportion", "0", "above 0 and at most 1"),
    (("kfold", "threshold"), -3, "kfold.threshold", "-3", "above 0"),
    ((FIT, "nodes_per_layer"), [25, 20, 7], f"{FIT}.nodes_per_layer[2]", "7", "must be 8"),
    ((FIT, "nodes_per_layer", 0), 0, f"{FIT}.nodes_per_layer[0]", "0", "at least 1"),
    ((FIT, "activation_per_layer"), ["tanh", "linear"], f"{FIT}.activation_per", "tanh", "each"),
    ((FIT, "activation_per_layer", 0), "tahn", f"{FIT}.activation_per_layer[0]", "tahn", "'tanh'?"),
    ((FIT, "activation_per_layer", 0), "square_singlet", "layer[0]", "square_singlet", "last"),
    ((FIT, "initializer"), "glorot", f"{FIT}.initializer", "'glorot'", "glorot_normal"),
    ((FIT, "optimizer", "optimizer_name"), "ADAM", f"{FIT}.optimizer.opt", "'ADAM'", "'Adam'?"),
    ((FIT, "optimizer", "lr"), 0.1, f"{FIT}.optimizer.lr", "0.1", "learning_rate"),
    (
        (FIT, "optimizer", "learning_rate"),
        -0.1,
        f"{FIT}.optimizer.learning_rate",
        "-0.1",
        "above 0",
    ),
    ((FIT, "optimizer", "momentum"), 0.9, f"{FIT}.optimizer.momentum", "0.9", "without momentum"),
    ((FIT, "epochs"), 0, f"{FIT}.epochs", "0", "at least 1"),
    ((FIT, "epochs"), 10**12, f"{FIT}.epochs", "1000000000000", "at most 1e+09"),
    ((SCAN, "stopping", "max_epochs"), 10**12, f"{SCAN}.stopping.max_epochs", "100", "at most 1e"),
    ((FIT, "epochs"), "many", f"{FIT}.epochs", "'many'", "a number"),
    ((FIT, "stopping_patience"), 30, f"{FIT}.stopping_patience", "30", "at most 1"),
    ((FIT, "dropout"), 1, f"{FIT}.dropout", "1", "below 1"),
    ((FIT, "layer_type"), "LSTM", f"{FIT}.layer_type", "'LSTM'", "dense"),
    ((FIT, "layer_type"), "dense_per_flavour", f"{FIT}.dropout", "0.1", "0.0"),
    ((FIT, "positivity", "initial"), 0, f"{FIT}.positivity.initial", "0", "above 0"),
    ((FIT, "regularizer"), "l2", f"{FIT}.regularizer", "'l2'", "l1_l2"),
    ((FIT, "regularizer_args"), {"l2": 1}, f"{FIT}.regularizer_args", "{'l2': 1}", "l1_l2"),
    ((SCAN, "stopping", "min_epochs"), 600, f"{SCAN}.stopping.min_epochs", "600", "smaller one"),
    ((SCAN, "stopping", "max_patience"), 1.4, f"{SCAN}.stopping.max_patience", "1.4", "at most 1"),
    ((SCAN, "stopping", "min_patience"), 0.5, f"{SCAN}.stopping.min_patience", "0.5", "first"),
    ((SCAN, "positivity", "min_multiplier"), 2, f"{SCAN}.positivity.min_mul", "2", "smaller"),
    ((SCAN, "integrability", "min_initial"), 0, f"{SCAN}.integrability.min_ini", "0", "above 0"),
    ((SCAN, "positivitty"), {}, f"{SCAN}.positivitty", "{}", "'positivity'?"),
    ((SCAN, "optimizer"), {"optimizer_name": "Adam"}, f"{SCAN}.optimizer", "Adam", "a list"),
    ((*NADAM, "optimizer_name"), "Nadan", f"{SCAN}.optimizer[0].opt", "'Nadan'", "'Nadam'?"),
    ((*NADAM, "optimizer_name"), "Adadelta", f"{SCAN}.optimizer[1].opt", "'Adadelta'", "once"),
    ((*NADAM, "learning_rate", "min"), 1, f"{SCAN}.optimizer[0].learning_rate.min", "1", "first"),
    ((*NADAM, "learning_rate", "sampling"), "lin", "learning_rate.sampling", "'lin'", "uniform"),
    ((*NADAM, "learning_rate"), [1, 2], f"{SCAN}.optimizer[0].learning_rate", "[1, 2]", "min: "),
    ((*NADAM, "learning_rate"), {"max": 1}, "learning_rate.min", "missing", "both min and max"),
    ((*ARCHITECTURE, "max_drop"), 1.5, "architecture.max_drop", "1.5", "below 1"),
    ((*ARCHITECTURE, "min_units"), 21, "architecture.min_units", "21", "smaller"),
    ((*ARCHITECTURE, "n_layers"), [], "architecture.n_layers", "[]", "list numbers"),
    ((*ARCHITECTURE, "n_layers", 0), 0, "architecture.n_layers[0]", "0", "at least 1"),
    ((*ARCHITECTURE, "output_size"), 9, "architecture.output_size", "9", "8"),
    ((*ARCHITECTURE, "initializers"), ["xavier"], "initializers[0]", "'xavier'", "glorot_normal"),
    ((*ARCHITECTURE, "activations"), "tanh", "architecture.activations", "'tanh'", "a list"),
    ((SCAN, "parameters"), [{"epochs": 3}], f"{SCAN}.stopping", "{", "not both"),
    ((SCAN,), {"parameters": [{"epochs": 0}]}, f"{SCAN}.parameters[0].epochs", "0", "at least 1"),
    ((SCAN,), {"parameters": []}, f"{SCAN}.parameters", "[]", "list sets"),
    ((SCAN,), {"stopping": {}}, SCAN, "{'stopping': {}}", "give ranges"),
    ((SCAN,), {"from_hyperscan": "x", "parameters": []}, f"{SCAN}.parameters", "[]", "drawn from"),
    ((SCAN, "use_tries_from"), "x", f"{SCAN}.stopping", "{", "trials of that scan are run"),
    (("trial_specs",), SPECS, f"{FIT}.nodes_per_layer", "25", "trial_specs.override"),
    (("trial_specs",), {"hyperscan": "x"}, "trial_specs.thermalization", "missing", "0 say"),
    (("trial_specs",), {**SPECS, "override": {"lr": 1}}, "trial_specs.override.lr", "1", "one of"),
    (("fitting", "fitbasis"), "NN31", "fitting.fitbasis", "'NN31'", "NN31"),
    (("fitting", "fitbasis"), "POLARIZED_FLAVOURPC", "fitting.fitbasis", "POL", "EVOL_CMP"),
    (("fitting", "basis", 7, "fl"), "t15", "fitting.basis[7].fl", "'t15'", "one of: "),
    (("fitting", "basis", 7, "fl"), "singlet", "fitting.basis[7].fl", "'singlet'", "as 'sng'"),
    (("fitting", "basis", 0, "smallx"), [1.2, 1.1], "fitting.basis[0].smallx", "1.2", "[1.1, 1.2]"),
    (("fitting", "basis", 0, "smallx"), [1.2], "fitting.basis[0].smallx", "[1.2]", "[lowest, hi"),
    (("positivity", "posdatasets"), [OLD_POS, OLD_POS], "posdatasets[1].dataset", "F2U", "once"),
    (("positivity", "posdatasets", 0, "maxlambda"), "1e6 ", "[0].maxlambda", "'1e6 '", "a number"),
    (("positivity", "integdatasets"), [], "positivity.integdatasets", "[]", "posdatasets"),
    (("nnseed",), 2**32, "nnseed", "4294967296", "at most"),
    (("genrep",), 1, "genrep", "1", "true or false"),
    (("sum_rules",), "MSV", "sum_rules", "'MSV'", "did you mean 'MSR'?"),
    (("diagonal_frac",), 1.5, "diagonal_frac", "1.5", "at most 1"),
    (("theorycovmatconfig",), {"pdf": "x"}, "theorycovmatconfig", "missing", "['7 point']"),
    (("load",), "weights.h5", "load", "'weights.h5'", "new weights"),
    (("sampling",), {"separate": True}, "sampling.separate", "True", "separate_multiplicative"),
    (("a key\nof two lines",), 1, "'a key\\nof two lines'", "1", "one of"),
]

MISSING: list[tuple[tuple[str | int, ...], str, str]] = [
    (("dataset_inputs",), "dataset_inputs", "list the data sets"),
    (("dataset_inputs", 0, "dataset"), "dataset_inputs[0].dataset", "nnpdf_data"),
    (("theory",), "theory", "theoryid"),
    (("theory", "theoryid"), "theory.theoryid", "number"),
    (("datacuts", "t0pdfset"), "datacuts.t0pdfset", "use_t0: false"),
    (("parameters",), "parameters", "hyperparameters"),
    ((FIT, "nodes_per_layer"), f"{FIT}.nodes_per_layer", "[25, 20, 8]"),
    ((FIT, "optimizer"), f"{FIT}.optimizer", "optimizer_name"),
    ((FIT, "optimizer", "optimizer_name"), f"{FIT}.optimizer.optimizer_name", "Nadam"),
    (("fitting",), "fitting", "fitbasis"),
    (("fitting", "basis", 0, "largex"), "fitting.basis[0].largex", "beta"),
    (("kfold", "partitions"), "kfold.partitions", "{datasets: [...]}"),
    (("positivity", "posdatasets", 0, "maxlambda"), "positivity.posdatasets[0].maxlambda", "1e6"),
    ((SCAN, "stopping", "max_epochs"), f"{SCAN}.stopping.max_epochs", "both"),
    ((*ARCHITECTURE, "max_units"), f"{SCAN}.architecture.max_units", "min_units and max_units"),
]


def _one_line(card: dict[str, Any]) -> str:
    with pytest.raises(RuncardError) as raised:
        parse_runcard(card, "card.yml")
    line = str(raised.value)
    assert line.startswith("card.yml: ")
    assert len(line.splitlines()) == 1
    return line


@pytest.mark.parametrize(("path", "put", "key", "value", "hint"), WRONG_VALUES)
def test_a_wrong_value_is_named(path: Any, put: Any, key: str, value: str, hint: str) -> None:
    card = good_card()
    set_at(card, path, put)
    line = _one_line(card)
    assert key in line
    assert value in line
    assert hint in line


def test_future_test_compares_folds() -> None:
    card = good_card()
    card["kfold"]["fold_statistic"] = "fit_future_tests"
    del card["kfold"]["partitions"][1]
    assert "kfold.partitions: fit_future_tests compares folds: [{" in _one_line(card)


@pytest.mark.parametrize(("path", "key", "hint"), MISSING)
def test_a_missing_key_is_named(path: Any, key: str, hint: str) -> None:
    card = good_card()
    delete_at(card, path)
    line = _one_line(card)
    assert f"card.yml: {key}: " in line
    assert hint in line


@pytest.mark.parametrize(("path", "key", "hint"), MISSING)
def test_a_key_without_value_is_named(path: Any, key: str, hint: str) -> None:
    card = good_card()
    set_at(card, path, None)
    line = _one_line(card)
    assert f"card.yml: {key}: given without a value" in line
    assert hint in line


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("", "", "empty"),
        ("# nothing\n", "", "empty"),
        ("- 1\n- 2\n", "", "expected a mapping"),
        ("theory: {theoryid: 1\n", "line 2, column 1", "expected"),
        ("theory:\n  theoryid: 1\ntheory: 2\n", "line 3, column 1", "given twice"),
        ("a: 1\n\tb: 2\n", "line 2, column 1", "cannot start any token"),
        ("a: !!python/object/new:os.system [id]\n", "line 1, column 4", "constructor"),
        ("a: *b\n", "line 1, column 4", "undefined alias"),
        ("a: 1\n---\nb: 2\n", "line 2, column 1", "another document"),
        ("a: \x07\n", "line 1, column 4", "special characters"),
        ("description: &a [*a]\n", "", "too large"),
        ("1: 2\n", "", "not text"),
        ("description: 2024-13-45\n", "", ""),
        ("[" * 5000, "", ""),
    ],
)
def test_a_file_that_is_no_runcard_is_refused(
    tmp_path: Path, text: str, where: str, what: str
) -> None:
    path = tmp_path / "card.yml"
    path.write_text(text)
    with pytest.raises(RuncardError) as raised:
        load_runcard(path)
    line = str(raised.value)
    assert line.startswith(f"{path}: {where}")
    assert what in line
    assert len(line.splitlines()) == 1


def test_aliases_that_explode_are_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    path = tmp_path / "laughs.yml"
    path.write_text("\n".join(lines))
    with pytest.raises(RuncardError, match="too large"):
        load_runcard(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "quickstart.yml").write_text("a: 1\n")
    (tmp_path / "latin1.yml").write_bytes(b"a: 1\ndescription: na\xefve\n")
    with pytest.raises(RuncardError, match=r"quikstart\.yml: no such file; did you mean 'quickst"):
        load_runcard(tmp_path / "quikstart.yml")
    with pytest.raises(RuncardError, match="no such file"):
        load_runcard(tmp_path / "nowhere" / "quickstart.yml")
    with pytest.raises(RuncardError, match="a folder, not a runcard"):
        load_runcard(tmp_path)
    with pytest.raises(RuncardError, match="line 2, column 16: not UTF-8 text"):
        load_runcard(tmp_path / "latin1.yml")


def test_mistake_in_a_file_names_the_file(tmp_path: Path) -> None:
    card = good_card()
    card["trvlsead"] = card.pop("trvlseed")
    path = tmp_path / "card.yml"
    YAML(typ="safe", pure=True).dump(card, path)
    with pytest.raises(RuncardError) as raised:
        load_runcard(str(path))
    assert str(raised.value) == f"{path}: trvlsead: unknown key: 1; did you mean 'trvlseed'?"
    assert (raised.value.key, raised.value.exit_code) == ("trvlsead", 2)


@pytest.mark.parametrize("key", ["kfold", "hyperscan_config"])
def test_a_fit_without_scan_loads_but_cannot_be_scanned(key: str) -> None:
    card = good_card()
    del card[key]
    runcard = parse_runcard(card, "card.yml")
    with pytest.raises(RuncardError, match=f"card.yml: {key}: missing; a scan needs"):
        require_scan(runcard)
