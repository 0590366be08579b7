"""Tables and K-factors that data sets need and a theory folder lacks, found before any is read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from n3hyper.errors import TheoryError
from n3hyper.theory.folders import TheoryFolder
from n3hyper.theory.recipe import ObservableSource, TheoryRecipe

LEAVE_OUT = "n3hyper scan --skip-missing leaves them out"


@dataclass(frozen=True)
class Missing:
    """Data set, positivity or integrability set whose predictions cannot be made."""

    dataset: str
    """Its name in the runcard."""
    tables: tuple[str, ...] = ()
    """FK tables that are not in the folder."""
    cfactors: tuple[tuple[str, str], ...] = ()
    """Missing K-factors, each with its table: ``("QCD", "DYE605")``."""
    key: str = ""
    """Its key path in the runcard, in today's spelling."""

    @property
    def reason(self) -> str:
        """Description of what is missing, in a few words."""
        if self.tables:
            return f"no FK table {', '.join(self.tables)}"
        if self.cfactors:
            return f"no K-factor {self.named_cfactors}"
        return "no theory in nnpdf_data"

    @property
    def named_cfactors(self) -> str:
        """The missing K-factors in words: ``QCD of DYE605``."""
        return ", ".join(f"{cfactor} of {table}" for cfactor, table in self.cfactors)


def lacking(
    name: str, recipe: TheoryRecipe | None, cfac: Sequence[str], folder: TheoryFolder
) -> Missing | None:
    """Return what `folder` lacks for a data set; None if it lacks nothing."""
    if recipe is None:
        return Missing(name)
    tables = dict.fromkeys(table for operand in recipe.fk_tables for table in operand)
    absent = tuple(table for table in tables if not folder.has_table(table))
    factors = tuple(
        (cfactor, table)
        for table in tables
        for cfactor in cfac
        if not folder.has_cfactor(cfactor, table)
    )
    return Missing(name, absent, factors) if absent or factors else None


def refuse_missing(sources: Iterable[ObservableSource], folder: TheoryFolder) -> None:
    """Raise one error that names every set whose predictions cannot be made.

    Raises
    ------
    TheoryError
        when a table or a K-factor is missing.
    """
    sources = list(sources)
    lacks_of_sets = [lacking(source.name, source.recipe, source.cfac, folder) for source in sources]
    missing = [lack for lack in lacks_of_sets if lack is not None]
    if not missing:
        return
    if len(missing) == 1:
        _refuse_one(missing[0], folder)
    without = [lack for lack in missing if lack.tables]
    factors = [lack for lack in missing if not lack.tables]
    lacks = []
    if without:
        names = ", ".join(lack.dataset for lack in without)
        lacks.append(f"no FK tables for {len(without)} of {len(sources)} sets ({names})")
    if factors:
        names = ", ".join(f"{lack.dataset}: {lack.named_cfactors}" for lack in factors)
        lacks.append(f"no K-factors for {len(factors)} ({names})")
    raise TheoryError(
        f"theory {folder.theoryid} in {folder.path} has {' and '.join(lacks)}; {LEAVE_OUT}"
    )


def _refuse_one(missing: Missing, folder: TheoryFolder) -> None:
    """Raise the error of the only missing file, which suggests similar names."""
    try:
        if missing.tables:
            folder.table_path(missing.tables[0])
        else:
            folder.cfactor_path(*missing.cfactors[0])
    except TheoryError as error:
        raise TheoryError(f"{missing.dataset}: {error}") from None
