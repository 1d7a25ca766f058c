"""Whether a BLAS multiplies with all that the processor has.

OpenBLAS brings kernels for many processors and chooses among them when it is loaded.  A processor
that it does not know, or ``OPENBLAS_CORETYPE`` exported for the sake of another one, leaves it with
kernels that use half of each vector register, and products take nearly twice as long.  NumPy and
Numba are then compared at half their speed with libraries that ask the processor itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from impls.contract import Pool

VARIABLE = "OPENBLAS_CORETYPE"
"""Names the kernels; OpenBLAS reads it when it is loaded."""
AVX512 = frozenset({"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"})
"""All that OpenBLAS asks of a processor before it takes such kernels (its cpuid_x86.c)."""
_HALF_AS_WIDE = ("Haswell", "Zen", "Sandybridge", "Excavator", "Nehalem", "Prescott")


def vectors(flags: Iterable[str]) -> str | None:
    """The widest vector instructions among a processor's ``flags``; None where none is told."""
    known = set(flags)
    if known >= AVX512:
        return "AVX-512"
    return next((flag.upper() for flag in ("avx2", "avx", "sse2") if flag in known), None)


def half_as_wide(pools: Iterable[Pool], widest: str | None) -> tuple[str, ...]:
    """Return the kernels of those ``pools`` that leave half of the ``widest`` vectors unused.

    ``widest`` is that of :func:`vectors`.
    """
    chosen = {
        name
        for pool in pools
        for name in _HALF_AS_WIDE
        if pool.library.startswith("openblas") and name in pool.detail.split(", ")
    }
    return tuple(sorted(chosen)) if widest == "AVX-512" else ()
