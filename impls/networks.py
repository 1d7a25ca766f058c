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


class Network(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fully connected network.

    ``layers`` counts the nodes from input to output, so ``(784, 70, 30, 10)`` has two hidden
    layers.  ``activation`` is that of the hidden layers; the output's follows from the loss.

    Raises:
        UsageError: fewer than two layers, or a layer without nodes.
    """

    name: str
    layers: tuple[int, ...]
    activation: Activation = "sigmoid"
    loss: LossName = "logloss"
    dtype: Dtype = "float32"

    def __post_init__(self) -> None:
        if len(self.layers) < 2 or min(self.layers) < 1:
            raise UsageError(
                f"network {self.name!r} has layers {self.layers}: give at least an input and an "
                "output size, all positive, such as 784-70-30-10"
            )

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
    """How weights move: plain gradient descent in the form of the articles.

    The step is ``V = learning_rate * G`` with ``G`` summed, not averaged, over the batch; weights
    lose ``V + momentum * V_previous`` and ``V_previous`` becomes ``V`` without the momentum part.
    ``l2`` adds ``l2/2 * sum(w**2)`` and ``l1`` adds ``l1 * sum(|w|)`` to the cost of every batch;
    biases are left out.  After epoch ``e = 0, 1, ...`` the rate is divided by ``1 + decay * e``.
    Start weights and biases are uniform in ``+-start_scale / sqrt(n_in)``.

    Raises:
        UsageError: a batch without examples, a negative coefficient, a rate that is not positive.
    """

    batch_size: int = 500
    epochs: int = 35
    learning_rate: float = 1e-3
    decay: float = 1e-6
    momentum: float = 5e-5
    l1: float = 0.0
    l2: float = 0.01
    start_scale: float = 2.0

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise UsageError(f"batch size {self.batch_size} is not possible: use 1 or more")
        if not self.learning_rate > 0:
            raise UsageError(f"learning rate {self.learning_rate} is not possible: use more than 0")
        for field in ("decay", "momentum", "l1", "l2", "start_scale"):
            if not getattr(self, field) >= 0:
                raise UsageError(f"{field} {getattr(self, field)} is not possible: use 0 or more")


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """A network with the training settings that suit it.

    ``rates`` lists ``(from_batch_size, learning_rate)``: gradients are sums over the batch, so
    large batches need a smaller rate.
    """

    summary: str
    network: Network
    training: Training
    rates: tuple[tuple[int, float], ...]

    def training_at(self, batch_size: int) -> Training:
        """The preset's training for batches of ``batch_size`` examples."""
        rate = max((start, rate) for start, rate in self.rates if start <= max(batch_size, 1))[1]
        return msgspec.structs.replace(self.training, batch_size=batch_size, learning_rate=rate)


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
