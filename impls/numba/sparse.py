"""The compiled step with the work on background pixels left out.

Four of five pixels of a handwritten digit are background.  It is 0 where pixels are merely divided
by 255; standardised, it is no longer 0, but still one value ``c``, and with it everything stays
exact:

    X @ W = dense @ W_dense + c @ W_sparse + (X_sparse - c) @ W_sparse

The last factor is nearly empty.  The gradient follows: ``(X_sparse - c).T @ delta`` plus ``c``
times the column sums of ``delta``.

What it buys: the columns that nearly always are background go through loops that skip it, the
others through BLAS as before.  That is less than half of the first layer's products, and less than
half of the numbers to gather.  It can beat the floor, which multiplies everything.
"""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from impls.contract import State
from impls.networks import Network, Training
from impls.numba import trainer as numba_trainer
from impls.numba.sparse_products import GROUP
from impls.numba.state import SparseRows
from impls.parameters import Floats, Parameters

DENSE_FROM = 0.2
"""Share of examples that differ from the background from which on a column counts as dense.

BLAS takes about a fifth of the time for a number that the loops take for one that is not
background.
"""
_ROWS_LOOKED_AT = 2001


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
        """Return ``canonical`` with the features in the order that is used inside."""
        W, *others = canonical.weights
        return Parameters((W[self.order], *others), canonical.biases)

    def _in_order(self, inside: Parameters) -> Parameters:
        """Return ``inside`` with the features as they came."""
        W, *others = inside.weights
        canonical = np.empty_like(W)
        canonical[self.order] = W
        return Parameters((canonical, *others), inside.biases)


def split(X: Floats) -> tuple[npt.NDArray[np.int64], Floats, SparseRows]:
    """Split the columns of ``X``, shape ``(examples, features)``.

    Returns the order of features, sparse ones first; the dense columns, contiguous; and the rest.
    """
    # Of an odd number of rows the median is a value that occurs; if one value has the majority,
    # as the background of a sparse column has, it is the median.
    some = X[:: max(1, len(X) // _ROWS_LOOKED_AT)]
    background = np.median(some[: len(some) - 1 + len(some) % 2], axis=0).astype(X.dtype)
    differs = background != X
    density = differs.mean(axis=0)
    sparse = density < DENSE_FROM
    # One column at least goes through BLAS, so that there is a product at all.
    sparse[density.argmax()] = False
    features = np.arange(X.shape[1])
    order = np.concatenate([features[sparse], features[~sparse]])
    different = differs[:, sparse]
    rows, columns = np.nonzero(different)
    counts = different.sum(axis=1)
    starts = np.concatenate([[0], np.cumsum(-(-counts // GROUP) * GROUP)])
    # Where each value goes: its row's start, and on by its place in the row.
    places = np.arange(len(rows)) + np.repeat(starts[:-1] - (np.cumsum(counts) - counts), counts)
    rest = SparseRows(
        starts=starts,
        # Places without a value name different columns: two at once would wait for each other.
        columns=np.arange(starts[-1], dtype=np.int32) % GROUP % max(1, int(sparse.sum())),
        values=np.zeros(starts[-1], X.dtype),
        background=background[sparse],
    )
    rest.columns[places] = columns
    rest.values[places] = (X[:, sparse] - background[sparse])[rows, columns]
    return order, np.ascontiguousarray(X[:, ~sparse]), rest
