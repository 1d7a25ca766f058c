"""Parameters of a network in one tensor, and a tile of examples that runs through it.

PyTorch multiplies float32 matrices with MKL where it was built with it.  oneDNN, which it brings as
well and which its compiler uses for inference, was twice as fast on a processor that MKL does not
favour, but has a longer way to the first multiplication.  So large products go there.
"""

from __future__ import annotations

import torch

from impls.networks import Network
from impls.parameters import Floats, Parameters
from impls.torch.dropout import Tensor, mask
from impls.torch.functions import ACTIVATIONS_IN_PLACE, TIMES_SLOPE, data_loss, outputs

ONEDNN = torch.backends.mkldnn.is_available()
ONEDNN_MULTIPLICATIONS = 1 << 21
"""From here on a product is worth the longer way to oneDNN."""


def linear(H: Tensor, W: Tensor, b: Tensor | None = None) -> Tensor:
    """Return ``H @ W.T + b`` by oneDNN, for operands in any order; not recorded by autograd."""
    # The public operator wants its operands copied into a layout of its own.
    return torch.ops.mkldnn._linear_pointwise(H, W, b, "none", [], "")  # noqa: SLF001


def worth_onednn(H: Tensor, W: Tensor) -> bool:
    """Return whether ``H @ W.T``, and any product of these sizes, is faster there."""
    multiplications: int = len(H) * W.numel()
    return ONEDNN and bool(W.dtype == torch.float32) and multiplications >= ONEDNN_MULTIPLICATIONS


def views(vector: Tensor, layers: tuple[int, ...]) -> tuple[list[Tensor], list[Tensor]]:
    """Return matrices ``(n_out, n_in)``, as ``nn.Linear`` has them, and biases in ``vector``."""
    shapes = list(zip(layers[1:], layers[:-1], strict=True))
    parts = vector.split([n_out * n_in for n_out, n_in in shapes] + list(layers[1:]))
    W = [part.view(shape) for part, shape in zip(parts, shapes, strict=False)]
    return W, list(parts[len(shapes) :])


def canonical(vector: Tensor, network: Network) -> Parameters:
    """Return a canonical copy of parameters that lie in ``vector``."""
    W, b = views(vector, network.layers)
    weights: tuple[Floats, ...] = tuple(part.T.numpy() for part in W)
    biases: tuple[Floats, ...] = tuple(part.numpy() for part in b)
    return Parameters(weights, biases).astype(network.dtype)


class Flat:
    """All weights, then all biases, in one vector, with matrix and vector views of the parts."""

    def __init__(self, network: Network) -> None:
        self.network = network
        dtype = getattr(torch, network.dtype)
        self.vector = torch.zeros(network.parameter_count, dtype=dtype)
        self.W, self.b = views(self.vector, network.layers)
        # Transposing costs a call, and products ask for it at every step.
        self.W_transposed = [W.T for W in self.W]
        self.weights = self.vector[: sum(W.numel() for W in self.W)]

    def fill(self, parameters: Parameters) -> None:
        """Copy canonical ``parameters`` in."""
        for W, given in zip(self.W_transposed, parameters.weights, strict=True):
            W.copy_(torch.tensor(given))
        for b, given in zip(self.b, parameters.biases, strict=True):
            b.copy_(torch.tensor(given))

    def canonical(self) -> Parameters:
        """Return a canonical copy."""
        return canonical(self.vector, self.network)


class Tile:
    """Buffers for ``rows`` examples, and the work that is done on them.

    ``A[layer]`` holds the outputs of a layer, ``H[layer]`` what dropout leaves of them: the same
    tensor where nothing is dropped.  ``D[layer]`` is the delta that belongs to ``W[layer]``.
    """

    def __init__(self, network: Network, P: Flat, rows: int) -> None:
        self.network, self.P, self.rows = network, P, rows
        self.A = [P.vector.new_empty(rows, nodes) for nodes in network.layers]
        self.D = [torch.empty_like(A) for A in self.A[1:]]
        self.scratch = [torch.empty_like(A) for A in self.A[1:]]
        self.T = torch.empty_like(self.A[-1])
        self.rates = (0.0, *network.dropout_rates)
        self.H = [torch.empty_like(A) if p else A for A, p in zip(self.A, self.rates, strict=False)]
        self.masks: list[Tensor | None] = [None] * len(self.rates)
        self.large = [worth_onednn(self.T, W) for W in P.W]

    def gather(self, X: Tensor, Y: Tensor, rows: Tensor) -> None:
        """Copy the examples ``rows`` into the tile."""
        torch.index_select(X, 0, rows, out=self.A[0])
        torch.index_select(Y, 0, rows, out=self.T)

    def draw(self, columns: list[Tensor], row_keys: Tensor) -> None:
        """Draw the dropout masks of rows whose keys are ``row_keys``."""
        for layer, rate in enumerate(self.rates):
            if rate:
                nodes = self.network.layers[layer]
                self.masks[layer] = mask(columns[layer - 1], row_keys, nodes, rate, self.T.dtype)

    def forward(self, *, training: bool) -> Tensor:
        """Fill the activations of all layers, with dropout while ``training``; returns the last."""
        H, activate = self.A[0], ACTIVATIONS_IN_PLACE[self.network.activation]
        for layer in range(1, len(self.A) - 1):
            self.A[layer] = A = activate(self._inputs(layer, H))
            if training and self.rates[layer]:
                H = torch.mul(A, self.masks[layer], out=self.H[layer])
            else:
                H = self.H[layer] = A
        self.Z = self._inputs(len(self.A) - 1, H)
        # The loss is computed from what went in.
        self.A[-1] = outputs(self.network, self.Z)
        return self.A[-1]

    def _inputs(self, layer: int, H: Tensor) -> Tensor:
        """Return what goes into a layer where ``H`` came out of the one below."""
        P, below = self.P, layer - 1
        if self.large[below]:
            return linear(H, P.W[below], P.b[below])
        return torch.addmm(P.b[below], H, P.W_transposed[below], out=self.A[layer])

    def deviate(self) -> None:
        """Fill the last delta with the deviation of outputs from targets."""
        torch.sub(self.A[-1], self.T, out=self.D[-1])

    def loss(self) -> tuple[float, float]:
        """Return data loss and absolute deviation, both summed over the tile."""
        error = torch.linalg.vector_norm(self.D[-1], 1).item()
        return data_loss(self.network.loss, self.Z, self.T, self.A[-1]).item(), error

    def backward(self, G: Flat, share: float | None, scale: float) -> None:
        """Turn the deviation into gradients, written into ``G`` or, without ``share``, added to it.

        ``share`` times the weights is added to their gradients.  The data loss is multiplied by
        ``scale``.
        """
        delta = self.D[-1]
        if self.network.loss == "mse":
            TIMES_SLOPE["sigmoid"](delta, self.A[-1], delta)
        if scale != 1:
            delta.mul_(scale)
        for layer in range(len(self.D) - 1, -1, -1):
            self._gradients(layer, delta, G, share)
            if layer:
                delta = self._delta_below(layer, delta)

    def _gradients(self, layer: int, delta: Tensor, G: Flat, share: float | None) -> None:
        """Write or add the gradients of one layer."""
        into, W, H, turned = G.W[layer], self.P.W[layer], self.H[layer], delta.T
        if share is None:
            G.b[layer].add_(delta.sum(0))
        else:
            torch.sum(delta, 0, out=G.b[layer])
        if self.large[layer]:
            product = linear(turned, H.T)
            if share is None:
                into.add_(product)
            else:
                torch.add(product, W, alpha=share, out=into)
        elif share is None:
            torch.addmm(into, turned, H, out=into)
        else:
            # The product itself adds the share of the weights.
            torch.addmm(W, turned, H, beta=share, out=into)

    def _delta_below(self, layer: int, delta: Tensor) -> Tensor:
        """Return the delta of the layer below."""
        P, A = self.P, self.A[layer]
        if self.large[layer]:
            below = linear(delta, P.W_transposed[layer])
        else:
            below = torch.mm(delta, P.W[layer], out=self.D[layer - 1])
        if self.rates[layer]:
            below.mul_(self.masks[layer])
        TIMES_SLOPE[self.network.activation](below, A, self.scratch[layer - 1])
        return below
