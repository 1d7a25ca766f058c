"""Where JAX computes, how batches are cut there, and what can be read back of it."""

from __future__ import annotations

import contextlib
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jax

from impls import precision
from impls.contract import Pool
from impls.networks import Formulas

THREAD_NAME = "tf_XLAEigen"
"""What XLA calls the threads that share the work of an operator."""
TASKS = Path("/proc/self/task")

_TARGET = re.compile(
    rb"-linux[\w-]*.{1,6}?(?P<cpu>[a-z][\w.-]+).{1,6}?(?P<features>\+[\w+,.-]+)", re.DOTALL
)
"""Platform, processor and its features, with a few bytes of the format between."""
_VECTORS = {"AVX-512": "avx512f", "AVX2": "avx2", "AVX": "avx", "SVE": "sve", "NEON": "neon"}

IN_FULL = "float32"
"""What JAX calls products in full float32; on a CPU they are nothing else."""


class Device(NamedTuple):
    """A platform of JAX and what is fastest on it.

    Gradients of a larger batch are summed over tiles of ``dense_rows`` examples, or of
    ``image_rows`` where a network begins with convolutions.  ``patches`` says that a convolution is
    a product with patches; else it is the library's own.  ``fixed_epochs`` compiles an epoch for
    each number of batches.  ``rounds`` says that products may be rounded to TF32 there.
    """

    platform: str
    dense_rows: int
    image_rows: int
    patches: bool
    fixed_epochs: bool
    rounds: bool

    def tile_rows(self, formulas: Formulas) -> int:
        """Return examples per tile: no batch has more where it is to be taken at once."""
        return self.image_rows if formulas.conv_layers else self.dense_rows

    def first(self) -> Any:
        """Return JAX's first device of this platform.

        Raises:
            RuntimeError: JAX has no such platform, or cannot start it.
            AssertionError: the same, where no other platform is allowed: JAX 0.10 then checks no
                more than that it has one.
        """
        return jax.devices(self.platform)[0]

    def absence(self) -> str | None:
        """Return why JAX cannot compute there, or None where it can."""
        try:
            self.first()
        except (RuntimeError, AssertionError) as error:
            allowed = jax.config.jax_platforms or "that it knows"
            said = str(error).partition("\n")[0] or f"none of the platforms {allowed} starts"
            return f"no device: JAX has no platform {self.platform} here ({said})"
        return None

    def precision(self) -> str:
        """Return how exact products are to be, in JAX' words; on a GPU its default would be TF32.

        Raises:
            UsageError: what the user set about TF32 is not possible.
        """
        return "tensorfloat32" if self.rounds and precision.tf32() else IN_FULL

    def declared(self) -> dict[str, str]:
        """Return what else decides about numbers there, as far as JAX has begun.

        Raises:
            UsageError: as :meth:`precision`.
        """
        on_cpu = kernels() if self.platform == "cpu" else {}
        return {**on_cpu, **(precision.declaration() if self.rounds else {})}

    def pools(self) -> tuple[Pool, ...]:
        """Return XLA's threads; what is computed on a GPU needs none of them."""
        if self.platform != "cpu":
            return ()
        return (Pool(library="XLA intra-op", version=jax.__version__, threads=thread_count()),)


CPU = Device("cpu", dense_rows=1000, image_rows=64, patches=True, fixed_epochs=False, rounds=False)
"""A thousand rows feed several threads and stay in the cache; patches fill it sooner."""
GPU = Device(
    "cuda", dense_rows=sys.maxsize, image_rows=4096, patches=False, fixed_epochs=True, rounds=True
)
"""A GPU wants large products; the maps of a very large batch would only fill its memory.

Where the number of batches is not in the program, the GPU asks its host before each of them
whether there is one more.
"""


def thread_count() -> int | None:
    """Return the number of XLA's threads; None before its first array, or where none are shown."""
    count = 0
    for task in TASKS.glob("*/comm"):
        # A thread may end while its name is asked for.
        with contextlib.suppress(OSError):
            count += task.read_text().strip() == THREAD_NAME
    return count or None


def kernels() -> dict[str, str]:
    """Return the processor that XLA compiles for, as it says in a program that it has compiled.

    Nothing where XLA has not begun: it would be started for this alone.
    """
    return {} if thread_count() is None else {"XLA compiles for": _target()}


@cache
def _target() -> str:
    """Return LLVM's name of the processor, and whether it has the widest vectors."""
    program = jax.jit(lambda x: x + 1).lower(jax.ShapeDtypeStruct((4,), "float32")).compile()
    executable = program.runtime_executable()
    return target_in(b"" if executable is None else executable.serialize())


def target_in(program: bytes) -> str:
    """Return the processor in a serialised ``program``: the text after the platform's triple."""
    matched = _TARGET.search(program)
    if matched is None:
        return "not told"
    features = matched["features"].decode().split(",")
    vectors = next((word for word, name in _VECTORS.items() if f"+{name}" in features), "unknown")
    return f"{matched['cpu'].decode()}, vectors {vectors}"


def peak_bytes(place: Any) -> int | None:
    """Return the most bytes that arrays held on a device; None where JAX does not count them."""
    counted = place.memory_stats()
    return None if counted is None else int(counted["peak_bytes_in_use"])
