"""Products with the sparse columns of examples, in compiled loops; see :mod:`impls.sparse_rows`.

``memory`` is that of :mod:`impls.numba_state`.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# Numba infers the types of what it compiles; annotations would only repeat the docstrings.

from __future__ import annotations

import numpy as np

from impls.numba_cache import compiled


@compiled(fastmath=True)
def add_products(memory, rows, W, Z):
    """Add the products of the sparse columns of ``rows`` with ``W`` to ``Z``.

    Four numbers at a time: a row of ``Z`` is then loaded and stored once for four rows of ``W``.
    """
    shift = np.zeros(W.shape[1], np.float32)
    for k in range(memory.background.size):
        w, value = W[k], memory.background[k]
        # A background of 0, as of pixels divided by 255, shifts nothing; a small batch has fewer
        # rows than there are columns here.
        if value != 0:
            for j in range(shift.size):
                shift[j] += value * w[j]
    for i in range(rows.size):
        z = Z[i]
        k, end = memory.starts[rows[i]], memory.starts[rows[i] + 1]
        for j in range(z.size):
            z[j] += shift[j]
        while k + 4 <= end:
            columns, values = memory.columns[k : k + 4], memory.values[k : k + 4]
            w0, w1, w2, w3 = W[columns[0]], W[columns[1]], W[columns[2]], W[columns[3]]
            v0, v1, v2, v3 = values[0], values[1], values[2], values[3]
            for j in range(z.size):
                z[j] += (v0 * w0[j] + v1 * w1[j]) + (v2 * w2[j] + v3 * w3[j])
            k += 4
        while k < end:
            w, v = W[memory.columns[k]], memory.values[k]
            for j in range(z.size):
                z[j] += v * w[j]
            k += 1


@compiled(fastmath=True)
def sparse_gradients(memory, rows, delta, sums, G):
    """Gradients of the sparse columns' weights into ``G``.

    ``sums`` are those of the columns of ``delta``.
    """
    for k in range(memory.background.size):
        g, value = G[k], memory.background[k]
        for j in range(g.size):
            g[j] = value * sums[j]
    for i in range(rows.size):
        d = delta[i]
        for k in range(memory.starts[rows[i]], memory.starts[rows[i] + 1]):
            g, v = G[memory.columns[k]], memory.values[k]
            for j in range(d.size):
                g[j] += v * d[j]
