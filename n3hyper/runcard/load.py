"""Loading of a `Runcard` from a file or a mapping."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from n3hyper.errors import RuncardError
from n3hyper.runcard.keys import (
    IGNORED_CLOSURE,
    IGNORED_DATACUTS,
    IGNORED_FAKEDATA,
    IGNORED_FITTING,
    IGNORED_FLAVOUR,
    IGNORED_INTEGRABILITY,
    IGNORED_KFOLD,
    IGNORED_TOP,
    REFUSED_TOP,
    WEIGHTS,
)
from n3hyper.runcard.model import Fitting, KFold, Runcard, TheoryCovariance, located
from n3hyper.runcard.node import Node, Section
from n3hyper.runcard.old_cards.legacy import modernise
from n3hyper.runcard.sections.basis import read_fitting, read_sum_rules
from n3hyper.runcard.sections.closure import read_closure
from n3hyper.runcard.sections.filters import FILTER_KEYS
from n3hyper.runcard.sections.folds import notes_on_objective, read_kfold
from n3hyper.runcard.sections.hyperscan import read_hyperscan
from n3hyper.runcard.sections.inputs import (
    read_datacuts,
    read_dataset_inputs,
    read_diagonal_frac,
    read_lagrange,
    read_seeds,
    read_theory,
)
from n3hyper.runcard.sections.parameters import feature_scaled, read_parameters
from n3hyper.runcard.sections.polarized import check_unpolarized, read_positivity_bound
from n3hyper.runcard.sections.theory_covariance import read_theory_covariance
from n3hyper.runcard.sections.trial_specs import TRIAL_SPECS, read_trial_specs
from n3hyper.runcard.yaml_file import parse_yaml, plain, read_yaml

NORM = "norm_threshold"
TOP = (
    "description",
    "dataset_inputs",
    "datacuts",
    *FILTER_KEYS,
    "theory",
    "hyperscan_config",
    "kfold",
    "parameters",
    "fitting",
    "positivity",
    "integrability",
    "trvlseed",
    "nnseed",
    "mcseed",
    "genrep",
    "same_trvl_per_replica",
    "resample_negative_pseudodata",
    "sum_rules",
    "parallel_models",
    "double_precision",
    "diagonal_basis",
    "diagonal_frac",
    "closuretest",
    "sampling",
    "separate_multiplicative",
    "use_t0_sampling",
    "load",
    "trial_specs",
    "theorycovmatconfig",
    "positivity_bound",
    NORM,
)
"""Keys at the top level of a runcard that are read."""


def load_runcard(path: Path | str) -> Runcard:
    """Read a runcard.

    Raises
    ------
    RuncardError
        One line that says what is wrong, where, and what would be right.
    """
    path = Path(path)
    return _parse(read_yaml(path), path)


def parse_text(text: str, source: Path | str, moved: Sequence[Mapping[str, str]] = ()) -> Runcard:
    """Check a runcard whose text differs from that of its file.

    Parameters
    ----------
    source
        The file that errors name.
    moved
        Where key paths of the text stand in that file, step by step; those not named are the same.

    Raises
    ------
    RuncardError
        As `load_runcard`.
    """
    source = Path(source)
    return _parse(parse_yaml(text, source), source, moved)


def parse_runcard(mapping: Mapping[str, Any], source: Path | str | None = None) -> Runcard:
    """Check a runcard that is a mapping already, such as `Runcard.raw` of another one.

    Raises
    ------
    RuncardError
        As `load_runcard`.
    """
    return _parse(mapping, None if source is None else Path(source))


def require_scan(runcard: Runcard) -> KFold:
    """Return the folds of a runcard that can be scanned.

    Raises
    ------
    RuncardError
        If there is nothing to scan, or no fold to score a trial with.
    """
    source = None if runcard.source is None else str(runcard.source)
    card = Section(Node({}, "", source))
    if not runcard.hyperscan:
        card.need("hyperscan_config", "a scan needs ranges to draw from")
    if runcard.kfold is None:
        card.need("kfold", "a scan needs folds to score trials with")
    assert runcard.kfold is not None
    return runcard.kfold


@contextmanager
def keys_as_written(runcard: Runcard) -> Iterator[None]:
    """Let each RuncardError of the block name its key as it stands in the runcard's file."""
    try:
        yield
    except RuncardError as error:
        raise error.at(runcard.place(error.key)) from None


def _parse(document: Any, path: Path | None, moved: Sequence[Mapping[str, str]] = ()) -> Runcard:
    source = None if path is None else str(path)
    if not isinstance(document, Mapping):
        Node(document, "", source).fail("not a runcard", "expected a mapping (key: value)")
    raw: dict[str, Any] = plain(dict(document), source)
    translation = modernise(copy.deepcopy(raw), source)
    places = (translation.moved, *moved)
    try:
        runcard = _read(translation.card, path, raw, translation.notes)
    except RuncardError as error:
        for moves in places:
            error = error.at(located(error.key, moves))
        raise error from None
    return dataclasses.replace(runcard, moved=places)


def _read(card: dict[str, Any], path: Path | None, raw: dict[str, Any], old: list[str]) -> Runcard:
    """Read all parts of a runcard in today's spelling."""
    source = None if path is None else str(path)
    top = Node(card, "", source).section(TOP, ignored=IGNORED_TOP, refused=REFUSED_TOP)
    datasets = read_dataset_inputs(top.need("dataset_inputs", "list the data sets to fit"))
    theory = read_theory(top.need("theory", "write theory: {theoryid: ...}"))
    parameters = top.need("parameters", "the hyperparameters that are not scanned")
    fitting = read_fitting(
        top.need("fitting", "give fitbasis and basis"), feature_scaled(parameters)
    )
    specs = read_trial_specs(top.get(TRIAL_SPECS))
    settings = read_parameters(parameters, fitting, complete=specs is None)
    kfold, description = top.get("kfold"), top.get("description")
    closure = read_closure(top.get("closuretest"), top)
    diagonal_frac, rules = read_diagonal_frac(top), read_sum_rules(top.get("sum_rules"))
    datacuts = read_datacuts(top.get("datacuts"), top)
    bound = read_positivity_bound(top, fitting, rules)
    covariance, norm = read_theory_covariance(top.get("theorycovmatconfig")), top.get(NORM)
    check_unpolarized(top, bound is not None, datacuts, covariance)
    _refuse_values(top)
    return Runcard(
        source=path,
        raw=raw,
        dataset_inputs=datasets,
        datacuts=datacuts,
        theory=theory,
        parameters=settings,
        fitting=fitting,
        seeds=read_seeds(top),
        hyperscan=_read_search(top, specs, settings, fitting),
        kfold=None if kfold is None else read_kfold(kfold, [entry.dataset for entry in datasets]),
        closure=closure,
        positivity=read_lagrange(top.get("positivity"), "posdatasets"),
        integrability=read_lagrange(top.get("integrability"), "integdatasets"),
        sum_rules=rules,
        diagonal_frac=diagonal_frac,
        double_precision=top.flag("double_precision", False),
        parallel_models=top.flag("parallel_models", True),
        theory_covariance=covariance,
        positivity_bound=bound,
        norm_threshold=None if norm is None else norm.number(1, above=True),
        description="" if description is None else str(description.value),
        notes=(
            *old,
            *_ignored(card, closure is not None),
            *_without_effect(card, covariance),
            *_diagonal(card, diagonal_frac is not None),
            *notes_on_objective(card.get("kfold")),
        ),
    )


def _read_search(
    top: Section, specs: dict[str, Any] | None, parameters: dict[str, Any], fitting: Fitting
) -> dict[str, Any]:
    """Read what is scanned: ranges, or the trials of another scan."""
    node = top.get("hyperscan_config")
    if specs is None:
        return read_hyperscan(node, parameters, fitting)
    if node is not None:
        node.fail(f"not beside {TRIAL_SPECS}", "the trials that it names are run")
    return {TRIAL_SPECS: specs}


def _refuse_values(top: Section) -> None:
    """Refuse the values of keys of which only one value is supported."""
    load = top.get("load")
    if load is not None and load.value not in (False, "off", "no"):
        load.fail("not supported", WEIGHTS)


def _diagonal(card: dict[str, Any], diagonal: bool) -> Iterator[str]:
    """Yield notes on keys that the way of splitting the data makes unnecessary."""
    if not diagonal:
        if card.get("diagonal_frac") is not None:
            yield "diagonal_frac: ignored (only used with diagonal_basis: true)"
        return
    if card.get("diagonal_basis") is None:
        yield "diagonal_frac: read with diagonal_basis: true, which is n3fit's default"
    if any(entry.get("frac") is not None for entry in card["dataset_inputs"]):
        yield "dataset_inputs[].frac: ignored (diagonal_frac of the eigenmodes train)"


def _without_effect(card: dict[str, Any], covariance: TheoryCovariance | None) -> Iterator[str]:
    """Yield a note on theory uncertainties that are used nowhere, or by nothing."""
    if card.get("theorycovmatconfig") is not None and covariance is None:
        yield "theorycovmatconfig: ignored (it asks for no theory uncertainties)"
    if covariance is not None and not covariance.in_fitting and not card.get("genrep"):
        yield "theorycovmatconfig: without effect (no pseudodata are drawn, and the fit has none)"


def _ignored(card: dict[str, Any], fake: bool) -> Iterator[str]:
    """Yield a line for each key that means nothing in a scan."""
    fitting = card["fitting"]
    places: list[tuple[str, Any, Mapping[str, str]]] = [
        ("", card, IGNORED_TOP),
        ("fitting.", fitting, IGNORED_FITTING),
        ("fitting.basis[].", fitting["basis"][0], IGNORED_FLAVOUR),
        ("datacuts.", card.get("datacuts"), IGNORED_DATACUTS),
        ("kfold.", card.get("kfold"), IGNORED_KFOLD),
        (
            "closuretest.",
            card.get("closuretest"),
            IGNORED_FAKEDATA if fake else IGNORED_CLOSURE,
        ),
        (
            "parameters.integrability.",
            card["parameters"].get("integrability"),
            IGNORED_INTEGRABILITY,
        ),
    ]
    if card.get("parallel_models") is False:
        yield "parallel_models: ignored (replicas are trained together, which changes no result)"
    for where, section, reasons in places:
        for key in section or ():
            if key in reasons:
                yield f"{where}{key}: ignored ({reasons[key]})"
