"""Weights and biases in canonical form, and what a seed gives every implementation alike.

That is the start weights, and the order of the examples in each epoch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from impls.networks import Network, Training

Floats = npt.NDArray[np.floating[Any]]
Indices = npt.NDArray[np.intp]
"""Row numbers of examples in the data."""
N = TypeVar("N", bound=np.generic)


def read_only(array: npt.NDArray[N]) -> npt.NDArray[N]:
    """Return ``array``, or a view of it, such that nothing can be written through it.

    Trainers are given such views: one that writes in place would change the numbers of others.
    """
    if not array.flags.writeable:
        return array
    view = array.view()
    view.setflags(write=False)
    return view


def read_only_hint(error: BaseException) -> str:
    """Return what to do about an ``error`` of a trainer that wrote into what it was given."""
    is_written = isinstance(error, ValueError) and "read-only" in str(error)
    return ". Start weights and data cannot be written to: copy them first" if is_written else ""


@dataclass(frozen=True)
class Parameters:
    """Weights and biases in canonical form; also the shape in which gradients travel.

    ``weights[i]`` has shape ``(n_in, n_out)`` in C order, ``biases[i]`` has shape ``(n_out,)``.
    """

    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]

    def astype(self, dtype: npt.DTypeLike) -> Parameters:
        """Return a copy in ``dtype``."""
        return Parameters(
            tuple(np.array(w, dtype=dtype, order="C") for w in self.weights),
            tuple(np.array(b, dtype=dtype) for b in self.biases),
        )

    def read_only(self) -> Parameters:
        """Return views that cannot be written to."""
        return Parameters(tuple(map(read_only, self.weights)), tuple(map(read_only, self.biases)))

    def arrays(self) -> Iterator[tuple[str, Floats]]:
        """Yield every array with a readable name, such as ``weights[0]``."""
        for index, (weights, biases) in enumerate(zip(self.weights, self.biases, strict=True)):
            yield f"weights[{index}]", weights
            yield f"biases[{index}]", biases


class Flat:
    """All weights, then all biases, in one vector, with matrix and vector views of the parts.

    Penalty and update then touch one contiguous piece of memory in a handful of calls, whatever the
    number of layers.  ``vector`` is that memory where it exists already.
    """

    def __init__(self, network: Network, vector: Floats | None = None) -> None:
        if vector is None:
            vector = np.zeros(network.parameter_count, dtype=network.dtype)
        self.vector = vector
        self.W: list[Floats] = []
        self.b: list[Floats] = []
        start = 0
        for n_in, n_out in network.shapes:
            self.W.append(self.vector[start : start + n_in * n_out].reshape(n_in, n_out))
            start += n_in * n_out
        self.weights = self.vector[:start]
        for _, n_out in network.shapes:
            self.b.append(self.vector[start : start + n_out])
            start += n_out

    def fill(self, parameters: Parameters) -> None:
        """Copy canonical ``parameters`` in."""
        ours = [*self.W, *self.b]
        for view, given in zip(ours, [*parameters.weights, *parameters.biases], strict=True):
            view[...] = given

    def canonical(self) -> Parameters:
        """Return a canonical copy."""
        return Parameters(tuple(self.W), tuple(self.b)).astype(self.vector.dtype)


def start_parameters(network: Network, training: Training, seed: int) -> Parameters:
    """Return start weights and biases, as ``training.start`` says.

    They are drawn in float64 and rounded to the network's dtype once, so that a float64
    implementation starts from exactly the numbers that a float32 one starts from.
    """
    rng = np.random.default_rng([seed, 0])
    weights, biases = [], []
    places = [conv.kernel**2 for conv in network.conv_layers] + [1] * len(network.layers)
    for (n_in, n_out), at in zip(network.shapes, places, strict=False):
        if training.start == "glorot":
            # Glorot and Bengio, 2010, equation 16; an input of a filter reaches ``at`` outputs.
            bound, bias_bound = np.sqrt(6 / (n_in + at * n_out)), 0.0
        else:
            bound = bias_bound = training.start_scale / np.sqrt(n_in)
        weights.append(rng.uniform(-bound, bound, (n_in, n_out)).astype(network.dtype))
        biases.append(rng.uniform(-bias_bound, bias_bound, n_out).astype(network.dtype))
    return Parameters(tuple(weights), tuple(biases))


def epoch_order(examples: int, seed: int, epoch: int) -> Indices:
    """Return the shuffled row numbers of one epoch, shape ``(examples,)``.

    Each epoch has a separate generator, so epoch 20 can be drawn without the nineteen before.
    """
    return np.random.default_rng([seed, 1, epoch]).permutation(examples)


def batches(order: Indices, batch_size: int) -> Iterator[Indices]:
    """Yield consecutive views of ``order``; the last one holds the rest, so it may be shorter."""
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]
