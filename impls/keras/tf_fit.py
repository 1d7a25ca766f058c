"""``Model.fit`` of Keras on TensorFlow.

``tf.data`` hands out the numbers of rows, and the training step looks the examples up in the
resident data.  Where ``tf.data`` gathers the examples itself, ahead of the step, it takes as much
processor time, but on a thread of its own that no setting holds, and from a GPU's memory it could
not gather at all.  Whole arrays would have to be put in the order of the epoch first, and took a
third longer when tried.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from impls.keras.fit import FitTrainer, Recording
from impls.keras.tf_engine import Engine, GpuEngine
from impls.networks import Network, Training
from impls.parameters import Floats, Parameters, Rows

Tensor = Any  # TensorFlow ships no types


class LookingUp(Recording):
    """Takes rows for inputs."""

    def bind(self, X: Tensor, Y: Tensor) -> None:
        """Take the resident data."""
        self.gather = lambda rows: (tf.gather(X, rows), tf.gather(Y, rows))

    def train_step(self, data: Tensor) -> Any:
        """Return a step of Keras' own on the examples of a batch."""
        rows, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        return super().train_step(self.gather(rows))  # type: ignore[no-untyped-call]  # as above


class Trainer(Engine, FitTrainer):
    """``fit`` on the CPU."""

    model_class = LookingUp

    @classmethod
    def compiled_unasked(cls) -> bool:
        """Keras has XLA compile where there is a device."""
        return any(device.device_type != "CPU" for device in tf.config.list_physical_devices())

    def __init__(self, network: Network, training: Training, parameters: Parameters) -> None:
        with tf.device(self.device):
            super().__init__(network, training, parameters)

    def bind(self, X: Floats, Y: Floats) -> None:
        with tf.device(self.device):
            self.model.bind(tf.constant(X), tf.constant(Y))
        # What was traced looks up what was bound before.
        self.model.forget()

    def batch(self, rows: Rows) -> tuple[Tensor, ...]:
        return (tf.constant(rows),)

    def feed(self, order: Rows) -> Any:
        return tf.data.Dataset.from_tensor_slices(order).batch(self.training.batch_size)


class GpuTrainer(GpuEngine, Trainer):
    """``fit`` with data on the GPU."""
