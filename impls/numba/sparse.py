"""The compiled step with the work on background pixels left out.

Four of five pixels of a handwritten digit are background.  The columns that nearly always are go
through loops that skip the background, the others through BLAS as before; see
:mod:`impls.numba.sparse_rows` for why the result is the same.  What it buys: less than half of the
first layer's products, and less than half of the numbers to gather.  It can beat the floor, which
multiplies everything.
"""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from impls.contract import State
from impls.networks import Network, Training
from impls.numba import trainer as numba_trainer
from impls.numba.sparse_rows import split
from impls.parameters import Floats, Parameters


class Trainer(numba_trainer.Trainer):
    """Features in an order of its own inside: sparse columns first, then the dense ones."""

    def __init__(self, network: Network, training: Training, parameters: Parameters) -> None:
        self.order: npt.NDArray[np.int64] = np.arange(network.layers[0])
        super().__init__(network, training, parameters)

    def load(self, parameters: Parameters) -> None:
        super().load(self._inside(parameters))

    def bind(self, X: Floats, Y: Floats) -> None:
        # Data have an order of their own; what has been learned goes on in it.
        before = self.state()
        self.order, dense, rest = split(X)
        self.sparse = rest if len(rest.background) else None
        layers = (dense.shape[1], *self.network.layers[1:])
        inside = msgspec.structs.replace(self.network, layers=layers)
        self.net = self._describe(inside, self.training)
        self.resume(before)
        super().bind(dense, Y)

    def state(self) -> State:
        state = super().state()
        return state._replace(memory=tuple(map(self._in_order, state.memory or ())))

    def resume(self, state: State) -> None:
        super().resume(state._replace(memory=tuple(map(self._inside, state.memory or ()))))

    def parameters(self) -> Parameters:
        return self._in_order(super().parameters())

    def gradients(self) -> Parameters:
        return self._in_order(super().gradients())

    def _inside(self, canonical: Parameters) -> Parameters:
        """``canonical`` with the features in the order that is used inside."""
        W, *others = canonical.weights
        return Parameters((W[self.order], *others), canonical.biases)

    def _in_order(self, inside: Parameters) -> Parameters:
        """``inside`` with the features as they came."""
        W, *others = inside.weights
        canonical = np.empty_like(W)
        canonical[self.order] = W
        return Parameters((canonical, *others), inside.biases)
