"""Keys of NNPDF runcards that mean nothing in a scan, and those that are refused, with reasons.

A key that stands in neither table nor among those read is unknown: an error. Nothing is dropped
in silence: each key of `IGNORED_*` that a runcard uses leaves a line in `Runcard.notes`.
"""

from __future__ import annotations

from collections.abc import Mapping

_NNFIT = "setting of nnfit's genetic algorithm, which n3fit does not read either"
_FILTER = "cuts follow NNPDF's published rules, which do not read it"
_FILES = "a scan stores its trials, not the files of a fit"

_REPORTS = "of reports, not of fits"

IGNORED_TOP: Mapping[str, str] = {
    "debug": "every run is reproducible, and --debug is an option of the command line",
    "maxcores": "the number of cores is the machine's, or that of OMP_NUM_THREADS",
    "tensorboard": "progress is shown by the command line",
    "save": _FILES,
    "savefile": _FILES,
    "loadfile": "only used with load",
    "stopping": _NNFIT,
    "lhagrid": "a scan writes no LHAPDF grids",
    "seed": _NNFIT,
    "max_tries": "pseudodata are drawn up to a million times, if need be",
    "use_pdferr": _REPORTS,
    "use_thcovmat_if_present": _REPORTS,
    "cut_similarity_threshold": _REPORTS,
}

IGNORED_FITTING: Mapping[str, str] = {
    "savepseudodata": _FILES,
    "save": _FILES,
    "savefile": _FILES,
    "loadfile": "only used with load",
    "plot": "a scan makes no plots; n3hyper report does",
    "tensorboard": "progress is shown by the command line",
    "seed": _NNFIT,
    "rngalgo": _NNFIT,
    "rnalgo": _NNFIT,
    "fitmethod": _NNFIT,
    "ngen": _NNFIT,
    "nmutants": _NNFIT,
    "paramtype": _NNFIT,
    "nnodes": _NNFIT,
}

IGNORED_FLAVOUR: Mapping[str, str] = {"pos": _NNFIT, "mutsize": _NNFIT, "mutprob": _NNFIT}

IGNORED_DATACUTS: Mapping[str, str] = {
    "jetptcut_tev": _FILTER,
    "jetptcut_lhc": _FILTER,
    "wptcut_lhc": _FILTER,
    "jetycut_tev": _FILTER,
    "jetycut_lhc": _FILTER,
    "dymasscut_min": _FILTER,
    "dymasscut_max": _FILTER,
    "jetcfactcut": _FILTER,
}

IGNORED_CLOSURE: Mapping[str, str] = dict.fromkeys(
    (
        "filterseed",
        "fakepdf",
        "faketheoryid",
        "inconsistent_fakedata",
        "inconsistent_data_settings",
        "errorsize",
        "fakenoise",
        "rancutprob",
        "rancutmethod",
        "rancuttrnval",
        "printpdf4gen",
    ),
    "only used with fakedata: true",
)

IGNORED_FAKEDATA: Mapping[str, str] = {
    "printpdf4gen": _NNFIT,
    **dict.fromkeys(
        ("errorsize", "rancutprob", "rancutmethod", "rancuttrnval"),
        "it asks for nothing, and n3fit does not read it",
    ),
}
"""Of closuretest with ``fakedata: true``; those of the second kind have one value that is fine."""

IGNORED_INTEGRABILITY: Mapping[str, str] = {
    "threshold": "fits are not stopped by integrability, in n3fit neither"
}

WEIGHTS = "trials start from new weights, and n3hyper fit alone reads it; remove the key"
_BELOW_DATACUTS = "give it below datacuts"
_BELOW_THCOVMAT = "give it below theorycovmatconfig"
_PHOTON = "fits with a photon are not supported; remove the key"

_INCONSISTENT = "closure tests have the uncertainties of the data; data that contradict theirs on \
purpose are not supported; remove the key"

REFUSED_CLOSURE: Mapping[str, str] = {
    "inconsistent_fakedata": _INCONSISTENT,
    "inconsistent_data_settings": _INCONSISTENT,
}

REFUSED_TOP: Mapping[str, str] = {
    "use_thcovmat_in_fitting": _BELOW_THCOVMAT,
    "use_thcovmat_in_sampling": _BELOW_THCOVMAT,
    "use_user_uncertainties": _BELOW_THCOVMAT,
    "use_scalevar_uncertainties": _BELOW_THCOVMAT,
    "fiatlux": _PHOTON,
    "luxset": _PHOTON,
    "additional_errors": _PHOTON,
    "unpolarized_bc": "give it below positivity_bound, and below datacuts for t0 predictions",
    "load_weights_from_fit": WEIGHTS,
    "point_prescription": _BELOW_THCOVMAT,
    "point_prescriptions": _BELOW_THCOVMAT,
    "user_covmat_path": _BELOW_THCOVMAT,
    "mult_factor": _BELOW_THCOVMAT,
    "inconsistent_data_settings": _INCONSISTENT,
    "data_path": "data are those of the installed package nnpdf_data; remove the key",
    "cuts_intersection_spec": _BELOW_DATACUTS,
    "threshold": "no eigenmode is left out for its eigenvalue; remove the key",
    "use_weights_in_covmat": "fits weight data sets as dataset_inputs says; remove the key",
    "use_fitcommondata": "data are read from nnpdf_data; remove the key",
    "default_filter_rules": "cuts follow NNPDF's present rules; remove the key",
    "default_filter_settings": "give q2min and w2min below datacuts",
    "q2min": _BELOW_DATACUTS,
    "w2min": _BELOW_DATACUTS,
    "maxTau": _BELOW_DATACUTS,
    "use_cuts": _BELOW_DATACUTS,
    "use_t0": _BELOW_DATACUTS,
    "t0pdfset": _BELOW_DATACUTS,
    "theoryid": "write theory: {theoryid: ...}",
    "fakedata": "give it below closuretest",
    "fakepdf": "give it below closuretest",
    "fakenoise": "give it below closuretest",
    "filterseed": "give it below closuretest",
    "data_grouping": "data are grouped by experiment, as n3fit does; remove the key",
    "metadata_group": "data are grouped by experiment, as n3fit does; remove the key",
}

REFUSED_FITTING: Mapping[str, str] = {
    "load_weights_from_fit": WEIGHTS,
}

REFUSED_DATACUTS: Mapping[str, str] = {
    "cut_similarity_threshold": "points are not cut for what predictions say; remove the key",
    "do_not_require_similarity_for": "no cut asks for similar predictions; remove the key",
}

IGNORED_KFOLD: Mapping[str, str] = {
    "verbosity": "progress is shown by the command line, -q says nothing",
}

REFUSED_HYPERSCAN: Mapping[str, str] = {
    "parallel": "n3hyper scan --parallel says it; remove the key",
}

REFUSED_BASES: Mapping[str, str] = {
    **{f"LUX{kind}": "fits with a photon are not supported" for kind in ("", "_FLAVOUR")},
    "LUX_FLAVOURPC": "fits with a photon are not supported",
    "POLARIZED_FLAVOURPC": "n3fit cannot fit in it either; take POLARIZED_EVOL_CMP",
}

REFUSED_OPTIMIZER: Mapping[str, str] = {
    "momentum": "SGD runs without momentum; remove the key",
    "nesterov": "SGD runs without momentum; remove the key",
    "amsgrad": "write optimizer_name: Amsgrad",
}
