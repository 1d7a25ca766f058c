"""The optimisers of a training as Keras has them, and what they remember."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from impls.networks import Training

Tensor = Any  # the engines' own


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
        kept = [variable for variable in optimiser.variables if variable.path.endswith(f"_{name}")]
        if kept:
            found.append(kept)
    return found
