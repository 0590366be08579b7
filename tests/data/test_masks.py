"""Tests of training/validation splits against validphys, and of folds."""

from __future__ import annotations

import numpy as np

from n3hyper.data.masks import (
    dataset_slices,
    fold_masks,
    group_members,
    mode_masks,
    training_validation_masks,
)
from n3hyper.data.seeds import trvl_seeds
from tests.support.reference_cases import ReferenceCase


def unpacked(case: ReferenceCase) -> np.ndarray:
    ndata = sum(cd.ndata for cd in case.datasets)
    return np.unpackbits(case.numbers["masks"], axis=1, count=ndata).astype(bool)


def test_groups_are_those_of_validphys(fit_case: ReferenceCase) -> None:
    members = group_members(fit_case.datasets)
    names = [[group, [fit_case.datasets[i].name for i in sets]] for group, sets in members.items()]
    assert names == fit_case.record["groups"]


def test_split_of_a_fit_is_that_of_validphys(fit_case: ReferenceCase) -> None:
    seeds = trvl_seeds(fit_case.record["runcard_seeds"]["trvlseed"], 3)
    training, validation = training_validation_masks(fit_case.datasets, fit_case.fracs, seeds)
    np.testing.assert_array_equal(training, unpacked(fit_case))
    np.testing.assert_array_equal(validation, ~training)


def test_split_with_sets_of_one_point_is_that_of_validphys(other_case: ReferenceCase) -> None:
    datasets = other_case.datasets
    training, _ = training_validation_masks(
        datasets,
        [0.75] * len(datasets),
        other_case.record["trvl_seeds"],
        ["ALL"] * len(datasets),
    )
    np.testing.assert_array_equal(training, unpacked(other_case))
    single = [s.start for s in dataset_slices(datasets) if s.stop - s.start == 1]
    assert len(single) == 2
    assert {bool(value) for value in training[:, single].ravel()} == {True, False}


def test_as_many_points_train_in_every_replica(fit_case: ReferenceCase) -> None:
    training, _ = training_validation_masks(fit_case.datasets, fit_case.fracs, range(5))
    slices = dataset_slices(fit_case.datasets)
    for place, frac in zip(slices, fit_case.fracs, strict=True):
        counts = training[:, place].sum(axis=1)
        assert (counts == int((place.stop - place.start) * frac)).all()


def test_folds_leave_out_whole_sets(fit_case: ReferenceCase) -> None:
    first, second = fit_case.datasets[0].name, fit_case.datasets[3].name
    masks = fold_masks(fit_case.datasets, [[first, second], [], [second]])
    slices = dataset_slices(fit_case.datasets)
    assert masks.sum(axis=1).tolist() == [
        fit_case.datasets[0].ndata + fit_case.datasets[3].ndata,
        0,
        fit_case.datasets[3].ndata,
    ]
    assert masks[0, slices[0]].all()
    assert masks[2, slices[3]].all()


def test_split_of_eigenmodes_is_that_of_validphys() -> None:
    # validphys 4.1.5's diagonal_masks("ALL", seed, covariance of so many points, 0.75)
    expected = {
        (5, 40): [159, 235, 247, 234, 250],
        (1608637542, 41): [155, 203, 118, 238, 255, 128],
    }
    for (seed, count), packed in expected.items():
        kept = np.arange(45) < count
        training, validation = mode_masks(kept[np.newaxis], 0.75, [seed])
        modes = np.unpackbits(np.array(packed, dtype=np.uint8), count=count).astype(bool)
        np.testing.assert_array_equal(training[0, 0, :count], modes)
        np.testing.assert_array_equal(validation[0, 0, :count], ~modes)
        assert not (training | validation)[..., count:].any()


def test_each_fold_splits_as_many_eigenmodes_as_it_keeps_points() -> None:
    kept = np.array([[True] * 10, [True] * 4 + [False] * 6])
    training, validation = mode_masks(kept, 0.75, [1, 2, 3])
    assert training.shape == (2, 3, 10)
    assert (training.sum(axis=2) == [[7], [3]]).all()
    assert ((training | validation).sum(axis=2) == [[10], [4]]).all()
    assert not (training & validation).any()
