"""Examples split into dense columns and columns that nearly always hold one value.

Of the pixels of a handwritten digit most are background.  It is 0 where pixels are merely divided
by 255; standardised, it is no longer 0, but still one value ``c``, and with it everything stays
exact:

    X @ W = dense @ W_dense + c @ W_sparse + (X_sparse - c) @ W_sparse

The last factor is nearly empty.  The gradient follows: ``(X_sparse - c).T @ delta`` plus ``c``
times the column sums of ``delta``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from impls.parameters import Floats

DENSE_FROM = 0.2
"""Share of examples that differ from the background from which on a column counts as dense.

BLAS takes about a fifth of the time for a number that the loops here take for one that is not
background.
"""
_ROWS_LOOKED_AT = 2001
GROUP = 8
"""The number of values that a loop takes at a time."""


class SparseRows(NamedTuple):
    """What differs from the background, row by row.

    Row ``i`` has ``values[starts[i] : starts[i + 1]]``, differences from ``background``, in
    ``columns`` of the same range.  Their number is a multiple of :data:`GROUP`, by zeros at the
    end.
    """

    starts: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int32]
    values: Floats
    background: Floats


def split(X: Floats) -> tuple[npt.NDArray[np.int64], Floats, SparseRows]:
    """Split the columns of ``X``, shape ``(examples, features)``.

    Returns the order of features, sparse ones first; the dense columns, contiguous; and the rest.
    """
    # Of an odd number of rows the median is a value that occurs; if one value has the majority,
    # as the background of a sparse column has, it is the median.
    some = X[:: max(1, len(X) // _ROWS_LOOKED_AT)]
    background = np.median(some[: len(some) - 1 + len(some) % 2], axis=0).astype(X.dtype)
    differs = background != X
    density = differs.mean(axis=0)
    sparse = density < DENSE_FROM
    # One column at least goes through BLAS, so that there is a product at all.
    sparse[density.argmax()] = False
    features = np.arange(X.shape[1])
    order = np.concatenate([features[sparse], features[~sparse]])
    different = differs[:, sparse]
    rows, columns = np.nonzero(different)
    counts = different.sum(axis=1)
    starts = np.concatenate([[0], np.cumsum(-(-counts // GROUP) * GROUP)])
    # Where each value goes: its row's start, and on by its place in the row.
    places = np.arange(len(rows)) + np.repeat(starts[:-1] - (np.cumsum(counts) - counts), counts)
    rest = SparseRows(
        starts=starts,
        # Places without a value name different columns: two at once would wait for each other.
        columns=np.arange(starts[-1], dtype=np.int32) % GROUP % max(1, int(sparse.sum())),
        values=np.zeros(starts[-1], X.dtype),
        background=background[sparse],
    )
    rest.columns[places] = columns
    rest.values[places] = (X[:, sparse] - background[sparse])[rows, columns]
    return order, np.ascontiguousarray(X[:, ~sparse]), rest
