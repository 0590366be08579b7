"""Sets of a runcard for which a theory folder cannot make predictions."""

from __future__ import annotations

from n3hyper.data.commondata import load_commondata
from n3hyper.errors import DataError, RuncardError
from n3hyper.runcard.model import Runcard
from n3hyper.theory.folders import TheoryFolder
from n3hyper.theory.missing import Missing, lacking


def sets_without_theory(runcard: Runcard, folder: TheoryFolder) -> tuple[Missing, ...]:
    """Return the data, positivity and integrability sets of a runcard without theory in `folder`.

    Raises
    ------
    RuncardError
        for an unknown data set or variant.
    """
    sets_of_runcard = [
        (f"dataset_inputs[{number}]", entry.dataset, entry.variant, entry.cfac)
        for number, entry in enumerate(runcard.dataset_inputs)
    ]
    for key, sets in (
        ("positivity.posdatasets", runcard.positivity),
        ("integrability.integdatasets", runcard.integrability),
    ):
        sets_of_runcard += [
            (f"{key}[{number}]", entry.dataset, None, ()) for number, entry in enumerate(sets)
        ]
    missing = []
    for key, name, variant, cfac in sets_of_runcard:
        try:
            # the fit, which reads the remaining sets, logs what old names stand for
            recipe = load_commondata(name, variant, say_new_name=False).theory
        except DataError as error:
            raise RuncardError(str(error), source=runcard.source, key=key) from error
        lacks = lacking(name, recipe, cfac, folder)
        if lacks is not None:
            missing.append(Missing(lacks.dataset, lacks.tables, lacks.cfactors, key))
    return tuple(missing)
