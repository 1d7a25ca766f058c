"""What is trained and how, as frozen descriptions.

A :class:`Network` says what is computed, a :class:`Training` how its weights move.  Both travel
unchanged from the command line through the job document into the worker and the results.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import msgspec

from impls.convolution import ConvLayer, Convolution, conv_layers
from impls.errors import UsageError

Activation = Literal["sigmoid", "tanh", "relu"]
LossName = Literal["logloss", "mse", "cross-entropy"]
Dtype = Literal["float32", "float64"]
Optimiser = Literal["sgd", "adam", "rmsprop"]
Reduction = Literal["sum", "mean"]
Start = Literal["uniform", "glorot"]


class Network(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fully connected network, or one that begins with convolutions.

    ``layers`` counts the nodes from input to output, so ``(784, 70, 30, 10)`` has two hidden
    layers.  ``activation`` is that of the hidden layers; the output's follows from the loss.
    With ``convolutions`` the input is an ``image`` of ``(height, width, channels)``, as features in
    this order; it runs through them first, and the dense layers take what they leave.
    ``dropout`` holds one rate per hidden layer, or nothing: in training that share of the layer's
    outputs is set to 0 and the rest divided by ``1 - rate``; ``mathematics.dropout`` says which.

    Raises:
        UsageError: fewer than two layers, a layer without nodes, dropout rates that are not one
            per hidden dense layer in [0, 1), or convolutions that do not fit the image.
    """

    name: str
    layers: tuple[int, ...]
    activation: Activation = "sigmoid"
    loss: LossName = "logloss"
    dtype: Dtype = "float32"
    dropout: tuple[float, ...] = ()
    image: tuple[int, int, int] | None = None
    convolutions: tuple[Convolution, ...] = ()

    def __post_init__(self) -> None:
        if len(self.layers) < 2 or min(self.layers) < 1:
            raise UsageError(
                f"network {self.name!r} has layers {self.layers}: give at least an input and an "
                "output size, all positive, such as 784-70-30-10"
            )
        hidden = len(self.layers) - 2
        if len(self.dropout) not in {0, hidden} or not all(0 <= p < 1 for p in self.dropout):
            raise UsageError(
                f"network {self.name!r} has {hidden} hidden layers, dropout {self.dropout}: give "
                "one rate of at least 0 and below 1 for each of them, or none"
            )
        if self.convolutions and (self.image is None or math.prod(self.image) != self.layers[0]):
            raise UsageError(
                f"network {self.name!r} has {self.layers[0]} inputs and an image of {self.image}: "
                "convolutions need an image of as many values as there are inputs"
            )
        # A map that is too small is refused here and not when sizes are first asked for.
        _ = self.conv_layers

    @property
    def dropout_rates(self) -> tuple[float, ...]:
        """One rate per hidden layer, input side first; zeros where the network has no dropout."""
        return self.dropout or (0.0,) * (len(self.layers) - 2)

    @property
    def output(self) -> Literal["sigmoid", "softmax"]:
        """Activation of the last layer: softmax belongs to cross-entropy, sigmoid to the rest."""
        return "softmax" if self.loss == "cross-entropy" else "sigmoid"

    @property
    def conv_layers(self) -> tuple[ConvLayer, ...]:
        """The convolutions with the sizes of the maps that they meet; none in a dense network.

        Raises:
            UsageError: a kernel or a pool is larger than the map that it meets.
        """
        return conv_layers(self.image, self.convolutions) if self.image else ()

    @property
    def dense(self) -> tuple[int, ...]:
        """``layers`` with what the convolutions leave in place of the inputs."""
        return (
            self.conv_layers[-1].outputs if self.convolutions else self.layers[0],
            *self.layers[1:],
        )

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Canonical shape ``(n_in, n_out)`` of each weight matrix, input side first.

        Those of the convolutions come first; :class:`~impls.convolution.ConvLayer` has their order.
        """
        dense = zip(self.dense[:-1], self.dense[1:], strict=True)
        return (*(conv.shape for conv in self.conv_layers), *dense)

    @property
    def description(self) -> str:
        """The layers on one line: ``784-70-10``, or ``28x28x1, conv 16 3x3, pool 2, dense 10``."""
        if not self.convolutions or self.image is None:
            return "-".join(map(str, self.layers))
        parts = ["x".join(map(str, self.image))]
        for convolution in self.convolutions:
            parts.append(f"conv {convolution.filters} {convolution.kernel}x{convolution.kernel}")
            parts += [f"pool {convolution.pool}"] if convolution.pool > 1 else []
        return ", ".join([*parts, *(f"dense {nodes}" for nodes in self.layers[1:])])

    @property
    def parameter_count(self) -> int:
        """Weights and biases together."""
        return sum((n_in + 1) * n_out for n_in, n_out in self.shapes)


class Training(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How weights move: by default plain gradient descent in the form of the articles.

    *Cost.*  The data loss of a batch is summed over its examples, or averaged where ``reduction``
    is "mean"; over the output nodes it is always summed.  ``l2`` adds ``l2/2 * sum(w**2)`` and
    ``l1`` adds ``l1 * sum(|w|)``, once per batch and whatever the reduction; biases are left out.
    ``G`` is the gradient of all this.

    *Optimiser.*  ``mathematics.optimisers`` has the formulas.  "sgd" is that of the articles: the
    step is ``V = learning_rate * G``, weights lose ``V + momentum * V_previous`` and
    ``V_previous`` becomes ``V`` without the momentum part.  "adam" reads ``beta1``, ``beta2`` and
    ``epsilon``, "rmsprop" reads ``rho`` and ``epsilon``; formulas and defaults are those of Keras.
    What belongs to another optimiser is not read.

    *Rate.*  After epoch ``e = 0, 1, ...`` the rate is divided by ``1 + decay * e``.

    *Start.*  "uniform" draws weights and biases in ``+-start_scale / sqrt(n_in)``; "glorot", the
    default of Keras, draws weights in ``+-sqrt(6 / (n_in + n_out))`` and sets biases to 0.

    ``dropout_seed`` decides which outputs the network's dropout takes.

    Raises:
        UsageError: a batch without examples, a negative number of epochs, a negative coefficient, a
            rate or an epsilon that is not positive, a value that is not finite, or a decay of the
            optimiser's memory outside [0, 1).
    """

    batch_size: int = 500
    epochs: int = 35
    learning_rate: float = 1e-3
    decay: float = 1e-6
    momentum: float = 5e-5
    l1: float = 0.0
    l2: float = 0.01
    start_scale: float = 2.0
    optimiser: Optimiser = "sgd"
    beta1: float = 0.9
    beta2: float = 0.999
    rho: float = 0.9
    epsilon: float = 1e-7
    reduction: Reduction = "sum"
    start: Start = "uniform"
    dropout_seed: int = 1

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise UsageError(f"batch size {self.batch_size} is not possible: use 1 or more")
        if self.epochs < 0:
            raise UsageError(f"epochs {self.epochs} is not possible: use 0 or more")
        self._require(("learning_rate", "epsilon"), lambda v: v > 0, "a finite number above 0")
        coefficients = ("decay", "momentum", "l1", "l2", "start_scale")
        self._require(coefficients, lambda v: v >= 0, "a finite number, 0 or more")
        self._require(("beta1", "beta2", "rho"), lambda v: 0 <= v < 1, "at least 0 and below 1")

    def _require(
        self, fields: tuple[str, ...], is_possible: Callable[[float], bool], rule: str
    ) -> None:
        for field in fields:
            value = getattr(self, field)
            if not (math.isfinite(value) and is_possible(value)):
                name = field.replace("_", " ")
                raise UsageError(f"{name} {value} is not possible: use {rule}")

    def data_scale(self, examples: int) -> float:
        """Return what a data loss summed over a batch of ``examples`` is multiplied by."""
        return 1 / examples if self.reduction == "mean" else 1.0


class Formulas(NamedTuple):
    """What of a network and its training decides which formulas a compiler sees.

    A key for compiled code: numbers such as rates are not in it, so they can change.
    ``dropout_rates`` is empty where nothing is dropped; ``momentum``, ``l1`` and ``l2`` say
    whether there is any.
    """

    layers: tuple[int, ...]
    conv_layers: tuple[ConvLayer, ...]
    activation: str
    loss: str
    output: str
    dtype: str
    dropout_rates: tuple[float, ...]
    optimiser: str
    momentum: bool
    l1: bool
    l2: bool

    @classmethod
    def of(cls, network: Network, training: Training) -> Formulas:
        """Return those of a network and its training."""
        return cls(
            layers=network.layers,
            conv_layers=network.conv_layers,
            activation=network.activation,
            loss=network.loss,
            output=network.output,
            dtype=network.dtype,
            dropout_rates=network.dropout_rates if any(network.dropout_rates) else (),
            optimiser=training.optimiser,
            momentum=bool(training.momentum),
            l1=bool(training.l1),
            l2=bool(training.l2),
        )
