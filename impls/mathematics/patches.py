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

*Order.*  A stage applies its activation before it pools.  Here the largest *input* of each square
is taken, and the activation is applied to it afterwards: activations never fall, so the largest
input has the largest output, and the other inputs are not needed again.

A map has many more patches than values, so they are made for some examples at a time.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from impls.convolution import Stage
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


def forward(stage: Stage, A: Floats, W: Floats, b: Floats) -> tuple[Floats, Places]:
    """Return the largest inputs of each square and their places, ``(examples, stage.outputs)``.

    ``A`` has shape ``(examples, height * width * channels)``: maps as flat rows.
    """
    Z = np.empty((len(A), stage.outputs), A.dtype)
    places = np.empty((len(A), stage.outputs), np.intp)
    for some in _parts(len(A), stage):
        inputs = convolved(_maps(stage, A[some]), W, stage.kernel) + b
        largest, which = pooled(inputs, stage.pool)
        Z[some], places[some] = largest.reshape(len(largest), -1), which.reshape(len(which), -1)
    return Z, places


def gradient(stage: Stage, A: Floats, delta: Floats, places: Places) -> Floats:
    """Return the gradient of the weights: patches, transposed, times deltas.

    ``delta`` is that of the largest inputs, shape ``(examples, stage.outputs)``.
    """
    G = np.zeros(stage.shape, delta.dtype)
    for some in _parts(len(A), stage):
        rows = patches(_maps(stage, A[some]), stage.kernel)
        G += rows.T @ _deltas(stage, delta[some], places[some])
    return G


def backward(stage: Stage, delta: Floats, places: Places, W: Floats) -> Floats:
    """Return the delta of the stage's inputs, shape ``(examples, height * width * channels)``."""
    below = np.empty((len(delta), stage.height * stage.width * stage.channels), delta.dtype)
    for some in _parts(len(delta), stage):
        rows = _deltas(stage, delta[some], places[some]) @ W.T
        shape = (len(delta[some]), stage.height, stage.width, stage.channels)
        below[some] = overlaid(rows, shape, stage.kernel).reshape(shape[0], -1)
    return below


def _parts(examples: int, stage: Stage) -> Iterator[slice]:
    """Yield slices of the examples, short enough for their patches."""
    height, width = stage.filtered
    numbers = height * width * max(stage.shape[0], stage.filters)
    step = max(1, NUMBERS_AT_ONCE // numbers)
    return (slice(start, start + step) for start in range(0, examples, step))


def _maps(stage: Stage, A: Floats) -> Floats:
    return A.reshape(len(A), stage.height, stage.width, stage.channels)


def _deltas(stage: Stage, delta: Floats, places: Places) -> Floats:
    """Return the deltas of all inputs, one row per patch."""
    height, width = stage.filtered
    shape = (len(delta), *stage.pooled)
    whole = (len(delta), height, width, stage.filters)
    spread = unpooled(delta.reshape(shape), places.reshape(shape), whole, stage.pool)
    return spread.reshape(-1, stage.filters)
