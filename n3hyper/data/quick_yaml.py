"""Lets nnpdf_data read its YAML files, which are plain, and large, ten times sooner."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from n3hyper.foreign.yaml_text import NotPlain, from_events


def read_plain_yaml(text: str) -> Any:
    """Return the document, as ``YAML(typ="safe").load(text)`` would.

    Whatever is not plain (a tag, an anchor, a date, a hexadecimal number, a key that comes twice)
    is left to ruamel.yaml.

    Raises
    ------
    YAMLError
        for text that is not YAML 1.2, or is more than one document.

    >>> read_plain_yaml("{a: [1, 2.5e1, 0x1F], b: yes, c: ~}")
    {'a': [1, 25.0, 31], 'b': 'yes', 'c': None}
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return from_events(text)
    except (NotPlain, ImportError, YAMLError):
        # the C library is not there, or ruamel.yaml has to say what is wrong
        return YAML(typ="safe").load(text)


class _Loader:
    """Stand-in for a ``ruamel.yaml.YAML``."""

    load = staticmethod(read_plain_yaml)


@contextmanager
def quick_nnpdf_data() -> Iterator[None]:
    """Make nnpdf_data's parser use `read_plain_yaml` during the block."""
    from nnpdf_data import utils

    if not hasattr(utils, "yaml_fast"):  # another version, which reads YAML in another way
        yield
        return
    original, utils.yaml_fast = utils.yaml_fast, _Loader
    try:
        yield
    finally:
        utils.yaml_fast = original
