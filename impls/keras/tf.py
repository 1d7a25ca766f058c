"""Keras on TensorFlow: model, penalties and optimiser of Keras, loops compiled with tf.function.

The data set lives on the device and batches are gathered there; the epoch is one compiled loop, or
a loop in Python around the compiled step.  A compiled graph computes gradients together with the
forward pass they come from, so the backward phase cannot be timed apart and is left out.

With ``MLPBENCH_KERAS_JIT_COMPILE=1`` XLA compiles the step, also within the loop of an epoch; the
loop itself stays TensorFlow's.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from impls.contract import Loss, Phase
from impls.keras.losses import data_loss, outputs_of, penalty_of, seen
from impls.keras.tf_engine import Engine, GpuEngine
from impls.keras.trainer import Trainer
from impls.networks import Network, Training
from impls.parameters import Floats, Parameters, Rows, batches
from impls.unread import unread

Tensor = Any  # TensorFlow ships no types


class EpochTrainer(Engine, Trainer):
    """The whole epoch as one graph."""

    phases: ClassVar[frozenset[Phase]] = frozenset({"prepare", "forward", "loss", "update"})

    def __init__(self, network: Network, training: Training, parameters: Parameters) -> None:
        with tf.device(self.device):
            super().__init__(network, training, parameters)
        # Any number of rows fits, so the shorter last batch needs no second trace.
        rows = [tf.TensorSpec([None], tf.int64)]
        X, Y = (
            tf.TensorSpec([None, nodes], network.dtype)
            for nodes in (network.layers[0], network.layers[-1])
        )
        self._gather = tf.function(self._gather_graph, input_signature=rows)
        self._forward = tf.function(self._forward_graph, input_signature=[X])
        self._predict = tf.function(self._predict_graph, input_signature=[X])
        self._losses = tf.function(self._loss_graph, input_signature=[Y, Y])
        self._gradients = tf.function(self._gradients_graph, input_signature=[X, Y])
        self._apply = tf.function(self._apply_graph)
        # XLA compiles once for each size that it meets.
        self._step = tf.function(
            self._step_graph, input_signature=rows, jit_compile=self.compiled() or None
        )
        self._epoch = tf.function(self._epoch_graph, input_signature=rows)

    def bind(self, X: Floats, Y: Floats) -> None:
        with tf.device(self.device):
            self.X, self.Y = tf.constant(X), tf.constant(Y)

    # What follows is traced into graphs.

    def _gather_graph(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        return tf.gather(self.X, rows), tf.gather(self.Y, rows)

    def _forward_graph(self, X: Tensor) -> tuple[Tensor, Tensor]:
        Z = self.model(X, training=True)
        return Z, outputs_of(self.network, Z)

    def _predict_graph(self, X: Tensor) -> Tensor:
        return outputs_of(self.network, self.model(X, training=False))

    def _costs(self, Z: Tensor, T: Tensor) -> tuple[Tensor, Tensor]:
        """Data loss and penalty."""
        data = data_loss(self.network, self.training, Z, T)
        return data, penalty_of(self.model.losses, Z)

    def _loss_graph(self, Z: Tensor, T: Tensor) -> Tensor:
        return seen(self.network, *self._costs(Z, T), Z, T)

    def _gradients_graph(self, X: Tensor, T: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the three loss values and the gradients, from one forward pass."""
        with tf.GradientTape() as tape:
            Z = self.model(X, training=True)
            data, penalty = self._costs(Z, T)
            cost = data + penalty
        gradients = tape.gradient(cost, self.variables)
        return seen(self.network, data, penalty, Z, T), gradients

    def _apply_graph(self, gradients: list[Tensor]) -> None:
        self.optimizer.apply(gradients, self.variables)
        self.updates.assign_add(1)

    def _step_graph(self, rows: Tensor) -> tuple[Tensor, list[Tensor]]:
        losses, gradients = self._gradients_graph(*self._gather_graph(rows))
        self._apply_graph(gradients)
        return losses, gradients

    def _epoch_graph(self, order: Tensor) -> Tensor:
        """Return all full batches of ``order``, whose length is a multiple of the batch size."""
        size = self.training.batch_size
        count = tf.shape(order)[0] // size
        losses = tf.TensorArray(self.X.dtype, size=count, element_shape=(3,))
        step = self._step if self.compiled() else self._step_graph
        for index in tf.range(count):
            rows = tf.slice(order, [index * size], [size])
            loss, _ = step(rows)
            losses = losses.write(index, loss)
        return losses.stack()

    # From here on everything runs eagerly, on graphs already traced.

    def prepare(self, rows: Rows) -> None:
        with tf.device(self.device):
            self.batch, self.T = self._gather(tf.constant(rows))

    def forward(self) -> None:
        self.Z, self.A = self._forward(self.batch)

    def loss(self) -> Loss:
        return unread(self._losses(self.Z, self.T).numpy)

    def backward(self) -> None:
        """Gradients by way of another forward pass, which is why this phase is not timed."""
        _, self.current = self._gradients(self.batch, self.T)

    def update(self) -> None:
        self._apply(self.current)

    def step(self, rows: Rows) -> Loss:
        with tf.device(self.device):
            losses, self.current = self._step(tf.constant(rows))
        return unread(losses.numpy)

    def epoch(self, order: Rows) -> npt.NDArray[np.float64]:
        full = len(order) - len(order) % self.training.batch_size
        parts = []
        with tf.device(self.device):
            if full:
                parts.append(self._epoch(tf.constant(order[:full])).numpy())
            if full < len(order):
                parts.append(self._step(tf.constant(order[full:]))[0].numpy()[None])
        return np.concatenate(parts).astype(np.float64)

    def outputs(self, X: Floats) -> Floats:
        with tf.device(self.device):
            outputs: Floats = self._predict(tf.constant(X)).numpy()
        return outputs

    def gradients(self) -> Parameters:
        return self.canonical(self.current)


class StepTrainer(EpochTrainer):
    """The same compiled step, called from a loop in Python."""

    def epoch(self, order: Rows) -> npt.NDArray[np.float64]:
        # Read together at the end, so that a device need not wait for us at each step.
        with tf.device(self.device):
            parts = batches(order, self.training.batch_size)
            losses = tf.stack([self._step(tf.constant(rows))[0] for rows in parts])
        return np.array(losses.numpy(), np.float64)


class GpuEpochTrainer(GpuEngine, EpochTrainer):
    """The whole epoch as one graph, data on the GPU."""


class GpuStepTrainer(GpuEngine, StepTrainer):
    """The compiled step, data on the GPU."""
