"""Reading of runcards: what a scan is told, checked and typed."""

from n3hyper.runcard.load import (
    keys_as_written,
    load_runcard,
    parse_runcard,
    parse_text,
    require_scan,
)
from n3hyper.runcard.model import (
    DataCuts,
    DatasetInput,
    Fitting,
    Flavour,
    KFold,
    LagrangeSet,
    Partition,
    Runcard,
    Seeds,
    Theory,
)

__all__ = [
    "DataCuts",
    "DatasetInput",
    "Fitting",
    "Flavour",
    "KFold",
    "LagrangeSet",
    "Partition",
    "Runcard",
    "Seeds",
    "Theory",
    "keys_as_written",
    "load_runcard",
    "parse_runcard",
    "parse_text",
    "require_scan",
]
