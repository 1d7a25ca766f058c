"""Keras on TensorFlow: loops compiled with ``tf.function``, and ``Model.fit``.

The data set lives on the device and batches are gathered there.

- *The epoch is one compiled loop*, or a loop in Python around the compiled step.  A compiled graph
  computes gradients together with the forward pass they come from, so the backward phase cannot be
  timed apart and is left out.  With ``MLPBENCH_KERAS_JIT_COMPILE=1`` XLA compiles the step, also
  within the loop of an epoch; the loop itself stays TensorFlow's.
- *With* ``Model.fit`` ``tf.data`` hands out the numbers of rows, and the training step looks the
  examples up.  Where ``tf.data`` gathers the examples itself, ahead of the step, it takes as much
  processor time, but on a thread of its own that no setting holds, and from a GPU's memory it could
  not gather at all.
"""

from __future__ import annotations

import dataclasses
import os
import platform
from typing import Any, ClassVar

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from impls import precision
from impls.contract import Loss, Phase, Pool
from impls.keras import fit, trainer
from impls.keras.engine import Device, Tensor
from impls.keras.model import costs, outputs_of
from impls.networks import Network, Training
from impls.parameters import Floats, Indices, Parameters

trainer.require_engine("tensorflow")


def _pools(_: str) -> tuple[Pool, ...]:
    # TensorFlow's getter answers 0 where the number came from the environment.
    threads = tf.config.threading.get_intra_op_parallelism_threads() or None
    return (Pool(library="tensorflow intra-op", version=tf.__version__, threads=threads),)


def _declared(place: str) -> dict[str, str]:
    """OneDNN does products on x86 unless the user switches it off."""
    default = "1" if platform.machine() in {"x86_64", "AMD64"} else "0"
    used = os.environ.get("TF_ENABLE_ONEDNN_OPTS", default) != "0"
    on_gpu = {} if place == CPU.place else precision.declaration()
    return {"oneDNN": precision.on_or_off(used), **on_gpu}


def _absence(_: str) -> str | None:
    """In full float32 by default: TensorFlow's TF32 would round to 10 bits."""
    if not tf.config.list_physical_devices("GPU"):
        return "no device: TensorFlow finds no GPU on this machine"
    tf.config.experimental.enable_tensor_float_32_execution(precision.tf32())
    return None


def _upload(place: str, array: Floats) -> Tensor:
    with tf.device(place):
        return tf.constant(array)


def _gather(_: str, data: tuple[Tensor, Tensor], rows: Tensor) -> tuple[Tensor, ...]:
    return tuple(tf.gather(part, rows) for part in data)


def _peak_bytes(place: str) -> int:
    return int(tf.config.experimental.get_memory_info(place.removeprefix("/"))["peak"])


def _forget_peak(place: str) -> bool:
    tf.config.experimental.reset_memory_stats(place.removeprefix("/"))
    return True


CPU = Device(
    place="/CPU:0",
    pools=_pools,
    declared=_declared,
    # Keras has XLA compile where there is a device.
    fit_compiles=lambda: any(d.device_type != "CPU" for d in tf.config.list_physical_devices()),
    upload=_upload,
    gather=_gather,
    stack=tf.stack,
    # Keras' own way meets a signature that NumPy 2 no longer likes.
    array_of=lambda tensor: tensor.numpy(),
)
GPU = dataclasses.replace(
    CPU,
    place="/GPU:0",
    absence=_absence,
    wait=lambda _: tf.test.experimental.sync_devices(),
    peak_bytes=_peak_bytes,
    forget_peak=_forget_peak,
)


class StepTrainer(trainer.StepTrainer):
    """The compiled step, called from a loop in Python."""

    device: ClassVar[Device] = CPU
    phases: ClassVar[frozenset[Phase]] = frozenset({"prepare", "forward", "loss", "update"})

    def __init__(self, network: Network, training: Training, parameters: Parameters) -> None:
        with tf.device(self.device.place):
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

    # What follows is traced into graphs.

    def _gather_graph(self, rows: Tensor) -> tuple[Tensor, ...]:
        return self.device.gather(self.place, self.data, rows)

    def _forward_graph(self, X: Tensor) -> tuple[Tensor, Tensor]:
        Z = self.model(X, training=True)
        return Z, outputs_of(self.network, Z)

    def _predict_graph(self, X: Tensor) -> Tensor:
        return outputs_of(self.network, self.model(X, training=False))

    def _costs(self, Z: Tensor, T: Tensor) -> tuple[Tensor, Tensor]:
        return costs(self.network, self.training, self.model.losses, Z, T)

    def _loss_graph(self, Z: Tensor, T: Tensor) -> Tensor:
        _, losses = self._costs(Z, T)
        return losses

    def _gradients_graph(self, X: Tensor, T: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the three loss values and the gradients, from one forward pass."""
        with tf.GradientTape() as tape:
            cost, losses = self._costs(self.model(X, training=True), T)
        return losses, tape.gradient(cost, self.variables)

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
        losses = tf.TensorArray(self.data[0].dtype, size=count, element_shape=(3,))
        step = self._step if self.compiled() else self._step_graph
        for index in tf.range(count):
            rows = tf.slice(order, [index * size], [size])
            loss, _ = step(rows)
            losses = losses.write(index, loss)
        return losses.stack()

    # From here on everything runs eagerly, on graphs already traced.

    def prepare(self, rows: Indices) -> None:
        with tf.device(self.place):
            self.batch, self.T = self._gather(tf.constant(rows))

    def forward(self) -> None:
        self.Z, self.A = self._forward(self.batch)

    def loss(self) -> Loss:
        return Loss.lazy(self._losses(self.Z, self.T).numpy)

    def backward(self) -> None:
        """Gradients by way of another forward pass, which is why this phase is not timed."""
        _, self.current = self._gradients(self.batch, self.T)

    def update(self) -> None:
        self._apply(self.current)

    def stepped(self, rows: Indices) -> Tensor:
        losses, self.current = self._step(tf.constant(rows))
        return losses

    def step(self, rows: Indices) -> Loss:
        with tf.device(self.place):
            return super().step(rows)

    def epoch(self, order: Indices) -> npt.NDArray[np.float64]:
        with tf.device(self.place):
            return super().epoch(order)

    def outputs(self, X: Floats) -> Floats:
        with tf.device(self.place):
            return self.device.array_of(self._predict(tf.constant(X)))

    def gradients(self) -> Parameters:
        return self.canonical(self.current)


class EpochTrainer(StepTrainer):
    """The whole epoch as one graph."""

    def epoch(self, order: Indices) -> npt.NDArray[np.float64]:
        full = len(order) - len(order) % self.training.batch_size
        parts = []
        with tf.device(self.place):
            if full:
                parts.append(self._epoch(tf.constant(order[:full])).numpy())
            if full < len(order):
                parts.append(self._step(tf.constant(order[full:]))[0].numpy()[None])
        return np.concatenate(parts).astype(np.float64)


class LookingUp(fit.Recording):
    """Takes rows for inputs."""

    def bind(self, data: tuple[Tensor, Tensor]) -> None:
        """Take the resident data."""
        self.look_up = lambda rows: CPU.gather(CPU.place, data, rows)
        # What was traced looks up what was bound before.
        self.forget()

    def train_step(self, data: Tensor) -> Any:
        """Return a step of Keras' own on the examples of a batch."""
        rows, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        return super().train_step(self.look_up(rows))  # type: ignore[no-untyped-call]  # no types


class FitTrainer(fit.Trainer):
    """``Model.fit`` on the numbers of rows."""

    device: ClassVar[Device] = CPU
    model_class = LookingUp

    def __init__(self, network: Network, training: Training, parameters: Parameters) -> None:
        with tf.device(self.device.place):
            super().__init__(network, training, parameters)

    def bind(self, X: Floats, Y: Floats) -> None:
        super().bind(X, Y)
        self.model.bind(self.data)

    def batch(self, rows: Indices) -> tuple[Tensor, ...]:
        return (tf.constant(rows),)

    def feed(self, order: Indices) -> Any:
        return tf.data.Dataset.from_tensor_slices(order).batch(self.training.batch_size)


class GpuStepTrainer(StepTrainer):
    """The compiled step, data on the GPU."""

    device: ClassVar[Device] = GPU


class GpuEpochTrainer(EpochTrainer):
    """The whole epoch as one graph, data on the GPU."""

    device: ClassVar[Device] = GPU


class GpuFitTrainer(FitTrainer):
    """``Model.fit``, data on the GPU."""

    device: ClassVar[Device] = GPU
