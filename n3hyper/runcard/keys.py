"""Keys of NNPDF runcards that mean nothing in a scan, and those that are refused, with reasons.

A key that stands in neither table nor among those read is unknown: an error. Nothing is dropped
in silence: each key of `IGNORED_*` that a runcard uses leaves a line in `Runcard.notes`.
"""

from __future__ import annotations

from collections.abc import Mapping

_NNFIT = "setting of nnfit's genetic algorithm, which n3fit does not read either"
_FILTER = "cuts follow NNPDF's published rules, which do not read it"
_FILES = "a scan stores its trials, not the files of a fit"

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
}

IGNORED_FITTING: Mapping[str, str] = {
    "savepseudodata": _FILES,
    "save": _FILES,
    "savefile": _FILES,
    "loadfile": "only used with load",
    "plot": "a scan makes no plots; n3hyper report does",
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

_THCOVMAT = "theory uncertainties in the covariance are not supported yet; remove the key"
_WEIGHTS = "trials start from new weights; remove the key"
_POLARIZED = "polarised fits are not supported; remove the key"

_INCONSISTENT = "data that contradict their uncertainties on purpose are a test of a method, not \
something to tune hyperparameters with; remove the key"

REFUSED_CLOSURE: Mapping[str, str] = {
    "inconsistent_fakedata": _INCONSISTENT,
    "inconsistent_data_settings": _INCONSISTENT,
}

REFUSED_TOP: Mapping[str, str] = {
    "theorycovmatconfig": _THCOVMAT,
    "use_thcovmat_in_fitting": _THCOVMAT,
    "use_thcovmat_in_sampling": _THCOVMAT,
    "use_user_uncertainties": _THCOVMAT,
    "fiatlux": "fits with a photon are not supported; remove the key",
    "positivity_bound": _POLARIZED,
    "load_weights_from_fit": _WEIGHTS,
    "trial_specs": "it makes fits of a finished scan's trials, which is n3fit's; remove the key",
    "diagonal_frac": "folds need data points, not eigenvectors, to be split: "
    "give each dataset its frac",
    "inconsistent_data_settings": _INCONSISTENT,
    "norm_threshold": "covariances are not regularised; remove the key",
    "t0theoryid": "t0 predictions use theory.theoryid; remove the key",
    "data_grouping": "data are grouped by experiment, as n3fit does; remove the key",
    "metadata_group": "data are grouped by experiment, as n3fit does; remove the key",
}

REFUSED_FITTING: Mapping[str, str] = {
    "epochs": "give it as parameters.epochs",
    "load_weights_from_fit": _WEIGHTS,
}

REFUSED_DATACUTS: Mapping[str, str] = {
    "unpolarized_bc": _POLARIZED,
    "t0theoryid": "t0 predictions use theory.theoryid; remove the key",
}

_OTHER_SCAN = "scans that start from another scan's files are not supported yet; write the ranges"
REFUSED_HYPERSCAN: Mapping[str, str] = {
    "from_hyperscan": _OTHER_SCAN,
    "parallel": "n3hyper scan --parallel says it; remove the key",
}

REFUSED_BASES: Mapping[str, str] = {
    **{f"LUX{kind}": "fits with a photon are not supported" for kind in ("", "_FLAVOUR")},
    "LUX_FLAVOURPC": "fits with a photon are not supported",
    **{
        f"POLARIZED_{kind}": "polarised fits are not supported"
        for kind in ("EVOL", "EVOL_CMP", "FLAVOURPC")
    },
}

REFUSED_SUM_RULES: Mapping[str, str] = {"TSR": "it is the sum rule of polarised fits"}

REFUSED_PARAMETERS: Mapping[str, str] = dict.fromkeys(
    ("regularizer", "regularizer_args"), "weights are not regularised; remove the key"
)

REFUSED_OPTIMIZER: Mapping[str, str] = {
    "momentum": "SGD runs without momentum; remove the key",
    "nesterov": "SGD runs without momentum; remove the key",
    "amsgrad": "write optimizer_name: Amsgrad",
}
