"""The kernels with which OpenBLAS multiplies, where it overlooks what the processor can do.

OpenBLAS brings kernels for many processors and chooses by family and model when it is loaded.  A
processor newer than the library gets those of an older one: recent AMD processors with AVX-512 the
"Haswell" kernels, which use half of each vector register and take up to twice as long.  NumPy,
Numba and SciPy would be compared at half their speed with libraries that ask the processor itself
what it can do.  So every worker is given the kernels that fit, unless the user named others;
which ones run is read back from the library and recorded with its pools.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from threadpoolctl import threadpool_info

VARIABLE = "OPENBLAS_CORETYPE"
"""Names the kernels; OpenBLAS reads it when it is loaded."""
AVX512 = frozenset({"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"})
"""All that the kernels called SkylakeX use (OpenBLAS, cpuid_x86.c: support_avx512)."""
WITHOUT_AVX512 = frozenset({"Haswell", "Zen", "Sandybridge", "Excavator", "Nehalem", "Prescott"})
_CPU = Path("/proc/cpuinfo")


def proposed(
    chosen: Iterable[str] | None = None, flags: frozenset[str] | None = None
) -> str | None:
    """The kernels to ask for in place of those that OpenBLAS chose, or None where it chose well.

    ``chosen`` are the architectures that the loaded copies of OpenBLAS report, ``flags`` the
    processor's; both are asked for where not given.
    """
    chosen = _architectures() if chosen is None else chosen
    flags = _flags() if flags is None else flags
    return "SkylakeX" if flags >= AVX512 and WITHOUT_AVX512 & set(chosen) else None


def variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The assignment for a worker; empty where the user's ``environment`` has one already."""
    kernels = None if VARIABLE in environment else proposed()
    return {} if kernels is None else {VARIABLE: kernels}


def _architectures() -> list[str]:
    """What every copy of OpenBLAS in this process runs."""
    pools = threadpool_info()
    return [str(pool["architecture"]) for pool in pools if pool["internal_api"] == "openblas"]


def _flags() -> frozenset[str]:
    """What the processor can do, as the system tells it; nothing on a system that does not."""
    if not _CPU.exists():
        return frozenset()
    for line in _CPU.read_text().splitlines():
        name, _, flags = line.partition(":")
        if name.strip() == "flags":
            return frozenset(flags.split())
    return frozenset()
