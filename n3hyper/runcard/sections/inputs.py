"""Readers of what is fitted: data sets, cuts, theory, constraints and seeds."""

from __future__ import annotations

from typing import Any

from n3hyper.runcard.keys import IGNORED_DATACUTS, REFUSED_DATACUTS
from n3hyper.runcard.model import DataCuts, DatasetInput, LagrangeSet, Seeds, Theory
from n3hyper.runcard.names import SEED_LIMIT
from n3hyper.runcard.node import Node, Section
from n3hyper.runcard.old_cards.legacy import SAMPLING
from n3hyper.runcard.sections.filters import FILTER_KEYS, find_key, read_rules

_DATASET_KEYS = ("dataset", "frac", "variant", "cfac", "weight", "custom_group")
_CONSTRAINTS = {
    ("NNPDF_POS", "POS"): "constraints stand under positivity.posdatasets",
    ("NNPDF_INTEG", "INTEG"): "constraints stand under integrability.integdatasets",
}
_COMBOCUTS = "NNPDF31"
_POLICY = ("use_cuts", "cuts_intersection_spec")
_INTERSECTION = "fromintersection"
_DEFAULTS = {"q2min": "q2min", "w2min": "w2min", "maxTau": "max_tau"}
_DIAGONAL_FRAC = 0.75  # n3fit's default


def read_dataset_inputs(node: Node) -> tuple[DatasetInput, ...]:
    """Read ``dataset_inputs``: at least one data set, none twice."""
    inputs: list[DatasetInput] = []
    for entry in node.items("data sets"):
        found = _read_dataset(entry)
        if found.dataset in [other.dataset for other in inputs]:
            Node(found.dataset, entry.at("dataset"), entry.source).fail(
                "listed twice", "name each data set once"
            )
        inputs.append(found)
    if not inputs:
        node.fail("no data sets", "list at least one, as {dataset: NAME, frac: 0.75}")
    return tuple(inputs)


def _read_dataset(entry: Node) -> DatasetInput:
    if isinstance(entry.value, str):
        entry.fail("expected a mapping, found a name", f"write {{dataset: {entry.value}}}")
    section = entry.section(_DATASET_KEYS)
    name = section.need("dataset", "name a data set of nnpdf_data")
    for prefixes, hint in _CONSTRAINTS.items():
        if name.text().startswith(prefixes):
            name.fail("a constraint, not data", hint)
    frac, variant, cfac = (section.get(key) for key in ("frac", "variant", "cfac"))
    weight, group = section.get("weight"), section.get("custom_group")
    return DatasetInput(
        dataset=name.text(),
        frac=1.0 if frac is None else frac.number(0, 1, above=True),
        variant=None if variant is None else variant.text(),
        cfac=() if cfac is None else cfac.texts(),
        weight=1.0 if weight is None else weight.number(0, above=True),
        custom_group=None if group is None else group.text(),
    )


def read_datacuts(node: Node | None, top: Section) -> DataCuts:
    """Read ``datacuts`` and the rules that may stand beside it."""
    known = ("q2min", "w2min", "use_t0", "t0pdfset", "unpolarized_bc", "combocuts", "maxTau")
    section = None
    if node is not None:
        section = node.section(
            (*known, *_POLICY, *FILTER_KEYS), ignored=IGNORED_DATACUTS, refused=REFUSED_DATACUTS
        )
    rules, added, dropped, defaults = (find_key(key, top, section) for key in FILTER_KEYS)
    cuts: dict[str, Any] = {
        **_read_bounds(section, defaults),
        "filter_rules": read_rules(rules),
        "added_filter_rules": read_rules(added),
        "drop_internal_rules": () if dropped is None else dropped.texts(),
    }
    if section is None:
        return DataCuts(**cuts)
    combocuts = section.get("combocuts")
    if combocuts is not None and combocuts.value != _COMBOCUTS:
        combocuts.fail("unknown set of cuts", f"only {_COMBOCUTS} is known, and always applied")
    t0pdfset, unpolarized = section.get("t0pdfset"), section.get("unpolarized_bc")
    use_t0 = section.flag("use_t0", True)
    if section.get("use_t0") is not None and use_t0:
        section.need("t0pdfset", "name an LHAPDF set, or write use_t0: false")
    return DataCuts(
        use_t0=use_t0,
        t0pdfset=None if t0pdfset is None else t0pdfset.text(),
        unpolarized_bc=None if unpolarized is None else unpolarized.text(),
        intersection=_read_intersection(section),
        **cuts,
    )


def _read_intersection(section: Section) -> tuple[int, ...]:
    """Read ``use_cuts``, and the theories whose cuts a point must pass if these are several."""
    policy, spec = (section.get(key) for key in _POLICY)
    if policy is not None and policy.value not in ("internal", _INTERSECTION):
        policy.fail(
            "not supported", "NNPDF's rules ('internal') are applied, to all data; remove the key"
        )
    if policy is None or policy.value == "internal":
        if spec is not None:
            spec.fail("not used", f"write use_cuts: {_INTERSECTION}, or remove the key")
        return ()
    spec = section.need("cuts_intersection_spec", "list theories, as [{theoryid: 708}, ...]")
    theories = [
        entry.section(("theoryid",)).need("theoryid", "the number of a theory").integer(0)
        for entry in spec.items("theories")
    ]
    if not theories:
        spec.fail("no theories", "list some, as [{theoryid: 708}, ...]")
    return tuple(theories)


def _read_bounds(datacuts: Section | None, defaults: Node | None) -> dict[str, float]:
    """Read q2min, w2min and maxTau, which stand under datacuts or its ``filter_defaults``."""
    other = None if defaults is None else defaults.section(_DEFAULTS)
    found = {}
    for key, name in _DEFAULTS.items():
        nodes = [part.get(key) for part in (datacuts, other) if part is not None]
        values = [(node, node.number(0)) for node in nodes if node is not None]
        if len(values) == 2 and values[0][1] != values[1][1]:
            values[1][0].fail(
                "given twice", f"{values[0][0].path} is {values[0][1]:g}: remove one of them"
            )
        if values:
            found[name] = values[-1][1]
    return found


def read_theory(node: Node) -> Theory:
    """Read ``theory``: the number of the theory folder, and of that of the t0 predictions."""
    section = node.section(("theoryid", "t0theoryid"))
    of_t0 = section.get("t0theoryid")
    return Theory(
        section.need("theoryid", "the number of a theory folder").integer(0),
        None if of_t0 is None else of_t0.integer(0),
    )


def read_lagrange(node: Node | None, key: str) -> tuple[LagrangeSet, ...]:
    """Read ``positivity`` or ``integrability``, whose sets stand under `key`."""
    if node is None:
        return ()
    sets = node.section((key,)).get(key)
    found: list[LagrangeSet] = []
    for entry in [] if sets is None else sets.items("constraints"):
        section = entry.section(("dataset", "maxlambda"))
        name = section.need("dataset", "name a data set of nnpdf_data")
        if name.text() in [other.dataset for other in found]:
            name.fail("listed twice", "name each constraint once")
        maxlambda = section.need("maxlambda", "the largest multiplier, 1e6 say")
        found.append(LagrangeSet(name.text(), maxlambda.number(0, above=True)))
    return tuple(found)


def read_seeds(card: Section) -> Seeds:
    """Read the seeds and switches at the top level of the runcard."""
    sampling = card.get("sampling")
    if sampling is not None:
        sampling.section(SAMPLING)
    seeds = {}
    for key in ("trvlseed", "nnseed", "mcseed"):
        found = card.get(key)
        seeds[key] = 0 if found is None else found.integer(0, SEED_LIMIT - 1)
    return Seeds(
        **seeds,
        genrep=card.flag("genrep", False),
        same_trvl_per_replica=card.flag("same_trvl_per_replica", False),
        resample_negative_pseudodata=card.flag("resample_negative_pseudodata", False),
        separate_multiplicative=card.flag("separate_multiplicative", False),
        use_t0_sampling=card.flag("use_t0_sampling", True),
    )


def read_diagonal_frac(card: Section) -> float | None:
    """Read ``diagonal_frac``; return None unless eigenmodes are split instead of data points.

    They are with ``diagonal_basis: true``, which ``diagonal_frac`` alone asks for: in n3fit 4.1
    it is the default.
    """
    basis, frac = card.get("diagonal_basis"), card.get("diagonal_frac")
    fraction = _DIAGONAL_FRAC if frac is None else frac.number(0, 1, above=True)
    diagonal = frac is not None if basis is None else basis.flag()
    return fraction if diagonal else None
