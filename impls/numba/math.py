"""Element-wise pieces for compiled kernels: inlined, branch-free, so that LLVM can vectorise them.

``exp`` and ``tanh`` of the C library are calls per number; without a vector library they would
cost more than the matrix products of the small layers.  The polynomial here becomes a few vector
instructions.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# Numba infers the types of what it compiles; annotations would only repeat the docstrings.

from __future__ import annotations

import numba
import numpy as np

from impls.numba.cache import compiled

SIGMOID, TANH, RELU, SOFTMAX = range(4)
ACTIVATION_CODES = {"sigmoid": SIGMOID, "tanh": TANH, "relu": RELU, "softmax": SOFTMAX}
LOGLOSS, MSE, CROSS_ENTROPY = range(3)
LOSS_CODES = {"logloss": LOGLOSS, "mse": MSE, "cross-entropy": CROSS_ENTROPY}

ONE = np.float32(1)
TWO = np.float32(2)
HALF = np.float32(0.5)
_LOG2_E = np.float32(1.44269504)
# ln 2 in two parts: the first has few enough bits that its product with an exponent is exact.
_LN2_HIGH = np.float32(0.693359375)
_LN2_LOW = np.float32(-2.12194440e-4)
# Half a unit in the last place of 1: a smaller sigmoid changes no sum, but over a few layers its
# products with other small numbers become denormal, which takes processors ten times as long.
_NEGLIGIBLE = np.float32(2.0**-24)
ZERO = np.float32(0)
_LOWEST, _HIGHEST = np.float32(-87.0), np.float32(88.0)
# Coefficients of exp(r) on |r| <= ln(2)/2 from the Cephes library (Moshier, expf), public domain.
_C0, _C1, _C2 = (
    np.float32(1.9875691500e-4),
    np.float32(1.3981999507e-3),
    np.float32(8.3334519073e-3),
)
_C3, _C4, _C5 = (
    np.float32(4.1665795894e-2),
    np.float32(1.6666665459e-1),
    np.float32(5.0000001201e-1),
)
_BIAS, _MANTISSA_BITS = np.int32(127), np.int32(23)

# Contraction may fuse multiply and add; reassociation would undo the split of ln 2.
ELEMENTWISE = {"contract", "nsz", "arcp", "nnan", "ninf"}


@numba.njit(inline="always", fastmath=ELEMENTWISE)
def exp32(x):
    """``exp(x)`` in float32 within 2 units in the last place; ``x`` is clipped to [-87, 88]."""
    x = min(max(x, _LOWEST), _HIGHEST)
    n = np.floor(x * _LOG2_E + HALF)
    r = x - n * _LN2_HIGH - n * _LN2_LOW
    p = ((((_C0 * r + _C1) * r + _C2) * r + _C3) * r + _C4) * r + _C5
    power = np.int32((np.int32(n) + _BIAS) << _MANTISSA_BITS)
    return (p * r * r + r + ONE) * power.view(np.float32)


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
            z[k] = s if s > _NEGLIGIBLE else ZERO
    elif code == TANH:
        for k in range(z.size):
            z[k] = TWO / (ONE + exp32(-TWO * z[k])) - ONE
    elif code == RELU:
        for k in range(z.size):
            z[k] = max(z[k], ZERO)
    else:
        for i in range(rows):
            highest = Z[i, 0]
            for j in range(nodes):
                highest = max(highest, Z[i, j])
            total = np.float32(0)
            for j in range(nodes):
                Z[i, j] = exp32(Z[i, j] - highest)
                total += Z[i, j]
            for j in range(nodes):
                Z[i, j] /= total


@compiled(fastmath=ELEMENTWISE, error_model="numpy")
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


@compiled(fastmath=ELEMENTWISE, error_model="numpy")
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


@compiled(error_model="numpy")
def loss_sums(code, A, Y, probability_floor):
    """Data loss and absolute error of outputs ``A``, both summed in float64.

    Logarithms are the dear part, and a sum of logarithms is the logarithm of a product: one call
    serves up to sixteen outputs, whose product cannot leave the range of float64.
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
                product *= max(abs(ONE - y - A[i, j]), probability_floor)
            elif y > 0:
                product *= max(A[i, j], probability_floor)
            if j % 16 == 15:
                data -= np.log(product)
                product = 1.0
        data -= np.log(product)
    return data, error


@compiled(fastmath=True)
def column_sums(delta, out, share):
    """Make ``out`` the sum of the rows of ``delta`` plus ``share`` times what it was."""
    for j in range(out.size):
        out[j] = out[j] * share if share else ZERO
    for i in range(delta.shape[0]):
        for j in range(delta.shape[1]):
            out[j] += delta[i, j]
