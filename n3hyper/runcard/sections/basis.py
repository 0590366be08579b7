"""Reader of ``fitting``: the basis in which PDFs are parametrised, and its preprocessing."""

from __future__ import annotations

from n3hyper.runcard.keys import (
    IGNORED_FITTING,
    IGNORED_FLAVOUR,
    REFUSED_BASES,
    REFUSED_FITTING,
)
from n3hyper.runcard.model import Fitting, Flavour
from n3hyper.runcard.names import FIT_BASES, SUM_RULES
from n3hyper.runcard.node import Node, near


def read_fitting(node: Node, scaled: bool) -> Fitting:
    """Read ``fitting``.

    Parameters
    ----------
    node
        The value of the key.
    scaled
        Whether the network's input is feature-scaled: then there is no (1 - x)^beta.
    """
    section = node.section(("fitbasis", "basis"), ignored=IGNORED_FITTING, refused=REFUSED_FITTING)
    name = section.need("fitbasis", near("", FIT_BASES))
    if isinstance(name.value, str) and name.value in REFUSED_BASES:
        name.fail("not supported", REFUSED_BASES[name.value])
    fitbasis = name.text(FIT_BASES)
    basis = section.need("basis", "list the flavours, each as {fl: g, smallx: [...], largex: ...}")
    flavours: list[Flavour] = []
    taken: dict[str, str] = {}
    for entry in basis.items("flavours"):
        flavour = _read_flavour(entry, fitbasis, scaled)
        element = FIT_BASES[fitbasis][flavour.fl]
        if element in taken:
            Node(flavour.fl, entry.at("fl"), entry.source).fail(
                "listed twice", f"{element} is there already as {taken[element]!r}"
            )
        taken[element] = flavour.fl
        flavours.append(flavour)
    if not flavours:
        basis.fail("no flavours", f"list those of {fitbasis}")
    return Fitting(fitbasis, tuple(flavours))


def _read_flavour(entry: Node, fitbasis: str, scaled: bool) -> Flavour:
    section = entry.section(("fl", "smallx", "largex", "trainable"), ignored=IGNORED_FLAVOUR)
    name = section.need("fl", near("", FIT_BASES[fitbasis])).text(FIT_BASES[fitbasis])
    smallx = section.need("smallx", "the range of alpha in x^(1 - alpha)").interval()
    largex = section.get("largex")
    if largex is None and not scaled:
        section.need("largex", "the range of beta in (1 - x)^beta")
    beta = (0.0, 0.0) if largex is None else largex.interval()
    if largex is not None and scaled and beta != (0.0, 0.0):
        largex.fail("not used with parameters.feature_scaling_points", "remove the key")
    return Flavour(fl=name, smallx=smallx, largex=beta, trainable=section.flag("trainable", True))


def read_sum_rules(node: Node | None) -> str | bool:
    """Read ``sum_rules``: one of `SUM_RULES` in any case, true (all) or false (none)."""
    if node is None or node.value is True:
        return "All"
    if node.value is False:
        return False
    name = node.text().upper()
    known = {rule.upper(): rule for rule in SUM_RULES}
    if name not in known:
        node.fail("unknown name", near(node.value, (*SUM_RULES, "true", "false")))
    return known[name]
