"""Names that nnpdf_data gives data sets, and the legacy names that it translates.

Read without importing the package, which takes seconds.
"""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import Any

from n3hyper.errors import DataError


def commondata_folder() -> Path:
    """Return nnpdf_data's folder of measurements.

    Raises
    ------
    DataError
        The package is not installed.
    """
    spec = importlib.util.find_spec("nnpdf_data")
    if spec is None or not spec.submodule_search_locations:
        raise DataError("the package nnpdf_data is not installed; pip install nnpdf-data")
    return Path(spec.submodule_search_locations[0]) / "commondata"


@lru_cache(maxsize=1)
def legacy_names() -> dict[str, tuple[str, str | None]]:
    """Return the present name and the variant that each legacy name stands for."""
    from ruamel.yaml import YAML

    file = commondata_folder() / "dataset_names.yml"
    entries: dict[str, Any] = YAML(typ="safe").load(file.read_text(encoding="utf-8"))
    return {
        old: (new, None) if isinstance(new, str) else (new["dataset"], new.get("variant"))
        for old, new in entries.items()
    }


def present_name(name: str) -> str:
    """Return the name by which nnpdf_data has a data set now.

    >>> present_name("NMCPD_dw_ite"), present_name("no such set")
    ('NMC_NC_NOTFIXED_EM-F2', 'no such set')
    """
    return legacy_names().get(name, (name, None))[0]
