from __future__ import annotations

import os
import re
from collections.abc import Sequence

import msgspec
import numpy as np
import pytest

from bench.planning.affinity import hold
from bench.planning.variables import VARIABLES, recorded, worker_environment
from bench.provenance import threads
from bench.provenance.records import Process
from bench.provenance.threads import disagreement
from impls.contract import Pool
from tests.stand_ins import fakes
from tests.stand_ins.fakes import pool

NUMPY = "openblas (libscipy_openblas64_.so)"
SCIPY = "openblas (libscipy_openblas.so)"
OPENMP = "openmp (libgomp.so.1)"
NUMBA = "numba"


def test_a_thread_request_reaches_every_known_variable() -> None:
    environment = worker_environment({"HOME": "/h"}, 3, (), {})
    assert environment == {"HOME": "/h"} | dict.fromkeys(VARIABLES, "3")
    assert {"OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"} <= set(VARIABLES)


def test_without_a_request_what_the_user_exported_stays() -> None:
    environment = worker_environment({"OPENBLAS_NUM_THREADS": "7"}, None, (), {})
    assert environment == {"OPENBLAS_NUM_THREADS": "7"}


def test_later_sources_win_over_earlier_ones() -> None:
    inherited = {"OMP_NUM_THREADS": "9", "A": "user", "B": "user", "C": "user"}
    required = {"B": "required", "C": "required"}
    setting = (("C", "asked"), ("MKL_NUM_THREADS", "1"))
    environment = worker_environment(inherited, 2, setting, required)
    assert (environment["A"], environment["B"], environment["C"]) == ("user", "required", "asked")
    assert environment["OMP_NUM_THREADS"] == "2", "the request wins over what was exported"
    assert environment["MKL_NUM_THREADS"] == "1", "--env wins over the request"


def test_unset_removes_a_variable_wherever_it_came_from() -> None:
    setting = (("EXPORTED", None), ("NEVER_THERE", None), ("OMP_NUM_THREADS", None), ("R", None))
    environment = worker_environment({"EXPORTED": "1"}, 2, setting, {"R": "1"})
    assert not {"EXPORTED", "NEVER_THERE", "OMP_NUM_THREADS", "R"} & environment.keys()
    assert environment["OPENBLAS_NUM_THREADS"] == "2"


def test_the_inherited_environment_is_not_changed() -> None:
    inherited = {"OMP_NUM_THREADS": "9", "A": "1"}
    worker_environment(inherited, 2, (("A", None),), {})
    assert inherited == {"OMP_NUM_THREADS": "9", "A": "1"}


def process(pools: Sequence[Pool], affinity: int = 64, quota: float | None = None) -> Process:
    plan = fakes.plan()
    found = fakes.measured(fakes.cell(plan)).process
    return msgspec.structs.replace(found, pools=tuple(pools), affinity=affinity, quota_cpus=quota)


def idle(threads: int, library: str) -> Pool:
    """A pool that is loaded, but not what the implementation works with."""
    return msgspec.structs.replace(pool(threads, library), used=False)


MIS_SET = {
    "more threads than asked": (1, process([pool(2, NUMPY)]), None, "1 thread .* openblas .* 2"),
    "fewer than asked": (2, process([pool(1, NUMPY)]), None, "2 threads .* reports 1"),
    "two copies, one too many": (2, process([pool(2, NUMPY), pool(4, SCIPY)]), None, "scipy.* 4"),
    "two copies, one too few": (2, process([pool(2, NUMPY), pool(1, SCIPY)]), None, "scipy.* 1"),
    "a second runtime with more": (1, process([pool(1, NUMPY), idle(2, OPENMP)]), None, "gomp.* 2"),
    "own pool too small beside BLAS": (2, process([idle(2, NUMPY), pool(1, NUMBA)]), None, NUMBA),
    "one silent, one too large": (2, process([pool(None, "xla"), pool(8, NUMPY)]), None, "s 8"),
    "affinity smaller than asked": (2, process([pool(2, NUMPY)], 1), None, "may run on 1 of the"),
    "quota smaller than asked": (2, process([pool(2, NUMPY)], 8, 1.5), None, "may use 1.5 proc"),
    "threads of its own": (1, process([pool(1, NUMPY)]), 1.9, "1 thread requested, but 1.90 were"),
    "a fifth of another thread": (1, process([pool(1, NUMPY)]), 1.2, "1.20 were busy"),
    "a fifth of four threads more": (4, process([pool(4, NUMPY)]), 4.8, "4.80 were busy"),
    "no pool tells, too many busy": (1, process([]), 2.0, "2.00 were busy"),
    "a silent pool, too many busy": (2, process([pool(None, "eigen")]), 3.5, "3.50 were busy"),
}
RIGHT = {
    "nothing asked": (None, process([pool(8, NUMPY)], 1, 0.5), 7.9),
    "one thread": (1, process([pool(1, NUMPY)], 1, 1.0), 1.02),
    "a tenth of another thread": (1, process([pool(1, NUMPY)]), 1.1),
    "several pools agree": (1, process([pool(1, NUMPY), pool(1, SCIPY), idle(1, OPENMP)]), 1.02),
    "an idle runtime has fewer": (2, process([pool(2, NUMPY), idle(1, OPENMP)]), 1.6),
    "work too small for two threads": (2, process([pool(2, NUMPY)], 2, 2.0), 1.0),
    "a little bookkeeping": (2, process([pool(2, NUMPY), pool(None, "eigen")]), 2.05),
    "one-thread BLAS inside an own team": (2, process([idle(1, NUMPY), pool(2, NUMBA)]), 1.9),
    "nobody tells": (4, process([pool(None, "eigen")]), 3.0),
    "before anything is timed": (1, process([pool(1, NUMPY)]), None),
}


@pytest.mark.parametrize("case", MIS_SET)
def test_a_thread_setting_that_did_not_take_is_noticed(case: str) -> None:
    requested, found, observed, said = MIS_SET[case]
    reason = disagreement(requested, found, observed)
    assert reason is not None
    assert re.search(said, reason), reason


@pytest.mark.parametrize("case", RIGHT)
def test_a_thread_setting_that_took_raises_no_alarm(case: str) -> None:
    assert disagreement(*RIGHT[case]) is None


def test_one_of_two_pools_of_the_same_name_cannot_hide_the_other() -> None:
    for pools in ([pool(4, SCIPY), pool(1, SCIPY)], [pool(1, SCIPY), pool(4, SCIPY)]):
        assert disagreement(1, process(pools), None) is not None


def test_of_several_wrong_pools_the_one_with_most_threads_is_named() -> None:
    reason = disagreement(1, process([pool(2, NUMPY), pool(4, SCIPY), pool(3, OPENMP)]), None)
    assert reason == f"1 thread requested, but {SCIPY} 0.3 reports 4"


def test_only_variables_that_matter_to_numbers_are_recorded_in_order() -> None:
    environment = {
        "OPENBLAS_CORETYPE": "Haswell",
        "OMP_WAIT_POLICY": "active",
        "HOME": "/home/somebody",
        "API_TOKEN": "secret",
        "LD_PRELOAD": "libjemalloc.so",
        "PATH": "/bin",
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "KERAS_BACKEND": "jax",
    }
    assert list(recorded(environment).items()) == [
        ("KERAS_BACKEND", "jax"),
        ("LD_PRELOAD", "libjemalloc.so"),
        ("OMP_WAIT_POLICY", "active"),
        ("OPENBLAS_CORETYPE", "Haswell"),
        ("TF_ENABLE_ONEDNN_OPTS", "0"),
    ]


def test_every_variable_that_sets_threads_is_recorded() -> None:
    assert set(recorded(dict.fromkeys(VARIABLES, "1"))) == set(VARIABLES)


def test_the_pools_of_this_process_are_found_and_an_implementation_adds_its_own() -> None:
    np.ones((4, 4)) @ np.ones((4, 4))
    extra = Pool(library="own", version="1", threads=5)
    pools = threads.reported_pools([extra])
    assert pools[-1] == extra
    assert any("blas" in found.library and found.threads for found in pools[:-1])
    assert [found.used for found in pools] == [False] * (len(pools) - 1) + [True]
    alone = threads.reported_pools()
    assert any(found.used and "blas" in found.library for found in alone)
    assert not any("/" in found.library for found in pools), "no path of this machine"


def test_a_pool_is_reported_with_its_version_and_what_it_runs_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    blas = {
        "user_api": "blas", "internal_api": "openblas", "filepath": "/a/one.so",
        "num_threads": 3, "version": "0.3.30", "threading_layer": "pthreads",
        "architecture": "Haswell",
    }  # fmt: skip
    openmp = {
        "user_api": "openmp", "internal_api": "openmp", "filepath": "/a/two.so",
        "num_threads": 2, "version": None,
    }  # fmt: skip
    monkeypatch.setattr(threads, "threadpool_info", lambda: [blas, openmp])
    assert threads.reported_pools() == (
        Pool(library="openblas (one.so)", version="0.3.30", threads=3, detail="pthreads, Haswell"),
        Pool(library="openmp (two.so)", version="unknown", threads=2, used=False),
    )


def test_a_process_is_held_to_as_many_processors_as_threads() -> None:
    usable = os.sched_getaffinity(0)
    try:
        hold(1)
        assert len(os.sched_getaffinity(0)) == 1
        assert os.sched_getaffinity(0) < usable or len(usable) == 1
    finally:
        os.sched_setaffinity(0, usable)


def test_a_process_is_held_to_processors_that_it_may_use() -> None:
    usable = os.sched_getaffinity(0)
    last = {max(usable)}
    try:
        os.sched_setaffinity(0, last)
        hold(1)
        assert os.sched_getaffinity(0) == last
    finally:
        os.sched_setaffinity(0, usable)


def test_a_pool_that_tells_no_number_is_found_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = {
        "user_api": "blas",
        "internal_api": "flexiblas",
        "filepath": "/lib/libflexiblas.so.3",
        "version": None,
        "num_threads": None,
    }
    monkeypatch.setattr(threads, "threadpool_info", lambda: [silent])
    (found,) = threads.reported_pools()
    assert found.threads is None
    assert disagreement(2, process([found]), None) is None


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ((("OPENBLAS_NUM_THREADS", "64"),), "OPENBLAS_NUM_THREADS=64 was set, but openblas"),
        ((("OPENBLAS_NUM_THREADS", "2"),), None),
        ((("OPENBLAS_NUM_THREADS", None), ("A", "1")), None),
        ((("MKL_NUM_THREADS", "64"),), None),
        ((("OPENBLAS_NUM_THREADS", "many"),), None),
    ],
)
def test_a_swept_thread_variable_that_did_not_take_is_noticed(
    setting: tuple[tuple[str, str | None], ...], said: str | None
) -> None:
    process = fakes.measured(fakes.cell(fakes.plan(threads=(2,)), threads=2)).process
    found = threads.unheeded(setting, process)
    assert (found is None) if said is None else (found is not None and found.startswith(said))
