"""What the rungs of the ladder share: which training they accept, and weights in and out.

What a step does is in the files of the rungs, but for the gradients of the penalty.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from impls import contract
from impls.contract import State
from impls.networks import Network, Training
from impls.parameters import Floats, Parameters


class Rung(contract.Trainer):
    """Weight matrices that hold the biases, and what the articles' program can train.

    That is descent with momentum, L1 and L2, sigmoid, tanh and ReLU, log loss and squared error.
    ``W`` holds one matrix per layer, ``G`` its gradients, and ``moves`` its last move without the
    momentum.
    """

    dtype: ClassVar[npt.DTypeLike] = np.float64
    """In which the rung computes."""
    lowest_delta: ClassVar[int] = 0
    """The lowest layer whose delta is computed."""
    W: list[Floats]
    G: list[Floats]
    moves: list[Floats]

    @classmethod
    def supports(cls, network: Network, training: Training) -> str | None:
        if network.loss == "cross-entropy":
            return "this rung has the articles' losses only: log loss and squared error"
        dtype = np.dtype(cls.dtype)
        if dtype.itemsize < np.dtype(network.dtype).itemsize:
            return f"this rung computes in {dtype}, not {network.dtype}"
        return super().supports(network, training)

    @staticmethod
    def matrix(W: Floats, b: Floats) -> Floats:
        """Return canonical weights and biases as one matrix ``(n_out, 1 + n_in)``."""
        return np.column_stack([b, W.T])

    @staticmethod
    def weights(M: Floats) -> Floats:
        """Return the weights in a matrix, a view."""
        return M[:, 1:]

    @staticmethod
    def parts(M: Floats) -> tuple[Floats, Floats]:
        """Return canonical weights and biases of a matrix, views."""
        return M[:, 1:].T, M[:, 0]

    def canonical(self, matrices: list[Floats], dtype: npt.DTypeLike) -> Parameters:
        """Return a canonical copy of one matrix per layer."""
        parts = [self.parts(M) for M in matrices]
        return Parameters(tuple(W for W, _ in parts), tuple(b for _, b in parts)).astype(dtype)

    def matrices(self, parameters: Parameters) -> list[Floats]:
        """Return canonical parameters as one matrix per layer."""
        pairs = zip(parameters.weights, parameters.biases, strict=True)
        return [self.matrix(W, b).astype(self.dtype) for W, b in pairs]

    def load(self, parameters: Parameters) -> None:
        self.W = self.matrices(parameters)
        self.moves = [np.zeros_like(W) for W in self.W]
        self.updates = 0

    def penalise(self) -> None:
        """Add the gradients of L1 and L2 to those of the weights."""
        for matrix, gradient in zip(self.W, self.G, strict=True):
            W, G = self.weights(matrix), self.weights(gradient)
            if self.training.l2:
                G += self.training.l2 * W
            if self.training.l1:
                G += self.training.l1 * np.sign(W)

    def state(self) -> State:
        memory = (self.canonical(self.moves, self.dtype),)
        return State(self.canonical(self.W, self.dtype), memory, self.updates)

    def resume(self, state: State) -> None:
        super().resume(state)
        self.updates = state.updates
        for remembered in state.memory or ():
            self.moves = self.matrices(remembered)

    def parameters(self) -> Parameters:
        return self.canonical(self.W, self.network.dtype)

    def gradients(self) -> Parameters:
        return self.canonical(self.G, self.network.dtype)
