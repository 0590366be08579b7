"""Reader of ``theorycovmatconfig``: uncertainties of the theory in the covariance of the data."""

from __future__ import annotations

from typing import Any, Final

from n3hyper.runcard.model import PowerCorrection, TheoryCovariance
from n3hyper.runcard.names import POINT_PRESCRIPTIONS, POWER, POWER_CORRECTIONS
from n3hyper.runcard.node import Node, Section

USES: Final = ("use_thcovmat_in_fitting", "use_thcovmat_in_sampling")
"""Keys that, where both are false, ask for nothing."""
_POWER: Final = ("pc_parameters", "pc_included_procs", "pc_excluded_datasets")
_SWITCHES: Final = ("use_scalevar_uncertainties", "use_user_uncertainties")
_KEYS: Final = (
    *("point_prescriptions", "pdf", "unpolarized_bc", "theoryids"),
    *("user_covmat_path", "mult_factor", *USES, *_SWITCHES, *_POWER),
)
_FROM_NNPDF: Final = {"from_": "scale_variation_theories"}
"""What old runcards write for NNPDF's own list of theories."""


def read_theory_covariance(node: Node | None) -> TheoryCovariance | None:
    """Read ``theorycovmatconfig``; return None where it asks for nothing."""
    if node is None:
        return None
    section = node.section(_KEYS)
    uses = [section.flag(key, True) for key in USES]
    if not any(uses):
        return None
    prescriptions = _prescriptions(section)
    user = section.get("user_covmat_path") if section.flag(_SWITCHES[1], True) else None
    factor = section.get("mult_factor")
    if factor is not None and user is None:
        factor.fail("a factor on nothing", "it multiplies the matrix that user_covmat_path names")
    if not prescriptions and user is None:
        section.need("point_prescriptions", "list some, as ['7 point'], or give user_covmat_path")
    pdf, unpolarized = section.get("pdf"), section.get("unpolarized_bc")
    if prescriptions and pdf is None:
        section.need("pdf", "the LHAPDF set that the varied predictions are made with")
    return TheoryCovariance(
        prescriptions=prescriptions,
        pdf=None if pdf is None else pdf.text(),
        unpolarized_bc=None if unpolarized is None else unpolarized.text(),
        theoryids=_theoryids(section.get("theoryids"), prescriptions),
        in_fitting=uses[0],
        in_sampling=uses[1],
        user_covmat=None if user is None else user.text(),
        user_factor=1.0 if factor is None else factor.number(0, above=True),
        **_power(section, POWER in prescriptions),
    )


def _prescriptions(section: Section) -> tuple[str, ...]:
    found = section.get("point_prescriptions")
    if found is None or not section.flag(_SWITCHES[0], True):
        return ()
    return found.texts(POINT_PRESCRIPTIONS)


def _theoryids(node: Node | None, prescriptions: tuple[str, ...]) -> tuple[int, ...]:
    if node is None or node.value == _FROM_NNPDF:
        return ()
    varied = [name for name in prescriptions if name != POWER]
    if len(varied) != 1:
        node.fail("theories of several prescriptions", "name one of point_prescriptions, or none")
    return tuple(item.integer(0) for item in node.items("numbers of theories"))


def _power(section: Section, asked: bool) -> dict[str, Any]:
    """Read the keys of power corrections, which must be there if they are asked for."""
    if not asked:
        for key in _POWER:
            found = section.get(key)
            if found is not None:
                found.fail("not used", f"add {POWER!r} to point_prescriptions")
        return {}
    excluded = section.get("pc_excluded_datasets")
    processes = section.need("pc_included_procs", "list processes, as ['DIS NC', 'JETS']")
    parameters = section.need("pc_parameters", "{f2p: {yshift: [...], nodes: [...]}, ...}")
    kinds = parameters.section(POWER_CORRECTIONS)
    return {
        "power_corrections": tuple(
            _read_correction(kinds.need(kind), kind) for kind in parameters.value
        ),
        "power_processes": processes.texts(),
        "power_excluded": () if excluded is None else excluded.texts(),
    }


def _read_correction(node: Node, kind: str) -> PowerCorrection:
    section = node.section(("yshift", "nodes"))
    shifts = section.need("yshift", "a standard deviation for each node")
    nodes = section.need("nodes", "ascending values of the variable")
    sizes = tuple(item.number() for item in shifts.items("numbers"))
    places = tuple(item.number() for item in nodes.items("numbers"))
    if len(places) < 2 or list(places) != sorted(set(places)):
        nodes.fail("not ascending", "list two nodes or more, each larger than the one before")
    if len(sizes) != len(places):
        shifts.fail(f"{len(sizes)} values for {len(places)} nodes", "give one for each node")
    return PowerCorrection(kind, sizes, places)
