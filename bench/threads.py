"""Thread settings: the variables that ask for them, and what the pools and the clock answer.

BLAS libraries, OpenMP, Numba and TensorFlow read their variables when they are loaded, so a
setting is made by the parent, before the worker exists.  A setting is believed when the worker
read it back: every pool that tells reports at most what was asked and one of them all of it, and
the CPU time of the timed work does not exceed what so many threads can spend.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from threadpoolctl import threadpool_info

from bench.plan import Setting
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
)
"""Every variable through which a known pool learns its number of threads."""

RECORDED_PREFIXES = (
    "OPENBLAS_", "OMP_", "GOMP_", "KMP_", "MKL_", "BLIS_", "VECLIB_", "NUMBA_", "TF_NUM_",
    "TF_ENABLE_", "TF_XLA_", "TF_GPU_", "XLA_",
    "KERAS_", "JAX_", "CUDA_", "ONEDNN_", "NUMPY_", "MALLOC_", "LD_PRELOAD", "PYTHONHASHSEED",
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


def reported_pools(extra: Iterable[Pool] = ()) -> tuple[Pool, ...]:
    """Every thread pool loaded in this process, with those that ``extra`` adds."""
    found = [
        Pool(
            library=f"{pool['internal_api']} ({Path(pool['filepath']).name})",
            version=str(pool.get("version") or "unknown"),
            threads=int(pool["num_threads"]),
            detail=", ".join(
                str(pool[key]) for key in ("threading_layer", "architecture") if pool.get(key)
            ),
        )
        for pool in threadpool_info()
    ]
    return (*found, *extra)


def disagreement(
    requested: int | None, pools: Iterable[Pool], observed: float | None
) -> str | None:
    """Why the thread setting cannot be believed, or None where it can.

    ``observed`` is CPU time over wall time of the timed work.
    """
    if requested is None:
        return None
    reports = [
        (pool.threads, f"{pool.library} {pool.version}")
        for pool in pools
        if pool.threads is not None
    ]
    most, library = max(reports, default=(requested, ""))
    if most > requested:
        return f"{requested} threads requested, but {library} reports {most}"
    if most < requested:
        return f"{requested} threads requested, but no pool reports more than {most}"
    if observed is not None and observed > requested * OBSERVED_EXCESS:
        return f"{requested} threads requested, but {observed:.2f} were busy while it was timed"
    return None
