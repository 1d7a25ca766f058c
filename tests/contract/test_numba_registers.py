"""Products whose result stays in registers compute what NumPy computes, and touch nothing else."""

from __future__ import annotations

import ctypes
import mmap
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("numba")

import numba

import bench
from impls.numba import registers
from impls.numba import trainer as numba_trainer
from impls.parameters import start_parameters
from impls.presets import PRESETS
from tests.stand_ins import fakes

needs_vectors = pytest.mark.skipif(not registers.LANES, reason="the processor lacks AVX2 and FMA")

Numbers = npt.NDArray[np.float32]
SHAPES = [
    (rows, inner, columns)
    for rows in (1, 3, 9, 66)
    for inner in (1, 7, 130)
    for columns in (1, 8, 10, 16, 17, 30, 48, 64, 70, 80, 81, 100, 256)
]


@numba.njit
def product(A: Numbers, numbers: npt.NDArray[np.int64], W: Numbers, Z: Numbers) -> None:
    registers.product(A, numbers, W, Z)


@numba.njit
def gradient(A: Numbers, numbers: npt.NDArray[np.int64], D: Numbers, G: Numbers, beta: int) -> None:
    registers.gradient(A, numbers, D, G, beta)


def guarded(shape: tuple[int, int]) -> Numbers:
    """An array whose end is that of readable memory: what reads beyond it ends the process."""
    size = 4 * shape[0] * shape[1]
    pages = -(-size // mmap.PAGESIZE)
    memory = mmap.mmap(-1, (pages + 1) * mmap.PAGESIZE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    beyond = ctypes.c_void_p(address + pages * mmap.PAGESIZE)
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mprotect(beyond, ctypes.c_size_t(mmap.PAGESIZE), 0) == 0, os.strerror(
        ctypes.get_errno()
    )
    start = pages * mmap.PAGESIZE - size
    return np.frombuffer(memory, np.float32, size // 4, start).reshape(shape)


def drawn(rng: np.random.Generator, *shape: int) -> Numbers:
    array = guarded((shape[0], shape[1]))
    array[:] = rng.normal(size=shape)
    return array


def near(found: Numbers, expected: npt.NDArray[np.float64]) -> bool:
    return bool(np.abs(found - expected).max() <= 1e-5 * max(1.0, np.abs(expected).max()))


@needs_vectors
@pytest.mark.parametrize(("rows", "inner", "columns"), SHAPES)
def test_products_and_gradients_are_those_of_numpy(rows: int, inner: int, columns: int) -> None:
    rng = np.random.default_rng(rows * inner + columns)
    A, W, D = drawn(rng, 70, inner), drawn(rng, inner, columns), drawn(rng, rows, columns)
    numbers = rng.integers(0, 70, rows)
    Z, G = guarded((rows, columns)), guarded((inner, columns))
    Z[:] = G[:] = np.nan
    product(A, numbers, W, Z)
    assert near(Z, A[numbers].astype(np.float64) @ W)
    expected = A[numbers].astype(np.float64).T @ D
    gradient(A, numbers, D, G, 0)
    assert near(G, expected)
    gradient(A, numbers, D, G, 1)
    assert near(G, 2 * expected)


@needs_vectors
def test_what_is_no_number_comes_through() -> None:
    A, W, Z = (np.zeros(shape, np.float32) for shape in ((2, 3), (3, 20), (2, 20)))
    A[1, 2] = np.nan
    product(A, np.array([1, 0]), W, Z)
    assert np.isnan(Z[0]).all()
    assert not Z[1].any()


def test_data_and_row_numbers_of_any_layout_train_the_same() -> None:
    blog = PRESETS["blog"]
    training = blog.training_at(50)
    start = start_parameters(blog.network, training, 1)
    X, Y = fakes.examples(200, 784, 10)
    order = np.random.default_rng(1).permutation(200)
    both = np.repeat(order, 2)
    forms = {
        "plain": (X, order),
        "every other number": (X, both[::2]),
        "numbers of 32 bits": (X, order.astype(np.int32)),
        "another order in memory": (np.asfortranarray(X), order),
        "another precision": (X.astype(np.float64), order),
    }
    found = {}
    for name, (examples, numbers) in forms.items():
        trainer = numba_trainer.Trainer(blog.network, training, start)
        trainer.bind(examples, Y)
        trainer.epoch(numbers)
        found[name] = trainer.parameters().weights[0]
    assert all(np.array_equal(one, found["plain"]) for one in found.values())


@needs_vectors
@pytest.mark.parametrize(("features", "lanes"), [("+avx2,+fma", 8), ("+sse2", 0)])
def test_what_the_compiler_may_use_decides(features: str, lanes: int, tmp_path: Path) -> None:
    """Narrower vectors give the same products, and where there are none BLAS multiplies.

    The code is compiled for such a processor as well, although nothing calls it there.
    """
    program = """
import numpy as np
from impls.numba import registers, state
from impls.presets import PRESETS
from tests.contract import test_numba_registers as here

A, numbers = np.ones((9, 7), np.float32), np.arange(9)
types = here.numba.typeof((A, numbers, A, A)).types
here.product.compile(types)
here.gradient.compile((*types, here.numba.int64))
for shape in here.SHAPES if registers.LANES else ():
    here.test_products_and_gradients_are_those_of_numpy(*shape)
print(registers.LANES, any(state.in_registers(PRESETS["blog"].network, 100)))
"""
    environment = {
        **os.environ,
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": features,
        "NUMBA_CACHE_DIR": str(tmp_path),
        "PYTHONPATH": str(Path(bench.__file__).parents[1]),
    }
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.split() == [str(lanes), str(lanes > 0)], done.stderr
