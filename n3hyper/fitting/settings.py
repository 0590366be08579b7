"""Settings of a trial: the hyperparameters of a fit, typed. Does not need TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from n3hyper.errors import HyperparameterError, nearest
from n3hyper.runcard.names import (
    ACTIVATIONS,
    INITIALIZERS,
    LAYER_TYPES,
    MOST_EPOCHS,
    OPTIMIZERS,
    REGULARIZERS,
)

CHI2_THRESHOLD: Final = 10.0
"""Validation chi2 per point below which a fit starts to count its patience (n3fit's default)."""
POSITIVITY_THRESHOLD: Final = 1e-6
"""Largest positivity loss of a set that still passes (n3fit's default)."""
PUSH_EACH: Final = 100
"""Number of epochs after which the Lagrange multipliers grow."""


@dataclass(frozen=True)
class OptimizerSettings:
    """An optimizer of Keras, its step size and the largest norm of a variable's gradient."""

    name: str
    learning_rate: float
    clipnorm: float

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> OptimizerSettings:
        """Return the optimizer of a runcard's dictionary; what is missing is n3fit's default."""
        name = _known(
            "optimizer.optimizer_name", params.get("optimizer_name", "RMSprop"), OPTIMIZERS
        )
        values = {**OPTIMIZERS[name], **{k: v for k, v in params.items() if v is not None}}
        return cls(name, float(values["learning_rate"]), float(values["clipnorm"]))


@dataclass(frozen=True)
class LagrangeSettings:
    """Multipliers of positivity or integrability losses."""

    initial: float | None = None
    multiplier: float | None = None
    threshold: float = POSITIVITY_THRESHOLD

    @classmethod
    def from_params(cls, params: Mapping[str, Any] | None) -> LagrangeSettings:
        """Return the multipliers of a runcard's ``positivity`` or ``integrability``."""
        values = {key: float(value) for key, value in (params or {}).items() if value is not None}
        return cls(
            values.get("initial"),
            values.get("multiplier"),
            values.get("threshold", POSITIVITY_THRESHOLD),
        )

    def start_and_growth(self, maxlambda: float, epochs: int) -> tuple[float, float]:
        """Return the first value of the multiplier, and its factor each `PUSH_EACH` epochs.

        What the runcard leaves open is chosen such that `maxlambda` is reached at the end.

        >>> LagrangeSettings(initial=1.0).start_and_growth(maxlambda=1e4, epochs=400)
        (1.0, 10.0)
        >>> LagrangeSettings(multiplier=10.0).start_and_growth(maxlambda=1e4, epochs=400)
        (1.0, 10.0)
        """
        steps = epochs // PUSH_EACH
        if self.multiplier is None:
            initial = 1.0 if self.initial is None else self.initial
            return initial, (maxlambda / initial) ** (1.0 / max(steps, 1))
        if self.initial is None:
            return maxlambda / self.multiplier**steps, self.multiplier
        return self.initial, self.multiplier


@dataclass(frozen=True)
class RegularizerSettings:
    """Regularizer l1_l2 of Keras: the loss grows by sum l1 |w| + l2 w^2 over all kernels."""

    l1: float = 0.0
    l2: float = 0.0

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> RegularizerSettings:
        """Return what ``regularizer`` and ``regularizer_args`` of a runcard's parameters say."""
        if params.get("regularizer") is None:
            return cls()
        _known("regularizer", params["regularizer"], REGULARIZERS)
        given = params.get("regularizer_args") or {}
        return cls(**{key: float(given.get(key) or 0.0) for key in ("l1", "l2")})


@dataclass(frozen=True)
class FitSettings:
    """Hyperparameters of a trial, the same for all its folds and replicas."""

    nodes: tuple[int, ...]
    """Width of each layer; the last one is the number of flavours."""
    activations: tuple[str, ...]
    epochs: int
    stopping_patience: float
    """Patience as a fraction of `epochs`."""
    optimizer: OptimizerSettings
    initializer: str = "glorot_normal"
    layer_type: str = "dense"
    dropout: float = 0.0
    stopping_delta: float = 0.0
    """Smallest decrease of the validation loss that counts as one."""
    threshold_chi2: float = CHI2_THRESHOLD
    positivity: LagrangeSettings = field(default_factory=LagrangeSettings)
    integrability: LagrangeSettings = field(default_factory=LagrangeSettings)
    feature_scaling_points: int | None = None
    """Number of nodes of the map that scales x; None for the inputs x and log x."""
    regularizer: RegularizerSettings = field(default_factory=RegularizerSettings)

    @property
    def patience(self) -> int:
        """Epochs without improvement after which a model stops."""
        return int(self.epochs * self.stopping_patience)

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> FitSettings:
        """Return the settings of a flat dictionary with n3fit's keys.

        Numbers may be NumPy's, and whole numbers floats.

        Raises
        ------
        HyperparameterError
            when a key is missing, a name unknown, or a number cannot be used.

        >>> settings = FitSettings.from_params({
        ...     "nodes_per_layer": [25.0, 20.0, 8.0], "optimizer": {"optimizer_name": "Adam"},
        ...     "activation_per_layer": ["tanh", "tanh", "linear"], "epochs": 900.0,
        ...     "stopping_patience": 0.1})
        >>> settings.nodes, settings.patience, settings.optimizer.learning_rate
        ((25, 20, 8), 90, 0.01)
        """
        nodes = tuple(round(float(width)) for width in _need(params, "nodes_per_layer"))
        points = params.get("feature_scaling_points")
        settings = cls(
            nodes=nodes,
            activations=_activations(_need(params, "activation_per_layer"), len(nodes)),
            epochs=int(_need(params, "epochs")),
            stopping_patience=float(_need(params, "stopping_patience")),
            optimizer=OptimizerSettings.from_params(_need(params, "optimizer")),
            initializer=_known(
                "initializer", params.get("initializer", "glorot_normal"), INITIALIZERS
            ),
            layer_type=_known("layer_type", params.get("layer_type", "dense"), LAYER_TYPES),
            dropout=float(params.get("dropout") or 0.0),
            stopping_delta=float(params.get("stopping_delta") or 0.0),
            threshold_chi2=float(params.get("threshold_chi2") or CHI2_THRESHOLD),
            positivity=LagrangeSettings.from_params(params.get("positivity")),
            integrability=LagrangeSettings.from_params(params.get("integrability")),
            feature_scaling_points=int(points) if points else None,
            regularizer=RegularizerSettings.from_params(params),
        )
        settings._check()
        return settings

    def _check(self) -> None:
        if not self.nodes or min(self.nodes) < 1:
            raise HyperparameterError(
                f"nodes_per_layer: {list(self.nodes)}; each layer needs a node"
            )
        if self.epochs < 1:
            raise HyperparameterError(f"epochs: {self.epochs}; at least one is needed")
        if self.epochs > MOST_EPOCHS:
            raise HyperparameterError(
                f"epochs: {self.epochs}; at most {MOST_EPOCHS} can be counted"
            )
        if not 0.0 <= self.dropout < 1.0:
            raise HyperparameterError(f"dropout: {self.dropout}; a rate is at least 0 and below 1")


def _need(params: Mapping[str, Any], key: str) -> Any:
    if params.get(key) is None:
        raise HyperparameterError(f"parameters.{key}: missing")
    return params[key]


def _known(key: str, name: Any, known: Any) -> str:
    if name not in known:
        hint = nearest(str(name), known)
        raise HyperparameterError(f"parameters.{key}: unknown name {name!r}; {hint}")
    return str(name)


def _activations(given: Any, layers: int) -> tuple[str, ...]:
    """Return a name for each layer; a scan hands a function of the number of layers."""
    names: Sequence[Any] = given(layers) if callable(given) else given
    if len(names) != layers:
        raise HyperparameterError(
            f"parameters.activation_per_layer: {list(names)}; {layers} layers need {layers} names"
        )
    return tuple(_known("activation_per_layer", name, ACTIVATIONS) for name in names)
