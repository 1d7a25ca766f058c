"""What all Keras rows share, whichever engine, device and loop they have."""

from __future__ import annotations

import os
from abc import abstractmethod
from typing import Any, ClassVar

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from impls import contract, precision
from impls.contract import FEATURES, Feature, Loss, Pool, State
from impls.errors import ImplementationError, UsageError
from impls.keras.engine import JIT_COMPILE, Device, Tensor, steps_per_execution
from impls.keras.model import Parts, assembled, memories, outputs_of
from impls.networks import Network, Training
from impls.parameters import Floats, Indices, Parameters, batches

PREDICTED_TOGETHER = 2000
"""Rows of one forward pass of ``predict``: the maps of convolutions take much memory."""


def require_engine(name: str) -> None:
    """Refuse a process in which Keras works with another engine.

    Raises:
        ImplementationError: it does.
    """
    engine = keras.backend.backend()
    if engine != name:
        asked = os.environ.get("KERAS_BACKEND", "unset")
        raise ImplementationError(
            f"Keras uses {engine} in this process (KERAS_BACKEND is {asked} now) and selects its "
            f"engine once: use implementations on {name} in a separate command"
        )


class Trainer(contract.Trainer):
    """Layers, optimiser and their state in Keras' own variables; loops are for subclasses."""

    features: ClassVar[frozenset[Feature]] = FEATURES
    device: ClassVar[Device]

    @classmethod
    def supports(cls, network: Network, training: Training) -> str | None:
        if network.dtype != "float32":
            return f"Keras keeps its learning rate in float32, too coarse for {network.dtype}"
        return super().supports(network, training)

    @classmethod
    def unavailable(cls) -> str | None:
        """Return why settings or devices do not fit, before anything is built."""
        try:
            return cls.refused() or cls.device.absence(cls.device.place)
        except UsageError as error:
            return str(error)

    @classmethod
    def refused(cls) -> str | None:
        """Return why what the user set is not possible with this loop, or None.

        Raises:
            UsageError: it is possible with none.
        """
        cls.compiled()
        steps_per_execution()
        precision.tf32()
        return None

    @classmethod
    def compiled(cls) -> bool:
        """Return whether XLA, or PyTorch's compiler, makes the step.

        Raises:
            UsageError: what the user set is not understood.
        """
        asked = precision.switch(JIT_COMPILE)
        return cls.compiled_unasked() if asked is None else asked

    @classmethod
    def compiled_unasked(cls) -> bool:
        """Return whether it does where the user leaves it to us."""
        return False

    @classmethod
    def declared(cls) -> dict[str, str]:
        switch = {"jit_compile": precision.on_or_off(cls.compiled())}
        return {**switch, **cls.device.declared(cls.device.place)}

    @classmethod
    def pools(cls) -> tuple[Pool, ...]:
        return cls.device.pools(cls.device.place)

    def __init__(self, network: Network, training: Training, parameters: Parameters) -> None:
        self.place = self.device.place
        self.updates, self.optimizer, self.model = self.assembled(network, training)
        self.variables = self.model.trainable_variables
        super().__init__(network, training, parameters)

    @classmethod
    def assembled(cls, network: Network, training: Training) -> Parts:
        """Return model and optimiser of the trainer."""
        return assembled(network, training)

    def load(self, parameters: Parameters) -> None:
        assign(self.variables, parameters)
        for variable in self.optimizer.variables:
            variable.assign(np.zeros(variable.shape, variable.dtype))
        self.updates.assign(0)
        # That was a variable, too.
        self.optimizer.learning_rate = self._rate

    def bind(self, X: Floats, Y: Floats) -> None:
        self.data = (self.device.upload(self.place, X), self.device.upload(self.place, Y))

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

    def predict(self, X: Floats) -> Floats:
        parts = [
            self.outputs(X[first : first + PREDICTED_TOGETHER])
            for first in range(0, len(X), PREDICTED_TOGETHER)
        ]
        return np.concatenate(parts) if parts else np.empty((0, self.network.layers[-1]), X.dtype)

    def outputs(self, X: Floats) -> Floats:
        """Return outputs of the last layer without dropout, for as many examples as fit."""
        Z = self.model(ops.convert_to_tensor(X), training=False)
        return self.device.array_of(outputs_of(self.network, Z))

    def pending(self) -> Any:
        """Return what the device may still be computing."""
        return [variable.value for variable in self.model.variables]

    def synchronize(self) -> None:
        self.device.wait(self.pending)

    def device_memory_bytes(self) -> int | None:
        return self.device.peak_bytes(self.place)

    def forget_device_peak(self) -> bool:
        return self.device.forget_peak(self.place)

    def state(self) -> State:
        memory = tuple(self.canonical(remembered) for remembered in memories(self.optimizer))
        updates = int(self.device.array_of(self.optimizer.iterations))
        return State(self.parameters(), memory, updates)

    def resume(self, state: State) -> None:
        super().resume(state)
        for counts in (self.optimizer.iterations, self.updates):
            counts.assign(state.updates)
        for variables, given in zip(memories(self.optimizer), state.memory or (), strict=False):
            assign(variables, given)

    def parameters(self) -> Parameters:
        return self.canonical(self.variables)

    def canonical(self, tensors: list[Tensor]) -> Parameters:
        """Return tensors in the order of the model's variables, in canonical form."""
        arrays = [self.device.array_of(tensor) for tensor in tensors]
        weights = tuple(W.reshape(-1, W.shape[-1]) for W in arrays[::2])
        return Parameters(weights, tuple(arrays[1::2])).astype(self.network.dtype)


class StepTrainer(Trainer):
    """A loop in Python around a step."""

    @abstractmethod
    def stepped(self, rows: Indices) -> Tensor:
        """Take a step and keep its gradients; returns its losses, which stay on the device."""

    def step(self, rows: Indices) -> Loss:
        losses = self.stepped(rows)
        return Loss.lazy(lambda: self.device.array_of(losses).tolist())

    def epoch(self, order: Indices) -> npt.NDArray[np.float64]:
        # Read together at the end, so that a device need not wait for us at each step.
        losses = [self.stepped(rows) for rows in batches(order, self.training.batch_size)]
        return self.device.array_of(self.device.stack(losses)).astype(np.float64)


def assign(variables: list[Any], parameters: Parameters) -> None:
    """Write canonical ``parameters`` into variables in the order of a model's."""
    pairs = zip(parameters.weights, parameters.biases, strict=True)
    for variable, array in zip(variables, (a for pair in pairs for a in pair), strict=True):
        variable.assign(array.reshape(variable.shape).astype(variable.dtype))
