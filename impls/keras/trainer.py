"""What all Keras rows share, whichever engine and whichever loop they have."""

from __future__ import annotations

import os
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from impls import contract, precision
from impls.contract import FEATURES, Feature, State
from impls.errors import ImplementationError, UsageError
from impls.keras import settings as keras_settings
from impls.keras.losses import outputs_of
from impls.keras.model import Parts, assembled
from impls.keras.optimisers import memories
from impls.networks import Network, Training
from impls.parameters import Floats, Parameters

Tensor = Any  # the engines' own

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

    @classmethod
    def supports(cls, network: Network, training: Training) -> str | None:
        if network.dtype != "float32":
            return f"Keras keeps its learning rate in float32, too coarse for {network.dtype}"
        return super().supports(network, training)

    @classmethod
    def unavailable(cls) -> str | None:
        """Why settings or devices do not fit; a wrong setting is known before anything is built."""
        try:
            return cls.refused() or cls.absent()
        except UsageError as error:
            return str(error)

    @classmethod
    def refused(cls) -> str | None:
        """Return why what the user set is not possible with this loop, or None.

        Raises:
            UsageError: it is possible with none.
        """
        cls.compiled()
        keras_settings.steps_per_execution()
        precision.tf32()
        return None

    @classmethod
    def absent(cls) -> str | None:
        """Return why the engine has no device, or None."""
        return None

    @classmethod
    def compiled(cls) -> bool:
        """Whether XLA, or PyTorch's compiler, makes the step; where the user leaves it to us, no.

        Raises:
            UsageError: what the user set is not understood.
        """
        return bool(keras_settings.jit_compile())

    @classmethod
    def declared(cls) -> dict[str, str]:
        return {"jit_compile": precision.shown(cls.compiled())}

    def __init__(self, network: Network, training: Training, parameters: Parameters) -> None:
        self.updates, self.optimizer, self.model = self.assembled(network, training)
        self.variables = self.model.trainable_variables
        super().__init__(network, training, parameters)

    @classmethod
    def assembled(cls, network: Network, training: Training) -> Parts:
        """Model and optimiser of the trainer."""
        return assembled(network, training)

    def load(self, parameters: Parameters) -> None:
        assign(self.variables, parameters)
        for variable in self.optimizer.variables:
            variable.assign(np.zeros(variable.shape, variable.dtype))
        self.updates.assign(0)
        # That was a variable, too.
        self.optimizer.learning_rate = self._rate

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
        """Outputs of the last layer without dropout, for as many examples as fit."""
        Z = self.model(ops.convert_to_tensor(X), training=False)
        return self.array_of(outputs_of(self.network, Z))

    @staticmethod
    def array_of(tensor: Tensor) -> Floats:
        """Return a tensor or variable of Keras as an array that may share its memory."""
        array: Floats = ops.convert_to_numpy(tensor)
        return array

    def state(self) -> State:
        memory = tuple(self.canonical(remembered) for remembered in memories(self.optimizer))
        updates = int(self.array_of(self.optimizer.iterations))
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
        """Tensors in the order of the model's variables, in canonical form."""
        arrays = [self.array_of(tensor) for tensor in tensors]
        weights = tuple(W.reshape(-1, W.shape[-1]) for W in arrays[::2])
        return Parameters(weights, tuple(arrays[1::2])).astype(self.network.dtype)


def assign(variables: list[Any], parameters: Parameters) -> None:
    """Write canonical ``parameters`` into variables in the order of a model's."""
    pairs = zip(parameters.weights, parameters.biases, strict=True)
    for variable, array in zip(variables, (a for pair in pairs for a in pair), strict=True):
        variable.assign(array.reshape(variable.shape).astype(variable.dtype))
