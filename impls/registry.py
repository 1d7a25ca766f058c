"""Every implementation, one line each, as text: listing them imports none of them.

A new implementation is one file and one row here.  Labels, tests, benchmark parameters, the
table of the documentation and the report derive from the row.  Outside this repository, an entry
point in the group ``mlpbench.implementations`` or ``--impl path/to/file.py:ClassName`` does it.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from impls import loading
from impls.errors import ImplementationError, UnknownNameError
from impls.loading import load
from impls.row import Row

__all__ = [
    "GPU_FILES", "ROWS", "Row", "absent", "find", "known", "load", "missing", "no_device",
    "shows_gpu", "top_of_ladder",
]  # fmt: skip

GPU_FILES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
"""What the drivers of NVIDIA, AMD and Windows' Linux leave in ``/dev``."""


_KERAS_TF = ("keras", "tensorflow")
_KERAS_JAX = ("keras", "jax", "jaxlib")
_KERAS_TORCH = ("keras", "torch")
_ON_TENSORFLOW = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
_NO_GPU = {"CUDA_VISIBLE_DEVICES": "-1"}
_ON_JAX = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
_JAX_GPU = {"JAX_PLATFORMS": "cuda", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}  # else 3/4 of it
_ON_JAX_GPU = {"KERAS_BACKEND": "jax", **_JAX_GPU}
_ON_TORCH = {"KERAS_BACKEND": "torch"}
_INDUCTOR = {"TORCHINDUCTOR_COMPILE_THREADS": "1"}  # the others would be processes that stay

# fmt: off
ROWS: tuple[Row, ...] = (
    Row("numpy-naive", "impls.numpy.naive:Trainer", "float64, bias rows inserted, sigmoids computed twice", rung=0),
    Row("numpy-no-input-delta", "impls.numpy.no_input_delta:Trainer", "no delta for the input layer", rung=1, by_name_only=True),
    Row("numpy-float32", "impls.numpy.float32:Trainer", "single precision", rung=2),
    Row("numpy-layout", "impls.numpy.layout:Trainer", "the input's bias stored once, in the order of reading", rung=3),
    Row("numpy-slices", "impls.numpy.slices:Trainer", "slices instead of bias rows on the way back", rung=4, by_name_only=True),
    Row("numpy-cached", "impls.numpy.cached:Trainer", "derivatives from cached activations", rung=5),
    Row("numpy-rows", "impls.numpy.rows:Trainer", "examples in rows, ones as the last column", rung=6, by_name_only=True),
    Row("numpy-buffers", "impls.numpy.buffers:Trainer", "results into buffers, functions in place", rung=7, by_name_only=True),
    Row("numpy-formulas", "impls.numpy.formulas:Trainer", "cheaper formulas for the sigmoid and the log loss", rung=8, by_name_only=True),
    Row("numpy-flat", "impls.numpy.flat:Trainer", "all parameters in one vector", rung=9, by_name_only=True),
    Row("numpy-optimized", "impls.numpy.optimized:Trainer", "large batches in tiles; also dropout and Adam", rung=10),
    Row("numba", "impls.numba.trainer:Trainer", "fused kernels, the whole epoch compiled", ("numba", "scipy")),
    Row("numba-sparse", "impls.numba.sparse:Trainer", "the same, but background pixels are skipped", ("numba", "scipy"), sparse=True),
    Row("keras-tf", "impls.keras.tf:EpochTrainer", "Keras on TensorFlow, compiled epoch", _KERAS_TF, "keras", environment=_ON_TENSORFLOW | _NO_GPU),
    Row("keras-tf-gpu", "impls.keras.tf:GpuEpochTrainer", "Keras on TensorFlow, compiled epoch, data on the GPU", _KERAS_TF, "keras", device="gpu", environment=_ON_TENSORFLOW),
    Row("keras-tf-step", "impls.keras.tf:StepTrainer", "Keras on TensorFlow, a loop around the compiled step", _KERAS_TF, "keras", environment=_ON_TENSORFLOW | _NO_GPU, by_name_only=True),
    Row("keras-tf-step-gpu", "impls.keras.tf:GpuStepTrainer", "Keras on TensorFlow, a loop around the compiled step, data on the GPU", _KERAS_TF, "keras", device="gpu", environment=_ON_TENSORFLOW, by_name_only=True),
    Row("keras-tf-fit", "impls.keras.tf:FitTrainer", "Keras on TensorFlow, Model.fit", _KERAS_TF, "keras", environment=_ON_TENSORFLOW | _NO_GPU, by_name_only=True),
    Row("keras-tf-fit-gpu", "impls.keras.tf:GpuFitTrainer", "Keras on TensorFlow, Model.fit, data on the GPU", _KERAS_TF, "keras", device="gpu", environment=_ON_TENSORFLOW, by_name_only=True),
    Row("keras-jax", "impls.keras.jax:EpochTrainer", "Keras on JAX, compiled epoch", _KERAS_JAX, "keras,jax", environment=_ON_JAX, held_by_affinity=True, by_name_only=True),
    Row("keras-jax-gpu", "impls.keras.jax:GpuEpochTrainer", "Keras on JAX, compiled epoch, data on the GPU", _KERAS_JAX, "keras,jax", device="gpu", environment=_ON_JAX_GPU, by_name_only=True),
    Row("keras-jax-step", "impls.keras.jax:StepTrainer", "Keras on JAX, a loop around the compiled step", _KERAS_JAX, "keras,jax", environment=_ON_JAX, held_by_affinity=True, by_name_only=True),
    Row("keras-jax-step-gpu", "impls.keras.jax:GpuStepTrainer", "Keras on JAX, a loop around the compiled step, data on the GPU", _KERAS_JAX, "keras,jax", device="gpu", environment=_ON_JAX_GPU, by_name_only=True),
    Row("keras-jax-fit", "impls.keras.jax:FitTrainer", "Keras on JAX, Model.fit", _KERAS_JAX, "keras,jax", environment=_ON_JAX, held_by_affinity=True, by_name_only=True),
    Row("keras-jax-fit-gpu", "impls.keras.jax:GpuFitTrainer", "Keras on JAX, Model.fit, data on the GPU", _KERAS_JAX, "keras,jax", device="gpu", environment=_ON_JAX_GPU, by_name_only=True),
    Row("keras-torch", "impls.keras.torch:StepTrainer", "Keras on PyTorch, a loop around the step", _KERAS_TORCH, "keras,torch", environment=_ON_TORCH | _NO_GPU, by_name_only=True),
    Row("keras-torch-gpu", "impls.keras.torch:GpuStepTrainer", "Keras on PyTorch, a loop around the step, data on the GPU", _KERAS_TORCH, "keras,torch", device="gpu", environment=_ON_TORCH, by_name_only=True),
    Row("keras-torch-fit", "impls.keras.torch:FitTrainer", "Keras on PyTorch, Model.fit", _KERAS_TORCH, "keras,torch", environment=_ON_TORCH | _NO_GPU, by_name_only=True),
    Row("keras-torch-fit-gpu", "impls.keras.torch:GpuFitTrainer", "Keras on PyTorch, Model.fit, data on the GPU", _KERAS_TORCH, "keras,torch", device="gpu", environment=_ON_TORCH, by_name_only=True),
    Row("torch", "impls.torch.mlp:Trainer", "PyTorch's operators, backward pass written out", ("torch",), "torch", environment=_NO_GPU),
    Row("torch-autograd", "impls.torch.autograd:Trainer", "PyTorch's modules, autograd and fused optimisers", ("torch",), "torch", environment=_NO_GPU, by_name_only=True),
    Row("torch-compile", "impls.torch.compiled:Trainer", "PyTorch, the whole step as one compiled graph", ("torch",), "torch", environment=_INDUCTOR | _NO_GPU, by_name_only=True),
    Row("torch-gpu", "impls.torch.autograd:GpuTrainer", "PyTorch's modules, autograd and fused optimisers, data on the GPU", ("torch",), "torch", device="gpu"),
    Row("torch-graph-gpu", "impls.torch.cuda_graph:Trainer", "PyTorch, the whole epoch as one CUDA graph, data on the GPU", ("torch",), "torch", device="gpu"),
    Row("jax", "impls.jax.mlp:Trainer", "JAX, the epoch as one compiled loop", ("jax", "jaxlib"), "jax", environment={"JAX_PLATFORMS": "cpu"}, held_by_affinity=True),
    Row("jax-gpu", "impls.jax.mlp:GpuTrainer", "JAX, the epoch as one compiled loop, data on the GPU", ("jax", "jaxlib"), "jax", device="gpu", environment=_JAX_GPU),
    Row("sklearn", "impls.sklearn.mlp:Trainer", "scikit-learn's MLPClassifier, an epoch per partial_fit"),
    Row("floor", "impls.numpy.floor:Trainer", "a step's matrix products alone, by NumPy's BLAS", role="floor"),
)
# fmt: on


def known() -> dict[str, Row]:
    """Return all rows by name: this project's and those of installed entry points.

    Raises:
        ImplementationError: an entry point uses a name that is taken.
    """
    rows = {row.name: row for row in ROWS}
    for row in loading.declared():
        if row.name in rows:
            raise ImplementationError(
                f"entry point {row.name!r} ({row.target}) has the name of another implementation: "
                "rename it in the package that declares it"
            )
        rows[row.name] = row
    return rows


def top_of_ladder() -> Row:
    """Return the highest rung, the fastest row that needs nothing but NumPy."""
    return max(ROWS, key=lambda row: -1 if row.rung is None else row.rung)


def find(name: str) -> Row:
    """Return the row called ``name``, or a row for ``path/to/file.py:ClassName``.

    Raises:
        UnknownNameError: neither.
        ImplementationError: the file cannot be read, or does not have the class.
    """
    row = loading.in_file(name)
    if row is not None:
        return row
    rows = known()
    if name not in rows:
        hint = "Or give a file, such as path/to/file.py:ClassName."
        raise UnknownNameError("implementation", name, rows, hint=hint)
    return rows[name]


def absent(row: Row) -> str | None:
    """Return why ``row`` cannot run here, as far as that shows beforehand; else None."""
    return missing(row) or no_device(row)


def missing(row: Row) -> str | None:
    """Return why ``row`` cannot be imported here and how to mend it, or None where it can.

    Nothing is imported to find out.
    """
    lacking = [module for module in row.requires if importlib.util.find_spec(module) is None]
    if not lacking:
        return None
    remedy = f"mlpbench[{row.extra}]" if row.extra else " ".join(lacking)
    return f"{', '.join(lacking)} not installed; install with: pip install '{remedy}'"


def no_device(row: Row) -> str | None:
    """Return why this machine has no device for ``row``, or None where it seems to have one.

    Only device files are looked for; the worker reports whether a library can use the device.
    """
    if not row.on_device or shows_gpu():
        return None
    return f"no device: no GPU found (none of {', '.join(GPU_FILES)} exists)"


def shows_gpu() -> bool:
    """Return whether a driver has left the file of a GPU here."""
    return any(Path(file).exists() for file in GPU_FILES)
