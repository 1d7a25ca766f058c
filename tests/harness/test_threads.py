from __future__ import annotations

import re

import numpy as np
import pytest

from bench import threads
from bench.threads import VARIABLES, disagreement, recorded, worker_environment
from impls.contract import Pool
from tests.harness.fakes import pool

NUMPY = "openblas (libscipy_openblas64_.so)"
SCIPY = "openblas (libscipy_openblas.so)"
OPENMP = "openmp (libgomp.so.1)"


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


@pytest.mark.parametrize(
    ("requested", "pools", "observed", "said"),
    [
        (1, [pool(2, NUMPY)], None, "1 threads requested, but openblas .* reports 2"),
        (2, [pool(1, NUMPY)], None, "no pool reports more than 1"),
        (2, [pool(2, NUMPY), pool(4, SCIPY)], None, r"openblas \(libscipy_openblas.so\).*4"),
        (1, [pool(1, NUMPY), pool(2, OPENMP)], None, "openmp .* reports 2"),
        (4, [pool(1, NUMPY), pool(2, OPENMP)], None, "no pool reports more than 2"),
        (2, [pool(None, "xla"), pool(8, NUMPY)], None, "reports 8"),
        (1, [pool(1, NUMPY)], 1.9, "1 threads requested, but 1.90 were busy"),
        (2, [pool(2, NUMPY)], 3.5, "3.50 were busy"),
        (1, [], 2.0, "2.00 were busy"),
        (1, [pool(None, "eigen")], 4.0, "4.00 were busy"),
    ],
)
def test_a_thread_setting_that_did_not_take_is_noticed(
    requested: int, pools: list[Pool], observed: float | None, said: str
) -> None:
    reason = disagreement(requested, pools, observed)
    assert reason is not None
    assert re.search(said, reason), reason


@pytest.mark.parametrize(
    ("requested", "pools", "observed"),
    [
        (None, [pool(8, NUMPY)], 7.9),
        (1, [pool(1, NUMPY)], None),
        (1, [pool(1, NUMPY), pool(1, SCIPY), pool(1, OPENMP)], 1.02),
        (2, [pool(2, NUMPY), pool(1, OPENMP)], 1.6),
        (2, [pool(2, NUMPY)], 1.0),
        (2, [pool(2, NUMPY), pool(None, "eigen")], 2.05),
        (2, [], 2.1),
        (4, [pool(None, "eigen")], 3.0),
    ],
)
def test_a_thread_setting_that_took_raises_no_alarm(
    requested: int | None, pools: list[Pool], observed: float | None
) -> None:
    assert disagreement(requested, pools, observed) is None


def test_one_of_two_pools_of_the_same_name_cannot_hide_the_other() -> None:
    for pools in ([pool(4, OPENMP), pool(1, OPENMP)], [pool(1, OPENMP), pool(4, OPENMP)]):
        assert disagreement(1, pools, None) is not None


def test_pools_may_come_from_a_generator() -> None:
    assert disagreement(1, (pool(n, f"library {n}") for n in (1, 2)), None) is not None


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
    assert not any("/" in found.library for found in pools), "no path of this machine"
