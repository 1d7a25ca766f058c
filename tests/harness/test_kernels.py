"""Kernels that fit the processor are asked for where OpenBLAS chose others, and only there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import kernels
from bench.doctor.advice import on_kernels
from bench.doctor.findings import PoolsOf
from impls.contract import Pool

ABLE = kernels.AVX512 | {"fma", "avx2"}


@pytest.mark.parametrize("chosen", sorted(kernels.WITHOUT_AVX512))
def test_avx512_that_was_overlooked_is_asked_for(chosen: str) -> None:
    assert kernels.proposed([chosen], ABLE) == "SkylakeX"


@pytest.mark.parametrize("chosen", ["SkylakeX", "Cooperlake", "Sapphirerapids", "neoversen1"])
def test_a_good_choice_is_left_alone(chosen: str) -> None:
    assert kernels.proposed([chosen], ABLE) is None
    assert kernels.proposed([], ABLE) is None


@pytest.mark.parametrize("lacking", sorted(kernels.AVX512))
def test_a_processor_that_lacks_any_part_is_left_alone(lacking: str) -> None:
    assert kernels.proposed(["Haswell"], ABLE - {lacking}) is None


def test_what_the_user_exported_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "proposed", lambda: "SkylakeX")
    assert kernels.variables({kernels.VARIABLE: "Haswell"}) == {}
    assert kernels.variables({"HOME": "/h"}) == {kernels.VARIABLE: "SkylakeX"}


def test_nothing_is_asked_for_where_openblas_chose_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "proposed", lambda: None)
    assert kernels.variables({}) == {}


def test_flags_are_read_as_the_system_writes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "_CPU", tmp_path / "cpuinfo")
    assert kernels.proposed(["Haswell"]) is None
    text = f"processor\t: 0\nflags\t\t: fpu {' '.join(kernels.AVX512)}\n"
    (tmp_path / "cpuinfo").write_text(text)
    assert kernels.proposed(["Haswell"]) == "SkylakeX"


def test_the_library_obeys_and_says_so() -> None:
    environment = {**os.environ, **kernels.variables({})}
    program = (
        "import numpy, threadpoolctl\n"
        "for pool in threadpoolctl.threadpool_info(): print(pool.get('architecture'))"
    )
    done = subprocess.run(  # this very Python
        [sys.executable, "-c", program], env=environment, capture_output=True, check=True, text=True
    )
    assert kernels.proposed(done.stdout.split()) is None


def test_the_doctor_says_what_to_export() -> None:
    pool = Pool(library="openblas (x.so)", version="1", threads=2, detail="pthreads, Haswell")
    (remark,) = on_kernels([PoolsOf(modules=("numpy",), pools=(pool,))], "SkylakeX")
    assert "chose its Haswell kernels" in remark
    assert "export OPENBLAS_CORETYPE=SkylakeX" in remark
    assert not list(on_kernels([], None))
