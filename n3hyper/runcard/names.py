"""Names that a runcard may use: plain data, imported by the parts that implement them.

Of penalties it is the other way round: who writes one need not name it a second time.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path


def _written_penalties(module: Path) -> tuple[str, ...]:
    """Return the public functions of a module that take `pdf_model` and `stopping_object` by
    keyword.
    """
    functions = [
        node
        for node in ast.parse(module.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    ]
    return tuple(function.name for function in functions if _takes(function.args, *_OF_A_PENALTY))


def _takes(arguments: ast.arguments, *names: str) -> bool:
    """Return whether a function may be called with these keywords."""
    known = {argument.arg for argument in (*arguments.args, *arguments.kwonlyargs)}
    return arguments.kwarg is not None or known.issuperset(names)


_OF_A_PENALTY = ("pdf_model", "stopping_object")

OPTIMIZERS: Mapping[str, Mapping[str, float]] = {
    "Adadelta": {"learning_rate": 1.0, "clipnorm": 1.0},
    "Adagrad": {"learning_rate": 0.001, "clipnorm": 1.0},
    "Adam": {"learning_rate": 0.01, "clipnorm": 1.0},
    "Adamax": {"learning_rate": 0.001, "clipnorm": 1.0},
    "Amsgrad": {"learning_rate": 0.01, "clipnorm": 1.0},
    "Nadam": {"learning_rate": 0.001, "clipnorm": 1.0},
    "RMSprop": {"learning_rate": 0.01, "clipnorm": 1.0},
    "SGD": {"learning_rate": 0.01, "clipnorm": 1.0},
}
"""Optimizers, each with what it takes where the runcard is silent (n3fit's own defaults)."""

INITIALIZERS = ("glorot_normal", "glorot_uniform", "random_uniform")
"""Kernel initializers; ``initializers: ALL`` scans them all. random_uniform is on [-0.5, 0.5]."""

ACTIVATIONS = (
    "elu",
    "exponential",
    "gelu",
    "leaky_relu",
    "linear",
    "modified_tanh",
    "relu",
    "selu",
    "sigmoid",
    "silu",
    "softplus",
    "softsign",
    "square",
    "square_singlet",
    "swish",
    "tanh",
)
"""Activation functions: Keras' and n3fit's (leaky_relu with slope 0.2; modified_tanh is
|x| tanh(x); square_singlet squares the first two outputs and leaves the rest alone)."""

FINAL_ACTIVATIONS = ("square_singlet",)
"""Activations that make sense in the last layer alone."""

LAYER_TYPES = ("dense", "dense_per_flavour")

REGULARIZERS: Mapping[str, tuple[str, ...]] = {"l1_l2": ("l1", "l2")}
"""Regularizers of the kernels, each with its ``regularizer_args`` (factors, 0 by default)."""

PENALTIES = _written_penalties(Path(__file__).parents[1] / "hyper_optimization" / "penalties.py")
"""Penalties: the functions of that module which take what a penalty is given. Their names are read
from its source, since a runcard is read before anything that computes is loaded."""

SAMPLINGS = ("uniform", "log")

SUM_RULES = ("All", "MSR", "VSR", "ALLBUTCSR", "TSR")
"""All: momentum and valence; MSR: momentum; VSR: valence; ALLBUTCSR: all but charm's valence;
TSR: axial charges of polarised PDFs."""

POWER = "power corrections"
"""Prescription that needs no varied theories."""
POINT_PRESCRIPTIONS = (
    *("3 point", "3f point", "3r point", "5 point", "5bar point", "7 point", "9 point"),
    *("ad ihou", "dis ihou", "fhmruvv ihou", "3pt missing", "3pt hadronic"),
    *("alphas 0117 0119 0115", "alphas 0118 0120 0116", "alphas 0119 0121 0117"),
    *("alphas 0119 0122 0116", "alphas 0119 0123 0115", "alphas 0120 0122 0118"),
    *("alphas 0121 0123 0119", POWER),
)
"""Ways of making a covariance of varied theories, in validphys' names."""
POWER_CORRECTIONS = ("f2p", "f2d", "dis_cc", "Hj", "H2j_ystar", "H2j_ymax", "H2j_yb")
"""Kinds of data that have power corrections of their own: F2 of the proton, of the deuteron,
charged currents, jets, and dijets in y*, in ymax and in yb."""

_SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "Sigma": ("sng", "singlet", "sigma", "Sigma", r"\Sigma"),
    "g": ("g", "gluon"),
    "cp": ("cp", "c^+"),
    **{name: (name.lower(), name) for name in ("V", "V3", "V8", "V15", "T3", "T8", "T15")},
}
_LIGHT = ("Sigma", "g", "V", "V3", "V8", "T3", "T8")


def _spelled(*elements: str) -> dict[str, str]:
    """Return spelling -> element; a quark is spelled as it is."""
    return {word: name for name in elements for word in _SPELLINGS.get(name, (name,))}


_QUARKS = ("u", "ubar", "d", "dbar", "s", "sbar", "g")

FIT_BASES: Mapping[str, Mapping[str, str]] = {
    "EVOL": _spelled(*_LIGHT, "T15"),
    "evolution": _spelled(*_LIGHT, "T15"),
    "CCBAR_ASYMM": _spelled(*_LIGHT, "T15", "V15"),
    "NN31IC": _spelled(*_LIGHT, "cp"),
    "NN31PC": _spelled(*_LIGHT),
    "PDF4LHC20": _spelled(*(name for name in _LIGHT if name != "V8")),
    "FLAVOUR": _spelled(*_QUARKS, "c"),
    "CCBAR_ASYMM_FLAVOUR": _spelled(*_QUARKS, "c", "cbar"),
    "FLAVOURPC": _spelled(*_QUARKS),
    "POLARIZED_EVOL": _spelled("Sigma", "g", "T3", "T8"),
    "POLARIZED_EVOL_CMP": _spelled("Sigma", "g", "V", "V3", "T3", "T8"),
}
"""Fit bases; each maps the spellings that ``fitting.basis[].fl`` may use to one element."""

MOST_EPOCHS = 10**9
"""A fit counts its epochs in 32 bits."""
SEED_LIMIT = 2**32
"""Seeds lie in [0, SEED_LIMIT): they start NumPy's legacy generator, as NNPDF's do."""

POLARIZED = "POLARIZED_"
"""Beginning of the names of bases of polarised PDFs."""
