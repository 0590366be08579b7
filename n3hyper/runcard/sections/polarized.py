"""Reader of what polarised fits need: the unpolarised PDFs, and the right sum rules."""

from __future__ import annotations

from n3hyper.runcard.model import DataCuts, Fitting, PositivityBound, TheoryCovariance
from n3hyper.runcard.names import POLARIZED
from n3hyper.runcard.node import Section

_SET = "the LHAPDF set of the unpolarised PDFs"


def read_positivity_bound(
    top: Section, fitting: Fitting, sum_rules: str | bool
) -> PositivityBound | None:
    """Read ``positivity_bound``, which fits of polarised PDFs need and others must not have.

    Parameters
    ----------
    fitting
        The basis, whose name says whether PDFs are polarised.
    sum_rules
        As read.
    """
    polarized = fitting.fitbasis.startswith(POLARIZED)
    node, rules = top.get("positivity_bound"), top.get("sum_rules")
    if polarized != (sum_rules == "TSR") and sum_rules is not False:
        hint = "write TSR or false" if polarized else f"it is for bases {POLARIZED}..."
        if rules is None:
            top.need("sum_rules", f"polarised PDFs have none of the momentum: {hint}")
        else:
            rules.fail("not the sum rules of this basis", hint)
    if not polarized:
        if node is not None:
            node.fail("unpolarised PDFs are fitted", f"it is for bases {POLARIZED}...: remove it")
        return None
    section = top.need("positivity_bound", "{unpolarized_bc: SET, n_std: 1}").section(
        ("unpolarized_bc", "n_std")
    )
    n_std = section.get("n_std")
    return PositivityBound(
        unpolarized_bc=section.need("unpolarized_bc", _SET).text(),
        n_std=1.0 if n_std is None else n_std.number(),
    )


def check_unpolarized(
    top: Section,
    polarized: bool,
    datacuts: DataCuts,
    theory_covariance: TheoryCovariance | None,
) -> None:
    """Check that each polarised LHAPDF set of a fit has an unpolarised one beside it."""
    pairs = (
        ("datacuts", datacuts.use_t0 and datacuts.t0pdfset, datacuts.unpolarized_bc),
        (
            "theorycovmatconfig",
            theory_covariance and theory_covariance.pdf,
            theory_covariance and theory_covariance.unpolarized_bc,
        ),
    )
    for key, pdf, unpolarized in pairs:
        node = top.get(key)
        if node is None:
            continue
        section = Section(node)
        if polarized and pdf and not unpolarized:
            section.need("unpolarized_bc", f"{_SET}, which tables beside polarised ones need")
        found = section.get("unpolarized_bc")
        if not polarized and found is not None:
            found.fail("unpolarised PDFs are fitted", f"it is for bases {POLARIZED}...: remove it")
