"""Keras' convolution with a gradient that XLA's CPU library computes inside loops, too.

That library takes a convolution of maps ``(examples, height, width, channels)`` by kernels
``(height, width, channels, filters)``.  XLA brings others into this order, but only in the
outermost computation of a program: its pass ``ConvCanonicalization`` looks at no other, so inside a
loop they are computed value by value, ten times slower or more
(https://github.com/jax-ml/jax/issues/12868).  Keras' convolution is in that order, the gradients
that JAX derives of it are not; here they are written as convolutions that are.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import keras
from jax import lax
from keras import ops

Array = Any  # CI checks types without JAX, so its types are left out everywhere

ORDER = ("NHWC", "HWIO", "NHWC")
"""That of maps, kernels and results, in JAX' letters."""


class Conv2D(keras.layers.Conv2D):  # type: ignore[misc]  # Keras ships no types
    """Keras' layer for filters moved by one over the inside of maps, channels last."""

    def convolution_op(self, inputs: Array, kernel: Array) -> Array:
        """Return what the layer calls before bias and activation."""
        return convolved(inputs, ops.convert_to_tensor(kernel))


def _inside(maps: Array, kernels: Array) -> Array:
    return _bordered(maps, kernels, 0, 0)


def _bordered(maps: Array, kernels: Array, rows: int, columns: int) -> Array:
    """Return each filter at each place of ``maps``, padded with zeros."""
    zeros = ((rows, rows), (columns, columns))
    return lax.conv_general_dilated(maps, kernels, (1, 1), zeros, dimension_numbers=ORDER)


def _forward(maps: Array, kernels: Array) -> tuple[Array, tuple[Array, Array]]:
    return _inside(maps, kernels), (maps, kernels)


def _backward(kept: tuple[Array, Array], delta: Array) -> tuple[Array, Array]:
    """Gradients of maps and kernels; XLA leaves out that of maps where nobody asks for it.

    A map's is the delta, bordered by zeros, under the turned kernels.  A kernel's is the map under
    the delta: examples take the place of channels, channels that of examples.
    """
    maps, kernels = kept
    height, width, _, _ = kernels.shape
    turned = jnp.flip(kernels, (0, 1)).transpose(0, 1, 3, 2)
    of_maps = _bordered(delta, turned, height - 1, width - 1)
    of_kernels = _inside(maps.transpose(3, 1, 2, 0), delta.transpose(1, 2, 0, 3))
    return of_maps, of_kernels.transpose(1, 2, 0, 3)


convolved = jax.custom_vjp(_inside)
"""Each filter on each place of maps, with the gradient of this file."""

convolved.defvjp(_forward, _backward)
