"""The sets of a runcard that a theory folder cannot make predictions for."""

from __future__ import annotations

from n3hyper.data.commondata import load_commondata
from n3hyper.errors import DataError, RuncardError
from n3hyper.runcard.model import Runcard
from n3hyper.theory.folders import TheoryFolder
from n3hyper.theory.missing import Missing, lacking


def sets_without_theory(runcard: Runcard, folder: TheoryFolder) -> tuple[Missing, ...]:
    """The data, positivity and integrability sets of a runcard that `folder` has no theory for.

    Raises
    ------
    RuncardError
        for an unknown data set or variant.
    """
    asked = [
        (f"dataset_inputs[{number}]", one.dataset, one.variant, one.cfac)
        for number, one in enumerate(runcard.dataset_inputs)
    ]
    for key, sets in (
        ("positivity.posdatasets", runcard.positivity),
        ("integrability.integdatasets", runcard.integrability),
    ):
        asked += [(f"{key}[{number}]", one.dataset, None, ()) for number, one in enumerate(sets)]
    missing = []
    for key, name, variant, cfac in asked:
        try:
            # the fit, which reads what is left, says what old names stand for
            recipe = load_commondata(name, variant, say_new_name=False).theory
        except DataError as error:
            raise RuncardError(str(error), source=runcard.source, key=key) from error
        found = lacking(name, recipe, cfac, folder)
        if found is not None:
            missing.append(Missing(found.dataset, found.tables, found.cfactors, key))
    return tuple(missing)
