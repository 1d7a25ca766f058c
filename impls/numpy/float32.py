"""Rung 2: single precision.

NumPy computes in float64 by default.  Gradients of a batch are rough estimates,
and pixels have 256 levels: seven decimal digits are enough for both.

What float32 buys: half the bytes in every pass over memory, and twice as many numbers in each
vector instruction, in BLAS as well as in NumPy's own loops.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from impls.numpy import no_input_delta as numpy_no_input_delta


class Trainer(numpy_no_input_delta.Trainer):
    """Rung 1 in float32."""

    dtype: ClassVar[npt.DTypeLike] = np.float32
