"""Thread settings: the variables that ask for them, and what the pools and the clock answer.

BLAS libraries, OpenMP, Numba and TensorFlow read their variables when they are loaded, so a
setting is made by the parent, before the worker exists.  A setting is believed when the worker
read it back: it may run on as many processors, every pool that the implementation works with
reports what was asked and no other pool more, and the CPU time of the timed work does not exceed
what so many threads can spend.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from threadpoolctl import threadpool_info

from bench.plan import Setting
from bench.provenance import Process
from impls.contract import Pool

VARIABLES: tuple[str, ...] = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "PJRT_NPROC",  # XLA as JAX starts it
)
"""Every variable through which a known pool learns its number of threads."""

RECORDED_PREFIXES = (
    "OPENBLAS_", "OMP_", "GOMP_", "KMP_", "MKL_", "BLIS_", "VECLIB_", "NUMBA_", "TF_NUM_",
    "TF_ENABLE_", "TF_XLA_", "TF_GPU_", "XLA_", "PJRT_", "TORCH",
    "KERAS_", "MLPBENCH_KERAS_", "JAX_", "CUDA_", "NVIDIA_", "ONEDNN_", "NUMPY_", "MALLOC_",
    "LD_PRELOAD", "PYTHONHASHSEED",
)  # fmt: skip

SET_BY_IMPORTS = ("KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK")
"""threadpoolctl and scikit-learn set these when imported; nobody exported them."""

OBSERVED_EXCESS = 1.15
"""CPU time over wall time may exceed the threads by this factor: start-up and bookkeeping."""


def variables(threads: int | None) -> dict[str, str]:
    """The assignments that ask every known pool for ``threads``; empty where None."""
    return {} if threads is None else dict.fromkeys(VARIABLES, str(threads))


def worker_environment(
    inherited: Mapping[str, str],
    threads: int | None,
    setting: Setting,
    required: Mapping[str, str],
) -> dict[str, str]:
    """The complete environment of a worker.

    Later sources win: what the user exported, the thread request, what the implementation
    requires, and last what ``--env`` asked for, where None removes a variable.
    """
    environment = {**inherited, **variables(threads), **required}
    for name, value in setting:
        if value is None:
            environment.pop(name, None)
        else:
            environment[name] = value
    return environment


def recorded(environment: Mapping[str, str]) -> dict[str, str]:
    """The part of an environment that can matter to numerical libraries, sorted by name."""
    return {
        name: value
        for name, value in sorted(environment.items())
        if name.startswith(RECORDED_PREFIXES) and name not in SET_BY_IMPORTS
    }


def reported_pools(own: Sequence[Pool] = ()) -> tuple[Pool, ...]:
    """Every thread pool loaded in this process.

    ``own`` are those that the implementation says it works with; where it names none, it works
    with BLAS, and everything else is loaded but not used.
    """
    found = [
        Pool(
            library=f"{pool['internal_api']} ({Path(pool['filepath']).name})",
            version=str(pool.get("version") or "unknown"),
            threads=int(pool["num_threads"]),
            detail=", ".join(
                str(pool[key]) for key in ("threading_layer", "architecture") if pool.get(key)
            ),
            used=not own and pool["user_api"] == "blas",
        )
        for pool in threadpool_info()
    ]
    return (*found, *own)


def disagreement(requested: int | None, process: Process, observed: float | None) -> str | None:
    """Why the thread setting cannot be believed, or None where it can.

    ``observed`` is CPU time over wall time of the timed work, None before it.
    """
    if requested is None:
        return None
    asked = f"{requested} {'thread' if requested == 1 else 'threads'} requested, but"
    if requested > process.affinity:
        return f"{asked} the process may run on {process.affinity} of the processors only"
    if process.quota_cpus is not None and requested > process.quota_cpus:
        return f"{asked} the container may use {process.quota_cpus:g} processors only"
    return _misreported(requested, asked, process.pools) or _too_busy(requested, asked, observed)


def _misreported(requested: int, asked: str, pools: Sequence[Pool]) -> str | None:
    """A pool that says something else than was asked, the one with most threads first."""
    telling = [pool for pool in pools if pool.threads is not None]
    for pool in sorted(telling, key=lambda pool: -(pool.threads or 0)):
        threads = pool.threads or 0
        if threads > requested or (pool.used and threads < requested):
            return f"{asked} {pool.library} {pool.version} reports {threads}"
    return None


def _too_busy(requested: int, asked: str, observed: float | None) -> str | None:
    """More processor time than so many threads can spend."""
    if observed is not None and observed > requested * OBSERVED_EXCESS:
        return f"{asked} {observed:.2f} were busy while it was timed"
    return None


def hold(threads: int) -> None:
    """Let this process run on no more than ``threads`` processors.

    For libraries that obey no variable.  Threads started before are not held, so call it before
    such a library is imported.
    """
    usable = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, usable[:threads])
