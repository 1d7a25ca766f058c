"""How far weights move: the optimisers, once as formulas and once on buffers.

``g`` is the gradient, ``t = 1, 2, ...`` the number of the update since parameters were loaded, and
memories start at 0.  Weights lose ``U``:

- sgd: ``V = rate g``; ``U = V + momentum V_previous``.  Source: the articles.
- adam: ``m = beta1 m + (1 - beta1) g``; ``v = beta2 v + (1 - beta2) g**2``;
  ``U = rate sqrt(1 - beta2**t) / (1 - beta1**t)  m / (sqrt(v) + epsilon)``.  Source: Kingma and Ba,
  2015, end of section 2, where this epsilon has a hat; Keras and TensorFlow have this form.
  Algorithm 1 of the paper, and PyTorch, correct ``v`` before epsilon is added, which is the same
  as an epsilon multiplied by ``sqrt(1 - beta2**t)`` here: at first a thirtieth.
- rmsprop: ``v = rho v + (1 - rho) g**2``; ``U = rate g / sqrt(v + epsilon)``, epsilon under the
  root.  Source: Keras; PyTorch adds its epsilon outside.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from impls.networks import Training
from impls.parameters import Floats

MEMORIES = {"sgd": 1, "adam": 2, "rmsprop": 1}
"""How many arrays an optimiser remembers beside each array of parameters."""

Memory = list[Floats]


def new_memory(optimiser: str, values: Floats) -> Memory:
    """Return what ``optimiser`` remembers of ``values`` before the first update."""
    return [np.zeros_like(values) for _ in range(MEMORIES[optimiser])]


def sgd(g: Floats, memory: Memory, rate: float, t: int, training: Training) -> Floats:  # noqa: ARG001  # a table has one signature
    """Descent as in the articles; the memory is the move without its momentum."""
    move = rate * g
    lost: Floats = move + training.momentum * memory[0]
    memory[0] = move
    return lost


def adam(g: Floats, memory: Memory, rate: float, t: int, training: Training) -> Floats:
    """Adam with the corrections of both moments in the rate."""
    m, v = memory
    m = training.beta1 * m + (1 - training.beta1) * g
    v = training.beta2 * v + (1 - training.beta2) * g**2
    memory[:] = m, v
    corrected = rate * math.sqrt(1 - training.beta2**t) / (1 - training.beta1**t)
    lost: Floats = corrected * m / (np.sqrt(v) + training.epsilon)
    return lost


def rmsprop(g: Floats, memory: Memory, rate: float, t: int, training: Training) -> Floats:  # noqa: ARG001  # as above
    """Gradients divided by the root of their mean square."""
    memory[0] = training.rho * memory[0] + (1 - training.rho) * g**2
    lost: Floats = rate * g / np.sqrt(memory[0] + training.epsilon)
    return lost


OPTIMISERS: dict[str, Callable[[Floats, Memory, float, int, Training], Floats]] = {
    "sgd": sgd,
    "adam": adam,
    "rmsprop": rmsprop,
}


class InPlace:
    """An optimiser for one vector of parameters, without new memory in a step."""

    def __init__(self, training: Training, values: Floats) -> None:
        self.training = training
        self.values = values
        # Descent keeps its last move while it makes the next one.
        spare = 1 if training.optimiser == "sgd" else 0
        self.memory = [np.zeros_like(values) for _ in range(MEMORIES[training.optimiser] + spare)]
        self.scratch = np.zeros_like(values)

    def forget(self) -> None:
        """Memories as before the first update."""
        for array in self.memory:
            array[:] = 0

    def remembered(self) -> list[npt.NDArray[np.float64]]:
        """Return the memories with all their factors, as the formulas have them.

        In float64, so that a memory in float32 comes back from :meth:`recall` as it was.
        """
        factors = self._factors()
        return [m * factor for m, factor in zip(self.memory, factors, strict=False)]

    def recall(self, remembered: Sequence[Floats]) -> None:
        """Take memories as :meth:`remembered` gave them."""
        for m, given, factor in zip(self.memory, remembered, self._factors(), strict=False):
            m[:] = given / factor

    def _factors(self) -> tuple[np.float64, ...]:
        """Return what the memories are to be multiplied by."""
        training = self.training
        factors = {
            "sgd": (1.0,),
            "adam": (1 - training.beta1, 1 - training.beta2),
            "rmsprop": (1 - training.rho,),
        }
        return tuple(map(np.float64, factors[training.optimiser]))

    def update(self, g: Floats, rate: float, t: int) -> None:
        """Move the parameters by their gradient ``g``, a vector of the same size."""
        if self.training.optimiser == "sgd":
            self._sgd(g, rate)
        elif self.training.optimiser == "adam":
            self._adam(g, rate, t)
        else:
            self._rmsprop(g, rate)

    def _sgd(self, g: Floats, rate: float) -> None:
        previous, move = self.memory
        np.multiply(g, rate, out=move)
        np.subtract(self.values, move, out=self.values)
        if self.training.momentum:
            np.multiply(previous, self.training.momentum, out=self.scratch)
            np.subtract(self.values, self.scratch, out=self.values)
            self.memory.reverse()

    def _adam(self, g: Floats, rate: float, t: int) -> None:
        """The memories lack the factors ``1 - beta``, which saves two passes over the vector."""
        beta1, beta2 = self.training.beta1, self.training.beta2
        (m, v), scratch = self.memory, self.scratch
        np.multiply(m, beta1, out=m)
        np.add(m, g, out=m)
        np.multiply(v, beta2, out=v)
        np.multiply(g, g, out=scratch)
        np.add(v, scratch, out=v)
        root = math.sqrt(1 - beta2)
        corrected = rate * math.sqrt(1 - beta2**t) / (1 - beta1**t)
        np.sqrt(v, out=scratch)
        np.add(scratch, self.training.epsilon / root, out=scratch)
        np.divide(m, scratch, out=scratch)
        np.multiply(scratch, corrected * (1 - beta1) / root, out=scratch)
        np.subtract(self.values, scratch, out=self.values)

    def _rmsprop(self, g: Floats, rate: float) -> None:
        """The memory lacks the factor ``1 - rho``, which saves a pass over the vector."""
        rho = self.training.rho
        (v,), scratch = self.memory, self.scratch
        np.multiply(v, rho, out=v)
        np.multiply(g, g, out=scratch)
        np.add(v, scratch, out=v)
        np.add(v, self.training.epsilon / (1 - rho), out=scratch)
        np.sqrt(scratch, out=scratch)
        np.divide(g, scratch, out=scratch)
        np.multiply(scratch, rate / math.sqrt(1 - rho), out=scratch)
        np.subtract(self.values, scratch, out=self.values)
