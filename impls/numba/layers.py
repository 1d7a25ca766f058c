"""A tile's way through the layers and back, in compiled kernels.

``net`` and ``memory`` are those of :mod:`impls.numba.state`.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# Numba infers the types of what it compiles; annotations would only repeat the docstrings.

from __future__ import annotations

import numpy as np

from impls.numba.blas import gradient_product
from impls.numba.cache import compiled
from impls.numba.dropout import drop
from impls.numba.math import ONE, TANH, activate, column_sums, times_slope
from impls.numba.rows import add_products, add_sparse_gradients, outer, shifted


@compiled()
def weight_count(layers):
    """How many of the parameters are weights."""
    count = 0
    for layer in range(layers.size - 1):
        count += layers[layer] * layers[layer + 1]
    return count


@compiled()
def block(buffer, layers, layer, first, rows):
    """The matrix of ``layer`` for ``rows`` rows from row ``first`` on, a view of ``buffer``."""
    below = total = 0
    for index in range(layers.size):
        below += layers[index] if index < layer else 0
        total += layers[index]
    start = buffer.size // total * below + first * layers[layer]
    return buffer[start : start + rows * layers[layer]].reshape(rows, layers[layer])


@compiled()
def drop_layer(net, layer, A, key, row, scale):
    """Drop what the step of ``key`` drops of ``A``, outputs of hidden ``layer`` from ``row`` on."""
    hidden = layer - 1
    if net.thresholds[hidden]:
        columns = net.columns[net.starts[hidden] : net.starts[hidden + 1]]
        drop(A, key, row, columns, net.thresholds[hidden], scale)


@compiled()
def first_biases(net, memory, parameters):
    """Those of ``parameters`` that are the first layer's biases, a view."""
    start = memory.offset + weight_count(net.layers)
    return parameters[start : start + net.layers[1]]


@compiled()
def shifted_biases(net, memory):
    """The first layer's biases with what the background of the sparse columns adds to them."""
    biases = first_biases(net, memory, memory.theta)
    if not memory.offset:
        return biases
    W = memory.theta[: memory.offset].reshape(memory.background.size, net.layers[1])
    return shifted(biases, memory.background, W)


@compiled()
def forward(net, memory, examples, start_of_tile, rows, A, first, key, row, biases_of_first):
    """Activations of all layers for a tile, ``rows`` of the ``examples`` of a thread.

    In the batch, the first of them is number ``row``.
    """
    layers = net.layers
    theta = memory.theta[memory.offset :]
    start, bias = 0, weight_count(layers)
    for layer in range(1, layers.size):
        n_in, n_out = layers[layer - 1], layers[layer]
        W = theta[start : start + n_in * n_out].reshape(n_in, n_out)
        Z = block(A, layers, layer, first, rows)
        np.dot(block(A, layers, layer - 1, first, rows), W, Z)
        if layer == 1 and memory.offset:
            W = memory.theta[: memory.offset].reshape(memory.offset // n_out, n_out)
            add_products(memory, examples, start_of_tile, W, Z)
        b = biases_of_first if layer == 1 else theta[bias : bias + n_out]
        activate(net.codes[layer - 1], Z, b)
        if layer < layers.size - 1:
            drop_layer(net, layer, Z, key, row, net.scales[layer - 1])
        start += n_in * n_out
        bias += n_out


@compiled()
def backward(net, memory, examples, A, D, first, key, row, gradients, share):
    """Gradients of a tile, without penalty; the output's delta is in ``D`` already.

    ``gradients`` becomes them plus ``share``, 0 or 1, times what it was.
    """
    layers, rows = net.layers, examples.size
    theta, G = memory.theta[memory.offset :], gradients[memory.offset :]
    start, bias = weight_count(layers), theta.size
    for layer in range(layers.size - 2, -1, -1):
        n_in, n_out = layers[layer], layers[layer + 1]
        start -= n_in * n_out
        bias -= n_out
        below = block(A, layers, layer, first, rows)
        delta = block(D, layers, layer + 1, first, rows)
        gradient_product(below, delta, G[start : start + n_in * n_out].reshape(n_in, n_out), share)
        column_sums(delta, G[bias : bias + n_out], share)
        if layer == 0 and memory.offset:
            sparse = gradients[: memory.offset].reshape(memory.offset // n_out, n_out)
            if not share:
                outer(memory.background, G[bias : bias + n_out], sparse)
            add_sparse_gradients(memory, examples, delta, sparse)
        if layer > 0:
            W = theta[start : start + n_in * n_out].reshape(n_in, n_out)
            delta_below = block(D, layers, layer, first, rows)
            np.dot(delta, W.T, delta_below)
            times_slope(net.codes[layer - 1], delta_below, below, net.scales[layer - 1])
            if net.codes[layer - 1] == TANH:
                drop_layer(net, layer, delta_below, key, row, ONE)
