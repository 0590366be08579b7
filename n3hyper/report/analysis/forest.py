"""Regression trees on factors in [0, 1], and their functional ANOVA.

A tree cuts the cube of factors into boxes with a mean each. Over a box everything can be integrated
exactly, so that the mean of the tree as a function of one factor alone, all others averaged over
their range, has a closed form. Its variance over the variance of the tree is the share of that
factor (Hutter, Hoos, Leyton-Brown, ICML 2014).

It is here, in NumPy, and not from scikit-learn, since the import of that alone takes most of the
two seconds in which a report has to be on the screen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from n3hyper.physics.arrays import Array

Ints = NDArray[np.intp]

BINS: Final = 32
"""Cuts of a factor that are looked at."""
_LEAF: Final = 3
"""Trials that a box has at least."""
_DEPTH: Final = 10


@dataclass(frozen=True, eq=False)
class Tree:
    """Regression tree, stored as its boxes.

    Attributes
    ----------
    low, high
        (boxes, factors): the corners.
    mean
        (boxes,)
    """

    low: Array
    high: Array
    mean: Array

    @property
    def volume(self) -> Array:
        """Return the volume of each box, (boxes,)."""
        return np.asarray(np.prod(self.high - self.low, axis=1))

    def predict(self, points: Array) -> Array:
        """Return predictions, (n, factors) -> (n,)."""
        inside = (points[:, None] >= self.low) & (points[:, None] < self.high + (self.high == 1))
        return np.asarray(self.mean[inside.all(axis=2).argmax(axis=1)])

    @property
    def variance(self) -> float:
        """Return the variance over the whole cube."""
        centre = float(self.volume @ self.mean)
        return float(self.volume @ (self.mean - centre) ** 2)

    def main_effects(self) -> Array:
        """Return the variance, (factors,), of the mean as a function of each factor alone."""
        volume, centre = self.volume, float(self.volume @ self.mean)
        found = np.zeros(self.low.shape[1])
        for factor in range(found.size):
            low, high = self.low[:, factor], self.high[:, factor]
            edges = np.unique(np.concatenate([low, high]))
            middle = (edges[1:] + edges[:-1]) / 2
            inside = (low[:, None] <= middle) & (middle < high[:, None])
            weight = volume / (high - low) * self.mean
            marginal = weight @ inside
            found[factor] = np.diff(edges) @ (marginal - centre) ** 2
        return found


def grow(
    bins: Ints, edges: list[Array], target: Array, rng: np.random.Generator, tries: int
) -> Tree:
    """Grow a tree.

    Parameters
    ----------
    bins
        (n, factors): the bin of each point, below `BINS`.
    edges
        Of each factor, the upper ends of its bins but the last.
    target
        (n,)
    tries
        Factors that are looked at for each cut, chosen at random.
    """
    factors = bins.shape[1]
    boxes: list[tuple[Array, Array, float]] = []
    stack = [(np.arange(len(target)), np.zeros(factors), np.ones(factors), 0)]
    while stack:
        rows, low, high, depth = stack.pop()
        cut = None
        if rows.size >= 2 * _LEAF and depth < _DEPTH:
            chosen = rng.permutation(factors)[:tries]
            cut = _best_cut(bins[rows][:, chosen], target[rows])
        if cut is None:
            boxes.append((low, high, float(target[rows].mean())))
            continue
        factor, last = int(chosen[cut[0]]), cut[1]
        left = bins[rows, factor] <= last
        edge = edges[factor][last]
        middle_high, middle_low = high.copy(), low.copy()
        middle_high[factor] = middle_low[factor] = edge
        stack.append((rows[left], low, middle_high, depth + 1))
        stack.append((rows[~left], middle_low, high, depth + 1))
    lows, highs, means = zip(*boxes, strict=True)
    return Tree(np.array(lows), np.array(highs), np.array(means))


def _best_cut(bins: Ints, target: Array) -> tuple[int, int] | None:
    """Return the factor, and its last bin on the left, whose cut removes most variance."""
    count, factors = bins.shape
    places = (bins + BINS * np.arange(factors)).ravel()
    size = np.bincount(places, minlength=BINS * factors).reshape(factors, BINS)
    centred = target - target.sum() / count
    total = np.bincount(places, centred.repeat(factors), BINS * factors)
    left_size = size.cumsum(axis=1).ravel()
    left_sum = total.reshape(factors, BINS).cumsum(axis=1).ravel()
    # few cuts leave enough on both sides; those after the last bin leave nothing
    allowed = ((left_size >= _LEAF) & (left_size <= count - _LEAF)).nonzero()[0]
    if not allowed.size:
        return None
    left = left_size[allowed]
    # the sums left and right are opposite, since the target is centred
    gain = left_sum[allowed] ** 2 * (count / (left * (count - left)))
    best = int(gain.argmax())
    if gain[best] <= 1e-12 * max(float(centred @ centred), 1e-300):
        return None
    return divmod(int(allowed[best]), BINS)


@dataclass(frozen=True, eq=False)
class Anova:
    """Variance of the trees of a forest, by factor.

    Attributes
    ----------
    shares
        (trees, factors): share of each factor alone in the variance of a tree.
    score
        R2 of the forest on points that its trees have not seen.
    """

    shares: Array
    score: float


def forest_anova(points: Array, target: Array, trees: int = 24, seed: int = 0) -> Anova:
    """Grow a forest on bootstrap samples and decompose its variance.

    Parameters
    ----------
    points
        (n, factors), in [0, 1].
    target
        (n,)
    """
    rng = np.random.default_rng(seed)
    count, factors = points.shape
    edges = [_edges(points[:, factor]) for factor in range(factors)]
    bins = np.stack(
        [np.searchsorted(edges[f], points[:, f], side="right") for f in range(factors)], axis=1
    )
    tries = max(1, int(np.ceil(factors / 2)))
    shares, sums, votes = [], np.zeros(count), np.zeros(count)
    for _ in range(trees):
        drawn = rng.integers(0, count, count)
        tree = grow(bins[drawn], edges, target[drawn], rng, tries)
        unseen = np.setdiff1d(np.arange(count), drawn)
        sums[unseen] += tree.predict(points[unseen])
        votes[unseen] += 1
        if tree.variance > 0:
            shares.append(tree.main_effects() / tree.variance)
    known = votes > 0
    rest = target[known] - sums[known] / votes[known]
    spread = float(((target[known] - target[known].mean()) ** 2).sum())
    score = 1 - float(rest @ rest) / spread if spread else 0.0
    return Anova(np.array(shares) if shares else np.zeros((0, factors)), score)


def _edges(values: Array) -> Array:
    """Return the edges between bins of a factor: halfway between few values, else at quantiles."""
    distinct = np.unique(values)
    if distinct.size <= BINS:
        return np.asarray((distinct[1:] + distinct[:-1]) / 2)
    inner = np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1])
    inner = np.unique(inner)
    return np.asarray(inner[(inner > 0) & (inner < 1)])
