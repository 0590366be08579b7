"""The covariances of a fit: of its chi2, of its pseudodata, and of its scores.

The chi2 has t0 predictions, weights and theory uncertainties, pseudodata have what the runcard asks
for, and scores the experimental uncertainties alone, all as in n3fit 4.1.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from n3hyper.data.commondata import CommonData
from n3hyper.data.covariance import build_covariance
from n3hyper.data.fingerprint import fingerprint, hash_of
from n3hyper.data.masks import ALL, dataset_slices, group_members
from n3hyper.data.replicas import additive_part
from n3hyper.data.uncertainties.theory_columns import TheoryColumns, theory_columns
from n3hyper.physics.arrays import frozen
from n3hyper.physics.chi2 import FactoredCovariance
from n3hyper.runcard.model import Runcard
from n3hyper.system.cores import on_all_cores
from n3hyper.theory.boundary import Boundary
from n3hyper.theory.build_stack import build_stack
from n3hyper.theory.folders import find_theory
from n3hyper.theory.lhapdf import find_set
from n3hyper.theory.pdf_predictions import t0_predictions
from n3hyper.theory.recipe import ObservableSource
from n3hyper.theory.stack import TheoryStack


@dataclass(frozen=True)
class FittedTheory:
    """Tables of the fit, and where others are found."""

    stack: TheoryStack
    q0: float
    """Scale of the PDFs in GeV."""
    folder: Path | None
    """``--theory-path``."""
    boundary: Boundary | None
    """Unpolarised PDFs of a polarised fit."""

    def tables(
        self, runcard: Runcard, sources: Sequence[ObservableSource], unpolarized: str | None
    ) -> tuple[TheoryStack, float]:
        """Return tables for t0 predictions of the data, with the unpolarised set of these."""
        theory, same = runcard.theory, self.boundary is None
        if self.boundary is not None:
            same = unpolarized in (None, self.boundary.pdfset)
        if same and theory.of_t0 == theory.theoryid:
            return self.stack, self.q0
        boundary = None if unpolarized is None else Boundary(unpolarized)
        return build_stack(sources, find_theory(theory.of_t0, self.folder), boundary)


@dataclass(frozen=True)
class Covariances:
    """Covariances of all points, in the runcard's order."""

    fit: FactoredCovariance
    """That of the chi2."""
    sampling: FactoredCovariance
    """That of pseudodata."""
    scores: FactoredCovariance
    """The experimental one."""
    made_of: dict[str, str]
    """Hash of each thing that they are made of beside the data, by its name."""


def make_covariances(
    runcard: Runcard,
    datasets: Sequence[CommonData],
    sources: Sequence[ObservableSource],
    theory: FittedTheory,
) -> Covariances:
    """Make the covariances of a fit.

    Parameters
    ----------
    datasets, sources
        The data after cuts, and what they need of theory.

    Raises
    ------
    TheoryError, DataError
        for theories, tables or PDF sets that are missing or cannot be used.
    """
    by_name = {entry.dataset: entry.weight for entry in runcard.dataset_inputs}
    weights = [by_name[data.requested] for data in datasets]
    pdfset, made_of = t0_set(runcard), {}
    cuts = [runcard.datacuts, hash_of(find_set(pdfset)) if pdfset else ""]
    t0 = None
    if pdfset:
        stack, q0 = theory.tables(runcard, sources, runcard.datacuts.unpolarized_bc)
        t0 = t0_predictions(stack, q0, pdfset, sum(data.ndata for data in datasets))
        if stack is not theory.stack:
            cuts.append(fingerprint(stack))
    made_of["cuts and t0"] = fingerprint(*cuts)
    raw, experimental = on_all_cores(
        lambda given: build_covariance(datasets, *given), [(t0, weights), (None, None)]
    )
    fit = _regularised(runcard, datasets, raw)
    sampling = _sampling(runcard, datasets, weights) or fit
    added = _theory(runcard, datasets, sources, theory)
    if added is not None:
        made_of["theory uncertainties"] = added.made_of
        asked = runcard.theory_covariance
        assert asked is not None
        if asked.in_sampling:
            sampling = sampling.with_systematics(added.columns, wide=True)
        if asked.in_fitting:
            fit = fit.with_systematics(added.columns, wide=True)
    if runcard.norm_threshold is not None:
        made_of["norm_threshold"] = fingerprint(runcard.norm_threshold)
    return Covariances(fit, sampling, experimental, made_of)


def t0_set(runcard: Runcard) -> str:
    """Return the name of the t0 set, empty if there is none."""
    return (runcard.datacuts.t0pdfset or "") if runcard.datacuts.use_t0 else ""


def group_of(runcard: Runcard, data: CommonData) -> str:
    """Return the group whose random numbers n3fit draws together: an experiment, or all data.

    All data are one group where eigenmodes are split, and where theory has uncertainties.
    """
    together = runcard.diagonal_frac is not None or runcard.theory_covariance is not None
    return ALL if together else data.experiment


def _sampling(
    runcard: Runcard, datasets: Sequence[CommonData], weights: Sequence[float]
) -> FactoredCovariance | None:
    """Return that of pseudodata without theory uncertainties; None where it is that of the fit."""
    seeds = runcard.seeds
    if seeds.separate_multiplicative:
        additive = [additive_part(data) for data in datasets]
        return _regularised(runcard, datasets, build_covariance(additive, weights=weights))
    if not seeds.use_t0_sampling:
        return _regularised(runcard, datasets, build_covariance(datasets, weights=weights))
    return None


def _theory(
    runcard: Runcard,
    datasets: Sequence[CommonData],
    sources: Sequence[ObservableSource],
    theory: FittedTheory,
) -> TheoryColumns | None:
    asked = runcard.theory_covariance
    if asked is None:
        return None
    fitted = (theory.stack, theory.q0)
    return theory_columns(runcard, asked, datasets, sources, fitted, theory.folder)


def _regularised(
    runcard: Runcard, datasets: Sequence[CommonData], covariance: FactoredCovariance
) -> FactoredCovariance:
    """Return the covariance with the smallest eigenvalues of its correlations raised.

    In each group of data (see `group_of`) those below 1/`norm_threshold`^2 are raised to that
    (arXiv:2207.00690), which adds a correlated uncertainty for each of them.
    """
    threshold = runcard.norm_threshold
    if threshold is None:
        return covariance
    slices, added = dataset_slices(datasets), []
    for members in group_members(datasets, [group_of(runcard, d) for d in datasets]).values():
        rows = np.concatenate([np.arange(slices[i].start, slices[i].stop) for i in members])
        block = covariance.masked(rows).dense()
        sigma = np.sqrt(np.diag(block))
        values, vectors = np.linalg.eigh(block / np.outer(sigma, sigma))
        low = values < threshold**-2
        columns = np.zeros((len(covariance), int(low.sum())))
        raised = np.sqrt(threshold**-2 - values[low])
        columns[rows] = sigma[:, np.newaxis] * vectors[:, low] * raised
        added.append(columns)
    raised_covariance = covariance.with_systematics(np.concatenate(added, axis=1))
    return replace(raised_covariance, sys=frozen(raised_covariance.sys))
