"""A network in Keras' terms: its layers, what a batch costs, and the optimisers.

All of it is written in Keras' operations, so every engine has it.  Losses are computed from what
goes into the last activation: there no digit is lost yet, and each engine has stable forms behind
Keras' functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from impls.mathematics import dropout
from impls.mathematics.dropout import Words
from impls.networks import Network, Training

Tensor = Any  # the engines' own

WORD = "int32" if keras.backend.backend() == "torch" else "uint32"
"""The type of a word of 32 bits.

PyTorch shifts and multiplies no unsigned ones.  There words are signed with the same bits, and
what a shift to the right brings in from the left is taken away.
"""


class Parts(NamedTuple):
    """What Keras trains and with what; ``updates`` counts updates, on which dropout depends."""

    updates: keras.Variable
    optimizer: keras.optimizers.Optimizer
    model: keras.Model


def assembled(
    network: Network,
    training: Training,
    model_class: type[keras.Model] = keras.Model,
    convolution: Callable[..., Any] = keras.layers.Conv2D,
) -> Parts:
    """Return a model up to the input of the last activation, and its optimiser.

    Inputs have shape ``(batch, n_0)``, outputs ``(batch, n_E)``; penalties are on the kernels
    alone.  ``convolution`` is the class of the layers that convolve.
    """
    updates = keras.Variable(0, trainable=False, dtype="int", name="updates")

    def drop(number: int, rate: float) -> keras.layers.Layer:
        columns = dropout.column_keys(network, number)
        return HashedDropout(rate, training.dropout_seed, columns, updates, dtype=network.dtype)

    # Keras' l2 multiplies the sum of squares itself, without the factor 1/2 of the articles.
    regularizer = keras.regularizers.L1L2(l1=training.l1, l2=training.l2 / 2)
    penalty = {"kernel_regularizer": regularizer} if training.l1 or training.l2 else {}
    H = inputs = keras.Input((network.layers[0],), dtype=network.dtype)
    for layer in layers_of(network, drop, None, convolution, **penalty):
        H = layer(H)
    model = model_class(inputs, H)
    optimizer = build_optimiser(training)
    optimizer.build(model.trainable_variables)
    return Parts(updates, optimizer, model)


def layers_of(
    network: Network,
    drop: Callable[[int, float], keras.layers.Layer],
    last_activation: str | None,
    convolution: Callable[..., Any] = keras.layers.Conv2D,
    **options: Any,
) -> Iterator[keras.layers.Layer]:
    """Yield the layers of a network, which take examples as flat rows.

    ``drop`` makes the dropout after the hidden layer of a number by a rate.  ``convolution`` is the
    class of the layers that convolve, ``options`` are those of all layers with weights.
    """
    dtype, layers = {"dtype": network.dtype}, keras.layers
    if network.convolutions:
        # Not what the user's keras.json says: this is the order of the features.
        order = {"data_format": "channels_last", **dtype}
        yield layers.Reshape(network.image, **dtype)
        for each in network.convolutions:
            activation = network.activation
            yield convolution(each.filters, each.kernel, activation=activation, **order, **options)
            if each.pool > 1:
                yield layers.MaxPooling2D(each.pool, **order)
        yield layers.Flatten(**order)
    for number, rate in enumerate(network.dropout_rates, start=1):
        yield layers.Dense(network.layers[number], network.activation, **dtype, **options)
        if rate:
            yield drop(number, rate)
    yield layers.Dense(network.layers[-1], last_activation, **dtype, **options)


class HashedDropout(keras.layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """Dropout by the masks that all implementations share, drawn inside the graph.

    ``columns`` are the keys of the layer's words; ``updates`` is a variable that counts the updates
    so far.  It belongs to the layer's state, so that functions without state are handed it, too.
    """

    def __init__(
        self, rate: float, seed: int, columns: Words, updates: keras.Variable, **options: Any
    ) -> None:
        super().__init__(**options)
        self.rate, self.seed, self.updates = rate, seed, updates
        self.columns = ops.convert_to_tensor(columns.view(WORD))

    def call(self, inputs: Tensor, *, training: bool = False) -> Tensor:
        """Return the inputs as they are, or in training what is left of them."""
        if not training:
            return inputs
        rows, nodes = ops.shape(inputs)[0], inputs.shape[1]
        seed = word(dropout.hash_of(self.seed & 0xFFFFFFFF))
        key = hash_of(ops.cast(self.updates, WORD) + seed)
        row_keys = hash_of(key + ops.cast(ops.arange(rows, dtype="int32"), WORD))
        words = hash_of(ops.bitwise_xor(row_keys[:, None], self.columns[None]))
        lower = ops.bitwise_and(words, word((1 << dropout.HALF_BITS) - 1))
        upper = shifted(words[:, : nodes - len(self.columns)], dropout.HALF_BITS)
        kept = ops.concatenate([lower, upper], axis=1) >= word(dropout.threshold(self.rate))
        return inputs * (ops.cast(kept, inputs.dtype) / (1 - self.rate))


def word(number: int) -> Any:
    """Return a number below ``2**32`` as a word; PyTorch takes numbers of Python's."""
    bits = np.array(number, np.uint32).view(WORD)
    return bits if WORD == "uint32" else int(bits)


def hash_of(x: Tensor) -> Tensor:
    """Return the hash of each word of a tensor."""
    for shift, factor in (
        (dropout.FIRST_SHIFT, dropout.FIRST_FACTOR),
        (dropout.SECOND_SHIFT, dropout.SECOND_FACTOR),
    ):
        x = ops.bitwise_xor(x, shifted(x, shift)) * word(factor)
    return ops.bitwise_xor(x, shifted(x, dropout.LAST_SHIFT))


def shifted(x: Tensor, bits: int) -> Tensor:
    """Return ``x`` to the right with zeros from the left."""
    moved = ops.right_shift(x, word(bits))
    return moved if WORD == "uint32" else ops.bitwise_and(moved, word((1 << (32 - bits)) - 1))


def outputs_of(network: Network, Z: Tensor) -> Tensor:
    """Return outputs of the network from ``Z``, the input of its last activation."""
    return ops.softmax(Z) if network.output == "softmax" else ops.sigmoid(Z)


def costs(
    network: Network, training: Training, penalties: list[Tensor], Z: Tensor, T: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the cost of a batch, and as one constant tensor its data loss, penalty and mean error.

    ``penalties`` are those of the layers, ``T`` the targets.
    """
    data = data_loss(network, training, Z, T)
    penalty = sum(penalties[1:], penalties[0]) if penalties else ops.zeros((), Z.dtype)
    constants = [ops.stop_gradient(tensor) for tensor in (data, penalty, Z)]
    error = ops.mean(ops.abs(T - outputs_of(network, constants[2])))
    return data + penalty, ops.stack([*constants[:2], error])


def data_loss(network: Network, training: Training, Z: Tensor, T: Tensor) -> Tensor:
    """Return the loss against targets ``T``, summed over outputs, summed or averaged over rows."""
    if network.loss == "mse":
        losses = 0.5 * ops.square(ops.sigmoid(Z) - T)
    elif network.loss == "cross-entropy":
        losses = ops.categorical_crossentropy(T, Z, from_logits=True)
    else:
        losses = ops.binary_crossentropy(T, Z, from_logits=True)
    total = ops.sum(losses)
    if training.reduction == "mean":
        total = total / ops.cast(ops.shape(T)[0], Z.dtype)
    return total


class OneStepMomentum(keras.optimizers.Optimizer):  # type: ignore[misc]  # Keras ships no types
    """Descent as in the articles: ``w -= V + momentum * V_previous`` with ``V = rate * gradient``.

    Keras' own momentum accumulates all earlier steps; this one remembers a single step.
    """

    def __init__(self, learning_rate: float, momentum: float) -> None:
        super().__init__(learning_rate=learning_rate, name="one_step_momentum")
        self.momentum = momentum

    def build(self, variables: list[Any]) -> None:
        """Make the memory of one step per variable."""
        super().build(variables)
        self.previous = [self.add_variable_from_reference(v, name="previous") for v in variables]

    def update_step(self, gradient: Tensor, variable: Any, learning_rate: Tensor) -> None:
        """Move one variable."""
        previous = self.previous[self._get_variable_index(variable)]
        move = gradient * ops.cast(learning_rate, variable.dtype)
        if self.momentum:
            self.assign_sub(variable, move + self.momentum * previous)
            self.assign(previous, move)
        else:
            self.assign_sub(variable, move)


def build_optimiser(training: Training) -> keras.optimizers.Optimizer:
    """Return Keras' own Adam or RMSprop, or the articles' descent."""
    rate = training.learning_rate
    if training.optimiser == "adam":
        return keras.optimizers.Adam(rate, training.beta1, training.beta2, training.epsilon)
    if training.optimiser == "rmsprop":
        return keras.optimizers.RMSprop(rate, training.rho, epsilon=training.epsilon)
    return OneStepMomentum(rate, training.momentum)


def memories(optimiser: keras.optimizers.Optimizer) -> list[list[Any]]:
    """Return the optimiser's memories, each with one variable per trained one."""
    by_name = (
        [variable for variable in optimiser.variables if variable.path.endswith(f"_{name}")]
        for name in ("previous", "momentum", "velocity")
    )
    return [variables for variables in by_name if variables]
