"""Tests of the quick reader against ruamel.yaml."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from n3hyper.data.commondata import commondata_folder, load_commondata
from n3hyper.data.quick_yaml import quick_nnpdf_data, read_plain_yaml
from n3hyper.errors import DataError
from n3hyper.foreign.yaml_text import from_events

SCALARS = (
    "1", "-1", "+1", "007", "0", "-0", "1_000", "0x1F", "0o17", "1:30", "2020-01-31",
    "2e1", "2.5", "-2.5E+3", "1.", ".5", "-.5", "+.5e-3", "1e", "e1", "1.2.3", ".inf", "-.INF",
    ".nan", "nan", "inf", "null", "Null", "~", "true", "True", "yes", "no", "on", "off", "<<", "=",
    "'1'", '"1"', "'null'", "a b", "a-b", "-a", "...a", "!!str 1", "!!float 1", "&a 1",
)  # fmt: skip


def same(left: Any, right: Any) -> bool:
    """Return whether two values are equal: types, NaN and the order of keys included."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return left == right or (isinstance(left, float) and math.isnan(left) and math.isnan(right))


def result(reader: Any, text: str) -> Any:
    """Return what a reader gives, or the type of its error."""
    try:
        return reader(text)
    except (YAMLError, ValueError) as error:
        return ["error", type(error).__name__]


def agree(text: str) -> bool:
    return same(result(read_plain_yaml, text), result(YAML(typ="safe").load, text))


@pytest.mark.parametrize("scalar", SCALARS)
def test_scalars_are_read_as_ruamel_reads_them(scalar: str) -> None:
    assert agree(f"- {scalar}\n- {{key: {scalar}}}\n")
    assert agree(f"{scalar}: {scalar}\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a: 1\na: 2\n",
        "a: &x {b: 1}\nc: *x\n",
        "a: {<<: {b: 1}, c: 2}\n",
        "? [1, 2]\n: 3\n",
        "--- 1\n--- 2\n",
        "%YAML 1.1\n---\na: yes\n",
        "a: [1, 2\n",
        "a:\n  - |\n    two\n    lines\n  -\n",
        "{}",
        "[[], {}, '']",
    ],
)
def test_documents_are_read_as_ruamel_reads_them(text: str) -> None:
    assert agree(text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_any_document_is_read_as_ruamel_reads_it(document: Any) -> None:
    from io import StringIO

    stream = StringIO()
    YAML(typ="safe").dump(document, stream)
    assert agree(stream.getvalue())


def test_files_of_measurements_are_read_as_ruamel_reads_them() -> None:
    """Measurements are plain YAML, so that the quick way is the one that is compared."""
    folder = commondata_folder() / "NMC_NC_NOTFIXED_P"
    files = [file for file in folder.glob("*.yaml") if file.name != "metadata.yaml"]
    assert files
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert same(from_events(text), YAML(typ="safe").load(text))


def test_nnpdf_data_gets_its_own_reader_back() -> None:
    from nnpdf_data import utils

    before = utils.yaml_fast
    with quick_nnpdf_data():
        assert utils.yaml_fast is not before
        assert utils.quick_yaml_load(commondata_folder() / "dataset_names.yml")
    assert utils.yaml_fast is before
    with pytest.raises(DataError):
        load_commondata("SLAC_NC_NOTFIXED_P_EM-F2", "no such variant", use_cache=False)
    assert utils.yaml_fast is before
