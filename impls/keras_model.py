"""A network and a training as Keras has them: layers, penalties, dropout, optimisers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from impls import dropout
from impls.dropout import Words
from impls.networks import Network, Training

Tensor = Any  # TensorFlow ships no types


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
    """Keras' own Adam or RMSprop, or the articles' descent."""
    if training.optimiser == "adam":
        return keras.optimizers.Adam(
            training.learning_rate, training.beta1, training.beta2, training.epsilon
        )
    if training.optimiser == "rmsprop":
        return keras.optimizers.RMSprop(
            training.learning_rate, training.rho, epsilon=training.epsilon
        )
    return OneStepMomentum(training.learning_rate, training.momentum)


def memories(optimiser: keras.optimizers.Optimizer) -> list[list[Any]]:
    """What the optimiser remembers: one variable per trained one, for each of its memories."""
    found = []
    for name in ("previous", "momentum", "velocity"):
        kept = [one for one in optimiser.variables if one.path.endswith(f"_{name}")]
        if kept:
            found.append(kept)
    return found


class HashedDropout(keras.layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """Dropout by the masks of :mod:`impls.dropout`, drawn inside the graph.

    ``columns`` are the keys of the layer's words; ``step`` gives the number of updates so far.
    """

    def __init__(
        self, rate: float, seed: int, columns: Words, step: Callable[[], Tensor], **options: Any
    ) -> None:
        super().__init__(**options)
        self.rate, self.seed, self.columns, self.step = rate, seed, columns, step

    def call(self, inputs: Tensor, *, training: bool = False) -> Tensor:
        """The inputs as they are, or in training what is left of them."""
        if not training:
            return inputs
        rows, nodes = tf.shape(inputs)[0], inputs.shape[1]
        seed = tf.constant(dropout.hash_of(self.seed & 0xFFFFFFFF), tf.uint32)
        key = hash_of(seed + tf.cast(self.step(), tf.uint32))
        row_keys = hash_of(key + tf.cast(tf.range(rows), tf.uint32))
        words = hash_of(tf.bitwise.bitwise_xor(row_keys[:, None], tf.constant(self.columns)))
        lower = tf.bitwise.left_shift(words, tf.constant(dropout.HALF_BITS, tf.uint32))
        upper = words[:, : nodes - len(self.columns)]
        least = tf.constant(dropout.threshold(self.rate) << dropout.HALF_BITS, tf.uint32)
        kept = tf.concat([lower, upper], axis=1) >= least
        return inputs * (tf.cast(kept, inputs.dtype) / (1 - self.rate))


def hash_of(x: Tensor) -> Tensor:
    """The hash of each word of a tensor of 32-bit integers."""
    word = tf.uint32
    for shift, factor in (
        (dropout.FIRST_SHIFT, dropout.FIRST_FACTOR),
        (dropout.SECOND_SHIFT, dropout.SECOND_FACTOR),
    ):
        x = tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, tf.constant(shift, word)))
        x *= tf.constant(factor, word)
    last = tf.constant(dropout.LAST_SHIFT, word)
    return tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, last))


def build_model(network: Network, training: Training, step: Callable[[], Tensor]) -> keras.Model:
    """Layers up to the input of the last activation, penalties on the kernels alone.

    ``step`` gives the number of updates so far, on which dropout depends.
    """
    dtype = network.dtype
    # Keras' l2 multiplies the sum of squares itself, without the factor 1/2 of the articles.
    regularizer = keras.regularizers.L1L2(l1=training.l1, l2=training.l2 / 2)
    penalty = regularizer if training.l1 or training.l2 else None
    layers: list[Any] = [keras.Input((network.layers[0],), dtype=dtype)]
    for layer, rate in enumerate(network.dropout_rates, start=1):
        nodes, activation = network.layers[layer], network.activation
        layers.append(
            keras.layers.Dense(nodes, activation, kernel_regularizer=penalty, dtype=dtype)
        )
        if rate:
            columns = dropout.column_keys(network, layer)
            layers.append(HashedDropout(rate, training.dropout_seed, columns, step, dtype=dtype))
    layers.append(keras.layers.Dense(network.layers[-1], kernel_regularizer=penalty, dtype=dtype))
    return keras.Sequential(layers)
