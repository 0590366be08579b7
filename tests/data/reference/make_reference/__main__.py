"""Make the stored numbers of the folder above with validphys and n3fit (nnpdf 4.1.5).

Run it in that folder, in an environment of its own that has nnpdf and something for LHAPDF sets
(`pip install "nnpdf[nolha,hyperopt]==4.1.5"`):

    python -m make_reference THEORIES LHAPDF

THEORIES is a folder that holds `theory_40000000/fastkernel`, LHAPDF one that holds the PDF set
`toy_t0`. Both enter the numbers only through the t0 and replica predictions, which are stored
with them. `--only PART` makes one part. The parts of `MADE_UP` are made with theories and PDF sets
that `python -m tests.support.varied_theories FOLDER` writes (FOLDER/theories, FOLDER/lhapdf).
README.md says what each file holds. n3hyper is not imported here.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from make_reference.closure import make_closure
from make_reference.cuts import make_cuts
from make_reference.fit import make_fit, make_separate
from make_reference.objective import make_objective
from make_reference.other import make_other
from make_reference.rewards import make_rewards
from make_reference.rules import make_rules
from make_reference.scaling import make_scaling
from make_reference.scores import make_scores
from make_reference.varied import make_polarized, make_varied

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
    "objective": make_objective,
}
MADE_UP = {"varied": make_varied, "polarized": make_polarized}


def set_up(share: Path, theories: Path, lhapdf: Path) -> None:
    """Let validphys find the theories and the PDF set; call this before it is imported."""
    (share / "theories").symlink_to(theories.resolve())
    profile = share / "nnprofile.yaml"
    profile.write_text(f"nnpdf_share: {share}\n")
    os.environ.update(
        NNPDF_PROFILE_PATH=str(profile),
        LHAPDF_DATA_PATH=str(lhapdf.resolve()),
        CUDA_VISIBLE_DEVICES="",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("theories", type=Path, help="folder of theory_40000000")
    parser.add_argument("lhapdf", type=Path, help="folder of the PDF set toy_t0")
    parser.add_argument("--only", choices=[*PARTS, *MADE_UP], help="make only this part")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as share:
        set_up(Path(share), arguments.theories, arguments.lhapdf)
        for part in [arguments.only] if arguments.only else PARTS:
            (PARTS | MADE_UP)[part]()


if __name__ == "__main__":
    main()
