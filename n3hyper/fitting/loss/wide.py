"""Systematics that link all data, kept apart from the blocks of the others.

Theory uncertainties are some ten to thirty columns T that every point has a part of. With B the
covariance without them (in units of sqrt(D), K = B^-1 with a mask m) the chi2 of C = B + T T^T is

    chi2 = r K r - p A^-1 p,        p = T^T K r,        A = 1 + T^T K T,

and its gradient 2 (K r - K T A^-1 p). Of points behind features K r is at hand in a step, so that T
is shared by all models. In features and attached points p is linear (e, w, L and R are those of
`n3hyper.fitting.loss.forms`): q + Q_e e + Q_w w + T_z^T (m r_z), with the matrices

    q = (K T)^T rho,    Q_e = (K T)^T U,    Q_w = -(R A_S^-1 S^T m T)^T

of each model, where A_S is the A of the systematics S of a block.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from n3hyper.fitting.loss.covariance_blocks import BlockCovariance
from n3hyper.fitting.loss.features import Features
from n3hyper.physics.arrays import Array


class WideArrays(NamedTuple):
    """Arrays that each model has of its own, for trainings and then for validations."""

    forms: Array
    """(2 m, k, 1 + r + a): q, Q_e and Q_w."""
    inverses: Array
    """(2 m, k, k): A^-1."""


def wide_arrays(features: Features, masks: Array, residuals: Sequence[Array]) -> WideArrays:
    """Return the arrays of masks (2 m, ndata), with residuals rho (n,) of the points of features.

    Where nothing links all data, they are empty.
    """
    k, size = features.wide.shape[1], 1 + features.size + features.attachments
    if not k:
        return WideArrays(np.zeros((len(masks), 0, size)), np.zeros((len(masks), 0, 0)))
    made = [_of_mask(features, mask, rho) for mask, rho in zip(masks, residuals, strict=True)]
    forms, inverses = zip(*made, strict=True)
    return WideArrays(np.stack(forms), np.stack(inverses))


def wide_inverses(wide: Array, covariance: BlockCovariance, masks: Array) -> Array:
    """Return A^-1 (a, k, k) for masks (a, n) of the points of a covariance, in their order."""
    scaled = wide[covariance.points] / covariance.sigma[:, None]
    unit = np.eye(wide.shape[1])
    return np.stack(
        [np.linalg.inv(unit + scaled.T @ _weighted(covariance, mask, scaled)[0]) for mask in masks]
    ).reshape(len(masks), *unit.shape)


def _of_mask(features: Features, mask: Array, residuals: Array) -> tuple[Array, Array]:
    covariance, rest = features.covariance, features.rest
    linear = features.wide[covariance.points] / covariance.sigma[:, None]
    weighted, of_blocks = _weighted(covariance, mask[covariance.points], linear)
    of_attached = np.zeros((features.wide.shape[1], features.attachments))
    for factor, solved in zip(features.attachment.factors, of_blocks, strict=True):
        of_attached -= (factor @ solved).T
    parts = [weighted.T @ residuals, weighted.T @ features.loadings, of_attached]
    form = np.asarray(np.column_stack(parts), dtype=np.float64)
    behind = features.wide[rest.points] / rest.sigma[:, None]
    inner = linear.T @ weighted + behind.T @ _weighted(rest, mask[rest.points], behind)[0]
    return form, np.asarray(np.linalg.inv(np.eye(len(inner)) + inner), dtype=np.float64)


def _weighted(covariance: BlockCovariance, mask: Array, values: Array) -> tuple[Array, list[Array]]:
    """Return K values (n, k), and A_S^-1 S^T m values of each block."""
    masked = mask[:, None] * values
    solutions: list[Array] = []
    start = 0
    for block in covariance.blocks:
        where = slice(start, start := start + len(block.points))
        systematics = mask[where, None] * block.systematics
        inner = np.eye(systematics.shape[1]) + systematics.T @ systematics
        solved = np.asarray(np.linalg.solve(inner, systematics.T @ masked[where]), np.float64)
        masked[where] -= systematics @ solved
        solutions.append(solved)
    return masked, solutions
