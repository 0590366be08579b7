"""Make the stored numbers of this folder with validphys and n3fit (nnpdf 4.1.5).

Run it in an environment of its own that has nnpdf (`pip install nnpdf==4.1.5`):

    python make_reference.py THEORIES LHAPDF

THEORIES is a folder that holds `theory_40000000/fastkernel`, LHAPDF one that holds the PDF set
`toy_t0`. Neither ends in the numbers but through the t0 and replica predictions, which are stored
with them. README.md says what each file holds. n3hyper is not imported here.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import numpy as np

HERE = Path(__file__).parent
THEORY = 40_000_000
MAIN_SEEDS = {"trvlseed": 3, "nnseed": 2, "mcseed": 1}
FILTERSEED = 7
REPLICAS = 3
Q2MIN, W2MIN = 3.49, 12.5

# In no order on purpose: groups are interleaved, fractions and weights differ.
FIT = [
    {"dataset": "NMC_NC_NOTFIXED_EM-F2", "variant": "legacy_dw", "frac": 0.75},
    {"dataset": "HERA_CC_318GEV_EM-SIGMARED", "variant": "legacy", "frac": 0.75},
    {"dataset": "NMC_NC_NOTFIXED_P_EM-SIGMARED", "variant": "legacy", "frac": 0.75},
    {"dataset": "CMS_WPWM_7TEV_ELECTRON_ASY", "frac": 0.5},
    {"dataset": "SLAC_NC_NOTFIXED_P_EM-F2", "variant": "legacy_dw", "frac": 0.75},
    {"dataset": "SLAC_NC_NOTFIXED_D_EM-F2", "variant": "legacy_dw", "frac": 0.6},
    {"dataset": "BCDMS_NC_NOTFIXED_P_EM-F2", "variant": "legacy_dw", "frac": 0.75},
    {"dataset": "HERA_NC_318GEV_EM-SIGMARED", "variant": "legacy", "frac": 0.75},
    {"dataset": "BCDMS_NC_NOTFIXED_D_EM-F2", "variant": "legacy_dw", "frac": 0.75},
    {"dataset": "HERA_NC_225GEV_EP-SIGMARED", "variant": "legacy", "frac": 0.75, "weight": 2.5},
    {"dataset": "HERA_NC_251GEV_EP-SIGMARED", "variant": "legacy", "frac": 0.75},
    {"dataset": "NUTEV_CC_NOTFIXED_FE_NU-SIGMARED", "variant": "legacy_dw", "frac": 0.75},
    {"dataset": "HERA_NC_300GEV_EP-SIGMARED", "variant": "legacy", "frac": 1.0},
    {"dataset": "HERA_CC_318GEV_EP-SIGMARED", "variant": "legacy", "frac": 0.75, "weight": 0.5},
    {"dataset": "DYE605_Z0_38P8GEV_DW_PXSEC", "variant": "legacy", "frac": 0.75},
    {"dataset": "NUTEV_CC_NOTFIXED_FE_NB-SIGMARED", "variant": "legacy_dw", "frac": 0.75},
    {"dataset": "HERA_NC_318GEV_EAVG_CHARM-SIGMARED", "variant": "legacy", "frac": 0.75},
    {"dataset": "HERA_NC_318GEV_EAVG_BOTTOM-SIGMARED", "variant": "legacy", "frac": 0.75},
]

# Without tables in the theory, hence with made-up t0 predictions: the rest of HERA; the variant
# without nuclear uncertainties; artificial systematics; luminosities shared across sets.
OTHER = [
    {"dataset": "HERA_NC_318GEV_EP-SIGMARED", "variant": "legacy"},
    {"dataset": "HERA_CC_318GEV_EP-SIGMARED", "variant": "legacy"},
    {"dataset": "NMC_NC_NOTFIXED_EM-F2", "variant": "legacy"},
    {"dataset": "ATLAS_TTBAR_8TEV_LJ_DIF_YT-NORM", "variant": "legacy"},
    {"dataset": "ATLAS_TTBAR_8TEV_LJ_DIF_YTTBAR-NORM", "variant": "legacy"},
    {"dataset": "ATLAS_Z0_8TEV_LOWMASS_M-Y", "variant": "legacy"},
    {"dataset": "ATLAS_WJ_8TEV_WP-PT", "variant": "legacy"},
    {"dataset": "CMS_TTBAR_8TEV_2L_DIF_MTTBAR-YT-NORM", "variant": "legacy"},
    {"dataset": "LHCB_WPWM_8TEV_MUON_Y", "variant": None},
    {"dataset": "LHCB_Z0_8TEV_MUON_Y", "variant": None},
    {"dataset": "ATLAS_TTBAR_7TEV_TOT_X-SEC", "variant": "legacy"},
    {"dataset": "ATLAS_TTBAR_8TEV_TOT_X-SEC", "variant": "legacy"},
]

SCORED = [0, 1, 3, 11]  # of FIT: the sets that scores are computed of


def set_up(share: Path, theories: Path, lhapdf: Path) -> None:
    """Let validphys find the theories and the PDF set; before it is imported."""
    (share / "theories").symlink_to(theories.resolve())
    profile = share / "nnprofile.yaml"
    profile.write_text(f"nnpdf_share: {share}\n")
    os.environ.update(
        NNPDF_PROFILE_PATH=str(profile),
        LHAPDF_DATA_PATH=str(lhapdf.resolve()),
        CUDA_VISIBLE_DEVICES="",
    )


def save(name: str, **arrays: object) -> None:
    np.savez_compressed(HERE / name, **arrays)
    print(name, (HERE / name).stat().st_size)


def projections(covariance: np.ndarray) -> dict[str, np.ndarray]:
    """A large matrix in brief: its diagonal, products with fixed vectors, 20,000 elements."""
    n = len(covariance)
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(n, 3))
    i, j = rng.integers(n, size=(2, 20_000))
    return {
        "diagonal": np.diag(covariance),
        "products": covariance @ vectors,
        "elements": covariance[i, j],
    }


# ---------------------------------------------------------------- cuts of all sets that have some


def rule_sets() -> list[tuple[str, str | None]]:
    """All sets with rules of their own, and all of unpolarised DIS; with one variant each."""
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


def runs(points: list[int]) -> list[list[int]]:
    """Ascending integers as [first, last + 1] pairs."""
    pairs: list[list[int]] = []
    for point in points:
        if pairs and pairs[-1][1] == point:
            pairs[-1][1] += 1
        else:
            pairs.append([point, point + 1])
    return pairs


def make_cuts() -> None:
    from validphys.filters import (
        FilterDefaults,
        Rule,
        default_filter_rules_input,
        get_cuts_for_dataset,
    )
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
        # validphys takes rules for equal whose theories have the same ID, and caches by them
        defaults = FilterDefaults(q2min=setting["q2min"], w2min=setting["w2min"], maxTau=0.080)
        theory = {"ID": number, **{key: setting[key] for key in ("PTO", "FNS", "IC")}}
        rules[label] = tuple(
            Rule(rule, defaults=defaults, theory_parameters=theory, loader=loader)
            for rule in default_filter_rules_input()
        )
    kept = []
    for name, variant in rule_sets():
        spec = loader.check_commondata(name, variant=variant)
        points = {label: runs(get_cuts_for_dataset(spec, rules[label])) for label in rules}
        kept.append({"dataset": name, "variant": variant, "kept": points})
        print(name, variant, {label: sum(b - a for a, b in p) for label, p in points.items()})
    text = json.dumps({"settings": settings, "sets": kept}).replace('{"dataset"', '\n{"dataset"')
    (HERE / "cuts.json").write_text(text + "\n")


# ---------------------------------------------------------------- rules of a runcard


def smallest_of_each_process() -> dict[str, tuple[str, str | None]]:
    """For each process type the set of fewest points above four, and how to load it."""
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
            found[process] = min(found.get(process, entry), entry, key=lambda each: each[:2])
    return {process: entry[1:] for process, entry in found.items()}


def sample_rules(name: str, process: str, data: object) -> list[dict[str, object]]:
    """Rules of every form, that keep some points of the set and cut others."""
    from validphys.filters import _get_kinlabel_process_type, _variable_understanding

    names = [v for v in data.kin_variables if not v.startswith(("extra_", "zero"))]
    values = dict(zip(data.kin_variables, data.kinematics.to_numpy().T, strict=True))
    first, last = names[0], names[min(1, len(names) - 1)]
    low, high = (float(np.median(values[each])) for each in (first, last))
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
    own = _variable_understanding(names, accepted)
    variable = next((v for v in own if v in accepted), None)
    if variable is not None:
        bound = float(np.median(values[names[own.index(variable)]]))
        rules.append({"process_type": process, "rule": f"{variable} < {bound!r} or idat == 0"})
        if process.startswith("DIS"):
            rules.append({"process_type": "DIS_ALL", "rule": "Q2 / x > 1e3 or 5e-2 <= x"})
    return rules


def make_rules() -> None:
    """Rules of every form on a set of each process, alone and all together."""
    from validphys.filters import FilterDefaults, Rule, get_cuts_for_dataset
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
            for some in [*([rule] for rule in rules), rules]:
                made = tuple(
                    Rule(
                        rule,
                        defaults=FilterDefaults(**defaults),
                        theory_parameters=theory,
                        loader=loader,
                    )
                    for rule in some
                )
                kept.append(runs(get_cuts_for_dataset(spec, made)))
            shown = {"rules": rules} if number == 0 else {}
            found.append({"dataset": name, "variant": variant, "theory": number, **shown})
            found[-1]["kept"] = kept
        print(process, name, variant, [sum(b - a for a, b in p) for p in kept])
    text = json.dumps({"defaults": defaults, "theories": theories, "sets": found})
    text = text.replace('{"dataset": "', '\n{"dataset": "').replace('"rule": "\n', '"rule": "')
    (HERE / "rules.json").write_text(text + "\n")


# ---------------------------------------------------------------- covariance, replicas, masks


def describe(spec: object, loaded: object) -> dict[str, object]:
    from validphys.plotoptions.core import get_info

    return {
        "name": loaded.setname,
        "experiment": get_info(spec).experiment,
        "nnpdf31_process": get_info(spec).nnpdf31_process,
        "process": loaded.commondataproc,
        "legacy_names": loaded.legacy_names or [],
        "ndata": loaded.ndata,
    }


def make_fit() -> None:
    from validphys.api import API
    from validphys.covmats import dataset_inputs_covmat_from_systematics

    common = {
        "dataset_inputs": FIT,
        "theoryid": THEORY,
        "use_cuts": "internal",
        "q2min": Q2MIN,
        "w2min": W2MIN,
        "use_t0": True,
        "t0pdfset": "toy_t0",
        "genrep": True,
        "diagonal_basis": False,
        **MAIN_SEEDS,
    }
    loaded = API.dataset_inputs_loaded_cd_with_cuts(**common)
    specs = API.data(**common).datasets
    t0 = API.dataset_inputs_t0_predictions(**common)
    exp = dataset_inputs_covmat_from_systematics(loaded, use_weights_in_covmat=False)
    fit = API.dataset_inputs_t0_exp_covmat(**common)

    groups = API.group_dataset_inputs_by_metadata(**common)
    names = [entry["dataset"] for entry in FIT]
    ends = np.cumsum([0, *(cd.ndata for cd in loaded)])
    order = np.concatenate(
        [
            np.arange(ends[i], ends[i + 1])
            for group in groups
            for i in (names.index(str(entry)) for entry in group["data_input"])
        ]
    )
    masks = np.zeros((REPLICAS, len(fit)), dtype=bool)
    replicas = np.zeros((REPLICAS, len(fit)))
    for r in range(REPLICAS):
        split = API.exps_masks(**common, replica=r + 1)
        masks[r, order] = np.concatenate([mask for group in split for mask in group.tr_masks])
        drawn = API.experiment_indexed_make_replica(**common, replica=r + 1)
        replicas[r, order] = np.concatenate([table["data"].to_numpy() for table in drawn])
    # sets small enough to be compared element by element, with what correlates them
    small = [i for i, cd in enumerate(loaded) if cd.ndata < 100]
    rows = np.concatenate([np.arange(ends[i], ends[i + 1]) for i in small])
    triangle = np.triu_indices(len(rows))
    hera = np.concatenate([np.arange(ends[i], ends[i + 1]) for i in (1, 2, 7)])
    hera_triangle = np.triu_indices(len(hera))
    save(
        "fit.npz",
        kept=np.concatenate([spec.cuts.load() for spec in specs]),
        central=np.concatenate([cd.get_cv() for cd in loaded]),
        t0=np.concatenate(t0),
        small=np.array(small),
        exp_small=exp[np.ix_(rows, rows)][triangle],
        fit_small=fit[np.ix_(rows, rows)][triangle],
        fit_hera_nmc=fit[np.ix_(hera, hera)][hera_triangle],
        masks=np.packbits(masks, axis=1),
        replicas=replicas,
        **{f"exp_{key}": value for key, value in projections(exp).items()},
        **{f"fit_{key}": value for key, value in projections(fit).items()},
    )
    seeds = {
        name: [int(API.__getattr__(name)(**common, replica=r + 1)) for r in range(REPLICAS)]
        for name in ("replica_trvlseed", "replica_nnseed", "replica_mcseed")
    }
    record = {
        "versions": {name: version(name) for name in ("nnpdf", "numpy", "pandas", "scipy")},
        "inputs": FIT,
        "groups": [[g["group_name"], [str(d) for d in g["data_input"]]] for g in groups],
        "sets": [describe(s.commondata, cd) for s, cd in zip(specs, loaded, strict=True)],
        "seeds": seeds,
        "runcard_seeds": MAIN_SEEDS,
    }
    (HERE / "fit.json").write_text(json.dumps(record, indent=1) + "\n")


def make_other() -> None:
    """Covariances, replicas and splits of sets that need no tables."""
    from validphys import n3fit_data
    from validphys.covmats import dataset_inputs_covmat_from_systematics
    from validphys.filters import (
        FilterDefaults,
        Rule,
        default_filter_rules_input,
        get_cuts_for_dataset,
    )
    from validphys.loader import Loader
    from validphys.pseudodata import make_replica

    loader = Loader()
    rules = tuple(
        Rule(
            rule,
            defaults=FilterDefaults(q2min=Q2MIN, w2min=W2MIN, maxTau=0.080),
            theory_parameters={"ID": -1, "PTO": 2, "FNS": "FONLL-C", "IC": True},
            loader=loader,
        )
        for rule in default_filter_rules_input()
    )
    specs = [loader.check_commondata(d["dataset"], variant=d["variant"]) for d in OTHER]
    kept = [get_cuts_for_dataset(spec, rules) for spec in specs]
    loaded = [spec.load().with_cuts(points) for spec, points in zip(specs, kept, strict=True)]
    central = np.concatenate([cd.get_cv() for cd in loaded])
    t0 = central * (1 + 0.1 * np.sin(np.arange(len(central))))
    parts = np.split(t0, np.cumsum([cd.ndata for cd in loaded])[:-1])
    exp = dataset_inputs_covmat_from_systematics(loaded, use_weights_in_covmat=False)
    fit = dataset_inputs_covmat_from_systematics(
        loaded, use_weights_in_covmat=False, _list_of_central_values=parts
    )
    seed = n3fit_data.group_replica_mcseed(5, loaded)
    data = SimpleNamespace(
        datasets=[
            SimpleNamespace(cuts=SimpleNamespace(load=lambda points=points: points), frac=0.75)
            for points in kept
        ]
    )
    group = type("Group", (SimpleNamespace,), {"__str__": lambda self: "ALL"})(**vars(data))
    trvl_seeds = list(range(20))
    masks = [np.concatenate(n3fit_data.standard_masks(group, s).tr_masks) for s in trvl_seeds]
    first = loaded[0].ndata
    rest = np.triu_indices(len(central) - first)
    save(
        "other.npz",
        kept=np.concatenate(kept),
        central=central,
        t0=t0,
        exp_rest=exp[first:, first:][rest],
        fit_rest=fit[first:, first:][rest],
        replica=make_replica(central, seed, fit),
        masks=np.packbits(masks, axis=1),
        **{f"exp_{key}": value for key, value in projections(exp).items()},
        **{f"fit_{key}": value for key, value in projections(fit).items()},
    )
    record = {
        "inputs": OTHER,
        "mcseed": 5,
        "group_mcseed": seed,
        "trvl_seeds": trvl_seeds,
        "sets": [describe(s, cd) for s, cd in zip(specs, loaded, strict=True)],
    }
    (HERE / "other.json").write_text(json.dumps(record, indent=1) + "\n")


# ---------------------------------------------------------------- closure tests


def make_closure() -> None:
    """Fake data of a closure test as vp-setupfit writes them and as n3fit reads them again."""
    from nnpdf_data.coredata import generate_path_filtered_data
    from validphys.api import API
    from validphys.covmats import dataset_inputs_covmat_from_systematics
    from validphys.filters import filter_closure_data_by_experiment

    common = {
        "dataset_inputs": FIT,
        "theoryid": THEORY,
        "use_cuts": "internal",
        "q2min": Q2MIN,
        "w2min": W2MIN,
        "pdf": "toy_t0",
    }
    specs = API.data(**common).datasets
    arrays: dict[str, np.ndarray] = {}
    for level in (0, 1):
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "filter"
            target.mkdir()
            filter_closure_data_by_experiment(
                target,
                API.experiments_data(**common),
                API.pdf(**common),
                level == 1,
                FILTERSEED,
                API.data_index(**common),
                False,
            )
            loaded = []
            for spec in specs:
                data, uncertainties = generate_path_filtered_data(target.parent, spec.name)
                fake = spec.commondata.with_modified_data(data, uncertainties_file=uncertainties)
                loaded.append(fake.load().with_cuts(spec.cuts.load()))
        arrays[f"level{level}"] = np.concatenate([cd.get_cv() for cd in loaded])
        exp = dataset_inputs_covmat_from_systematics(loaded, use_weights_in_covmat=False)
        arrays |= {f"exp{level}_{key}": value for key, value in projections(exp).items()}
    save("closure.npz", filterseed=FILTERSEED, **arrays)


def make_separate() -> None:
    """Replica 1 of the fit with multiplicative uncertainties apart from the covariance."""
    from validphys.api import API

    common = {
        "dataset_inputs": FIT,
        "theoryid": THEORY,
        "use_cuts": "internal",
        "q2min": Q2MIN,
        "w2min": W2MIN,
        "use_t0": True,
        "t0pdfset": "toy_t0",
        "genrep": True,
        "diagonal_basis": False,
        "separate_multiplicative": True,
        "replica": 1,
        **MAIN_SEEDS,
    }
    tables = API.experiment_indexed_make_replica(**common)
    groups = API.group_dataset_inputs_by_metadata(**common)
    names = [entry["dataset"] for entry in FIT]
    sizes = [cd.ndata for cd in API.dataset_inputs_loaded_cd_with_cuts(**common)]
    ends = np.cumsum([0, *sizes])
    replica = np.zeros(ends[-1])
    for group, table in zip(groups, tables, strict=True):
        places = [names.index(str(entry)) for entry in group["data_input"]]
        rows = np.concatenate([np.arange(ends[i], ends[i + 1]) for i in places])
        replica[rows] = table["data"].to_numpy()
    save("separate.npz", replica=replica)


# ---------------------------------------------------------------- feature scaling


POSITIVITY = ("NNPDF_POS_2P24GEV_F2U", "NNPDF_POS_2P24GEV_DYU", "NNPDF_POS_2P24GEV_XUB")
INTEGRABILITY = ("NNPDF_INTEG_3GEV_XT3", "NNPDF_INTEG_3GEV_XT8")


def make_scaling() -> None:
    """The x at which n3fit evaluates PDFs for the sets of the fit, and how it scales x."""
    from n3fit import model_gen
    from n3fit.scaler import generate_scaler
    from validphys.api import API
    from validphys.n3fit_data_utils import validphys_group_extractor

    cuts = {"theoryid": THEORY, "use_cuts": "internal", "q2min": Q2MIN, "w2min": W2MIN}
    common = {"dataset_inputs": FIT, "diagonal_basis": False, **cuts}
    specs = {str(spec): spec for spec in API.data(**common).datasets}
    inputs = []

    def add(datasets: list[object], constraint: bool) -> None:
        group = {
            "name": f"group{len(inputs)}",
            "datasets": validphys_group_extractor(datasets),
            "positivity": constraint,
            **{key: np.eye(1) for key in ("invcovmat_true", "covmat", "expdata_true")},
        }
        masks = {}
        if constraint:
            masks["training_mask_array"] = np.ones((1, group["datasets"][0].ndata), dtype=bool)
        inputs.append(model_gen.observable_generator(group, **masks)["inputs"])

    for group in API.group_dataset_inputs_by_metadata(**common):
        add([specs[str(entry)] for entry in group["data_input"]], False)
    for name in POSITIVITY:
        add([API.posdataset(posdataset={"dataset": name, "maxlambda": 1e6}, **cuts)], True)
    for name in INTEGRABILITY:
        add([API.integdataset(integdataset={"dataset": name, "maxlambda": 1e2}, **cuts)], True)
    nodes, counts = np.unique(np.concatenate(inputs, axis=1), return_counts=True)
    x = np.append(np.geomspace(1e-9, 0.9, 30), 1.0)
    record = {
        "positivity": POSITIVITY,
        "integrability": INTEGRABILITY,
        "nodes": nodes.tolist(),
        "counts": counts.tolist(),
        "x": x.tolist(),
        "scaled": {n: generate_scaler(inputs, n)(x[:, None])[:, 0].tolist() for n in (5, 10, 20)},
    }
    (HERE / "scaling.json").write_text(json.dumps(record, indent=1) + "\n")


# ---------------------------------------------------------------- scores


def make_scores() -> None:
    import pandas as pd
    from n3fit.model_gen import ReplicaSettings, generate_pdf_model
    from n3fit.vpinterface import N3PDF, compute_hyperopt_metrics
    from validphys.api import API
    from validphys.convolution import central_predictions, predictions

    inputs = [FIT[i] for i in SCORED]
    common = {"dataset_inputs": inputs, "theoryid": THEORY, "use_cuts": "internal"}
    specs = API.data(**common).datasets
    flavours = [
        {"fl": fl, "smallx": [0.9, 1.1], "largex": [2, 3]}
        for fl in ("u", "ubar", "d", "dbar", "c", "g", "s", "sbar")
    ]
    replicas = [ReplicaSettings(nodes=[8], activations=["tanh"], seed=seed) for seed in range(5)]
    model = generate_pdf_model(replicas, flav_info=flavours, fitbasis="FLAVOUR")
    models = model.split_replicas()
    arrays, numbers = {}, {}
    for name, some in {"five": models, "one": models[:1]}.items():
        pdf = N3PDF(some, name=name)  # validphys caches predictions by the name
        metrics = compute_hyperopt_metrics(pdf, [SimpleNamespace(datasets=specs)])
        numbers[name] = {
            key: float(getattr(metrics, key)) for key in ("chi2", "phi2", "logp", "chi2exp")
        }
        arrays[f"{name}_predictions"] = pd.concat([predictions(s, pdf) for s in specs]).to_numpy().T
        central = pd.concat([central_predictions(s, pdf) for s in specs])
        arrays[f"{name}_central"] = central.to_numpy().ravel()
    save("scores.npz", **arrays)
    record = {"inputs": inputs, "metrics": numbers}
    (HERE / "scores.json").write_text(json.dumps(record, indent=1) + "\n")


# ---------------------------------------------------------------- rewards

FOLDS = [[0, 3], [1, 11]]  # of FIT: what each fold leaves out; a third fit knows all
REDUCED = 0.75
VALIDATION = [[1.3, 1.1, 1.9, 1.2], [2.0, 1.4, 1.5, 1.6]]


def make_rewards() -> None:
    """The losses of two folds by n3fit's HyperLoss, phi by validphys, distances, future tests."""
    import pandas as pd
    from n3fit.hyper_optimization.rewards import HyperLoss
    from n3fit.model_gen import ReplicaSettings, generate_pdf_model
    from n3fit.vpinterface import N3PDF, compute_hyperopt_metrics
    from validphys.api import API
    from validphys.calcutils import calc_chi2, calc_phi
    from validphys.convolution import predictions
    from validphys.covmats import dataset_inputs_covmat_from_systematics
    from validphys.pdfgrids import distance_grids, xplotting_grid

    flavours = [
        {"fl": fl, "smallx": [0.9, 1.1], "largex": [2, 3]}
        for fl in ("u", "ubar", "d", "dbar", "c", "g", "s", "sbar")
    ]
    models = [
        generate_pdf_model(
            [
                ReplicaSettings(nodes=[8], activations=["tanh"], seed=10 * fit + replica)
                for replica in range(4)
            ],
            flav_info=flavours,
            fitbasis="FLAVOUR",
        )
        for fit in range(3)
    ]
    x = np.concatenate([np.logspace(-6, -1, 20), np.linspace(0.11, 0.9, 30)])
    arrays: dict[str, object] = {
        "pdf": np.stack([N3PDF(model.split_replicas(), name="grid")(x) for model in models])
    }
    # n3fit's own fit_distance stops with an AttributeError; this is what it means to do
    pdfs = [N3PDF(model.split_replicas(), name=f"fit_{k}") for k, model in enumerate(models)]
    grids = distance_grids(pdfs, [xplotting_grid(pdf, 1.6, x) for pdf in pdfs], 0)
    largest = max(float(np.max(grid.grid_values.data)) for grid in grids)
    record: dict[str, object] = {
        "distance": largest,
        "flavours": [str(flavour) for flavour in grids[0].flavours],
        "folds": [],
    }
    for number, left_out in enumerate(FOLDS):
        inputs = [FIT[i] for i in left_out]
        specs = API.data(dataset_inputs=inputs, theoryid=THEORY, use_cuts="internal").datasets
        group = [SimpleNamespace(datasets=specs)]
        losses, vectors = {}, {}
        # validphys caches predictions by the name
        for loss_type in ("chi2p", "phi2", "logp"):
            pdf = N3PDF(models[number].split_replicas(), name=f"{loss_type}_{number}")
            hyper = HyperLoss(loss_type=loss_type, reduce_proportion=REDUCED)
            losses[loss_type] = float(
                hyper.compute_loss({}, np.array(VALIDATION[number]), np.ones(4), pdf, group)
            )
            vectors = {
                key: float(getattr(hyper, f"hyper_{key}_vector")[0])
                for key in ("chi2", "phi2", "logp")
            }
        metrics = {}
        for fit in (number, 2):
            pdf = N3PDF(models[fit].split_replicas(), name=f"fit_{fit}_{number}")
            found = compute_hyperopt_metrics(pdf, group)
            metrics[fit] = {
                key: float(getattr(found, key)) for key in ("chi2", "phi2", "logp", "chi2exp")
            }
            rows = pd.concat([predictions(s, pdf) for s in specs]).to_numpy()
            arrays[f"fold_{number}_fit_{fit}"] = rows.T
            if fit == number:
                loaded = [spec.load_commondata() for spec in specs]
                covariance = dataset_inputs_covmat_from_systematics(
                    loaded, use_weights_in_covmat=False
                )
                root = np.linalg.cholesky(covariance)
                data = np.concatenate([cd.get_cv() for cd in loaded])
                replicas = rows - data[:, None]
                validphys = {
                    "phi": float(calc_phi(root, replicas)),
                    "chi2_of_replicas": (calc_chi2(root, replicas) / len(data)).tolist(),
                    "chi2_of_mean": float(calc_chi2(root, replicas.mean(axis=1)) / len(data)),
                }
        record["folds"].append(
            {
                "inputs": inputs,
                "losses": losses,
                "vectors": vectors,
                "fit": metrics[number],
                "last_fit": metrics[2],
                "validphys": validphys,
            }
        )
    record.update(
        inputs=[FIT[i] for left_out in FOLDS for i in left_out],
        validation=VALIDATION,
        reduce_proportion=REDUCED,
    )
    save("rewards.npz", **arrays)
    (HERE / "rewards.json").write_text(json.dumps(record, indent=1) + "\n")


PARTS = {
    "cuts": make_cuts,
    "rules": make_rules,
    "fit": make_fit,
    "other": make_other,
    "separate": make_separate,
    "closure": make_closure,
    "scaling": make_scaling,
    "scores": make_scores,
    "rewards": make_rewards,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("theories", type=Path, help="folder of theory_40000000")
    parser.add_argument("lhapdf", type=Path, help="folder of the PDF set toy_t0")
    parser.add_argument("--only", choices=PARTS, help="make only this part")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as share:
        set_up(Path(share), arguments.theories, arguments.lhapdf)
        for part in [arguments.only] if arguments.only else PARTS:
            PARTS[part]()


if __name__ == "__main__":
    main()
