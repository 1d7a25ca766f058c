"""A network as PyTorch's own modules, and the way of its parameters to canonical form and back.

Maps are ``(channels, height, width)`` here, the order of PyTorch by default: with
``channels_last`` the networks of the articles took up to a third longer on a CPU.  Canonical rows
run over ``(height, width, channels)``; so the weights of a convolution, and those of the dense
layer that reads its maps, are put into the other order at the border, and so are images of several
channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from impls.networks import Network
from impls.parameters import Floats, Parameters
from impls.torch.dropout import Tensor
from impls.torch.functions import ACTIVATIONS


class Model(nn.Module):  # type: ignore[misc]  # CI checks types without PyTorch
    """Convolutions and dense layers; called with examples, it gives the last layer's input.

    ``values`` holds all weights, then all biases; ``weights`` the former.
    """

    def __init__(self, network: Network, device: str) -> None:
        super().__init__()
        kind = {"device": device, "dtype": getattr(torch, network.dtype)}
        conv_layers = network.conv_layers
        self.activation = ACTIVATIONS[network.activation]
        self.image: tuple[int, int, int] | None = None
        if network.image and network.convolutions:
            height, width, channels = network.image
            self.image = channels, height, width
        self.convolutions = nn.ModuleList(
            nn.Conv2d(conv.channels, conv.filters, conv.kernel, **kind) for conv in conv_layers
        )
        self.pools = nn.ModuleList(
            nn.MaxPool2d(conv.pool) if conv.pool > 1 else nn.Identity() for conv in conv_layers
        )
        sizes = zip(network.dense[:-1], network.dense[1:], strict=True)
        self.dense = nn.ModuleList(nn.Linear(n_in, n_out, **kind) for n_in, n_out in sizes)
        layers = [*self.convolutions, *self.dense]
        self.weights = [layer.weight for layer in layers]
        self.values = self.weights + [layer.bias for layer in layers]

    def forward(self, X: Tensor, masks: Sequence[Tensor | None]) -> Tensor:
        """Run examples through; ``masks`` multiply the outputs of the hidden dense layers."""
        H = self._maps(X) if self.image else X
        for layer, mask in zip(self.dense, masks, strict=False):
            H = self.activation(layer(H))
            if mask is not None:
                H = H * mask
        return self.dense[-1](H)

    def _maps(self, X: Tensor) -> Tensor:
        """Return the maps that the last convolution leaves, as rows."""
        H = X.view(-1, *(self.image or ()))
        for convolution, pool in zip(self.convolutions, self.pools, strict=True):
            # The largest stays the largest under an activation that rises: pooled first, a quarter
            # of the values is left to activate.
            H = self.activation(pool(convolution(H)))
        return H.flatten(1)


def examples(X: Floats, network: Network, device: str) -> Tensor:
    """Return a copy of examples on the device, each row in the order of :class:`Model`."""
    rows = torch.tensor(X, device=device)
    if not network.convolutions or network.image is None:
        return rows
    return rows.view(-1, *network.image).permute(0, 3, 1, 2).reshape(rows.shape)


def grids(network: Network) -> list[tuple[int, int, int]]:
    """Return height, width and channels over which the rows of each canonical weight matrix run."""
    shapes = [(conv.kernel, conv.kernel, conv.channels) for conv in network.conv_layers]
    shapes += [(1, 1, nodes) for nodes in network.dense[:-1]]
    if network.convolutions:
        shapes[len(network.conv_layers)] = network.conv_layers[-1].pooled
    return shapes


def fill(values: Sequence[Tensor], parameters: Parameters, network: Network) -> None:
    """Copy canonical ``parameters`` into tensors like a model's ``values``, where they lie."""
    arrays = zip(parameters.weights, grids(network), strict=True)
    turned = [torch.tensor(W).view(*grid, -1).permute(3, 2, 0, 1) for W, grid in arrays]
    given = [*turned, *map(torch.tensor, parameters.biases)]
    with torch.no_grad():
        for into, array in zip(values, given, strict=True):
            into.copy_(array.reshape(into.shape))


def canonical(values: Sequence[Tensor], network: Network) -> Parameters:
    """Return a canonical copy of tensors like a model's ``values``."""
    arrays = [value.detach().cpu() for value in values]
    count = len(network.shapes)
    weights = []
    for W, (height, width, channels), shape in zip(
        arrays, grids(network), network.shapes, strict=False
    ):
        turned = W.reshape(-1, channels, height, width).permute(2, 3, 1, 0)
        weights.append(turned.reshape(shape).numpy())
    biases = tuple(b.numpy() for b in arrays[count:])
    return Parameters(tuple(weights), biases).astype(network.dtype)
