"""Element-wise pieces for compiled kernels: inlined, branch-free, so that LLVM can vectorise them.

``exp`` and ``tanh`` of the C library are calls per number; without a vector library they would
cost more than the matrix products of the small layers.  The polynomials here become a few vector
instructions.

NaN propagates, so that a training which has diverged shows.  Limits are comparisons that are false
for NaN and leave it as it is, where ``min`` and ``max`` would not.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# Numba infers the types of what it compiles; annotations would only repeat the docstrings.

from __future__ import annotations

import numba
import numpy as np

from impls.mathematics import dropout
from impls.mathematics.functions import PROBABILITY_FLOOR, SMALLEST_PROBABILITY
from impls.numba.cache import compiled, inner

SIGMOID, TANH, RELU, SOFTMAX = range(4)
ACTIVATION_CODES = {"sigmoid": SIGMOID, "tanh": TANH, "relu": RELU, "softmax": SOFTMAX}
LOGLOSS, MSE, CROSS_ENTROPY = range(3)
LOSS_CODES = {"logloss": LOGLOSS, "mse": MSE, "cross-entropy": CROSS_ENTROPY}

ONE = np.float32(1)
_LOG2_E = np.float32(1.44269504)
# ln 2 in two parts: the first has few enough bits that its product with an exponent is exact.
_LN2_HIGH = np.float32(0.693359375)
_LN2_LOW = np.float32(-2.12194440e-4)
# Half a unit in the last place of 1: a smaller sigmoid changes no sum, but over a few layers its
# products with other small numbers become denormal, which takes processors ten times as long.
_NEGLIGIBLE = np.float32(2.0**-24)
ZERO = np.float32(0)
# Powers of two that are normal numbers end here.
_LOWEST, _HIGHEST = np.float32(-87.336), np.float32(88.0)
# Coefficients of exp(r) on |r| <= ln(2)/2 from the Cephes library (Moshier, expf), public domain.
_C0, _C1, _C2, _C3, _C4, _C5 = map(
    np.float32,
    (
        1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3,
        4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1,
    ),
)  # fmt: skip
_BIAS, _MANTISSA_BITS = np.uint32(127), np.uint32(23)
# Of this size, float32 counts in ones: adding it rounds, and the whole number is in the last bits.
_ROUNDING = np.float32(1.5 * 2.0**23)
# tanh(z) = z p(z**2) / q(z**2) on |z| <= 7.905, where it has reached 1; from the Eigen library
# (generic_fast_tanh_float), used by TensorFlow and XLA as well.
_FLAT = np.float32(7.90531110763549805)
_P0, _P1, _P2, _P3, _P4, _P5, _P6 = map(
    np.float32,
    (
        4.89352455891786e-03, 6.37261928875436e-04, 1.48572235717979e-05, 5.12229709037114e-08,
        -8.60467152213735e-11, 2.00018790482477e-13, -2.76076847742355e-16,
    ),
)  # fmt: skip
_Q0, _Q1, _Q2, _Q3 = map(
    np.float32,
    (4.89352518554385e-03, 2.26843463243900e-03, 1.18534705686654e-04, 1.19825839466702e-06),
)

# Contraction may fuse multiply and add; reassociation would undo the split of ln 2.
ELEMENTWISE = {"contract", "nsz", "arcp"}


@numba.njit(inline="always", fastmath=ELEMENTWISE)
def at_least(x, lowest):
    """Return ``x``, or ``lowest`` where it is below."""
    return lowest if x < lowest else x  # noqa: FURB136  # max() would lose NaN


@numba.njit(inline="always", fastmath=ELEMENTWISE)
def at_most(x, highest):
    """Return ``x``, or ``highest`` where it is above."""
    return highest if x > highest else x  # noqa: FURB136  # as above


@numba.njit(inline="always", fastmath=ELEMENTWISE)
def exp32(x):
    """Return ``exp(x)`` within 2 units in the last place; ``x`` is clipped to [-87.336, 88]."""
    x = at_most(at_least(x, _LOWEST), _HIGHEST)
    shifted = np.float32(x * _LOG2_E + _ROUNDING)
    n = shifted - _ROUNDING
    r = x - n * _LN2_HIGH - n * _LN2_LOW
    p = ((((_C0 * r + _C1) * r + _C2) * r + _C3) * r + _C4) * r + _C5
    # A conversion to a whole number would be undefined for NaN; its bits are not.
    power = np.uint32(np.uint32(shifted.view(np.uint32) + _BIAS) << _MANTISSA_BITS)
    return (p * r * r + r + ONE) * power.view(np.float32)


@numba.njit(inline="always", fastmath=ELEMENTWISE)
def tanh32(x):
    """Return ``tanh(x)`` in float32 with a relative error below 4e-7, however small ``x`` is."""
    x = at_most(at_least(x, -_FLAT), _FLAT)
    s = x * x
    p = (((((_P6 * s + _P5) * s + _P4) * s + _P3) * s + _P2) * s + _P1) * s + _P0
    q = ((_Q3 * s + _Q2) * s + _Q1) * s + _Q0
    return x * p / q


@compiled(fastmath=ELEMENTWISE, error_model="numpy")
def activate(code, Z, b):
    """Turn ``Z``, shape ``(rows, nodes)``, into the activation of ``Z + b``."""
    rows, nodes = Z.shape
    for i in range(rows):
        for j in range(nodes):
            Z[i, j] += b[j]
    # All rows as one vector: of each short row, a good part would not fill a vector register.
    z = Z.reshape(Z.size)
    if code == SIGMOID:
        for k in range(z.size):
            s = ONE / (ONE + exp32(-z[k]))
            z[k] = ZERO if s <= _NEGLIGIBLE else s
    elif code == TANH:
        for k in range(z.size):
            z[k] = tanh32(z[k])
    elif code == RELU:
        for k in range(z.size):
            z[k] = at_least(z[k], ZERO)
    else:
        for i in range(rows):
            highest = Z[i, 0]
            for j in range(nodes):
                highest = at_least(Z[i, j], highest)
            for j in range(nodes):
                Z[i, j] -= highest
        # Apart from the sums, which have an order and are no work for vectors.
        for k in range(z.size):
            z[k] = exp32(z[k])
        for i in range(rows):
            total = ZERO
            for j in range(nodes):
                total += Z[i, j]
            for j in range(nodes):
                Z[i, j] /= total


@inner(fastmath=ELEMENTWISE, error_model="numpy")
def times_slope(code, delta, A, scale):
    """Multiply ``delta`` by ``scale`` and by the derivative of the activation behind ``A``.

    ``A`` is the activation's output times ``scale``, which dropout leaves; 1 without dropout.
    What was dropped is 0 in ``A``, and so is the derivative there, except for tanh.
    """
    a, d = A.reshape(A.size), delta.reshape(A.size)
    unscale = ONE / scale
    if code == SIGMOID:
        for k in range(a.size):
            d[k] *= a[k] * (ONE - a[k] * unscale)
    elif code == TANH:
        for k in range(a.size):
            d[k] *= scale * (ONE - a[k] * unscale * (a[k] * unscale))
    else:
        for k in range(a.size):
            d[k] = d[k] * scale if a[k] > 0 else ZERO


@inner(fastmath=ELEMENTWISE, error_model="numpy")
def output_delta(code, A, Y, delta, scale):
    """Write the derivative of the loss by the last layer's input, times ``scale``, into ``delta``.

    ``scale`` is what the loss of an example is multiplied by.
    """
    rows, nodes = A.shape
    for i in range(rows):
        for j in range(nodes):
            a = A[i, j]
            delta[i, j] = scale * (a - Y[i, j])
            if code == MSE:
                delta[i, j] *= a * (ONE - a)


@inner(error_model="numpy")
def loss_sums(code, A, Y):
    """Return data loss and absolute error of outputs ``A``, both summed in float64.

    Logarithms cost most, and a sum of logarithms is the logarithm of a product: in the log
    loss, one call serves up to sixteen outputs, whose product cannot leave the range of float64.
    """
    rows, nodes = A.shape
    data = error = 0.0
    for i in range(rows):
        product = 1.0
        for j in range(nodes):
            y = Y[i, j]
            deviation = A[i, j] - y
            error += abs(deviation)
            if code == MSE:
                data += 0.5 * deviation * deviation
            elif code == LOGLOSS:
                right = np.float64(abs(ONE - y - A[i, j]))
                product *= at_least(right, PROBABILITY_FLOOR)
                if j % 16 == 15:
                    data -= np.log(product)
                    product = 1.0
            elif y > 0:
                right = np.float64(A[i, j])
                data -= np.log(at_least(right, SMALLEST_PROBABILITY))
        if code == LOGLOSS:
            data -= np.log(product)
    return data, error


@inner(fastmath=True)
def column_sums(delta, out, beta):
    """Make ``out`` the sum of the rows of ``delta`` plus ``beta`` times what it was."""
    for j in range(out.size):
        out[j] = out[j] * beta if beta else ZERO
    for i in range(delta.shape[0]):
        for j in range(delta.shape[1]):
            out[j] += delta[i, j]


_FIRST_FACTOR, _SECOND_FACTOR, _FIRST_SHIFT, _SECOND_SHIFT, _LAST_SHIFT, _HALF_BITS = map(
    np.uint32,
    (
        dropout.FIRST_FACTOR, dropout.SECOND_FACTOR,
        dropout.FIRST_SHIFT, dropout.SECOND_SHIFT, dropout.LAST_SHIFT, dropout.HALF_BITS,
    ),
)  # fmt: skip


@numba.njit(inline="always")
def hash_of(x):
    """Return the hash of a word, as in :mod:`impls.mathematics.dropout`."""
    x = np.uint32(x ^ np.uint32(x >> _FIRST_SHIFT))
    x = np.uint32(x * _FIRST_FACTOR)
    x = np.uint32(x ^ np.uint32(x >> _SECOND_SHIFT))
    x = np.uint32(x * _SECOND_FACTOR)
    return np.uint32(x ^ np.uint32(x >> _LAST_SHIFT))


@inner()
def step_key(seed, step):
    """Return the key of a step, from which those of its rows follow."""
    return hash_of(np.uint32(hash_of(np.uint32(seed)) + np.uint32(step)))


@inner()
def drop(A, key, first, columns, threshold, scale):
    """Set to 0 what the step of ``key`` drops of ``A``, shape ``(rows, nodes)``; scale the rest.

    Masks are drawn where they are applied, never kept: a hash is a dozen integer instructions on as
    many words as a vector register holds, no more than reading a stored mask would cost.  The loops
    are written so that they become such instructions: every result is cut back to the 32 bits that
    Numba widens to 64, indices start at 0, and each half of the nodes has a loop of its own that
    hashes again rather than store words.

    ``first`` is the number of the first row in the batch, ``columns`` are the keys of the layer's
    words, and ``threshold`` stands in the upper half of a word.
    """
    low = columns.size
    for i in range(A.shape[0]):
        row = hash_of(np.uint32(key + np.uint32(first + i)))
        lower, upper = A[i, :low], A[i, low:]
        for w in range(lower.size):
            x = np.uint32(hash_of(np.uint32(row ^ columns[w])) << _HALF_BITS)
            lower[w] = lower[w] * scale if x >= threshold else ZERO
        for w in range(upper.size):
            x = hash_of(np.uint32(row ^ columns[w]))
            upper[w] = upper[w] * scale if x >= threshold else ZERO
