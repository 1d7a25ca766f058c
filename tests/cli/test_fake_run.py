"""Options of ``run`` whose effect is not in the plan; workers are fakes."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from bench.documents import files, journal
from bench.documents.assignment import Assignment, load_arrays
from bench.documents.messages import NotMeasured, PrepareCell, Reply, Request, TakeTurn
from bench.documents.results import Unavailable
from bench.documents.rounds import Turn
from bench.running import lock
from bench.running.pacing import FEWEST_BLOCKS, MOST_BUDGETED
from bench.running.processes import NoReply
from impls import registry
from tests.stand_ins import fakes
from tests.stand_ins.command import Said

IDENTITY = ("-c", "user.name=A", "-c", "user.email=a@example.com")
LAUNCHER = "bench.cli.run_measurement.Launcher"
SMALL = ("--network", "36-8-3", "--batch-size", "20")


Run = Callable[..., tuple[fakes.FakeLauncher, Said]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, mlpbench: Callable[..., Said], npz: Path) -> Run:
    """Measure small cells with fake workers, which do what ``behave`` says."""

    def call(
        *arguments: object, impl: str | None = "numpy-naive", behave: Any = fakes.measure_all
    ) -> tuple[fakes.FakeLauncher, Said]:
        launcher = fakes.FakeLauncher(behave)
        monkeypatch.setattr(LAUNCHER, lambda _cpus: launcher)
        named = () if impl is None else ("--impl", impl)
        fixed = ("--dataset", npz, "--threads", "1", "--profile", "quick", *named)
        return launcher, mlpbench("run", *SMALL, *fixed, *arguments)

    return call


@pytest.fixture
def resume(monkeypatch: pytest.MonkeyPatch, mlpbench: Callable[..., Said]) -> Run:
    """Resume a run with fake workers, which do what ``behave`` says."""

    def call(
        *arguments: object, behave: Any = fakes.measure_all
    ) -> tuple[fakes.FakeLauncher, Said]:
        launcher = fakes.FakeLauncher(behave)
        monkeypatch.setattr(LAUNCHER, lambda _cpus: launcher)
        return launcher, mlpbench("run", "--resume", *arguments)

    return call


def test_dataset_timeout_and_out_reach_the_run(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    launcher, said = run("--timeout", "12", "--out", out, "--env", "A=1")
    assert said.code == 0, said.err
    assert {time for worker in launcher.workers for time in worker.timeouts} == {12}
    assert launcher.environments[0]["A"] == "1"
    assert launcher.assignments[0].plan.examples == 90
    assert {path.name for path in out.iterdir()} == {
        "results.json", "report.html", "journal.jsonl",
    }  # fmt: skip


@pytest.mark.parametrize(("factor", "code"), [(1.5, 1), (1.0, 0), (0.5, 0)])
def test_fail_on_slower_compares_an_implementation_with_its_own_revision(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, factor: float, code: int
) -> None:
    def behave(assignment: Assignment, request: Request | None) -> Reply | NoReply:
        found = fakes.measure_all(assignment, request)
        if isinstance(found, Turn):
            now = assignment.row.name == "mine:Trainer"
            # No two rounds agree exactly, or there would be no scatter to judge by.
            little = 1 + 0.001 * ((request.number * 7) % 5) if isinstance(request, TakeTurn) else 1
            return fakes.turn(assignment, found.kind, 4.0 * little * (factor if now else 1.0))
        return found

    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(
        "from impls.mathematics import reference\n\n\nclass Trainer(reference.Trainer): pass\n"
    )
    for words in (["init", "-q"], ["add", "mine.py"], [*IDENTITY, "commit", "-qm", "one"]):
        subprocess.run(["git", *words], check=True)  # noqa: S607
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    both = "mine.py:Trainer,mine.py:Trainer@HEAD"
    options = ("--bare", "--out", tmp_path / "out", "--fail-on", "slower", "--blocks", "3")
    _, said = run(*options, impl=both, behave=behave)
    assert said.code == code, said.out
    assert "mine:Trainer/36-8-3/b20/t1 against mine:Trainer@HEAD" in said.out
    (_, old) = files.load(tmp_path / "out" / "results.json").rows
    assert len(old.revision) == 40
    assert str(tmp_path / "cache") in old.target


def test_fail_on_needs_a_revision_to_compare_with(run: Run) -> None:
    _, said = run("--fail-on", "slower")
    assert said.code == 64
    assert "--impl mine.py:Trainer,mine.py:Trainer@HEAD~1" in said.err


def test_without_out_the_folder_is_named_after_the_time(run: Run, tmp_path: Path) -> None:
    _, said = run()
    assert said.code == 0
    (folder,) = (tmp_path / "results").iterdir()
    assert (folder / "results.json").is_file()


def test_bare_leaves_the_named_implementation_alone(run: Run) -> None:
    launcher, _ = run("--bare")
    assert {assignment.row.name for assignment in launcher.assignments} == {"numpy-naive"}


def test_a_budget_ends_the_run_when_it_is_used_up(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("bench.running.pacing.MOST_SWEEPS", 4)
    out = tmp_path / "out"
    _, said = run("--budget", "2min", "--out", out)
    assert said.code == 0, said.err
    assert "blocks of 3 worker processes for 2 min" in said.out
    assert re.search(r"\((120 s|2 min) left\)", said.out)
    assert re.match(
        rf"the budget of 120 s: {MOST_BUDGETED} blocks took \d+ s",
        files.load(out / "results.json").ended,
    )
    assert files.load(out / "results.json").plan.budget_seconds == 120


def test_a_budget_that_starting_the_workers_would_use_up_is_refused(
    run: Run, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    _, said = run("--budget", "1s", "--out", out)
    assert said.code == 64
    assert "--budget of 1 s is less than one block of this grid" in said.err
    assert not out.exists()


def test_precision_is_announced_and_the_reason_for_the_end_is_kept(
    run: Run, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    launcher, said = run("--precision", "2%", "--out", out)
    assert said.code == 0, said.err
    assert "until every ratio is within 2.0%" in said.out
    # Fake workers all take the same time, so the fewest blocks that are believed are enough.
    assert {assignment.block for assignment in launcher.assignments} == set(range(FEWEST_BLOCKS))
    assert files.load(out / "results.json").ended.startswith("every ratio within 0.0%")


def test_the_margin_reaches_terminal_and_report(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    _, said = run("--margin", "7%", "--out", out)
    assert said.code == 0, said.err
    assert re.search(r"\b7(\.0)? ?%", (out / "report.html").read_text())


def interrupted(run: Run, out: Path, after: int) -> Said:
    """A run of three blocks that Ctrl-C ends after so many requests."""
    asked: list[Request | None] = []

    def behave(assignment: Assignment, request: Request | None) -> Reply | NoReply:
        if len(asked) == after:
            raise KeyboardInterrupt
        asked.append(request)
        return fakes.measure_all(assignment, request)

    launcher, said = run("--blocks", "3", "--out", out, behave=behave)
    assert all(worker.has_ended for worker in launcher.workers)
    return said


@pytest.mark.parametrize("after", [0, 1, 5, 20, 60, 100])
def test_a_resumed_run_measures_what_is_missing_and_keeps_what_is_there(
    run: Run, resume: Run, tmp_path: Path, after: int
) -> None:
    out = tmp_path / "out"
    first = interrupted(run, out, after)
    assert first.code == 130
    assert f"mlpbench run --resume {out}" in first.out.replace("\n", "")
    kept = (out / journal.NAME).read_bytes()
    _, said = resume(out)
    assert said.code == 0, said.err
    assert (out / journal.NAME).read_bytes().startswith(kept)
    found = files.load(out / "results.json")
    assert found.complete
    cells = Counter(outcome.cell.implementation for outcome in found.outcomes)
    # A block that was interrupted counts once more, with the sweeps that it had.
    assert len(cells) == 3
    assert set(cells.values()) <= {3, 4}


def test_a_run_that_was_killed_before_its_report_gets_it_without_measuring_again(
    run: Run, resume: Run, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run("--out", out)
    results = (out / "results.json").read_bytes()
    (out / "results.json").unlink()
    (out / "report.html").unlink()
    launcher, said = resume(out)
    assert launcher.workers == []
    assert said.code == 0, said.err
    assert "has ended: writing its results and report again" in said.out
    assert (out / "results.json").read_bytes() == results
    assert (out / "report.html").is_file()


@pytest.mark.parametrize("mended", [True, False])
def test_what_failed_is_measured_again_when_the_run_is_resumed_and_the_user_is_told(
    run: Run, resume: Run, tmp_path: Path, *, mended: bool
) -> None:
    def slow(assignment: Assignment, request: Request | None) -> Reply | NoReply:
        if assignment.row.name == "numpy-cached" and isinstance(request, PrepareCell):
            return NoReply("no answer within 5 s", "")
        return fakes.measure_all(assignment, request)

    out = tmp_path / "out"
    _, first = run("--out", out, impl="numpy-naive,numpy-cached", behave=slow)
    assert first.code == 3
    behave = fakes.measure_all if mended else slow
    launcher, said = resume(out, "--timeout", "50", behave=behave)
    assert said.code == (0 if mended else 3), said.err
    assert "Measuring 1 cell of numpy-cached again, once: no valid number so far." in said.out
    assert {assignment.row.name for assignment in launcher.assignments} == {
        "numpy-naive",
        "numpy-cached",
    }
    found = files.load(out / "results.json")
    assert found.complete
    kinds = {type(one).__name__ for one in found.outcomes}
    assert kinds == ({"Measured"} if mended else {"Measured", "Failed"})


def test_a_resumed_run_takes_its_plan_from_the_journal(
    run: Run, resume: Run, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    interrupted(run, out, 2)
    _, said = resume(out, "--batch-size", "30", "--seed", "4")
    assert said.code == 64
    assert "leave out --batch-size, --seed" in said.err


def test_workers_get_the_data_as_they_were_to_be_normalised_and_the_record_says_so(
    run: Run, resume: Run, tmp_path: Path
) -> None:
    seen: list[tuple[float, float]] = []

    def look(assignment: Assignment, request: Request | None) -> Reply | NoReply:
        if request is None:
            X = load_arrays(Path(assignment.arrays)).X
            seen.append((float(X.min()), float(X.max())))
            if len(seen) == 2:
                raise KeyboardInterrupt
        return fakes.measure_all(assignment, request)

    out = tmp_path / "out"
    _, said = run("--normalise", "range", "--out", out, behave=look)
    assert "normalisation range" in said.out
    assert files.load(out / "results.json").dataset.normalisation == "range"
    # What the journal says is what a resumed run goes on with.
    assert resume(out, behave=look)[1].code == 0
    assert files.load(out / "results.json").dataset.normalisation == "range"
    assert len(seen) > 3
    assert set(seen) == {(0, 1)}


def test_the_label_of_a_table_is_that_of_the_option_also_when_a_run_is_resumed(
    monkeypatch: pytest.MonkeyPatch, mlpbench: Callable[..., Any], tmp_path: Path
) -> None:
    labels: list[tuple[int, ...]] = []

    def look(assignment: Assignment, request: Request | None) -> Reply | NoReply:
        if request is None:
            labels.append(load_arrays(Path(assignment.arrays)).Y.shape)
            if len(labels) == 2:
                raise KeyboardInterrupt
        return fakes.measure_all(assignment, request)

    monkeypatch.setattr(LAUNCHER, lambda _cpus: fakes.FakeLauncher(look))
    table = tmp_path / "own.csv"
    table.write_text("a,b,label\n" + "".join(f"{n % 4},{n % 7},{n % 3}\n" for n in range(100)))
    fixed = ("--network", "2-8-4", "--batch-size", "20", "--impl", "numpy-naive", "--threads", "1")
    out = tmp_path / "out"
    said = mlpbench("run", *fixed, "--dataset", table, "--label", "a", "--out", out)
    assert "The label of own.csv is column 'a', as --label says" in said.out
    assert files.load(out / "results.json").plan.label == "a"
    assert mlpbench("run", "--resume", out).code == 0
    assert {shape[1] for shape in labels} == {4}
    assert len(labels) > 3


def test_a_run_is_not_resumed_with_other_data(
    run: Run, resume: Run, npz: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    interrupted(run, out, 2)
    with np.load(npz) as arrays:
        changed = dict(arrays)
    changed["x_train"] = changed["x_train"][::-1]
    np.savez(npz, **changed)
    _, said = resume(out)
    assert said.code == 64
    assert "cannot be resumed" in said.err
    assert "data" in said.err


def test_json_is_one_object_and_nothing_else(run: Run, tmp_path: Path) -> None:
    _, said = run("--json", "--out", tmp_path / "out")
    answer = json.loads(said.out)
    assert answer["complete"] is True
    assert "time_to_accuracy" not in answer
    assert answer["summary"]
    assert all(isinstance(sentence, str) for sentence in answer["summary"])
    assert Path(answer["results"]).is_file()
    assert Path(answer["report"]).is_file()
    assert "worker process" in said.err


def test_rows_on_a_gpu_are_announced_with_their_one_thread_count(
    run: Run, monkeypatch: pytest.MonkeyPatch, npz: Path, tmp_path: Path
) -> None:
    monkeypatch.setattr(registry, "GPU_FILES", (str(npz),))
    monkeypatch.setattr(registry, "missing", lambda _row: None)
    options = ("--threads", "2", "--bare", "--out")
    _, said = run(*options, tmp_path / "both", impl="numpy-naive,torch-gpu")
    assert "Rows on a GPU (torch-gpu) are measured with 2 threads only." in said.out
    _, said = run(*options, tmp_path / "one")
    assert "on a GPU" not in said.out


ACCURACIES = (0.5, 0.8, 0.9, 0.9, 0.9)


def learn_all(assignment: Assignment, request: Request | None) -> Reply | NoReply:
    """What a worker does where a target was given: five epochs, held from the third on."""
    found = fakes.measure_all(assignment, request)
    if isinstance(request, TakeTurn) and isinstance(found, Turn):
        return msgspec.structs.replace(
            fakes.turn(assignment, "training", 0.5),
            accuracy=ACCURACIES[request.number],
            is_last=request.number == len(ACCURACIES) - 1,
        )
    return found


def test_a_run_with_a_target_answers_in_time_to_that_target(run: Run, tmp_path: Path) -> None:
    metric = ("--metric", "time-to-accuracy", "--target", "90%", "--blocks", "3")
    both = {"impl": "numpy-naive,numba", "behave": learn_all}
    _, said = run(*metric, "--out", tmp_path / "out", **both)
    assert said.code == 0, said.err
    assert "Lowest time to hold 90 % test accuracy at batch 20" in said.out
    assert "1.50 s" in said.out
    assert "held in 3 of 3" in said.out
    assert "Epoch time" not in said.out
    answer = json.loads(run(*metric, "--json", "--out", tmp_path / "again", **both)[1].out)
    assert answer["time_to_accuracy"]["fastest"][0]["seconds"] == pytest.approx(1.5)
    assert [one["held"] for one in answer["time_to_accuracy"]["cells"]] == [3, 3]


def test_a_run_of_which_nothing_can_be_measured_says_so_once_and_fails(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(registry, "GPU_FILES", ("/no/gpu",))
    device = ("--device", "gpu", "--budget", "3min", "--blocks", "3", "--out", tmp_path / "out")
    launcher, said = run(*device, impl=None)
    assert said.code == 4
    assert launcher.assignments == []
    assert "no worker process, since none of the implementations can run here" in said.out
    before = said.out[: said.out.index("Nothing was measured")]
    assert before.count("no device: no GPU found") == 1
    assert "block" not in before
    assert len(files.load(tmp_path / "out" / "results.json").outcomes) > 3


@pytest.mark.parametrize(
    ("names", "code"), [("numpy-naive,torch-gpu", 4), ("numpy-naive,torch-g*", 0)]
)
def test_what_was_named_in_full_must_be_measured(
    run: Run, resume: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, names: str, code: int
) -> None:
    out = tmp_path / "out"
    monkeypatch.setattr(registry, "missing", lambda _row: None)
    monkeypatch.setattr(registry, "GPU_FILES", ("/no/gpu",))
    _, said = run("--blocks", "3", "--out", out, impl=names)
    assert said.code == code
    # The floor, the implementation and its control, three times; a GPU's rows take no time.
    assert "3 blocks of 3 worker processes that take turns" in said.out
    assert "Block 3/3, batch 20" in said.out
    assert "torch-gpu, 1 thread" not in said.out
    assert resume(out)[1].code == code


def test_what_a_worker_declines_is_said_once(run: Run) -> None:
    def decline(assignment: Assignment, request: Request | None) -> Reply | NoReply:
        if isinstance(request, PrepareCell):
            cell = fakes.cell(assignment.plan, assignment.job, request.batch_size)
            return NotMeasured(Unavailable(cell=cell, reason="it has no such network"))
        return fakes.measure_all(assignment, request)

    _, said = run("--bare", behave=decline)
    assert said.code == 4
    assert said.out.count("numpy-naive unavailable: it has no such network") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--impl", "numpy-naiv"), "Did you mean 'numpy-naive'"),
        (("--dataset", "nope.npz"), "nope.npz"),
        (("--env", "FOO"), "--env 'FOO' is not NAME=VALUE"),
        (("--target", "0.9"), "go together"),
        (("--network", "36-4"), "4 outputs"),
    ],
)
def test_a_mistake_is_refused_before_the_machine_is_asked_for(
    mlpbench: Callable[..., Any], npz: Path, arguments: tuple[str, ...], said: str
) -> None:
    with lock.measuring("mlpbench run --impl x"):
        answer = mlpbench("run", *SMALL, "--dataset", npz, *arguments)
    assert answer.code == 64
    assert said in answer.err


def test_a_busy_machine_has_an_exit_code_of_its_own(
    run: Run, mlpbench: Callable[..., Any], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with lock.measuring("mlpbench run --impl x"):
        _, said = run("--out", out)
    assert said.code == 75
    assert "this machine is measuring already: 'mlpbench run --impl x'" in said.err
    assert not out.exists()
    assert "75, another run is measuring on this machine" in " ".join(
        mlpbench("--help").out.split()
    )


def test_whoever_finds_the_machine_busy_is_told_the_command_as_it_was_typed(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[str] = []

    @contextmanager
    def measuring(what: str) -> Iterator[None]:
        held.append(what)
        yield

    monkeypatch.setattr(lock, "measuring", measuring)
    monkeypatch.setattr("sys.argv", ["mlpbench", "run", "--impl", "numpy-*", "--bare"])
    run()
    assert held == ["mlpbench run --impl 'numpy-*' --bare"]


def test_what_must_be_known_of_the_data_is_said_in_full_once(
    monkeypatch: pytest.MonkeyPatch, mlpbench: Callable[..., Any], tmp_path: Path
) -> None:
    table = tmp_path / "table.csv"
    lines = [f"{number % 7},{number % 5},{'abc'[number % 3]}" for number in range(90)]
    table.write_text("one,two,label\n" + "\n".join(lines))
    launcher = fakes.FakeLauncher(fakes.measure_all)
    monkeypatch.setattr(LAUNCHER, lambda _cpus: launcher)
    fixed = ("--network", "2-4-3", "--batch-size", "20", "--impl", "numpy-naive", "--bare")
    out = tmp_path / "out"
    said = mlpbench("run", *fixed, "--dataset", table, "--out", out)
    note = files.load(out / "results.json").dataset.note
    assert note
    assert said.out.count(note) == 1
    assert said.out.count("See the dataset note above.") == 1
    assert mlpbench("run", "--resume", out).out.count(note) == 1
