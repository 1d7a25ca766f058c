"""Kernels narrower than the processor's vectors are noticed, and nothing else is."""

from __future__ import annotations

import os
import subprocess
import sys

import msgspec
import pytest

from bench.doctor.advice import on_kernels
from bench.doctor.findings import PoolsOf
from bench.provenance import machine
from impls.contract import Pool


def pool(architecture: str, library: str = "openblas (libopenblas.so)") -> Pool:
    return Pool(library=library, version="1", threads=2, detail=f"pthreads, {architecture}")


@pytest.mark.parametrize(
    ("flags", "widest"),
    [
        (machine.AVX512 | {"avx2"}, "AVX-512"),
        (machine.AVX512 - {"avx512vl"} | {"avx2", "avx"}, "AVX2"),
        ({"avx", "sse2"}, "AVX"),
        ({"neon"}, None),
    ],
)
def test_the_widest_vectors_follow_from_the_flags(flags: set[str], widest: str | None) -> None:
    assert machine.vectors(flags) == widest


@pytest.mark.parametrize("chosen", ["Haswell", "Zen"])
def test_kernels_of_an_older_processor_are_noticed(chosen: str) -> None:
    assert machine.half_as_wide([pool(chosen), pool("SkylakeX")], "AVX-512") == (chosen,)


def test_fitting_kernels_and_other_libraries_are_left_alone() -> None:
    assert not machine.half_as_wide([pool("SkylakeX"), pool("Cooperlake")], "AVX-512")
    assert not machine.half_as_wide([pool("Haswell")], "AVX2")
    assert not machine.half_as_wide([pool("Haswell")], None)
    assert not machine.half_as_wide([pool("Haswell", "mkl (libmkl.so)")], "AVX-512")


def test_the_doctor_says_what_to_do() -> None:
    here = machine.describe({})
    able = msgspec.structs.replace(here, vectors="AVX-512", environment={})
    found = [PoolsOf(modules=("numpy",), pools=(pool("Haswell"),))]
    (remark,) = on_kernels(found, able)
    assert "multiplies with its Haswell kernels" in remark
    assert "export OPENBLAS_CORETYPE=SkylakeX" in remark
    told = msgspec.structs.replace(able, environment={machine.CORETYPE: "Haswell"})
    assert "unset OPENBLAS_CORETYPE" in next(on_kernels(found, told))
    assert not list(on_kernels(found, msgspec.structs.replace(able, vectors="AVX2")))


def test_the_library_obeys_and_says_so() -> None:
    program = (
        "import numpy, threadpoolctl\n"
        "for pool in threadpoolctl.threadpool_info(): print(pool.get('architecture'))"
    )
    asked = {**os.environ, machine.CORETYPE: "Haswell"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=asked, capture_output=True, check=True, text=True
    )
    if "Haswell" not in done.stdout.split():
        pytest.skip(f"this NumPy has no OpenBLAS with such kernels: {done.stdout.split()}")
    assert machine.half_as_wide([pool(name) for name in done.stdout.split()], "AVX-512")
