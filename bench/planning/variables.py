"""The environment variables that a worker is given before it exists, and those that are recorded.

BLAS libraries, OpenMP, Numba and TensorFlow read their variables when they are loaded, so a
setting is made by the parent.  Whether it was obeyed is asked in ``bench.provenance.threads``.
"""

from __future__ import annotations

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
    # threads, kernels and instructions of BLAS, OpenMP, NumPy and what compiles for them
    "OPENBLAS_", "GOTO_", "GOTOBLAS_", "OMP_", "GOMP_", "KMP_", "LIBOMP_", "MKL_", "BLIS_", "AOCL_",
    "FLEXIBLAS", "LIBXSMM_", "ARMPL_", "ACL_", "NVPL_", "VECLIB_", "ACCELERATE_", "TBB_",
    "NUMBA_", "NPY_", "NUMPY_", "SCIPY_", "SKLEARN_", "JOBLIB_", "LOKY_", "LLVM_",
    # frameworks and the libraries below them
    "TF_", "XLA_", "PJRT_", "TORCH", "PYTORCH_", "ATEN_", "TRITON_", "DISABLE_ADDMM_", "KERAS_",
    "MLPBENCH_KERAS_", "MLPBENCH_TF32", "JAX_", "ONEDNN_", "DNNL_", "XNNPACK_", "EIGEN_",
    # devices
    "CUDA_", "CUBLAS", "CUDNN_", "NVIDIA_", "NCCL_", "HIP_", "ROCBLAS_", "ROCR_", "HSA_", "MIOPEN_",
    # the C library, allocators and what is loaded in place of something else
    "GLIBC_TUNABLES", "MALLOC_", "MIMALLOC_", "TCMALLOC_", "JEMALLOC_", "LD_PRELOAD",
    "LD_LIBRARY_PATH", "LD_BIND_NOW", "LD_AUDIT", "QEMU_CPU",
    # the interpreter
    "PYTHONHASHSEED", "PYTHONMALLOC", "PYTHONOPTIMIZE", "PYTHONDEVMODE", "PYTHONTRACEMALLOC",
    "PYTHONPERFSUPPORT", "PYTHON_JIT", "PYTHON_GIL", "PYTHON_CPU_COUNT",
)  # fmt: skip
"""How the variables begin that can change numbers, times or threads.

One that is missing here is worse than one too many: a difference that it makes would be called
noise, and an interrupted run could be resumed under another value.
"""

NOT_RECORDED = (
    "TF_CPP_MIN_LOG_LEVEL", "TF_CPP_MAX_VLOG_LEVEL", "TF_CPP_VMODULE", "TORCH_LOGS",
    "TORCH_SHOW_CPP_STACKTRACES", "TORCH_HOME", "JAX_LOG_COMPILES", "KERAS_HOME",
    "LLVM_PROFILE_FILE", "TF_CLI_CONFIG_FILE", "TF_DATA_DIR", "TF_PLUGIN_CACHE_DIR",
)  # fmt: skip
"""Of these, variables of paths and of logging; those of Terraform begin with TF_ as well."""

NEIGHBOURS = "MLPBENCH_NEIGHBOURS"
"""The variable of a setting that asks for foreign busy processes beside the rounds."""
_MOST_DIGITS = 10

SET_BY_IMPORTS = ("KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK")
"""threadpoolctl and scikit-learn set these when imported; nobody exported them."""


def variables(threads: int | None) -> dict[str, str]:
    """Return the assignments that ask every known pool for ``threads``; empty where None."""
    return {} if threads is None else dict.fromkeys(VARIABLES, str(threads))


def worker_environment(
    inherited: Mapping[str, str],
    threads: int | None,
    setting: Setting,
    required: Mapping[str, str],
) -> dict[str, str]:
    """Return the complete environment of a worker.

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
    """Return the part of an environment that can matter to numerical libraries, sorted by name.

    What is not UTF-8 is recorded as escapes, since no document can hold it.
    """
    return {
        _as_text(name): _as_text(value)
        for name, value in sorted(environment.items())
        if name.startswith(RECORDED_PREFIXES) and name not in (*SET_BY_IMPORTS, *NOT_RECORDED)
    }


def thread_count(text: str) -> int | None:
    """Return the number of threads that the value of a variable asks for, or None.

    OpenMP takes a list, one number for each level of nesting, of which the first one counts here.
    What is no whole number from 1, such as ``1.0`` or nothing at all, each library reads in its
    own way, so that nothing can be said of it.
    """
    first = text.partition(",")[0].strip()
    # A number of hundreds of digits is no number of threads, and too long for int() to read.
    short = first.isascii() and first.isdigit() and len(first) < _MOST_DIGITS
    return int(first) if short and int(first) > 0 else None


def exported_threads(environment: Mapping[str, str]) -> int | None:
    """Return the number of threads that the first of :data:`VARIABLES` with a number asks for."""
    counts = (thread_count(environment.get(name, "")) for name in VARIABLES)
    return next((count for count in counts if count is not None), None)


def _as_text(text: str) -> str:
    """Return ``text`` with bytes that are not UTF-8 as escapes."""
    return text.encode(errors="backslashreplace").decode()
