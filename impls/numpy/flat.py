"""Rung 9: all parameters in one vector.

Weight matrices and their gradients are views of two vectors, so penalty and update are a handful of
calls, in place.  A vector of coefficients holds L2 for each weight and 0 for each bias.  From here
on a steady step allocates no array.

What that buys: calls.  NumPy needs about a microsecond for each, as long as for a thousand numbers.
"""

from __future__ import annotations

import numpy as np

from impls.contract import Loss, State
from impls.mathematics.optimisers import InPlace
from impls.networks import Network, Training
from impls.numpy import formulas as numpy_formulas
from impls.numpy.memory import FlatMatrices, flattened
from impls.parameters import Indices, Parameters


class Trainer(numpy_formulas.Trainer):
    """Rung 8 with one vector of parameters ``P`` and one of their gradients ``dP``."""

    def __init__(self, network: Network, training: Training, parameters: Parameters) -> None:
        self.P, self.dP = FlatMatrices(network), FlatMatrices(network)
        self.l1, self.l2 = FlatMatrices(network), FlatMatrices(network)
        for l1, l2 in zip(self.l1.M, self.l2.M, strict=True):
            l1[:-1], l2[:-1] = training.l1, training.l2
        self.optimiser, self.slope = InPlace(training, self.P.vector), self.P.vector.copy()
        super().__init__(network, training, parameters)

    def load(self, parameters: Parameters) -> None:
        self.P.vector[:] = flattened(parameters)
        self.W, self.G = self.P.M, self.dP.M
        self.optimiser.forget()
        self.updates = 0

    def penalty(self, *, into_gradients: bool) -> float:
        P, G, slope, penalty = self.P.vector, self.dP.vector, self.slope, 0.0
        if self.training.l2:
            np.multiply(P, self.l2.vector, out=slope)
            penalty += 0.5 * float(np.vdot(P, slope))
            if into_gradients:
                np.add(G, slope, out=G)
        if self.training.l1:
            np.multiply(np.sign(P, out=slope), self.l1.vector, out=slope)
            penalty += float(np.vdot(P, slope))
            if into_gradients:
                np.add(G, slope, out=G)
        return penalty

    def penalise(self) -> None:
        self.penalty(into_gradients=True)

    def loss(self) -> Loss:
        data, error = self.sums()
        return Loss(data, self.penalty(into_gradients=False), error / self.T.size)

    def update(self) -> None:
        self.updates += 1
        self.optimiser.update(self.dP.vector, self.learning_rate, self.updates)

    def step(self, rows: Indices) -> Loss:
        self.prepare(rows)
        self.forward()
        data, error = self.sums()
        self.gradients_into(self.G)
        loss = Loss(data, self.penalty(into_gradients=True), error / self.T.size)
        self.update()
        return loss

    def state(self) -> State:
        memory = tuple(self.P.split(vector) for vector in self.optimiser.remembered())
        return State(self.parameters(), memory, self.updates)

    def resume(self, state: State) -> None:
        self.load(state.parameters)
        self.updates = state.updates
        self.optimiser.recall([flattened(remembered) for remembered in state.memory or ()])
