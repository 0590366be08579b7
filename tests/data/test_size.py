"""Tests that replicas too many for the memory are refused before anything is made for them."""

from __future__ import annotations

import pytest

from n3hyper.data import size
from n3hyper.errors import RuncardError
from tests.support.synthetic import synthetic_theory


@pytest.mark.parametrize(
    ("replicas", "folds", "key", "value"),
    [(10**8, 2, "--replicas", 10**8), (1, 10**7, "kfold.partitions", 10**7)],
)
def test_too_many_replicas_name_the_key(monkeypatch, replicas, folds, key, value):
    monkeypatch.setattr(size, "available", lambda: 10**9)
    with pytest.raises(RuncardError, match=r"enough for \d+ replicas") as raised:
        size.refuse_too_many_replicas(replicas, folds, 66, synthetic_theory())
    assert (raised.value.key, raised.value.value) == (key, value)


@pytest.mark.parametrize("free", [10**9, None])
def test_replicas_that_fit_pass(monkeypatch, free):
    monkeypatch.setattr(size, "available", lambda: free)
    size.refuse_too_many_replicas(100, 4, 66, synthetic_theory())
