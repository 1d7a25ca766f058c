from __future__ import annotations

import io

import msgspec
import pytest
from bench.running.estimate import (
    Pace,
    block_seconds,
    may_compile,
    pace,
    run_seconds,
)
from rich.console import Console

from bench.cli.measuring import _extent
from bench.cli.progress import RunProgress, _first_calls, _summary, duration
from bench.documents.results import Failed
from bench.documents.timings import Learning
from bench.measuring.timing import Clock
from bench.planning.plan import Job, jobs, without
from bench.running.runner import Progress
from impls import registry
from impls.networks import Training
from impls.parameters import Floats
from impls.row import Row, control_of
from tests.stand_ins import fakes
from tests.stand_ins.fake_trainer import FakeClock

PLAN = fakes.plan(trainings=(Training(batch_size=20),))


@pytest.fixture
def ticking(fake_clock: FakeClock) -> Clock:
    """A clock by which every look at it takes a second."""

    def look() -> float:
        fake_clock.advance(1.0)
        return fake_clock.now

    return Clock(wall=look, cpu=lambda: 0.0)


def test_an_epoch_of_the_floor_is_as_many_steps_as_it_has_batches(
    ticking: Clock, tiny_data: tuple[Floats, Floats]
) -> None:
    # A step takes one second by this clock, and the epoch has ten.
    at = pace(PLAN, tiny_data, ticking)
    assert at.floor_epochs == {20: pytest.approx(10.0)}
    assert at.scatter == 0


def test_the_whole_run_grows_with_blocks_jobs_and_batch_sizes() -> None:
    at = Pace({20: 10.0}, 0.0)
    effort = msgspec.structs.replace(PLAN.effort, blocks=4)
    once = run_seconds(PLAN, at)
    assert once > 0
    assert run_seconds(msgspec.structs.replace(PLAN, effort=effort), at) == pytest.approx(2 * once)
    assert block_seconds(PLAN, at, PLAN.effort) == pytest.approx(once / PLAN.effort.blocks)
    assert run_seconds(PLAN, Pace({20: 10.0, 50: 8.0}, 0.0)) > once
    one = msgspec.structs.replace(PLAN, implementations=PLAN.implementations[:1])
    assert run_seconds(one, at) == pytest.approx(once / len(PLAN.implementations))


def test_rows_that_bring_a_library_may_compile() -> None:
    rows = [Row("own", "own.py:Trainer", "NumPy"), Row("theirs", "x:Y", "JAX", ("jax",))]
    assert may_compile([*rows, control_of(rows[1])]) == {"theirs", "theirs (control)"}


def test_what_shows_beforehand_that_it_cannot_run_takes_no_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registry, "GPU_FILES", ("/no/gpu",))
    rows = [
        Row("numpy-naive", "own.py:Trainer", "NumPy"),
        Row("numpy-optimized", "x:Y", "a GPU's", device="gpu"),
        Row("theirs", "x:Y", "a library's", ("no_such_module",)),
    ]
    here, elsewhere, theirs = [registry.absent(row) for row in rows]
    assert here is None
    assert elsewhere is not None
    assert elsewhere.startswith("no device")
    assert theirs == registry.missing(rows[2])
    missing = {row.name for row in rows if registry.absent(row)}
    left = without(PLAN, missing)
    assert left is not None
    at = Pace({20: 10.0}, 0.0)
    assert run_seconds(left, at) == pytest.approx(run_seconds(PLAN, at) / 2)
    assert without(PLAN, PLAN.implementations) is None


def test_a_forecast_up_to_a_target_is_that_of_all_epochs_and_says_so() -> None:
    at = Pace({20: 10.0}, 0.0)
    learns = msgspec.structs.replace(PLAN, target=0.9)
    assert ": about " in _extent(PLAN, at, compiling=False)
    assert ": at most about " in _extent(learns, at, compiling=False)
    precise = msgspec.structs.replace(learns, precision=0.02)
    assert "each at most about " in _extent(precise, at, compiling=False)


def ended(job: Job, first_call: float) -> Progress:
    one = msgspec.structs.replace(
        fakes.measured(fakes.cell(PLAN, job, 20), job.block), first_call_seconds=first_call
    )
    return Progress(job, (one,))


def test_the_time_left_of_what_has_not_run_leaves_out_what_others_compiled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = FakeClock()
    monkeypatch.setattr("bench.cli.progress.time.monotonic", lambda: clock.now)
    console = Console(file=io.StringIO(), width=200)
    first = jobs(PLAN)[0]
    other = next(name for name in PLAN.implementations if name != first.implementation)
    progress = RunProgress(console, PLAN, compiling={other})
    progress.show(Progress(first, None))
    clock.advance(110.0)
    progress.show(ended(first, 100.0))
    rest = jobs(PLAN)[1:]
    same = sum(job.implementation == first.implementation for job in rest)
    expected = duration(110.0 * same + 10.0 * (len(rest) - same))
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert f"(about {expected} left, plus compilation)" in said
    second = next(job for job in rest if job.implementation == other)
    progress.show(Progress(second, None))
    progress.show(ended(second, 0.0))
    assert "compilation" not in console.file.getvalue().splitlines()[-1]  # type: ignore[attr-defined]


def test_a_training_up_to_a_target_says_when_it_was_held() -> None:
    one = fakes.measured(fakes.cell(PLAN, jobs(PLAN)[0], 20))
    assert _summary((one,)) == "batch 20: 4 s an epoch"
    epochs = msgspec.structs.replace(
        one.timings[-1], round_seconds=(0.25, 0.5, 1.0, 2.0), round_cpu_seconds=(1.0,) * 4
    )
    accuracies = (0.5, 0.9, 0.91, 0.92)
    learning = Learning(target=0.9, seed=1, accuracies=accuracies, reached_epoch=2)
    held = msgspec.structs.replace(one, timings=(epochs,), learning=learning)
    assert _summary((held,)) == ("batch 20: 90 % held after 0.75 s of training, from epoch 2 on")
    missed = msgspec.structs.replace(learning, reached_epoch=None)
    never = msgspec.structs.replace(held, learning=missed)
    assert _summary((never,)) == "batch 20: 90 % not held in 4 epochs"


@pytest.mark.parametrize("control_first", [False, True])
def test_a_failure_of_a_control_is_told_once_with_that_of_what_it_repeats(
    *, control_first: bool
) -> None:
    original = PLAN.implementations[0]
    names = (original, f"{original} (control)")
    plan = msgspec.structs.replace(PLAN, implementations=names)
    console = Console(file=io.StringIO(), width=300)
    progress = RunProgress(console, plan, controls={names[1]: names[0]})
    order = names[::-1] if control_first else names
    for reason in ("the device caught fire", "another"):
        for job in sorted(jobs(plan)[:2], key=lambda one: order.index(one.implementation)):
            failed = Failed(cell=fakes.cell(plan, job, 20), block=job.block, reason=reason)
            progress.show(Progress(job, None))
            progress.show(Progress(job, (failed,)))
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert said.count("failed: the device caught fire") == 1
    assert said.count("failed: another") == 1
    assert said.count(f"the same as {names[1]}") == (2 if control_first else 0)


def test_what_the_first_epoch_compiled_is_left_out_as_well() -> None:
    one = fakes.measured(fakes.cell(PLAN, jobs(PLAN)[0], 20))
    assert _first_calls(one) == 0.5
    begun = msgspec.structs.replace(one, first_epoch_seconds=10.0, first_epoch_examples=100)
    assert _first_calls(begun) == 0.5 + 10.0 - 4.0 / 2
    quick = msgspec.structs.replace(begun, first_epoch_seconds=1.0)
    assert _first_calls(quick) == 0.5


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.01, "1 s"), (89, "89 s"), (90, "2 min"), (3000, "50 min"), (5400, "1.5 h")],
)
def test_a_duration_is_as_rough_as_an_estimate(seconds: float, words: str) -> None:
    assert duration(seconds) == words
