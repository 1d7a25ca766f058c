"""Was a thread setting obeyed: what the pools and the clock answer.

A setting is believed when the worker read it back: it may run on as many processors, every pool
that the implementation works with reports what was asked and no other pool more, and the CPU time
of the timed work does not exceed what that many threads can spend.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from threadpoolctl import threadpool_info

from bench.provenance.records import Process
from impls.contract import Pool

OBSERVED_EXCESS = 1.15
"""CPU time over wall time may exceed the threads by this factor: start-up and bookkeeping."""
POOLS_OF: dict[str, str] = {
    "OPENBLAS_NUM_THREADS": "openblas",
    "OMP_NUM_THREADS": "openmp",
    "MKL_NUM_THREADS": "mkl",
    "BLIS_NUM_THREADS": "blis",
}
"""The library whose pool each variable is for, as threadpoolctl calls it."""


def reported_pools(own: Sequence[Pool] = ()) -> tuple[Pool, ...]:
    """Return every thread pool loaded in this process.

    ``own`` are those that the implementation says it works with; where it names none, it works
    with BLAS, and everything else is loaded but not used.
    """
    pools = [
        Pool(
            library=f"{pool['internal_api']} ({Path(pool['filepath']).name})",
            version=str(pool.get("version") or "unknown"),
            # threadpoolctl has no number for a pool whose library has no such function.
            threads=pool["num_threads"],
            detail=", ".join(
                str(pool[key]) for key in ("threading_layer", "architecture") if pool.get(key)
            ),
            used=not own and pool["user_api"] == "blas",
        )
        for pool in threadpool_info()
    ]
    return (*pools, *own)


def disagreement(requested: int | None, process: Process, observed: float | None) -> str | None:
    """Return why the thread setting cannot be believed, or None where it can.

    ``observed`` is CPU time over wall time of the timed work, None before it.
    """
    if requested is None:
        return None
    asked = f"{requested} {'thread' if requested == 1 else 'threads'} requested, but"
    if requested > process.affinity:
        return f"{asked} the process may run on {process.affinity} of the processors only"
    if process.quota_cpus is not None and requested > process.quota_cpus:
        return f"{asked} the container may use {process.quota_cpus:g} processors only"
    for pool in sorted(process.pools, key=lambda pool: pool.threads or 0, reverse=True):
        # A pool that reports nothing contradicts nothing.
        threads = requested if pool.threads is None else pool.threads
        if threads > requested or (pool.used and threads < requested):
            return f"{asked} {pool.library} {pool.version} reports {threads}"
    if observed is not None and observed > requested * OBSERVED_EXCESS:
        return f"{asked} {observed:.2f} were busy while it was timed"
    return None


def unheeded(setting: Sequence[tuple[str, str | None]], process: Process) -> str | None:
    """Return why a thread variable of ``setting`` had no effect, or None where every pool obeyed.

    A library may grant fewer threads than a variable asks for, such as one per processor.
    """
    for name, value in setting:
        library = POOLS_OF.get(name)
        if library is None or value is None or not value.strip().isdecimal():
            continue
        for pool in process.pools:
            if pool.library.startswith(library) and pool.threads not in (None, int(value)):
                return (
                    f"{name}={value} was set, but {pool.library} {pool.version} reports "
                    f"{pool.threads} threads: use a count that the library grants"
                )
    return None
