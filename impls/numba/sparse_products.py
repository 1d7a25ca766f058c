"""Products with the sparse columns of examples, in compiled loops that skip the background.

``sparse`` is a :class:`~impls.numba.state.SparseRows`, ``tile`` one of :mod:`impls.numba.state`;
:mod:`impls.numba.sparse` has the formulas.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# Numba infers the types of what it compiles; annotations would only repeat the docstrings.

from __future__ import annotations

from impls.numba.cache import inner
from impls.numba.intrinsics import LINE, prefetch

GROUP = 8
"""The number of values that a loop takes at a time."""
ROWS_AHEAD = 8
"""An example is prefetched this many rows before its turn."""


@inner(fastmath=True)
def shifted(sparse, bias, W):
    """Return ``bias`` plus what a row of nothing but background gives."""
    shift = bias.copy()
    for k in range(sparse.background.size):
        w, value = W[k], sparse.background[k]
        # A background of 0, as of pixels divided by 255, shifts nothing; a small batch has fewer
        # rows than there are columns here.
        if value != 0:
            for j in range(shift.size):
                shift[j] += value * w[j]
    return shift


@inner()
def prefetch_row(sparse, row):
    """Prefetch the sparse columns of an example into the cache."""
    columns, values = sparse.columns.ctypes.data, sparse.values.ctypes.data
    size = sparse.values.itemsize
    for offset in range(sparse.starts[row] * size, sparse.starts[row + 1] * size, LINE):
        prefetch(columns + offset)
        prefetch(values + offset)


@inner(fastmath=True)
def add_products(sparse, tile, W, Z):
    """Add to ``Z`` what the sparse columns of a tile give by their difference from background.

    Eight numbers at a time: a row of ``Z`` is then loaded and stored once for eight rows of ``W``.
    """
    rows, start = tile.rows, tile.start
    for i in range(Z.shape[0]):
        if start + i + ROWS_AHEAD < rows.size:
            prefetch_row(sparse, rows[start + i + ROWS_AHEAD])
        z, row = Z[i], rows[start + i]
        for k in range(sparse.starts[row], sparse.starts[row + 1], GROUP):
            columns, values = sparse.columns[k : k + GROUP], sparse.values[k : k + GROUP]
            w0, w1, w2, w3 = W[columns[0]], W[columns[1]], W[columns[2]], W[columns[3]]
            w4, w5, w6, w7 = W[columns[4]], W[columns[5]], W[columns[6]], W[columns[7]]
            v0, v1, v2, v3 = values[0], values[1], values[2], values[3]
            v4, v5, v6, v7 = values[4], values[5], values[6], values[7]
            for j in range(z.size):
                z[j] += ((v0 * w0[j] + v1 * w1[j]) + (v2 * w2[j] + v3 * w3[j])) + (
                    (v4 * w4[j] + v5 * w5[j]) + (v6 * w6[j] + v7 * w7[j])
                )


@inner(fastmath=True)
def add_sparse_gradients(sparse, tile, delta, G):
    """Add to ``G`` the gradients of the sparse columns' weights by what is not background.

    Two numbers at a time, for each of which ``delta`` is loaded but once.
    """
    for i in range(tile.size):
        d, row = delta[i], tile.rows[tile.start + i]
        for k in range(sparse.starts[row], sparse.starts[row + 1], 2):
            g, h = G[sparse.columns[k]], G[sparse.columns[k + 1]]
            v, w = sparse.values[k], sparse.values[k + 1]
            for j in range(d.size):
                g[j] += v * d[j]
                h[j] += w * d[j]


@inner(fastmath=True)
def background_gradients(sparse, sums, G, beta):
    """Gradients by the background, where deltas have the ``sums``, plus ``beta`` times ``G``.

    ``beta`` is 0 or 1.
    """
    for k in range(sparse.background.size):
        g, value = G[k], sparse.background[k]
        if beta:
            for j in range(sums.size):
                g[j] += value * sums[j]
        else:
            for j in range(sums.size):
                g[j] = value * sums[j]
