"""Convolution and max pooling in plain NumPy, and the way back through both.

Maps lie as ``(examples, height, width, channels)``, the channels of a place side by side.

*Convolution.*  Each filter is laid on each place of a map where it fits, and its weights are
multiplied with what lies below them.  So with every patch of the map as a row (``patches``) the
whole convolution is one matrix product, and what holds for dense layers holds here, with one row
per example and place: the gradient of the weights is the patches, transposed, times the deltas,
and the deltas times the weights, transposed, are the deltas of the patches.  A value of the map
lies in many patches; its delta is the sum over all of them (``overlaid``).

*Pooling.*  Of each square the largest value goes on, and on the way back its place alone has a
delta.  Of equal values the first counts, in the order of rows.

*Order.*  A layer applies its activation before it pools.  Here the largest *input* of each square
is taken, and the activation is applied to it afterwards: activations never fall, so the largest
input has the largest output, and the other inputs are not needed again.

A map has many more patches than values, so they are made for some examples at a time.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from impls.convolution import ConvLayer
from impls.parameters import Floats

Places = npt.NDArray[np.intp]

NUMBERS_AT_ONCE = 1 << 21
"""About how many numbers the patches hold that exist at a time: 16 MiB in double precision."""


def patches(maps: Floats, kernel: int) -> Floats:
    """Return every ``kernel x kernel`` square of ``maps`` as a row.

    Rows run over examples, heights and widths, columns over the heights, widths and channels
    within the square, the last of each fastest.
    """
    windows = np.lib.stride_tricks.sliding_window_view(maps, (kernel, kernel), axis=(1, 2))
    in_order = np.moveaxis(windows, 3, 5)
    return in_order.reshape(-1, kernel * kernel * maps.shape[3])


def overlaid(rows: Floats, shape: tuple[int, int, int, int], kernel: int) -> Floats:
    """Return maps with the sum of all ``rows`` where :func:`patches` took them from."""
    examples, height, width, channels = shape
    down, across = height - kernel + 1, width - kernel + 1
    squares = rows.reshape(examples, down, across, kernel, kernel, channels)
    maps = np.zeros(shape, rows.dtype)
    for i in range(kernel):
        for j in range(kernel):
            maps[:, i : i + down, j : j + across] += squares[:, :, :, i, j]
    return maps


def convolved(maps: Floats, W: Floats, kernel: int) -> Floats:
    """Return every filter at every place, shape ``(examples, height', width', filters)``.

    ``W`` has the canonical shape ``(kernel * kernel * channels, filters)``.
    """
    examples, height, width, _ = maps.shape
    products = patches(maps, kernel) @ W
    return products.reshape(examples, height - kernel + 1, width - kernel + 1, W.shape[1])


def squares(maps: Floats, size: int) -> Floats:
    """Return ``maps`` in squares: ``(examples, height', width', size * size, channels)``.

    What is left over at the lower and right edges is dropped.
    """
    examples, height, width, channels = maps.shape
    down, across = height // size, width // size
    cut = maps[:, : down * size, : across * size]
    cut = cut.reshape(examples, down, size, across, size, channels).swapaxes(2, 3)
    return cut.reshape(examples, down, across, size * size, channels)


def pooled(maps: Floats, size: int) -> tuple[Floats, Places]:
    """Return the largest value of each square, and which of the square's values it is.

    Both have the shape ``(examples, height // size, width // size, channels)``.
    """
    cut = squares(maps, size)
    places = cut.argmax(axis=3)
    largest = np.take_along_axis(cut, places[:, :, :, None], axis=3)[:, :, :, 0]
    return largest, places


def unpooled(delta: Floats, places: Places, shape: tuple[int, int, int, int], size: int) -> Floats:
    """Return maps of ``shape`` with each ``delta`` at the place of the largest, zeros elsewhere."""
    examples, down, across, channels = delta.shape
    cut = np.zeros((examples, down, across, size * size, channels), delta.dtype)
    np.put_along_axis(cut, places[:, :, :, None], delta[:, :, :, None], axis=3)
    cut = cut.reshape(examples, down, across, size, size, channels).swapaxes(2, 3)
    maps = np.zeros(shape, delta.dtype)
    maps[:, : down * size, : across * size] = cut.reshape(
        examples, down * size, across * size, channels
    )
    return maps


def forward(conv: ConvLayer, A: Floats, W: Floats, b: Floats) -> tuple[Floats, Places]:
    """Return the largest inputs of each square and their places, ``(examples, conv.outputs)``.

    ``A`` has shape ``(examples, height * width * channels)``: maps as flat rows.
    """
    Z = np.empty((len(A), conv.outputs), A.dtype)
    places = np.empty((len(A), conv.outputs), np.intp)
    for some in _parts(len(A), conv):
        inputs = convolved(_maps(conv, A[some]), W, conv.kernel) + b
        largest, which = pooled(inputs, conv.pool)
        Z[some], places[some] = largest.reshape(len(largest), -1), which.reshape(len(which), -1)
    return Z, places


def gradient(conv: ConvLayer, A: Floats, delta: Floats, places: Places) -> Floats:
    """Return the gradient of the weights: patches, transposed, times deltas.

    ``delta`` is that of the largest inputs, shape ``(examples, conv.outputs)``.
    """
    G = np.zeros(conv.shape, delta.dtype)
    for some in _parts(len(A), conv):
        rows = patches(_maps(conv, A[some]), conv.kernel)
        G += rows.T @ _deltas(conv, delta[some], places[some])
    return G


def backward(conv: ConvLayer, delta: Floats, places: Places, W: Floats) -> Floats:
    """Return the delta of the layer's inputs, shape ``(examples, height * width * channels)``."""
    below = np.empty((len(delta), conv.height * conv.width * conv.channels), delta.dtype)
    for some in _parts(len(delta), conv):
        rows = _deltas(conv, delta[some], places[some]) @ W.T
        shape = (len(delta[some]), conv.height, conv.width, conv.channels)
        below[some] = overlaid(rows, shape, conv.kernel).reshape(shape[0], -1)
    return below


def _parts(examples: int, conv: ConvLayer) -> Iterator[slice]:
    """Yield slices of the examples, short enough for their patches."""
    height, width = conv.filtered
    numbers = height * width * max(conv.shape[0], conv.filters)
    step = max(1, NUMBERS_AT_ONCE // numbers)
    return (slice(start, start + step) for start in range(0, examples, step))


def _maps(conv: ConvLayer, A: Floats) -> Floats:
    return A.reshape(len(A), conv.height, conv.width, conv.channels)


def _deltas(conv: ConvLayer, delta: Floats, places: Places) -> Floats:
    """Return the deltas of all inputs, one row per patch."""
    height, width = conv.filtered
    shape = (len(delta), *conv.pooled)
    whole = (len(delta), height, width, conv.filters)
    spread = unpooled(delta.reshape(shape), places.reshape(shape), whole, conv.pool)
    return spread.reshape(-1, conv.filters)
