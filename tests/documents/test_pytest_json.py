from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.documents import files, pytest_json
from bench.documents.pytest_json import KEY, CellFacts, RunFacts, convert, is_from_pytest_benchmark
from bench.documents.results import Measured, Unverified
from bench.documents.sources import read_any
from impls.errors import ResultsError
from impls.networks import Training
from tests.stand_ins import fakes

PHASES = {"step": (0.5, 0.25), "forward": (0.125, 0.0625), "epoch": (4.0, 2.0)}


def benchmark(
    phase: str = "step",
    *,
    implementation: str = "numpy-naive",
    threads: int | None = 1,
    pools: tuple[int, ...] = (1,),
    observed: float = 1.0,
) -> dict[str, Any]:
    """One benchmark as pytest-benchmark writes it, with what is not ours left out."""
    cell = fakes.cell(fakes.plan(), implementation=implementation, threads=threads)
    example = fakes.measured(cell)
    facts = CellFacts(
        cell=cell,
        phase=phase,
        examples=200 if phase == "epoch" else 8,
        gate=example.gate,
        process=msgspec.structs.replace(
            example.process, pools=tuple(fakes.pool(n, f"blas {n}") for n in pools)
        ),
        first_call_seconds=0.5,
        threads_observed=observed,
        peak_memory_bytes=2**20,
    )
    return {
        "name": f"test_{phase}",
        "extra_info": {KEY: msgspec.to_builtins(facts)},
        "stats": {"data": list(PHASES[phase]), "iterations": 4, "mean": 0.3, "rounds": 2},
    }


def document(*benchmarks: dict[str, Any], **changes: Any) -> bytes:
    base = fakes.document()
    facts = RunFacts(
        machine=base.machine,
        dataset=base.dataset,
        network=fakes.NETWORK,
        trainings=(Training(batch_size=8),),
        seed=4,
        command="pytest --benchmark-only",
    )
    content = {
        "machine_info": {"node": "somewhere", KEY: msgspec.to_builtins(facts)},
        "commit_info": {"id": "unknown"},
        "benchmarks": list(benchmarks),
        "datetime": "2026-11-21T00:00:00+00:00",
        "version": "5.1.0",
    }
    return msgspec.json.encode(content | changes)


FOREIGN: dict[str, Any] = {
    "name": "test_theirs",
    "extra_info": {"something": "else"},
    "stats": {"data": [1.0], "iterations": 1},
}


def test_the_phases_of_a_cell_become_one_measured_outcome() -> None:
    found = convert(document(*(benchmark(phase) for phase in PHASES)), origin="b.json")
    (outcome,) = found.outcomes
    assert isinstance(outcome, Measured)
    assert {timing.phase: timing.round_seconds for timing in outcome.timings} == PHASES
    assert {timing.phase: timing.examples for timing in outcome.timings} == {
        "step": 8,
        "forward": 8,
        "epoch": 200,
    }
    assert {timing.iterations for timing in outcome.timings} == {4}
    assert outcome.source == "pytest-benchmark"
    assert outcome.gate
    assert (outcome.first_call_seconds, outcome.warmup_seconds) == (0.5, ())


def test_the_plan_is_the_one_that_would_have_asked_for_these_cells() -> None:
    found = convert(
        document(
            benchmark(),
            benchmark(implementation="numba", threads=2, pools=(2,)),
            benchmark(implementation="numba", threads=None),
        ),
        origin="b.json",
    )
    assert found.plan.implementations == ("numpy-naive", "numba")
    assert found.plan.threads == (1, 2, None)
    assert found.plan.network == fakes.NETWORK
    assert (found.plan.seed, found.plan.examples, found.plan.profile) == (4, 200, "pytest")
    assert found.generator == "pytest-benchmark 5.1.0"
    assert found.command == "pytest --benchmark-only"
    assert len(found.outcomes) == 3


def test_the_converted_document_is_a_valid_one() -> None:
    found = convert(document(benchmark()), origin="b.json")
    assert files.decode(files.encode(found), origin="again") == found


def test_benchmarks_of_others_are_left_out() -> None:
    found = convert(document(FOREIGN, benchmark(), FOREIGN), origin="b.json")
    assert len(found.outcomes) == 1


def test_a_file_with_nothing_of_ours_is_refused() -> None:
    with pytest.raises(ResultsError, match=r"b\.json holds no benchmark of mlpbench"):
        convert(document(FOREIGN), origin="b.json")
    with pytest.raises(ResultsError, match=r"b\.json holds no benchmark of mlpbench"):
        convert(document(benchmark(), machine_info={"node": "n"}), origin="b.json")


def test_a_file_without_raw_rounds_is_refused_with_the_remedy() -> None:
    bare = benchmark()
    del bare["stats"]["data"]
    with pytest.raises(ResultsError, match=r"b\.json has no raw rounds .*--benchmark-json=FILE"):
        convert(document(bare), origin="b.json")


def test_facts_of_another_version_are_refused() -> None:
    odd = benchmark()
    odd["extra_info"][KEY]["surprise"] = 1
    with pytest.raises(ResultsError, match=r"b\.json was written by another version.*surprise"):
        convert(document(odd), origin="b.json")


@pytest.mark.parametrize(
    ("pools", "observed", "said"),
    [((2,), 1.0, "blas 2 .* reports 2"), ((1, 4), 1.0, "reports 4"), ((1,), 1.9, "1.90 were busy")],
)
def test_a_thread_setting_that_did_not_take_makes_a_cell_unverified(
    pools: tuple[int, ...], observed: float, said: str
) -> None:
    found = convert(document(benchmark(pools=pools, observed=observed)), origin="b.json")
    (outcome,) = found.outcomes
    assert isinstance(outcome, Unverified)
    assert outcome.measured is not None
    assert re.search(said, outcome.reason), outcome.reason


@pytest.mark.parametrize(
    ("observed", "believed"),
    [
        # A round of a short phase that seems busy is noise beside an epoch.
        ({"forward": 1.9, "epoch": 0.9, "step": 1.0}, 0.9),
        # Four iterations of a step last longer than as many of a phase.
        ({"forward": 1.9, "step": 1.0}, 1.0),
    ],
)
def test_the_epoch_speaks_for_the_threads_or_else_the_longest_round(
    observed: dict[str, float], believed: float
) -> None:
    benchmarks = (benchmark(phase, observed=value) for phase, value in observed.items())
    (outcome,) = convert(document(*benchmarks), origin="b.json").outcomes
    assert isinstance(outcome, Measured)
    assert outcome.threads_observed == believed


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_a_round_without_a_duration_is_refused_with_its_cell(seconds: float) -> None:
    odd = benchmark()
    odd["stats"]["data"] = [0.5, seconds]
    said = rf"b\.json is damaged: numpy-naive/.* has a round of step of {seconds} s.*Take this cell"
    with pytest.raises(ResultsError, match=said):
        convert(document(odd), origin="b.json")


def test_the_origin_of_a_file_is_recognised_by_its_content(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours.json", tmp_path / "theirs.json"
    ours.write_bytes(files.encode(fakes.document()))
    theirs.write_bytes(document(benchmark()))
    assert not is_from_pytest_benchmark(ours.read_bytes())
    assert is_from_pytest_benchmark(theirs.read_bytes())
    assert read_any(ours) == fakes.document()
    assert read_any(theirs) == pytest_json.convert(theirs.read_bytes(), origin=str(theirs))


@pytest.mark.parametrize("junk", [b"", b"junk", b"[]", b"{}", b'{"benchmarks": []}', b"1"])
def test_junk_is_not_taken_for_pytest_benchmark(junk: bytes) -> None:
    assert not is_from_pytest_benchmark(junk)


def test_the_epoch_says_how_many_threads_were_busy_where_there_is_one() -> None:
    steps = benchmark("step", observed=3.0)
    # A step that takes longer than its epoch, as one of a single slow round may.
    steps["stats"]["data"] = [9.0, 9.0]
    (alone,) = convert(document(steps), origin="f.json").outcomes
    assert isinstance(alone, Unverified)
    (both,) = convert(document(steps, benchmark("epoch", observed=1.0)), origin="f.json").outcomes
    assert isinstance(both, Measured)
    assert both.threads_observed == 1.0
