"""Weights that replicas start from, in place of drawn ones: the runcard's ``load`` keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from n3hyper.errors import RuncardError
from n3hyper.fitting.network.pdf_model import Layer, NetworkWeights
from n3hyper.hyper_optimization.paths import NNFIT, REPLICA, RUNCARD_COPY
from n3hyper.replicas.files.weights_file import SUFFIX, read_weights, weights_name
from n3hyper.replicas.replica_fit import Weights
from n3hyper.runcard import Flavour
from n3hyper.runcard.yaml_file import read_yaml

ONE_FILE: Final = "load"
"""Key of the file that all replicas start from."""
OF_A_FIT: Final = "load_weights_from_fit"
"""Key of the folder of a fit, of which replica N starts from replica N."""


@dataclass(frozen=True)
class SavedWeights:
    """Gives the weights that replicas start from; it may be pickled.

    Parameters
    ----------
    path
        File of weights, or folder of a fit.
    key
        `ONE_FILE` or `OF_A_FIT`.
    basis
        The runcard's ``fitting.basis``.
    subtracts
        Whether features are scaled.
    blocks
        By setup: networks of each replica, see `read_weights`.
    """

    path: Path
    key: str
    basis: tuple[Flavour, ...]
    subtracts: bool
    blocks: tuple[int, ...]

    def __call__(self, replicas: Sequence[int]) -> NetworkWeights:
        """Return the weights of some replicas, which are of one setup.

        Raises
        ------
        FitError
            A file cannot be read.
        RuncardError
            There is none for a replica.
        """
        read = {replica: self.of(replica) for replica in set(replicas)}
        parts = [read[replica] for replica in replicas]
        layers = tuple(
            Layer(
                np.stack([part.layers[number][0] for part in parts]),
                np.stack([part.layers[number][1] for part in parts]),
                "linear",
            )
            for number in range(len(parts[0].layers))
        )
        alpha, beta = (np.stack([getattr(part, name) for part in parts]) for name in _EXPONENTS)
        return NetworkWeights(layers, alpha, beta)

    def of(self, replica: int) -> Weights:
        """Return the weights that one replica starts from."""
        trainable = [flavour.trainable for flavour in self.basis]
        blocks = self.blocks[replica % len(self.blocks)]
        return read_weights(self.file(replica), trainable, self.subtracts, blocks)

    def file(self, replica: int) -> Path:
        """Return the file that a replica starts from.

        Raises
        ------
        RuncardError
            There is none.
        """
        if self.key == ONE_FILE:
            return self.path
        folder = self.path / NNFIT / f"{REPLICA}{replica}"
        files = sorted(folder.glob(f"*{SUFFIX}"))
        if len(files) > 1:
            files = [file for file in files if file.name == self._saved_as()] or files
        if len(files) != 1:
            found = f"{len(files)} files of weights" if files else "no weights"
            raise RuncardError(
                f"{found} in {folder}", key=self.key, value=str(self.path),
                hint="name a fit that has saved the weights of all these replicas",
            )  # fmt: skip
        return files[0]

    def _saved_as(self) -> str:
        """Return the name of the weights by the runcard of the fit; empty where it has none."""
        try:
            card = read_yaml(self.path / RUNCARD_COPY)
        except RuncardError:
            return ""
        saved = card.get("save") if isinstance(card, Mapping) else None
        return weights_name(saved) if isinstance(saved, str) else ""

    def check(self, setups: Sequence[Mapping[str, Any]]) -> None:
        """RuncardError unless the networks of all setups are those of the weights."""
        for number, setup in enumerate(setups):
            # the first replica that takes this setup
            weights = self.of(number or len(setups))
            found = [int(kernel.shape[-1]) for kernel, _ in weights.layers]
            wanted = [int(width) for width in setup["nodes_per_layer"]]
            if setup.get("layer_type") == "dense_per_flavour":
                wanted[-1] = 1
            if found != wanted:
                raise RuncardError(
                    f"weights of layers {found}, where the fit has {wanted}",
                    key=self.key,
                    value=str(self.path),
                    hint="start from weights of the same parameters.nodes_per_layer",
                )


_EXPONENTS: Final = ("alpha", "beta")
