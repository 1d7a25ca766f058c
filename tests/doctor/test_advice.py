"""Each remark where it belongs, and silence elsewhere."""

from __future__ import annotations

import pytest

from bench.doctor import advice
from bench.doctor.findings import ClockQuality, PoolsOf, PrecisionForecast
from bench.planning.variables import VARIABLES, variables
from tests.doctor import findings
from tests.stand_ins import fakes


def test_the_answer_is_the_difference_visible_in_one_minute() -> None:
    assert advice.answer(findings.NOISE) == (
        "A run of 1 minute can detect a difference of 2.3% between two implementations "
        "(80 % power, 95 % confidence)."
    )


def test_the_answer_says_what_else_ran() -> None:
    said = advice.answer(findings.noise(foreign=1.04))
    assert said.endswith("95 % confidence) (others used 1.0 processors meanwhile).")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"forecasts": (), "reason": "the worker died"}, "the worker died"),
        (
            {
                "forecasts": (
                    PrecisionForecast(minutes=1, blocks=0, half_width=None, detectable=None),
                )
            },
            "a block takes too long",
        ),
    ],
)
def test_an_answer_that_is_not_known_says_why(changes: dict[str, object], reason: str) -> None:
    said = advice.answer(findings.noise(**changes))
    assert said == f"Cannot estimate the smallest detectable difference: {reason}."


def test_a_quiet_machine_gets_no_remarks() -> None:
    machine = findings.machine(governor="performance", smt="off", turbo="off", clock_source="tsc")
    assert list(advice.on_machine(machine)) == []
    assert list(advice.on_machine(findings.machine())) == []
    assert list(advice.on_neighbours(findings.NEIGHBOURS, findings.NOISE, 2)) == []
    silent = findings.neighbours(foreign=None, stolen=None)
    nothing = findings.noise(foreign=None, stolen=None, waited=None, apparent=None)
    assert list(advice.on_neighbours(silent, nothing, 2)) == []
    assert list(advice.on_noise(findings.NOISE)) == []
    assert list(advice.on_noise(nothing)) == []
    assert list(advice.on_clock(findings.CLOCK)) == []


@pytest.mark.parametrize(
    ("changes", "fact", "remedy"),
    [
        ({"usable_cpus": 1}, "1 of 2 processors", "taskset"),
        ({"quota_cpus": 1.5}, "quota of 1.5 processors", "--threads 1"),
        ({"quota_cpus": 0.5}, "quota of 0.5 processors", "--threads 1"),
        ({"smt": "on", "physical_cpus": 1}, "hardware threads of 1 cores", "--threads 1"),
        ({"governor": "powersave"}, "governor is 'powersave'", "cpupower"),
        ({"turbo": "on"}, "Turbo is on", "within one run"),
        ({"hypervisor": "yes"}, "virtual machine", "at another time"),
        ({"clock_source": "hpet"}, "clock source is hpet", "available_clocksource"),
    ],
)
def test_each_fact_about_the_machine_comes_with_a_remedy(
    changes: dict[str, object], fact: str, remedy: str
) -> None:
    (said,) = advice.on_machine(findings.machine(**changes))
    before, _, after = said.partition(": ")
    assert fact in before
    assert remedy in after


def test_a_quota_that_covers_all_processors_is_no_limit() -> None:
    assert list(advice.on_machine(findings.machine(quota_cpus=2.0))) == []


def test_a_clock_that_is_dear_to_read_is_named() -> None:
    (said,) = advice.on_clock(ClockQuality(step=1e-6, cost=1.5e-6))
    assert "takes 1.5 us" in said


@pytest.mark.parametrize("when", ["before", "meanwhile"])
@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [("foreign", 0.75, "used 0.8 processors"), ("stolen", 0.03, "kept 0.03 processors")],
)
def test_what_others_took_is_said_whenever_they_took_it(
    when: str, field: str, value: float, expected: str
) -> None:
    before, noise = findings.NEIGHBOURS, findings.NOISE
    if when == "before":
        before = findings.neighbours(**{field: value})
    else:
        noise = findings.noise(**{field: value})
    said, *_ = advice.on_neighbours(before, noise, 2)
    assert expected in said


def test_what_a_hypervisor_took_in_passing_is_not_worth_a_remark() -> None:
    assert list(advice.on_neighbours(findings.NEIGHBOURS, findings.noise(stolen=0.006), 2)) == []


def test_threads_that_waited_are_said() -> None:
    (said,) = advice.on_neighbours(findings.NEIGHBOURS, findings.noise(waited=0.123), 2)
    assert "12% of the timed work" in said


def test_copies_of_a_blas_are_counted_and_processes_with_the_same_ones_named_together() -> None:
    one, two = fakes.pool(2), fakes.pool(2, "openblas (two.so)")
    other = fakes.pool(2, "openmp (gomp.so)")
    found = [
        PoolsOf(modules=("numpy",), pools=(one, other)),
        PoolsOf(modules=("scipy.linalg",), pools=(one, two)),
        PoolsOf(modules=("numba", "scipy"), pools=(other, two, one)),
        PoolsOf(modules=("absent",), reason="not installed"),
    ]
    (said,) = advice.on_pools(found)
    assert "imports scipy.linalg, or numba with scipy has 2 copies of a BLAS" in said
    assert "openblas (one.so) 0.3 and openblas (two.so) 0.3" in said


def test_fewer_threads_are_advised_where_they_are_faster() -> None:
    (said,) = advice.on_threads(findings.SCALING, 2)
    assert said == (
        "Matrix products are faster with 1 thread than with 2, one for each processor, by a factor "
        "of 1.25 at batch size 500: export OMP_NUM_THREADS=1."
    )


@pytest.mark.parametrize("gain", [None, 1.0, 1.02])
def test_no_other_thread_count_is_advised_for_little_or_for_nothing(gain: float | None) -> None:
    scaling = findings.scaling(choices=(findings.choice(gain=gain),))
    assert list(advice.on_threads(scaling, 2)) == []


def test_batch_sizes_with_the_same_best_count_share_a_sentence() -> None:
    first, second = findings.CHOICE, findings.choice(batch_size=5000, gain=1.5)
    both = findings.scaling(choices=(first, second), foreign=0.5)
    (said,) = advice.on_threads(both, 2)
    assert "1.25 at batch size 500 and 1.50 at batch size 5000 (others used 0.5" in said
    apart = findings.scaling(choices=(first, findings.choice(batch_size=5000, threads=2)))
    assert len(list(advice.on_threads(apart, 4))) == 2


@pytest.mark.parametrize(
    ("apparent", "word"), [((1.05, 1.02, 1.08), "faster"), ((0.95, 0.92, 0.98), "slower")]
)
def test_an_implementation_that_differs_from_itself_is_suspicious(
    apparent: tuple[float, float, float], word: str
) -> None:
    (said,) = advice.on_noise(findings.noise(apparent=apparent))
    assert f"one seems 5.0% {word} than itself" in said


ONE_EACH = variables(1)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, []),
        (ONE_EACH, []),
        (variables(2), []),
        ({"HOME": "/x"}, []),
        (ONE_EACH | {"OMP_NUM_THREADS": "many"}, ["'many' is not a number", "but not OMP_"]),
        (ONE_EACH | {"OMP_NUM_THREADS": "0"}, ["'0' is not a number", "but not OMP_"]),
        (ONE_EACH | {"OMP_NUM_THREADS": ""}, ["'' is not a number", "but not OMP_"]),
        (ONE_EACH | {"OMP_NUM_THREADS": "1,2"}, []),
        (
            ONE_EACH | {"OPENBLAS_NUM_THREADS": "2"},
            ["counts differ (OPENBLAS_NUM_THREADS=2, OMP_NUM_THREADS=1"],
        ),
        (
            {"OPENBLAS_NUM_THREADS": "4", "OMP_NUM_THREADS": "1"},
            ["counts differ", "OPENBLAS_NUM_THREADS=4 asks for more", "but not MKL_NUM_THREADS"],
        ),
        (variables(3), ["asks for more threads than the 2 usable"]),
        ({"NUMBA_NUM_THREADS": "2"}, []),
        ({"OPENBLAS_CORETYPE": "Haswell"}, ["OPENBLAS_CORETYPE=Haswell is exported and overrides"]),
        ({"OMP_PROC_BIND": "true"}, ["OMP_PROC_BIND=true is exported and pins"]),
    ],
)
def test_exported_variables_that_do_not_fit_together(
    environment: dict[str, str], expected: list[str]
) -> None:
    said = list(advice.on_exported(environment, 2))
    assert len(said) == len(expected)
    for sentence, part in zip(said, expected, strict=True):
        assert part in sentence
        assert ": " in sentence or "; " in sentence


def test_a_limit_for_one_library_names_all_that_have_none() -> None:
    (said,) = advice.on_exported({"OPENBLAS_NUM_THREADS": "1"}, 2)
    assert all(name in said for name in VARIABLES)
    assert "mlpbench run --threads 1" in said


@pytest.mark.parametrize(("foreign", "cpus", "threads"), [(1.0, 2, 1), (1.2, 4, 2), (0.5, 8, 7)])
def test_a_busy_neighbour_is_a_cliff_for_a_thread_on_each_processor(
    foreign: float, cpus: int, threads: int
) -> None:
    busy = findings.neighbours(foreign=foreign)
    _, said = advice.on_neighbours(busy, findings.NOISE, cpus)
    assert f"With {cpus} threads" in said
    assert f"--threads {threads}," in said
    assert len(list(advice.on_neighbours(busy, findings.NOISE, 1))) == 1
