"""Points that validphys keeps by its own rules."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from make_reference.output import runs, save_text

MAX_TAU = 0.080


def made_rules(
    rules: Iterable[Mapping[str, object]],
    defaults: Mapping[str, float],
    theory: Mapping[str, object],
    loader: object,
) -> tuple[object, ...]:
    """Make rules as validphys applies them.

    validphys takes rules whose theories have the same ID for equal, and caches by them.
    """
    from validphys.filters import FilterDefaults, Rule

    return tuple(
        Rule(
            rule,
            defaults=FilterDefaults(**defaults),
            theory_parameters=theory,
            loader=loader,
        )
        for rule in rules
    )


def rule_sets() -> list[tuple[str, str | None]]:
    """Return all sets with their own rules and all of unpolarised DIS, with one variant each."""
    from nnpdf_data.commondataparser import parse_set_metadata
    from nnpdf_data.utils import DEFAULT_PATH_VPDATA
    from validphys.filters import default_filter_rules_input

    named = {rule.dataset for rule in default_filter_rules_input()}
    found = []
    for file in sorted(DEFAULT_PATH_VPDATA.glob("*/metadata.yaml")):
        metadata = parse_set_metadata(file)
        for observable in metadata.implemented_observables:
            name = f"{metadata.setname}_{observable.observable_name}"
            process = str(observable.process_type)
            dis = process.startswith("DIS") and process != "DIS_POL" and observable.ndata > 1
            if name in named or dis or process.startswith("DYP"):
                variants = [v for v in ("legacy", "legacy_dw") if v in observable.variants]
                plain = [None] if observable.data_uncertainties else []
                found.append((name, (variants + plain + list(observable.variants))[0]))
    return found


def make_cuts() -> None:
    """Store the points that validphys keeps of all sets with a rule, at four settings."""
    from validphys.filters import default_filter_rules_input, get_cuts_for_dataset
    from validphys.loader import Loader

    loader = Loader()
    settings = {
        "NLO": {"PTO": 1, "FNS": "FONLL-A", "IC": True, "q2min": 3.49, "w2min": 12.5},
        "NLO, no fitted charm": {
            "PTO": 1,
            "FNS": "FONLL-C",
            "IC": False,
            "q2min": 2.0,
            "w2min": 4.0,
        },
        "NNLO": {"PTO": 2, "FNS": "FONLL-C", "IC": True, "q2min": 3.49, "w2min": 12.5},
        "N3LO": {"PTO": 3, "FNS": "FONLL-E", "IC": True, "q2min": 5.0, "w2min": 20.0},
    }
    rules = {}
    for number, (label, setting) in enumerate(settings.items()):
        defaults = {"q2min": setting["q2min"], "w2min": setting["w2min"], "maxTau": MAX_TAU}
        theory = {"ID": number, **{key: setting[key] for key in ("PTO", "FNS", "IC")}}
        rules[label] = made_rules(default_filter_rules_input(), defaults, theory, loader)
    kept = []
    for name, variant in rule_sets():
        spec = loader.check_commondata(name, variant=variant)
        points = {label: runs(get_cuts_for_dataset(spec, rules[label])) for label in rules}
        kept.append({"dataset": name, "variant": variant, "kept": points})
        print(name, variant, {label: sum(b - a for a, b in p) for label, p in points.items()})
    text = json.dumps({"settings": settings, "sets": kept}).replace('{"dataset"', '\n{"dataset"')
    save_text("cuts.json", text)
