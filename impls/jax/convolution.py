"""Convolution and max pooling as functions of JAX arrays.

What XLA has for both is not used on a CPU, where it was slow:

- *Inside a compiled loop* its library takes convolutions in one order of axes alone, and the
  gradients that JAX derives are in others, so they run without the library that takes them outside,
  ten times slower or more; the epoch is such a loop.  So a convolution is the product of the
  weights with all patches of a map, side by side.  Gradients written in the library's order, as
  those of :func:`convolved_channels_last`, which Keras' layers use here, are about as fast: on one
  thread an epoch of ``cnn-small`` took a sixth longer with them, one of ``cnn-blog`` a tenth less.
  On a GPU the loop makes no difference, and the library's convolution needs no memory for patches.
- *The gradient of its pooling* (``reduce_window``) searches the largest value of each square
  again: a whole step took three times as long as with the elementwise maximum of strided slices.
  That one's own gradient would halve the delta between equal values, where the reference lets the
  first one have it all.  So it is written here, which was faster still.

*Examples last.*  On a CPU maps lie as ``(channels, height, width, examples)``: whatever is copied,
compared or added is then a run of examples, however few channels there are.  Two copies of
``kernel`` slices each, first along the width, then along the height, make the patches: the second
one moves longer runs than ``kernel**2`` slices at once would, and its gradient adds fewer of them.

*Pooling comes before bias and activation*, on a quarter of the values: activations never fall, so
the largest input has the largest output.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from impls.convolution import ConvLayer

Array = Any  # as in impls.jax.compiled
Activation = Callable[[Array], Array]

HEIGHT, WIDTH = 1, 2
"""The axes of a map, in both orders."""


def flattened(
    conv_layers: tuple[ConvLayer, ...],
    activation: Activation,
    pairs: list[tuple[Array, Array]],
    X: Array,
    *,
    patches: bool,
) -> Array:
    """Return what the convolutions leave of the examples ``X``, shape ``(examples, height * ...)``.

    ``pairs`` are their weights, ``(filters, kernel * kernel * channels)``, and biases.
    """
    image = conv_layers[0]
    maps = X.reshape(-1, image.height, image.width, image.channels)
    if patches:
        maps = maps.transpose(3, 1, 2, 0)
    for conv, (W, b) in zip(conv_layers, pairs, strict=True):
        Z = convolved(maps, W, conv) if patches else convolved_by_library(maps, W, conv)
        bias = b[:, None, None, None] if patches else b
        maps = activation(pooled(Z, conv.pool) + bias)
    if patches:
        maps = maps.transpose(3, 1, 2, 0)
    return maps.reshape(len(X), -1)


def convolved(maps: Array, W: Array, conv: ConvLayer) -> Array:
    """Return each filter at each place of maps ``(channels, height, width, examples)``."""
    height, width = conv.filtered
    for axis, places in ((WIDTH, width), (HEIGHT, height)):
        # The slices go in front: heights before widths before channels, as the weights have them.
        slices = [
            lax.slice_in_dim(maps, first, first + places, axis=axis) for first in range(conv.kernel)
        ]
        maps = jnp.concatenate(slices, axis=0)
    return jnp.tensordot(W, maps, 1)


def convolved_by_library(maps: Array, W: Array, conv: ConvLayer) -> Array:
    """Return the same of maps ``(examples, height, width, channels)``."""
    kernels = W.reshape(conv.filters, conv.kernel, conv.kernel, conv.channels)
    orders = ("NHWC", "OHWI", "NHWC")
    return lax.conv_general_dilated(maps, kernels, (1, 1), "VALID", dimension_numbers=orders)


@jax.custom_vjp  # type: ignore[untyped-decorator]  # JAX' types are left out
def convolved_channels_last(maps: Array, kernels: Array) -> Array:
    """Return each filter at each place, with a gradient that is fast inside loops, too.

    XLA's library for CPUs takes a convolution of maps ``(examples, height, width, channels)`` by
    kernels ``(height, width, channels, filters)``.  XLA brings others into this order, but only in
    the outermost computation of a program: its pass ``ConvCanonicalization`` looks at no other, so
    inside a loop they are computed value by value (https://github.com/jax-ml/jax/issues/12868).
    This convolution is in that order, the gradients that JAX derives of it are not; here they are
    convolutions that are.
    """
    return _bordered(maps, kernels, 0, 0)


def _bordered(maps: Array, kernels: Array, rows: int, columns: int) -> Array:
    """Return each filter at each place of ``maps``, padded with zeros."""
    zeros, orders = ((rows, rows), (columns, columns)), ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(maps, kernels, (1, 1), zeros, dimension_numbers=orders)


def _gradients(kept: tuple[Array, Array], delta: Array) -> tuple[Array, Array]:
    """Return gradients of maps and kernels; XLA leaves out that of maps where nobody asks for it.

    A map's is the delta, bordered by zeros, under the turned kernels.  A kernel's is the map under
    the delta: examples take the place of channels, channels that of examples.
    """
    maps, kernels = kept
    height, width, _, _ = kernels.shape
    turned = jnp.flip(kernels, (0, 1)).transpose(0, 1, 3, 2)
    of_maps = _bordered(delta, turned, height - 1, width - 1)
    of_kernels = convolved_channels_last(maps.transpose(3, 1, 2, 0), delta.transpose(1, 2, 0, 3))
    return of_maps, of_kernels.transpose(1, 2, 0, 3)


convolved_channels_last.defvjp(
    lambda maps, kernels: (convolved_channels_last(maps, kernels), (maps, kernels)), _gradients
)


def pooled(maps: Array, size: int) -> Array:
    """Return the largest value of each ``size x size`` square; rests at the edges are dropped.

    In the gradient, the first of equal values counts, in the order of rows.
    """
    return maps if size == 1 else _pooled(size, maps)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _pooled(size: int, maps: Array) -> Array:
    return functools.reduce(jnp.maximum, _corners(size, maps))


def _corners(size: int, maps: Array) -> list[Array]:
    """Return the values at each place of the squares, place by place in the order of rows."""
    height, width = (maps.shape[axis] // size * size for axis in (HEIGHT, WIDTH))
    return [
        maps[:, row:height:size, column:width:size] for row in range(size) for column in range(size)
    ]


def _forward(size: int, maps: Array) -> tuple[Array, tuple[Array, Array]]:
    largest = _pooled(size, maps)
    return largest, (maps, largest)


def _backward(size: int, kept: tuple[Array, Array], delta: Array) -> tuple[Array]:
    """Return the delta of each square, at the place of its largest value."""
    maps, largest = kept
    without = jnp.ones(largest.shape, bool)
    deltas = []
    for values in _corners(size, maps):
        deltas.append(jnp.where(without & (values == largest), delta, 0))
        without &= values != largest
    rows = [_woven(deltas[first : first + size], WIDTH) for first in range(0, len(deltas), size)]
    whole = _woven(rows, HEIGHT)
    dropped = [(0, old - new) for old, new in zip(maps.shape, whole.shape, strict=True)]
    return (jnp.pad(whole, dropped),)


def _woven(parts: list[Array], axis: int) -> Array:
    """Return the parts' slices along an axis in turn."""
    shape = list(parts[0].shape)
    shape[axis] *= len(parts)
    return jnp.stack(parts, axis + 1).reshape(shape)


_pooled.defvjp(_forward, _backward)
