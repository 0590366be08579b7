"""Data sets of older runcards that nnpdf_data no longer has, and their successors.

nnpdf_data translates the names of the sets that it kept. These it did not keep: nuclear
uncertainties of the first iteration (``_dw``, now ``_dw_ite``), sets whose mistakes were mended,
and sets that are now several.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from n3hyper.errors import RuncardError
from n3hyper.runcard.old_cards.translation import Translation

_ITERATED = (
    "NMCPD", "SLACD", "BCDMSD", "CHORUSNUPb", "CHORUSNBPb", "NTVNUDMNFe", "NTVNBDMNFe", "DYE886R",
    "DYE605",
)  # fmt: skip

SUCCESSORS: Mapping[str, tuple[str, ...]] = {
    **{f"{name}_dw": (f"{name}_dw_ite",) for name in _ITERATED},
    "DYE886R": ("DYE886R_dw_ite",),
    "CHORUSNUPb": ("CHORUSNU",),
    "CHORUSNBPb": ("CHORUSNB",),
    "NTVNUDMNFe": ("NTVNUDMN",),
    "NTVNBDMNFe": ("NTVNBDMN",),
    "D0ZRAP": ("D0ZRAP_40",),
    "LHCBZEE2FB": ("LHCBZEE2FB_40",),
    "ATLASPHT15": ("ATLASPHT15_SF",),
    "CMS_2JET_3D_8TEV": ("CMS_2JET_8TEV_3D",),
    "ATLASTTBARTOT": ("ATLASTTBARTOT7TEV", "ATLASTTBARTOT8TEV", "ATLAS_TTBARTOT_13TEV_FULLLUMI"),
    "CMSTTBARTOT": ("CMSTTBARTOT7TEV", "CMSTTBARTOT8TEV", "CMSTTBARTOT13TEV"),
}
"""Name -> what nnpdf_data knows instead, one set or several."""
GONE: Final = ("POSDYC",)
"""Positivity sets that nnpdf_data no longer has, without a successor."""


def replace_retired(found: Translation) -> None:
    """Put the successors in the place of retired sets, in ``dataset_inputs`` and in the folds."""
    inputs = found.card.get("dataset_inputs")
    if isinstance(inputs, list):
        _replace_inputs(found, inputs)
    _refuse_gone(found)
    kfold = found.card.get("kfold")
    partitions = kfold.get("partitions") if isinstance(kfold, Mapping) else None
    for partition in partitions if isinstance(partitions, list) else ():
        names = partition.get("datasets") if isinstance(partition, dict) else None
        if isinstance(names, list):
            partition["datasets"] = [new for old in names for new in _successors(old)]


def _replace_inputs(found: Translation, inputs: list[Any]) -> None:
    replaced: list[Any] = []
    places: dict[str, str] = {}
    for index, entry in enumerate(inputs):
        old = entry.get("dataset") if isinstance(entry, Mapping) else None
        names = _successors(old)
        place = found.place(f"dataset_inputs[{index}]")
        if names != (old,):
            found.notes.append(
                f"{place}.dataset: {old} is no longer in nnpdf_data, read as {', '.join(names)}"
            )
        for name in names:
            places[f"dataset_inputs[{len(replaced)}]"] = place
            replaced.append(entry if name == old else {**entry, "dataset": name})
    if replaced != inputs:
        found.card["dataset_inputs"] = replaced
        found.moved.update(places)


def _successors(name: Any) -> tuple[Any, ...]:
    return SUCCESSORS.get(name, (name,)) if isinstance(name, str) else (name,)


def _refuse_gone(found: Translation) -> None:
    positivity = found.card.get("positivity")
    sets = positivity.get("posdatasets") if isinstance(positivity, Mapping) else None
    for index, entry in enumerate(sets if isinstance(sets, list) else ()):
        name = entry.get("dataset") if isinstance(entry, Mapping) else None
        if name in GONE:
            raise RuncardError(
                "nnpdf_data no longer has it, nor a successor",
                source=found.source,
                key=found.place(f"positivity.posdatasets[{index}].dataset"),
                value=name,
                hint="remove it; NNPDF4.0 has NNPDF_POS_2P24GEV_XCQ for charm",
            )
