"""Rules in all forms that a runcard may give them, and the points that validphys keeps."""

from __future__ import annotations

import json

import numpy as np

from make_reference.cuts import made_rules
from make_reference.output import runs, save_text


def smallest_of_each_process() -> dict[str, tuple[str, str | None]]:
    """Return for each process type the set of fewest points above four, and how to load it."""
    from nnpdf_data.commondataparser import parse_set_metadata
    from nnpdf_data.utils import DEFAULT_PATH_VPDATA

    found: dict[str, tuple[int, str, str | None]] = {}
    for file in sorted(DEFAULT_PATH_VPDATA.glob("*/metadata.yaml")):
        metadata = parse_set_metadata(file)
        for observable in metadata.implemented_observables:
            variants = [None] if observable.data_uncertainties else list(observable.variants)
            if metadata.setname.startswith("NNPDF_"):
                variants = [None]
            if observable.ndata < 5 or not variants or not observable.kinematic_coverage:
                continue
            name = f"{metadata.setname}_{observable.observable_name}"
            entry = (observable.ndata, name, variants[0])
            process = str(observable.process_type)
            found[process] = min(found.get(process, entry), entry, key=lambda known: known[:2])
    return {process: entry[1:] for process, entry in found.items()}


def sample_rules(name: str, process: str, data: object) -> list[dict[str, object]]:
    """Return rules of every form that keep some points of the set and cut others."""
    from validphys.filters import _get_kinlabel_process_type, _variable_understanding

    names = [v for v in data.kin_variables if not v.startswith(("extra_", "zero"))]
    values = dict(zip(data.kin_variables, data.kinematics.to_numpy().T, strict=True))
    first, last = names[0], names[min(1, len(names) - 1)]
    low, high = (float(np.median(values[index])) for index in (first, last))
    middle = float(np.median(data.central_values))
    spread = float(np.median(np.fabs(values[first]) * values[last]))
    rules: list[dict[str, object]] = [
        {"dataset": name, "rule": f"{first} <= {low!r} or {last} > {high!r}"},
        {"dataset": name, "rule": f"not ({first} < {low!r} < 1e9) and idat not in (1, 3)"},
        {"dataset": name, "rule": f"central_value >= {middle!r} if idat % 3 else 1 < 2"},
        {
            "dataset": name,
            "PTO": "NNLO+",
            "local_variables": {"a": f"fabs({first}) * {last}", "top": spread, "b": "a - top"},
            "rule": "-b / top >= -0.01 or idat // 2 == 1",
        },
        {"dataset": name, "PTO": "NNLO-", "rule": "idat > 1"},
        {"dataset": name, "PTO": "N3LO!", "FNS": "FONLL-C", "IC": False, "rule": "idat != 0"},
        {"dataset": name, "rule": f"log({first} ** 2 + 1e-30) + sqrt(2) > q2min - maxTau * w2min"},
    ]
    try:
        accepted = _get_kinlabel_process_type(process)
    except KeyError:  # SHP, which validphys does not know
        return rules
    understood = _variable_understanding(names, accepted)
    variable = next((v for v in understood if v in accepted), None)
    if variable is not None:
        bound = float(np.median(values[names[understood.index(variable)]]))
        rules.append({"process_type": process, "rule": f"{variable} < {bound!r} or idat == 0"})
        if process.startswith("DIS"):
            rules.append({"process_type": "DIS_ALL", "rule": "Q2 / x > 1e3 or 5e-2 <= x"})
    return rules


def make_rules() -> None:
    """Store rules of every form on a set of each process, applied alone and all together."""
    from validphys.filters import get_cuts_for_dataset
    from validphys.loader import Loader

    loader = Loader()
    defaults = {"q2min": 3.0, "w2min": 10.0, "maxTau": 0.1}
    theories = [
        {"ID": 1, "PTO": 1, "FNS": "FONLL-A", "IC": True},
        {"ID": 2, "PTO": 2, "FNS": "FONLL-C", "IC": False},
        {"ID": 3, "PTO": 3, "FNS": "FONLL-C", "IC": True},
    ]
    found = []
    for process, (name, variant) in sorted(smallest_of_each_process().items()):
        spec = loader.check_commondata(name, variant=variant)
        rules = sample_rules(name, process, spec.load())
        for number, theory in enumerate(theories):
            kept = []
            for applied in [*([rule] for rule in rules), rules]:
                made = made_rules(applied, defaults, theory, loader)
                kept.append(runs(get_cuts_for_dataset(spec, made)))
            shown = {"rules": rules} if number == 0 else {}
            found.append({"dataset": name, "variant": variant, "theory": number, **shown})
            found[-1]["kept"] = kept
        print(process, name, variant, [sum(b - a for a, b in p) for p in kept])
    text = json.dumps({"defaults": defaults, "theories": theories, "sets": found})
    text = text.replace('{"dataset": "', '\n{"dataset": "').replace('"rule": "\n', '"rule": "')
    save_text("rules.json", text)
