"""Make `networks.json` with n3fit (nnpdf 4.1.5): initial PDFs in all fit bases.

Run it in an environment of its own that has nnpdf (`pip install nnpdf==4.1.5`); n3hyper is not
imported here. Bases, modes of the sum rules, kinds of layers, initializers and feature scaling are
varied together, a few at a time.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from n3fit.backends import MetaLayer
from n3fit.model_gen import ReplicaSettings, generate_pdf_model
from n3fit.scaler import generate_scaler

X = [1e-5, 0.003, 0.1, 0.7]
FLAVOURS = {
    "EVOL": ("sng", "g", "v", "v3", "v8", "t3", "t8", "t15"),
    "CCBAR_ASYMM": ("sng", "g", "v", "v3", "v8", "t3", "t8", "t15", "v15"),
    "NN31IC": ("sng", "g", "v", "v3", "v8", "t3", "t8", "cp"),
    "NN31PC": ("sng", "g", "v", "v3", "v8", "t3", "t8"),
    "FLAVOUR": ("u", "ubar", "d", "dbar", "s", "sbar", "c", "g"),
    "CCBAR_ASYMM_FLAVOUR": ("u", "ubar", "d", "dbar", "s", "sbar", "c", "cbar", "g"),
    "FLAVOURPC": ("u", "ubar", "d", "dbar", "s", "sbar", "g"),
    "PDF4LHC20": ("sng", "g", "v", "v3", "t3", "t8"),
}
# fit basis, sum rules, layers, initializer, points of the feature scaling
CASES = [
    ("EVOL", "All", "dense", "glorot_normal", None),
    ("EVOL", "MSR", "dense", "glorot_uniform", 7),
    ("EVOL", "VSR", "dense_per_flavour", "glorot_normal", None),
    ("CCBAR_ASYMM", "All", "dense", "glorot_normal", 5),
    ("CCBAR_ASYMM", "ALLBUTCSR", "dense", "random_uniform", 10),
    ("CCBAR_ASYMM", "VSR", "dense_per_flavour", "glorot_normal", 10),
    ("NN31IC", "ALLBUTCSR", "dense", "glorot_normal", None),
    ("NN31PC", "All", "dense", "glorot_normal", None),
    ("FLAVOUR", "All", "dense", "glorot_normal", 10),
    ("CCBAR_ASYMM_FLAVOUR", "All", "dense", "glorot_normal", None),
    ("FLAVOURPC", "MSR", "dense_per_flavour", "glorot_uniform", None),
    ("PDF4LHC20", "All", "dense", "glorot_normal", None),
]


def main() -> None:
    grids = [np.geomspace(lowest, 1, 20).reshape(1, -1) for lowest in (1e-6, 1e-4, 1e-4, 0.01)]
    cases = []
    for fitbasis, rules, kind, initializer, points in CASES:
        basis = [
            {"fl": fl, "smallx": [0.3 + 0.05 * i, 0.8], "largex": [1.5, 3.0 + 0.1 * i]}
            for i, fl in enumerate(FLAVOURS[fitbasis])
        ]
        nodes = [5, 4, len(basis)]
        # n3fit leaves the range of the last exponent that it drew there, for the next model
        MetaLayer.initializers["random_uniform"][1].update(minval=-0.5, maxval=0.5)
        settings = [
            ReplicaSettings(
                seed=seed,
                nodes=nodes,
                activations=["tanh", "sigmoid", "linear"],
                architecture=kind,
                initializer=initializer,
            )
            for seed in (3, 2**31)
        ]
        scaler = generate_scaler(grids, points) if points else None
        model = generate_pdf_model(
            settings, flav_info=basis, fitbasis=fitbasis, impose_sumrule=rules, scaler=scaler
        )
        x = np.array(X).reshape(1, -1, 1)
        pdf = np.asarray(model.predict({"pdf_input": x}, verbose=False))
        cases.append(
            {
                "fitbasis": fitbasis,
                "sum_rules": rules,
                "layer_type": kind,
                "initializer": initializer,
                "feature_scaling_points": points,
                "basis": basis,
                "nodes": nodes,
                "pdf": [[[float(f"{v:.8g}") for v in row] for row in grid] for grid in pdf[0]],
            }
        )
        print(fitbasis, rules, kind, pdf.shape)
    record = {
        "activations": ["tanh", "sigmoid", "linear"],
        "seeds": [3, 2**31],
        "x": X,
        "grids": [grid[0].tolist() for grid in grids],
        "cases": cases,
    }
    text = json.dumps(record).replace('{"fitbasis"', '\n{"fitbasis"')
    (Path(__file__).parent / "networks.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
