"""Building of a `FitProblem` from a runcard: everything that a scan needs, read once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path

import numpy as np

from n3hyper.data.closure import make_fake_data
from n3hyper.data.commondata import CommonData, current_name, cut, load_commondata
from n3hyper.data.cuts import kept_points
from n3hyper.data.filter_rules import check_rules, passing
from n3hyper.data.fingerprint import fingerprint, hash_of
from n3hyper.data.masks import (
    dataset_slices,
    fold_masks,
    mode_masks,
    training_validation_masks,
)
from n3hyper.data.problem import DatasetInfo, FitProblem, Fold, LagrangeInfo, fitted_points
from n3hyper.data.replicas import make_replica_data
from n3hyper.data.seeds import mc_seeds, nn_seeds, trvl_seeds
from n3hyper.data.size import refuse_too_many_replicas
from n3hyper.data.uncertainties.covariances import FittedTheory, group_of, make_covariances
from n3hyper.errors import DataError, RuncardError
from n3hyper.physics.arrays import Array, Index, Mask, frozen
from n3hyper.physics.chi2 import FactoredCovariance
from n3hyper.runcard.model import ClosureTest, DatasetInput, LagrangeSet, Partition, Runcard
from n3hyper.system.memory import give_back
from n3hyper.theory.boundary import Boundary
from n3hyper.theory.build_stack import build_stack
from n3hyper.theory.folders import TheoryCard, find_theory, theory_card
from n3hyper.theory.lhapdf import find_set
from n3hyper.theory.pdf_predictions import t0_predictions
from n3hyper.theory.recipe import ObservableSource
from n3hyper.theory.stack import TheoryStack

_POSITIVITY, _POLARIZED = "NNPDF_POS_", "-POLARIZED"
"""Beginning and end of the names of positivity sets of polarised PDFs."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Loaded:
    """Data set with its entry in the runcard, after cuts."""

    entry: DatasetInput
    data: CommonData
    source: ObservableSource


def build_problem(
    runcard: Runcard, replicas: int = 1, theory_path: Path | None = None
) -> FitProblem:
    """Read data and theory; make covariances, pseudodata, masks and folds.

    Parameters
    ----------
    runcard
        The runcard, as loaded.
    replicas
        Number of replicas R of each fold.
    theory_path
        Folder of the theory; see `n3hyper.theory.folders.find_theory`.

    Raises
    ------
    RuncardError
        for an unknown data set or variant, or a fold without data.
    DataError
        for data or a t0 set that cannot be used.
    TheoryError
        for a theory, FK table or K-factor that is missing or cannot be used.
    """
    folder = find_theory(runcard.theory.theoryid, theory_path)
    card = folder.card()
    loaded = _load_datasets(runcard, card)
    positivity = _load_lagrange(runcard, card, runcard.positivity, "positivity.posdatasets")
    integrability = _load_lagrange(
        runcard, card, runcard.integrability, "integrability.integdatasets"
    )
    check_rules(runcard, [dataset.data for dataset in loaded])
    bound = runcard.positivity_bound
    boundary = None if bound is None else Boundary(bound.unpolarized_bc, bound.n_std)
    sources = [dataset.source for dataset in loaded]
    stack, q0 = build_stack([*sources, *positivity, *integrability], folder, boundary)
    fitted = FittedTheory(stack, q0, theory_path, boundary)
    sets = fingerprint([(dataset.entry, dataset.data) for dataset in loaded])
    if runcard.closure is not None:
        loaded, made_of = _with_fake_data(runcard, runcard.closure, loaded, fitted)
        sets = fingerprint(sets, made_of)
    data = [dataset.data for dataset in loaded]
    covariances = make_covariances(runcard, data, sources, fitted)
    seeds = runcard.seeds
    central = np.concatenate([cd.central for cd in data])
    folds = _folds(runcard, data)
    refuse_too_many_replicas(replicas, len(folds), len(central), stack)
    splits = trvl_seeds(seeds.trvlseed, replicas, seeds.same_trvl_per_replica).tolist()
    modes = _mode_masks(runcard, folds, len(central), splits)
    fracs = [dataset.entry.frac if modes is None else 1.0 for dataset in loaded]
    groups = [group_of(runcard, cd) for cd in data]
    training, validation = training_validation_masks(data, fracs, splits, groups)
    weights = nn_seeds(seeds.nnseed, replicas)
    first = len(loaded)
    parts = {
        "theory": fingerprint(stack),
        "data": sets,
        **covariances.made_of,
        "seeds": fingerprint(runcard.seeds, training, weights, modes),
        "folds": fingerprint(folds),
        "replicas": str(replicas),
        "positivity and integrability": fingerprint(runcard.positivity, runcard.integrability),
    }
    give_back()
    return FitProblem(
        theory=stack,
        datasets=_dataset_infos(loaded),
        ndata=len(central),
        central=frozen(central),
        fit_covariance=covariances.fit,
        exp_covariance=covariances.scores,
        replica_data=frozen(_replica_data(runcard, data, covariances.sampling, replicas)),
        training_masks=frozen(training),
        validation_masks=frozen(validation),
        nn_seeds=frozen(weights),
        folds=folds,
        positivity=_lagrange_infos(runcard.positivity, stack, first),
        integrability=_lagrange_infos(runcard.integrability, stack, first + len(positivity)),
        fingerprint=fingerprint(parts),
        fingerprints=parts,
        mode_masks=modes,
    )


# ---------------------------------------------------------------- sets


def _load_datasets(runcard: Runcard, card: TheoryCard) -> list[_Loaded]:
    """Return all data sets with points after cuts, in the runcard's order."""
    loaded: list[_Loaded] = []
    for number, entry in enumerate(runcard.dataset_inputs):
        key = f"dataset_inputs[{number}]"
        data = _load(runcard, entry.dataset, entry.variant, key)
        _refuse_twice(runcard, data, loaded, key)
        points = _kept_points(runcard, data, card)
        if points.size == 0:
            _log.warning("dataset %s: no point passes the cuts, left out", entry.dataset)
            continue
        source = _source(runcard, data, key, entry.cfac, points, group_of(runcard, data))
        loaded.append(_Loaded(entry, cut(data, points), source))
    if not loaded:
        raise RuncardError(
            "no point of any data set passes the cuts", source=runcard.source, key="datacuts"
        )
    return loaded


def _refuse_twice(runcard: Runcard, data: CommonData, others: Sequence[_Loaded], key: str) -> None:
    """Refuse a data set given both by an old name and by its present one."""
    for loaded_before in others:
        if loaded_before.data.name == data.name:
            raise RuncardError(
                "the same data set twice",
                source=runcard.source,
                key=f"{key}.dataset",
                value=data.requested,
                hint=f"{loaded_before.data.requested} is {data.name} as well: remove one",
            )


def _load_lagrange(
    runcard: Runcard, card: TheoryCard, sets: Sequence[LagrangeSet], key: str
) -> list[ObservableSource]:
    sources = []
    for number, entry in enumerate(sets):
        place = f"{key}[{number}]"
        data = _load(runcard, entry.dataset, None, place)
        points = _kept_points(runcard, data, card)
        if points.size == 0:
            raise RuncardError("no point passes the cuts", source=runcard.source, key=place)
        sources.append(_source(runcard, data, place, (), points, group=""))
    return sources


def _kept_points(runcard: Runcard, data: CommonData, card: TheoryCard) -> Index:
    """Return the points that pass NNPDF's rules, or their replacements, and the runcard's own.

    With ``use_cuts: fromintersection`` they pass with each of several theories.
    """
    theories = [theory_card(number) for number in runcard.datacuts.intersection] or [card]
    kept = [_kept_by(runcard, data, theory) for theory in theories]
    return reduce(np.intersect1d, kept)


def _kept_by(runcard: Runcard, data: CommonData, card: TheoryCard) -> Index:
    cuts = runcard.datacuts
    keep = passing(data, runcard, card)
    if cuts.filter_rules:
        return np.flatnonzero(keep)
    points = kept_points(
        data,
        cuts.q2min,
        cuts.w2min,
        card.pto,
        fns=card.fns,
        intrinsic_charm=card.intrinsic_charm,
        max_tau=cuts.max_tau,
        dropped={current_name(name)[0] for name in cuts.drop_internal_rules},
    )
    return points[keep[points]]


def _load(runcard: Runcard, name: str, variant: str | None, key: str) -> CommonData:
    try:
        return load_commondata(name, variant)
    except DataError as error:
        raise RuncardError(str(error), source=runcard.source, key=key) from error


def _source(
    runcard: Runcard, data: CommonData, key: str, cfac: tuple[str, ...], points: Index, group: str
) -> ObservableSource:
    if data.theory is None:
        raise RuncardError(
            f"dataset {data.name} has no theory predictions in nnpdf_data",
            source=runcard.source,
            key=key,
        )
    raised = data.name.startswith(_POSITIVITY) and data.name.endswith(_POLARIZED)
    return ObservableSource(data.requested, data.theory, points, cfac, group, raised)


def _dataset_infos(loaded: Sequence[_Loaded]) -> tuple[DatasetInfo, ...]:
    slices = dataset_slices([dataset.data for dataset in loaded])
    return tuple(
        DatasetInfo(
            name=dataset.entry.dataset,
            group=dataset.data.experiment,
            slice=place,
            frac=dataset.entry.frac,
            weight=dataset.entry.weight,
            process=dataset.data.process,
            points=frozen(dataset.source.points),
        )
        for dataset, place in zip(loaded, slices, strict=True)
    )


def _lagrange_infos(
    sets: Sequence[LagrangeSet], stack: TheoryStack, first: int
) -> tuple[LagrangeInfo, ...]:
    observables = stack.observables[first : first + len(sets)]
    return tuple(
        LagrangeInfo(entry.dataset, observable.slice, entry.maxlambda)
        for entry, observable in zip(sets, observables, strict=True)
    )


# ---------------------------------------------------------------- uncertainties, replicas, folds


def _with_fake_data(
    runcard: Runcard,
    closure: ClosureTest,
    loaded: Sequence[_Loaded],
    fitted: FittedTheory,
) -> tuple[list[_Loaded], str]:
    """Return the sets of a closure test and the hash of all that their values are made of.

    The points are those that the cuts for the theory of the fit keep.
    """
    path, stack, q0 = find_set(closure.fakepdf, "fakepdf"), fitted.stack, fitted.q0
    if closure.faketheoryid not in (None, runcard.theory.theoryid):
        folder = find_theory(closure.faketheoryid, fitted.folder)
        sources = [dataset.source for dataset in loaded]
        stack, q0 = build_stack(sources, folder, fitted.boundary)
    data = [dataset.data for dataset in loaded]
    ndata = sum(cd.ndata for cd in data)
    predictions = t0_predictions(stack, q0, closure.fakepdf, ndata, "fakepdf")
    fake = make_fake_data(data, predictions, closure.filterseed)
    made_of = fingerprint(closure, hash_of(path), stack)
    replaced = [replace(dataset, data=cd) for dataset, cd in zip(loaded, fake, strict=True)]
    return replaced, made_of


def _replica_data(
    runcard: Runcard, data: Sequence[CommonData], covariance: FactoredCovariance, replicas: int
) -> Array:
    seeds = runcard.seeds
    if not seeds.genrep:
        return np.tile(np.concatenate([cd.central for cd in data]), (replicas, 1))
    return make_replica_data(
        data,
        covariance,
        mc_seeds(seeds.mcseed, replicas).tolist(),
        [group_of(runcard, cd) for cd in data],
        resample_negative=seeds.resample_negative_pseudodata,
        separate_multiplicative=seeds.separate_multiplicative,
    )


def _mode_masks(
    runcard: Runcard, folds: Sequence[Fold], ndata: int, splits: Sequence[int]
) -> tuple[Mask, Mask] | None:
    """Return the split of the eigenmodes of each fold (of all data without folds), if asked for."""
    if runcard.diagonal_frac is None:
        return None
    fitted = fitted_points(folds, ndata)
    training, validation = mode_masks(fitted, runcard.diagonal_frac, splits)
    return frozen(training), frozen(validation)


def _folds(runcard: Runcard, data: Sequence[CommonData]) -> tuple[Fold, ...]:
    partitions = runcard.kfold.partitions if runcard.kfold else ()
    masks = fold_masks(data, [partition.datasets for partition in partitions])
    return tuple(
        _fold(runcard, number, partition, mask)
        for number, (partition, mask) in enumerate(zip(partitions, masks, strict=True))
    )


def _fold(runcard: Runcard, number: int, partition: Partition, mask: Mask) -> Fold:
    key = f"kfold.partitions[{number}].datasets"
    if partition.datasets and not mask.any():
        raise RuncardError("no point of the fold passes the cuts", source=runcard.source, key=key)
    if mask.all() and not partition.overfit:
        raise RuncardError("no data are left to be fitted", source=runcard.source, key=key)
    return Fold(partition.datasets, frozen(mask), partition.overfit, partition.weight)
