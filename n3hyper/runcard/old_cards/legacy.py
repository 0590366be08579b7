"""Old spellings of NNPDF runcards, turned into those of today before anything is checked.

Only the form is touched here; values are left for the readers to judge, which is why all of
this steps over what it does not understand.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from n3hyper.errors import RuncardError
from n3hyper.physics.objectives import LOSS_TYPES
from n3hyper.runcard.names import OPTIMIZERS
from n3hyper.runcard.old_cards.retired import replace_retired
from n3hyper.runcard.old_cards.translation import Translation

OUT_OF_FITTING = (
    "parameters",
    "trvlseed",
    "nnseed",
    "mcseed",
    "genrep",
    "load",
    "sum_rules",
    "diagonal_basis",
    "same_trvl_per_replica",
    "parallel_models",
    "double_precision",
    "resample_negative_pseudodata",
    "separate_multiplicative",
)
"""Keys that once stood below ``fitting``; n3fit reads them there as well."""

SAMPLING = {
    "separate_multiplicative": "separate_multiplicative",
    "sep_mult": "separate_multiplicative",
    "use_t0": "use_t0_sampling",
    "use_t0_sampling": "use_t0_sampling",
}
"""Keys that once stood below ``sampling``, and what they are called at the top level."""

_LAGRANGE = {"pos": "positivity", "integ": "integrability"}
_THCOVMAT = "theorycovmatconfig"
_USES = ("use_thcovmat_in_fitting", "use_thcovmat_in_sampling")
_OLD_RATES = {"min_lr": 5e-4, "max_lr": 0.5}
"""Ends of the range of learning rates of old scans, with their defaults."""


def modernise(card: dict[str, Any], source: str | None) -> Translation:
    """Translate a runcard into today's spelling.

    Parameters
    ----------
    card
        The runcard as it was read; it is changed in place.
    source
        The file it was read from, for errors.

    Raises
    ------
    RuncardError
        Where a key is given in its old and its new spelling.
    """
    found = Translation(card, source)
    found.move(card, "hyperscan", card, "hyperscan_config", ("", ""))
    found.move(card.get("hyperscan_config"), "kfold", card, "kfold", ("hyperscan_config", ""))
    for key in OUT_OF_FITTING:
        found.move(card.get("fitting"), key, card, key, ("fitting", ""))
    for old, new in SAMPLING.items():
        found.move(card.get("sampling"), old, card, new, ("sampling", ""))
    found.move(card, "sep_mult", card, "separate_multiplicative", ("", ""))
    _theory(found)
    _epochs(found, card.get("fitting"))
    for old in ("experiments", "experiment_inputs"):
        _flatten_experiments(found, old)
    for kind, group in _LAGRANGE.items():
        sets = _list(_mapping(card.get(group)).get(f"{kind}datasets"))
        for index, entry in enumerate(sets):
            where = f"{group}.{kind}datasets[{index}]"
            found.move(entry, "poslambda", entry, "maxlambda", (where, where))
    for index, entry in enumerate(_list(card.get("dataset_inputs"))):
        _systematics(found, entry, f"dataset_inputs[{index}]")
    replace_retired(found)
    kfold = card.get("kfold")
    found.move(kfold, "target", kfold, "fold_statistic", ("kfold", "kfold"))
    # it meant the statistic when chi2 was the only loss, and later the loss
    meaning = "loss_type" if _mapping(kfold).get("loss") in tuple(LOSS_TYPES) else "fold_statistic"
    found.move(kfold, "loss", kfold, meaning, ("kfold", "kfold"))
    _parameters(found, card.get("parameters"), "parameters")
    _optimizers(found, card.get("hyperscan_config"))
    trials = _list(_mapping(card.get("hyperscan_config")).get("parameters"))
    for index, trial in enumerate(trials):
        _parameters(found, trial, f"hyperscan_config.parameters[{index}]")
    return found


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _flatten_experiments(found: Translation, old: str) -> None:
    """Turn ``experiments: [{experiment, datasets}]``, a grouped form, into dataset_inputs."""
    experiments = found.card.get(old)
    if not isinstance(experiments, list):
        return
    inputs: list[Any] = []
    places: dict[str, str] = {}
    for outer, experiment in enumerate(experiments):
        if not isinstance(experiment, Mapping) or not isinstance(experiment.get("datasets"), list):
            raise RuncardError(
                "expected experiment: and datasets: [...]",
                source=found.source,
                key=f"{old}[{outer}]",
                hint="or list all data sets under dataset_inputs",
            )
        for inner, entry in enumerate(experiment["datasets"]):
            places[f"dataset_inputs[{len(inputs)}]"] = f"{old}[{outer}].datasets[{inner}]"
            inputs.append(entry)
    found.card[old] = inputs
    found.move(found.card, old, found.card, "dataset_inputs", ("", ""))
    found.moved.update(places)


def _epochs(found: Translation, fitting: Any) -> None:
    """Move ``fitting.epochs``, which is older than ``parameters``."""
    parameters = found.card.get("parameters")
    if not isinstance(fitting, dict) or "epochs" not in fitting:
        return
    if isinstance(parameters, dict) and parameters.get("epochs") is not None:
        del fitting["epochs"]
        found.notes.append("fitting.epochs: ignored (parameters.epochs is what counts)")
    else:
        found.move(fitting, "epochs", parameters, "epochs", ("fitting", "parameters"))


def _systematics(found: Translation, entry: Any, where: str) -> None:
    """Translate ``sys: 10``, which chose a systematics file, into the variant ``legacy_10``."""
    number = _mapping(entry).get("sys")
    if isinstance(number, int) and not isinstance(number, bool):
        found.move(entry, "sys", entry, "variant", (where, where))
        entry["variant"] = f"legacy_{number}"


def _parameters(found: Translation, parameters: Any, where: str) -> None:
    """Move flat settings of optimizer and positivity, and rename that of feature scaling."""
    if not isinstance(parameters, dict):
        return
    here = (where, where)
    found.move(parameters, "interpolation_points", parameters, "feature_scaling_points", here)
    for prefix, group in _LAGRANGE.items():
        for key in ("initial", "multiplier", "threshold"):
            old = f"{prefix}_{key}"
            if old in parameters:
                target = parameters.setdefault(group, {})
                found.move(parameters, old, target, key, (where, f"{where}.{group}"))
    if isinstance(parameters.get("optimizer"), str):
        optimizer = {"optimizer_name": parameters["optimizer"]}
        parameters["optimizer"] = optimizer
        found.moved[f"{where}.optimizer.optimizer_name"] = found.place(f"{where}.optimizer")
        found.notes.append(
            f"{found.place(f'{where}.optimizer')}: old spelling, read as optimizer_name"
        )
    optimizer = parameters.get("optimizer", {})
    for key in ("learning_rate", "clipnorm"):
        found.move(parameters, key, optimizer, key, (where, f"{where}.optimizer"))


def _theory(found: Translation) -> None:
    """Translate keys of theories that once stood elsewhere, and forms that they once had."""
    card = found.card
    theory = card.get("theory")
    for where, section in (("", card), ("datacuts", card.get("datacuts"))):
        found.move(section, "t0theoryid", theory, "t0theoryid", (where, "theory"))
    if isinstance(theory, dict):
        _commented_number(found, theory)
    config = card.get(_THCOVMAT)
    for where, section in (("", card), *((key, card.get(key)) for key in ("fitting", "sampling"))):
        if isinstance(section, dict):
            for key in _USES:
                _use_of_uncertainties(found, section, key, where)
    if isinstance(config, dict) and isinstance(config.get("point_prescription"), str):
        config["point_prescription"] = [config["point_prescription"]]
        there = (_THCOVMAT, _THCOVMAT)
        found.move(config, "point_prescription", config, "point_prescriptions", there)


def _commented_number(found: Translation, theory: dict[str, Any]) -> None:
    """Read a number that a comment follows without a blank, which YAML takes for text."""
    number = theory.get("theoryid")
    commented = re.fullmatch(r"([\d_]+)#.*", number) if isinstance(number, str) else None
    if commented is not None:
        theory["theoryid"] = int(commented[1])
        found.notes.append(
            f"{found.place('theory.theoryid')}: {number!r} read as {theory['theoryid']} "
            "(a comment begins with a blank and #)"
        )


def _use_of_uncertainties(
    found: Translation, section: dict[str, Any], key: str, where: str
) -> None:
    config = found.card.get(_THCOVMAT)
    if isinstance(config, dict):
        found.move(section, key, config, key, (where, _THCOVMAT))
    elif section.get(key) is False:
        del section[key]
        found.notes.append(f"{where}{'.' if where else ''}{key}: ignored (it is false)")


def _optimizers(found: Translation, search: Any) -> None:
    """Turn ``optimizer: {names, min_lr, max_lr}`` of old scans into a list of optimizers."""
    old = _mapping(search).get("optimizer")
    if not isinstance(old, Mapping) or "names" not in old or set(old) - {"names", *_OLD_RATES}:
        return
    names = list(OPTIMIZERS) if old["names"] == "ALL" else old["names"]
    low, high = (old.get(key, default) for key, default in _OLD_RATES.items())
    rate = {"sampling": "log", "min": low, "max": high}
    search["optimizer"] = [
        {"optimizer_name": name, "learning_rate": dict(rate)}
        for name in (names if isinstance(names, list) else [names])
    ]
    place = found.place("hyperscan_config.optimizer")
    for index, _ in enumerate(search["optimizer"]):
        at = f"hyperscan_config.optimizer[{index}]"
        found.moved[f"{at}.optimizer_name"] = f"{place}.names"
        found.moved[f"{at}.learning_rate.min"] = f"{place}.min_lr"
        found.moved[f"{at}.learning_rate.max"] = f"{place}.max_lr"
    found.notes.append(f"{place}: old spelling, read as optimizers with learning rates in a range")
