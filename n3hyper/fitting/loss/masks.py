"""Masks of the points, or eigenmodes, that each model trains on, validates on, is tested on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from n3hyper.data.problem import FitProblem, fitted_points
from n3hyper.physics.arrays import Array, Index, Mask


@dataclass(frozen=True, eq=False)
class ModelMasks:
    """Masks of all models (fold, replica), numbered fold by fold; each is (models, ndata).

    Where the problem splits eigenmodes, training and validation are masks of these.
    """

    training: Mask
    validation: Mask
    """The masks of the training where a model has no validation points."""
    tested: Mask
    """Points left out in the fold; all points where none is."""
    validated: Mask
    """(models,): whether there are validation points."""

    @classmethod
    def of(cls, problem: FitProblem) -> ModelMasks:
        """Return the masks of a problem; without folds it has one fit, which leaves out nothing."""
        kept = fitted_points(problem.folds, problem.ndata)
        everything = np.ones(problem.ndata, dtype=bool)
        tested = np.stack(
            [fold.mask if fold.mask.any() else everything for fold in problem.folds] or [everything]
        )
        shape = (-1, problem.ndata)
        if problem.mode_masks is None:
            training = (kept[:, None] & problem.training_masks).reshape(shape)
            validation = (kept[:, None] & problem.validation_masks).reshape(shape)
        else:
            training, validation = (masks.reshape(shape) for masks in problem.mode_masks)
        validated = np.asarray(validation.any(axis=1))
        return cls(
            training=training,
            validation=np.where(validated[:, None], validation, training),
            tested=np.repeat(tested, problem.replicas, axis=0),
            validated=validated,
        )

    def stacked(self, models: Index, points: Index | slice = slice(None)) -> Array:
        """Return 0 or 1 for the trainings of some models, then for their validations.

        Parameters
        ----------
        models
            (m,)
        points
            Where to take the masks, n points.

        Returns
        -------
        array (2 m, n)
        """
        both = np.concatenate([self.training[models], self.validation[models]])
        # the layout decides in which order NumPy adds
        return np.ascontiguousarray(both[:, points], dtype=np.float64)


def number_of_points(masks: Mask) -> Array:
    """Return how many points each mask (m, ndata) has, at least one: (m,)."""
    return np.asarray(np.maximum(masks.sum(axis=1), 1), dtype=np.float64)
