"""Maker of the Les Houches toy PDFs at Q2 = 5 GeV2, for tests of positivity tables.

See README.md.

Needs an environment of its own, or the extra ``n3hyper[theory]``: pip install eko==0.15.7

Moments of the toy PDFs are known in closed form, so that a distribution is one integral in the
complex plane for each x. No grid in x and no operator is involved, since these are to be checked;
anomalous dimensions and kernels are eko's.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

os.environ["NUMBA_DISABLE_JIT"] = "1"  # a few hundred evaluations; compiling takes longer

import numpy as np
from eko.beta import beta_qcd
from eko.couplings import Couplings, couplings_mod_ev
from eko.io.runcards import TheoryCard
from eko.io.types import EvolutionMethod
from eko.kernels import EvoMethods, non_singlet, singlet
from ekore.anomalous_dimensions.unpolarized import space_like
from scipy.special import loggamma

X = [
    2.924017738213e-05, 0.0001134967265154, 0.0004405413401349, 0.001709975946677,
    0.006637328831201, 0.02576301385941, 0.1, 0.18, 0.26, 0.34, 0.42, 0.5,
]  # fmt: skip
"""Points 3 to 14 of the positivity sets."""
Q0, Q2, NF = 1.65, 5.0, 4
ORDERS = {"nlo": 1, "nnlo": 2}

# x f = sum of c x^a (1-x)^b, as (c, a, b); hep-ph/0204316
UP, DOWN = [(5.1072, 0.8, 3)], [(3.06432, 0.8, 4)]
GLUON = [(1.7, -0.1, 5)]
DOWN_SEA, UP_SEA = [(0.1939875, -0.1, 6)], [(0.1939875, -0.1, 7)]


def times(factor: float, terms: list[tuple[float, float, float]]) -> list[Any]:
    """Multiply terms by another factor."""
    return [(factor * c, a, b) for c, a, b in terms]


SEA = times(0.4, UP_SEA) + times(0.4, DOWN_SEA)
"""s + sbar."""


def moment(n: complex, terms: list[Any]) -> complex:
    """Return the integral of x^(n-1) f."""
    return sum(
        c * np.exp(loggamma(n + a - 1) + loggamma(b + 1) - loggamma(n + a + b)) for c, a, b in terms
    )


def contour() -> tuple[Any, Any]:
    """Return points and weights of the integral over n, right of all poles and bent to the left."""
    nodes, gauss = np.polynomial.legendre.leggauss(8)
    edges = np.concatenate([[0.0], np.geomspace(0.3, 60.0, 14)])
    half, middle = 0.5 * np.diff(edges)[:, None], 0.5 * (edges[1:] + edges[:-1])[:, None]
    direction = np.exp(0.75j * np.pi)
    return 1.6 + direction * (middle + half * nodes).ravel(), direction * (half * gauss).ravel()


def evolved(pto: int) -> dict[str, list[float]]:
    """Return x f of each parton at `Q2`, at the points `X`, by the truncated solution."""
    theory = TheoryCard.from_dict(card(pto))
    couplings = Couplings(
        theory.couplings,
        theory.order,
        couplings_mod_ev(EvolutionMethod("truncated")),
        masses=[mass.value**2 for mass in theory.heavy.masses],
        hqm_scheme=theory.heavy.masses_scheme,
        thresholds_ratios=[1.0, 1.0, 1.0],
    )
    scales = couplings.a_s(Q2, nf_to=NF), couplings.a_s(Q0**2, nf_to=NF)
    points, weights = contour()
    moments = [evolved_moments(n, (pto + 1, 0), scales) for n in points]
    x = np.array(X)[:, None]
    functions = {
        name: np.imag(x ** (1 - points) @ (weights * [at[name] for at in moments])) / np.pi
        for name in moments[0]
    }
    return {name: values.tolist() for name, values in partons(functions).items()}


def truncated(gamma: Any, a1: float, a0: float, order: Any) -> Any:
    """Return the singlet's solution (2, 2); eko 0.15.7 has another one at NNLO, by mistake."""
    beta = [beta_qcd((k + 2, 0), NF) for k in range(order[0])]
    _, u1, u2 = [*singlet.u_vec(singlet.r_vec(gamma, beta, order, order, False), order), 0, 0][:3]
    leading = singlet.lo_exact(gamma, a1, a0, beta).copy()
    first = a1 * u1 @ leading - a0 * leading @ u1
    if order[0] == 2:
        return leading + first
    second = a1**2 * u2 @ leading - a1 * a0 * u1 @ leading @ u1 + a0**2 * leading @ (u1 @ u1 - u2)
    return leading + first + second


def evolved_moments(n: complex, order: Any, scales: Any) -> dict[str, complex]:
    """Return moments of the evolution basis at `Q2`, with four flavours."""
    variation = (0,) * 7
    gamma = space_like.gamma_singlet(order, n, NF, variation)
    operator = truncated(gamma, *scales, order)
    plus, minus, valence = (
        non_singlet.dispatcher(
            order,
            EvoMethods.TRUNCATED,
            space_like.gamma_ns(order, mode, n, NF, variation),
            *scales,
            NF,
        )
        for mode in (10101, 10201, 10200)
    )
    up, down, sea = (moment(n, terms) for terms in (UP, DOWN, SEA))
    up_plus, down_plus = (v + moment(n, times(2, s)) for v, s in ((up, UP_SEA), (down, DOWN_SEA)))
    total = up_plus + down_plus + sea
    sigma, gluon = operator @ np.array([total, moment(n, GLUON)])
    return {
        "S": sigma, "g": gluon, "T3": plus * (up_plus - down_plus),
        "T8": plus * (up_plus + down_plus - 2 * sea), "T15": plus * total,
        "V": valence * (up + down), "V3": minus * (up - down), "V8": minus * (up + down),
        "V15": minus * (up + down),
    }  # fmt: skip


def partons(f: dict[str, Any]) -> dict[str, Any]:
    """Turn the evolution basis into quarks, antiquarks and the gluon."""
    sums: dict[str, dict[str, Any]] = {}
    for sign, (total, three, eight, fifteen) in {
        "+": ("S", "T3", "T8", "T15"),
        "-": ("V", "V3", "V8", "V15"),
    }.items():
        charm = (f[total] - f[fifteen]) / 4
        strange = (f[total] - charm - f[eight]) / 3
        light = f[total] - charm - strange
        sums[sign] = {
            "C": charm, "S": strange, "U": (light + f[three]) / 2, "D": (light - f[three]) / 2
        }  # fmt: skip
    result = {"XGL": f["g"]}
    for name in "UDSC":
        result[f"X{name}Q"] = (sums["+"][name] + sums["-"][name]) / 2
        result[f"X{name}B"] = (sums["+"][name] - sums["-"][name]) / 2
    return result


def card(pto: int) -> dict[str, Any]:
    """Return the evolution of theories 1650 and 40000000."""
    return {
        "order": (pto + 1, 0),
        "couplings": {"alphas": 0.118, "alphaem": 0.0077553, "em_running": False, "ref": (91.2, 5)},
        "heavy": {
            "matching_ratios": [1.0, 1.0, 1.0],
            "masses_scheme": "POLE",
            "masses": [[mass, float("nan")] for mass in (1.51, 4.92, 172.5)],
        },
        "xif": 1.0,
        "n3lo_ad_variation": (0,) * 7,
        "matching_order": (pto, 0),
    }


def main() -> None:
    """Write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path, help="the JSON file to write")
    numbers = {name: evolved(pto) for name, pto in ORDERS.items()}
    content = {"x": X, "q2": Q2, **numbers}
    parser.parse_args().output.write_text(json.dumps(content) + "\n")


if __name__ == "__main__":
    main()
