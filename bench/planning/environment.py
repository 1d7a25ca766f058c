"""What a worker is given before it exists: the variables that ask for threads, and processors.

BLAS libraries, OpenMP, Numba and TensorFlow read their variables when they are loaded, so a
setting is made by the parent.  Whether it was obeyed is asked in ``bench.provenance.threads``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from bench.planning.plan import Setting

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
    "TF_ENABLE_", "TF_FORCE_", "TF_XLA_", "TF_GPU_", "XLA_", "PJRT_", "TORCH", "PYTORCH_",
    "KERAS_", "MLPBENCH_KERAS_", "MLPBENCH_TF32",
    "JAX_", "CUDA_", "CUBLAS", "CUDNN_", "NVIDIA_", "DISABLE_ADDMM_",
    "ONEDNN_", "NUMPY_", "MALLOC_", "LD_PRELOAD", "PYTHONHASHSEED",
)  # fmt: skip

SET_BY_IMPORTS = ("KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK")
"""threadpoolctl and scikit-learn set these when imported; nobody exported them."""


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


def hold(threads: int) -> None:
    """Let this process run on no more than ``threads`` processors.

    For libraries that obey no variable.  Threads started before are not held, so call it before
    such a library is imported.
    """
    usable = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, usable[:threads])
