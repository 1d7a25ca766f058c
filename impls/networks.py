"""What is trained and how: frozen descriptions, and the presets of the articles.

A :class:`Network` says what is computed, a :class:`Training` how its weights move.  Both travel
unchanged from the command line through the job document into the worker and the results.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from bench.errors import UnknownNameError, UsageError

Activation = Literal["sigmoid", "tanh", "relu"]
LossName = Literal["logloss", "mse", "cross-entropy"]
Dtype = Literal["float32", "float64"]
Optimiser = Literal["sgd", "adam", "rmsprop"]
Reduction = Literal["sum", "mean"]
Start = Literal["uniform", "glorot"]


class Network(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fully connected network.

    ``layers`` counts the nodes from input to output, so ``(784, 70, 30, 10)`` has two hidden
    layers.  ``activation`` is that of the hidden layers; the output's follows from the loss.
    ``dropout`` holds one rate per hidden layer, or nothing: in training that share of the layer's
    outputs is set to 0 and the rest divided by ``1 - rate``; :mod:`impls.dropout` says which.

    Raises:
        UsageError: fewer than two layers, a layer without nodes, or dropout rates that are not one
            per hidden layer in [0, 1).
    """

    name: str
    layers: tuple[int, ...]
    activation: Activation = "sigmoid"
    loss: LossName = "logloss"
    dtype: Dtype = "float32"
    dropout: tuple[float, ...] = ()

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

    @property
    def dropout_rates(self) -> tuple[float, ...]:
        """One rate per hidden layer, input side first; zeros where the network has no dropout."""
        return self.dropout or (0.0,) * (len(self.layers) - 2)

    @property
    def output(self) -> Literal["sigmoid", "softmax"]:
        """Activation of the last layer: softmax belongs to cross-entropy, sigmoid to the rest."""
        return "softmax" if self.loss == "cross-entropy" else "sigmoid"

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Canonical shape ``(n_in, n_out)`` of each weight matrix, input side first."""
        return tuple(zip(self.layers[:-1], self.layers[1:], strict=True))

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

    *Optimiser.*  :mod:`impls.optimisers` has the formulas.  "sgd" is that of the articles: the
    step is ``V = learning_rate * G``, weights lose ``V + momentum * V_previous`` and
    ``V_previous`` becomes ``V`` without the momentum part.  "adam" reads ``beta1``, ``beta2`` and
    ``epsilon``, "rmsprop" reads ``rho`` and ``epsilon``; formulas and defaults are those of Keras.
    What belongs to another optimiser is not read.

    *Rate.*  After epoch ``e = 0, 1, ...`` the rate is divided by ``1 + decay * e``.

    *Start.*  "uniform" draws weights and biases in ``+-start_scale / sqrt(n_in)``; "glorot", the
    default of Keras, draws weights in ``+-sqrt(6 / (n_in + n_out))`` and sets biases to 0.

    ``dropout_seed`` decides which outputs the network's dropout takes.

    Raises:
        UsageError: a batch without examples, a negative coefficient, a rate or an epsilon that is
            not positive, or a decay of the optimiser's memory outside [0, 1).
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
        for field in ("learning_rate", "epsilon"):
            if not getattr(self, field) > 0:
                name = field.replace("_", " ")
                value = getattr(self, field)
                raise UsageError(f"{name} {value} is not possible: use more than 0")
        for field in ("decay", "momentum", "l1", "l2", "start_scale"):
            if not getattr(self, field) >= 0:
                raise UsageError(f"{field} {getattr(self, field)} is not possible: use 0 or more")
        for field in ("beta1", "beta2", "rho"):
            if not 0 <= getattr(self, field) < 1:
                value = getattr(self, field)
                raise UsageError(f"{field} {value} is not possible: use at least 0 and below 1")

    def data_scale(self, examples: int) -> float:
        """What a data loss summed over a batch of ``examples`` is multiplied by."""
        return 1 / examples if self.reduction == "mean" else 1.0


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """A network with the training settings that suit it.

    ``rates`` lists ``(from_batch_size, learning_rate)``: where gradients are sums over the batch,
    large batches need a smaller rate.  ``normalise`` names what its source did to the features, one
    of :data:`impls.data.normalise.NORMALISATIONS`.
    """

    summary: str
    network: Network
    training: Training
    rates: tuple[tuple[int, float], ...]
    normalise: str = "standard"

    def training_at(self, batch_size: int, seed: int = 1) -> Training:
        """The preset's training for batches of ``batch_size``, dropout drawn from ``seed``."""
        rate = max((start, rate) for start, rate in self.rates if start <= max(batch_size, 1))[1]
        return msgspec.structs.replace(
            self.training, batch_size=batch_size, learning_rate=rate, dropout_seed=seed
        )


# The articles trained batches of 500 at 1e-3 and of 15000 and 20000 at 1e-4.
_ARTICLE_RATES = ((1, 1e-3), (5000, 1e-4))

PRESETS: dict[str, Preset] = {
    preset.network.name: preset
    for preset in (
        Preset(
            summary="the articles' MNIST network: sigmoid, log loss",
            network=Network(name="blog", layers=(784, 70, 30, 10)),
            training=Training(),
            rates=_ARTICLE_RATES,
        ),
        Preset(
            summary="the wider network of the articles' thread study",
            network=Network(name="blog-wide", layers=(784, 300, 140, 10)),
            training=Training(),
            rates=_ARTICLE_RATES,
        ),
        Preset(
            summary="the Keras network of the ISLR lab: ReLU, dropout, cross-entropy, Adam",
            network=Network(
                name="islr",
                layers=(784, 256, 128, 10),
                activation="relu",
                loss="cross-entropy",
                dropout=(0.2, 0.2),
            ),
            training=Training(
                batch_size=128,
                epochs=20,
                decay=0.0,
                momentum=0.0,
                l2=0.0,
                optimiser="adam",
                reduction="mean",
                start="glorot",
            ),
            rates=((1, 1e-3),),
            # Standardised features cost it half a percent of accuracy: rare pixels become large.
            normalise="range",
        ),
    )
}


def find_preset(text: str, *, activation: Activation | None, loss: LossName | None) -> Preset:
    """The preset called ``text``, or a network of one's own from sizes such as ``784-512-10``.

    ``activation`` and ``loss`` override the preset's where given.

    Raises:
        UnknownNameError: neither a preset nor sizes joined by hyphens.
        UsageError: sizes that make no network.
    """
    preset = PRESETS.get(text)
    if preset is None:
        sizes = text.split("-")
        if not all(size.isdecimal() for size in sizes):
            hint = "Or give layer sizes, such as 784-512-10."
            raise UnknownNameError("network", text, PRESETS, hint=hint)
        preset = Preset(
            summary="given on the command line",
            network=Network(name=text, layers=tuple(map(int, sizes))),
            training=Training(),
            rates=_ARTICLE_RATES,
        )
    network = preset.network
    changed = msgspec.structs.replace(
        network, activation=activation or network.activation, loss=loss or network.loss
    )
    if changed != network:
        marks = [network.name, changed.activation, changed.loss]
        changed = msgspec.structs.replace(changed, name="/".join(marks))
    return msgspec.structs.replace(preset, network=changed)
