"""Keras on TensorFlow: model, penalties and optimiser of Keras, loops compiled with tf.function.

The data set lives on the device and batches are gathered there; the epoch is one compiled loop.
``Model.fit`` would measure Keras' input pipeline and callbacks besides the arithmetic.  A compiled
graph computes gradients together with the forward pass they come from, so the backward phase
cannot be timed apart and is left out.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras import ops

from impls import contract
from impls.contract import DENSE_FEATURES, Feature, Loss, Phase, Pool, State
from impls.functions import PROBABILITY_FLOOR
from impls.keras_model import Tensor, build_model, build_optimiser, memories
from impls.networks import Network, Training
from impls.parameters import Floats, Parameters, Rows


class CpuTrainer(contract.Trainer):
    """Keras on the CPU."""

    phases: ClassVar[frozenset[Phase]] = frozenset({"prepare", "forward", "loss", "update"})
    features: ClassVar[frozenset[Feature]] = DENSE_FEATURES
    device: ClassVar[str] = "/CPU:0"

    @classmethod
    def supports(cls, network: Network, training: Training) -> str | None:
        if network.dtype != "float32":
            return f"Keras keeps its learning rate in float32, too coarse for {network.dtype}"
        return super().supports(network, training)

    @classmethod
    def pools(cls) -> tuple[Pool, ...]:
        # TensorFlow's getter answers 0 where the number came from the environment.
        threads = tf.config.threading.get_intra_op_parallelism_threads() or None
        return (Pool(library="tensorflow intra-op", version=tf.__version__, threads=threads),)

    def __init__(self, network: Network, training: Training, parameters: Parameters) -> None:
        with tf.device(self.device):
            self.optimizer = build_optimiser(training)
            self.model = build_model(network, training, lambda: self.optimizer.iterations.value)
            self.variables = self.model.trainable_variables
            self.optimizer.build(self.variables)
            # Any number of rows fits, so the shorter last batch needs no second trace.
            rows = [tf.TensorSpec([None], tf.int64)]
            inputs, outputs = (
                tf.TensorSpec([None, nodes], network.dtype)
                for nodes in (network.layers[0], network.layers[-1])
            )
            self._gather = tf.function(self._gather_graph, input_signature=rows)
            self._forward = tf.function(self._outputs_graph, input_signature=[inputs])
            self._predict = tf.function(self._predict_graph, input_signature=[inputs])
            self._losses = tf.function(self._loss_graph, input_signature=[outputs, outputs])
            self._gradients = tf.function(self._gradients_graph, input_signature=[inputs, outputs])
            self._apply = tf.function(self._apply_graph)
            self._step = tf.function(self._step_graph, input_signature=rows)
            self._epoch = tf.function(self._epoch_graph, input_signature=rows)
        super().__init__(network, training, parameters)

    def load(self, parameters: Parameters) -> None:
        pairs = zip(parameters.weights, parameters.biases, strict=True)
        self.model.set_weights([array for pair in pairs for array in pair])
        for variable in self.optimizer.variables:
            variable.assign(ops.zeros_like(variable))
        # That was a variable, too.
        self.optimizer.learning_rate = self._rate

    def bind(self, X: Floats, Y: Floats) -> None:
        with tf.device(self.device):
            self.X, self.Y = tf.constant(X), tf.constant(Y)

    @property
    def learning_rate(self) -> float:
        """The rate in full precision; the optimiser has it in a variable of its own dtype.

        A variable, so that a change needs no new graph; read back, decay would round every epoch.
        """
        return self._rate

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        self._rate = rate
        self.optimizer.learning_rate = rate

    # What follows is traced into graphs.

    def _gather_graph(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        return tf.gather(self.X, rows), tf.gather(self.Y, rows)

    def _outputs_graph(self, X: Tensor) -> Tensor:
        return self._activate(self.model(X, training=True))

    def _predict_graph(self, X: Tensor) -> Tensor:
        return self._activate(self.model(X, training=False))

    def _activate(self, Z: Tensor) -> Tensor:
        return tf.nn.softmax(Z) if self.network.output == "softmax" else tf.sigmoid(Z)

    def _data_loss(self, Z: Tensor, T: Tensor) -> Tensor:
        """The loss from the last layer's input, where TensorFlow has stable fused forms."""
        if self.network.loss == "mse":
            return self._reduced(0.5 * tf.square(tf.sigmoid(Z) - T))
        if self.network.loss == "cross-entropy":
            return self._reduced(tf.nn.softmax_cross_entropy_with_logits(T, Z)[:, None])
        return self._reduced(tf.nn.sigmoid_cross_entropy_with_logits(T, Z))

    def _reduced(self, losses: Tensor) -> Tensor:
        """The sum over outputs, summed or averaged over examples."""
        total = tf.reduce_sum(losses)
        if self.training.reduction == "mean":
            total /= tf.cast(tf.shape(losses)[0], losses.dtype)
        return total

    def _penalty(self) -> Tensor:
        return tf.add_n(self.model.losses) if self.model.losses else tf.zeros((), self.X.dtype)

    def _loss_graph(self, outputs: Tensor, T: Tensor) -> Tensor:
        """Data, penalty and mean error from the outputs of a forward pass."""
        clipped = tf.maximum(outputs, PROBABILITY_FLOOR)
        if self.network.loss == "mse":
            losses = 0.5 * tf.square(outputs - T)
        elif self.network.loss == "cross-entropy":
            losses = -T * tf.math.log(clipped)
        else:
            other = tf.maximum(1 - outputs, PROBABILITY_FLOOR)
            losses = -T * tf.math.log(clipped) - (1 - T) * tf.math.log(other)
        return tf.stack(
            [self._reduced(losses), self._penalty(), tf.reduce_mean(tf.abs(T - outputs))]
        )

    def _gradients_graph(self, X: Tensor, T: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The three loss values and the gradients, from one forward pass."""
        with tf.GradientTape() as tape:
            Z = self.model(X, training=True)
            data, penalty = self._data_loss(Z, T), self._penalty()
            cost = data + penalty
        gradients = tape.gradient(cost, self.variables)
        error = tf.reduce_mean(tf.abs(T - self._activate(Z)))
        return tf.stack([data, penalty, error]), gradients

    def _apply_graph(self, gradients: list[Tensor]) -> None:
        self.optimizer.apply(gradients, self.variables)

    def _step_graph(self, rows: Tensor) -> tuple[Tensor, list[Tensor]]:
        losses, gradients = self._gradients_graph(*self._gather_graph(rows))
        self._apply_graph(gradients)
        return losses, gradients

    def _epoch_graph(self, order: Tensor) -> Tensor:
        """All full batches of ``order``, whose length is a multiple of the batch size."""
        size = self.training.batch_size
        count = tf.shape(order)[0] // size
        losses = tf.TensorArray(self.X.dtype, size=count, element_shape=(3,))
        for index in tf.range(count):
            rows = tf.slice(order, [index * size], [size])
            loss, _ = self._step_graph(rows)
            losses = losses.write(index, loss)
        return losses.stack()

    # From here on everything runs eagerly, on graphs already traced.

    def prepare(self, rows: Rows) -> None:
        with tf.device(self.device):
            self.batch, self.T = self._gather(tf.constant(rows))

    def forward(self) -> None:
        self.outputs = self._forward(self.batch)

    def loss(self) -> Loss:
        return Loss(*self._losses(self.outputs, self.T).numpy())

    def backward(self) -> None:
        """Gradients by way of another forward pass, which is why this phase is not timed."""
        _, self.current = self._gradients(self.batch, self.T)

    def update(self) -> None:
        self._apply(self.current)

    def step(self, rows: Rows) -> Loss:
        with tf.device(self.device):
            losses, self.current = self._step(tf.constant(rows))
        return Loss(*losses.numpy())

    def epoch(self, order: Rows) -> npt.NDArray[np.float64]:
        full = len(order) - len(order) % self.training.batch_size
        parts = []
        with tf.device(self.device):
            if full:
                parts.append(self._epoch(tf.constant(order[:full])).numpy())
            if full < len(order):
                parts.append(self._step(tf.constant(order[full:]))[0].numpy()[None])
        return np.concatenate(parts).astype(np.float64)

    def predict(self, X: Floats) -> Floats:
        with tf.device(self.device):
            outputs: Floats = self._predict(tf.constant(X)).numpy()
        return outputs

    def state(self) -> State:
        memory = tuple(
            self._canonical([variable.numpy() for variable in remembered])
            for remembered in memories(self.optimizer)
        )
        return State(self.parameters(), memory, int(self.optimizer.iterations.numpy()))

    def resume(self, state: State) -> None:
        super().resume(state)
        self.optimizer.iterations.assign(state.updates)
        known = zip(memories(self.optimizer), state.memory or (), strict=False)
        for variables, remembered in known:
            pairs = zip(remembered.weights, remembered.biases, strict=True)
            for variable, array in zip(variables, (a for pair in pairs for a in pair), strict=True):
                variable.assign(array.astype(self.network.dtype))

    def parameters(self) -> Parameters:
        return self._canonical(self.model.get_weights())

    def gradients(self) -> Parameters:
        return self._canonical([gradient.numpy() for gradient in self.current])

    def _canonical(self, arrays: list[Floats]) -> Parameters:
        return Parameters(tuple(arrays[::2]), tuple(arrays[1::2])).astype(self.network.dtype)


class GpuTrainer(CpuTrainer):
    """Keras on the first GPU, in full float32: TensorFlow's TF32 would round to 10 bits."""

    device: ClassVar[str] = "/GPU:0"

    @classmethod
    def unavailable(cls) -> str | None:
        if not tf.config.list_physical_devices("GPU"):
            return "no device: TensorFlow finds no GPU on this machine"
        tf.config.experimental.enable_tensor_float_32_execution(False)  # noqa: FBT003  # TensorFlow's signature
        return None

    def synchronize(self) -> None:
        tf.test.experimental.sync_devices()
