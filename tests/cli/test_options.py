"""Every option of ``run``, and what it changes in the plan."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from rich.console import Console

from bench.cli import cli
from bench.cli.options import preset_of
from bench.cli.run import run_command
from bench.cli.run_plan import build_plan, choose_rows, examples_wanted, plan_run
from bench.planning import affinity
from bench.planning.plan import Plan, jobs
from bench.planning.profiles import PROFILES
from bench.provenance import machine
from bench.running.pacing import MOST_BLOCKS
from impls import registry
from impls.data import TrainingData, load_dataset
from impls.errors import DatasetError, ImplementationError, UnknownNameError, UsageError

CONTROL = "numpy-optimized (control)"
SMALL = ("--network", "36-8-3", "--batch-size", "20")


def options_of(*arguments: str) -> dict[str, Any]:
    """What ``run`` makes of its arguments."""
    parent = click.Context(cli, info_name="mlpbench", **cli.context_settings)
    return run_command.make_context("run", [*arguments], parent=parent).params


@pytest.fixture
def data(npz: Path) -> TrainingData:
    return load_dataset(str(npz))


@pytest.fixture
def plan_for(data: TrainingData) -> Callable[..., Plan]:
    """The plan that ``run`` with these arguments would carry out."""

    def build(*arguments: str) -> Plan:
        options = options_of(*arguments)
        rows = choose_rows(options)
        wanted = examples_wanted(options, len(data.X))
        return build_plan(options, rows, preset_of(options), data.take(wanted))

    return build


def test_every_option_has_a_test_here_or_with_fake_workers() -> None:
    here = Path(__file__)
    source = here.read_text() + here.with_name("test_fake_run.py").read_text()
    options = [option for one in run_command.params for option in one.opts]
    assert len(options) > 12
    assert [option for option in options if f'"{option}"' not in source] == []


def test_without_options_the_profile_decides(plan_for: Callable[..., Plan]) -> None:
    plan = plan_for(*SMALL)
    assert plan.profile == "default"
    assert plan.effort == PROFILES["default"].effort
    assert plan.threads == PROFILES["default"].threads(
        machine.available_cpus(machine.usable_cpus())
    )
    usual = [row.name for row in registry.known().values() if not row.by_name_only]
    assert plan.implementations == (*usual, CONTROL)
    assert plan.settings == ((),)
    assert plan.examples == 90
    assert plan.dataset


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "standard"),
        (("--network", "784-10"), "standard"),
        (("--network", "islr"), "range"),
        (("--network", "cnn-small", "--activation", "tanh"), "range"),
        (("--network", "islr", "--normalise", "standard"), "standard"),
        (("--normalize", "unit"), "unit"),
    ],
)
def test_data_are_normalised_as_the_network_has_it_unless_asked_otherwise(
    monkeypatch: pytest.MonkeyPatch, data: TrainingData, arguments: tuple[str, ...], expected: str
) -> None:
    asked: list[str] = []

    def read(_console: Console, _source: str, normalisation: str, _label: str) -> TrainingData:
        asked.append(normalisation)
        return data

    monkeypatch.setattr("bench.cli.run_plan.read_data", read)
    monkeypatch.setattr("bench.cli.run_plan.build_plan", lambda *_: None)
    plan_run(Console(), options_of(*arguments))
    assert asked == [expected]


@pytest.mark.parametrize(
    ("arguments", "expected"), [((), None), (("--label", "species"), "species")]
)
def test_the_label_is_recorded_as_it_was_given(
    plan_for: Callable[..., Plan], arguments: tuple[str, ...], expected: str | None
) -> None:
    assert plan_for(*SMALL, *arguments).label == expected


def test_implementations_are_those_named_in_that_order(plan_for: Callable[..., Plan]) -> None:
    plan = plan_for(*SMALL, "--impl", "floor, numpy-naive", "--bare")
    assert plan.implementations == ("floor", "numpy-naive")
    assert {job.implementation for job in jobs(plan)} == {"floor", "numpy-naive"}


def test_what_is_named_in_full_is_kept_apart_from_what_a_pattern_matched(
    plan_for: Callable[..., Plan],
) -> None:
    assert plan_for(*SMALL, "--impl", "floor,numpy-n*,numba").named == ("floor", "numba")
    assert plan_for(*SMALL).named == ()


def test_a_list_that_is_given_again_adds_to_the_first(plan_for: Callable[..., Plan]) -> None:
    lists = (
        "--impl", "floor,numba", "--impl", "numpy-naive", "--threads", "2", "--threads", "unset,1",
        "--batch-size", "30", "--batch-size", "20,10",
    )  # fmt: skip
    plan = plan_for("--network", "36-8-3", "--bare", *lists)
    assert plan.implementations == ("floor", "numba", "numpy-naive")
    assert plan.threads == (2, None, 1)
    assert [training.batch_size for training in plan.trainings] == [30, 20, 10]


@pytest.mark.parametrize(
    ("named", "planned"),
    [
        ("numba,numpy-naive", ("numba", "numpy-naive", "floor", "numpy-naive (control)")),
        ("numpy-cached,floor", ("numpy-cached", "floor", "numpy-cached (control)")),
        ("numba", ("numba", "floor", "numba (control)")),
        ("floor", ("floor",)),
    ],
)
def test_the_floor_and_a_control_run_beside_what_is_named(
    plan_for: Callable[..., Plan], named: str, planned: tuple[str, ...]
) -> None:
    assert plan_for(*SMALL, "--impl", named).implementations == planned


def test_blocks_and_precision_decide_how_often_is_repeated(
    plan_for: Callable[..., Plan],
) -> None:
    assert plan_for(*SMALL, "--blocks", "7").effort.blocks == 7
    precise = plan_for(*SMALL, "--precision", "2%")
    assert (precise.precision, precise.effort.blocks) == (0.02, MOST_BLOCKS)
    limited = plan_for(*SMALL, "--precision", "0.02", "--blocks", "9")
    assert (limited.precision, limited.effort.blocks) == (0.02, 9)


def test_neighbours_are_a_part_of_the_setting(plan_for: Callable[..., Plan]) -> None:
    plan = plan_for(*SMALL, "--neighbours", "0,1", "--env", "A=1")
    assert plan.settings == (
        (("A", "1"), ("MLPBENCH_NEIGHBOURS", "0")),
        (("A", "1"), ("MLPBENCH_NEIGHBOURS", "1")),
    )
    with pytest.raises(UsageError, match="give --neighbours"):
        plan_for(*SMALL, "--neighbours", "1", "--env", "MLPBENCH_NEIGHBOURS=2")


def test_a_budget_leaves_the_number_of_blocks_open(plan_for: Callable[..., Plan]) -> None:
    plan = plan_for(*SMALL, "--budget", "3min")
    assert (plan.budget_seconds, plan.effort.blocks) == (180, MOST_BLOCKS)


def test_time_to_accuracy_is_asked_for_with_its_target(plan_for: Callable[..., Plan]) -> None:
    metric = ("--metric", "time-to-accuracy", "--target", "96%", "--impl", "numpy-cached")
    plan = plan_for(*SMALL, *metric)
    assert plan.target == 0.96
    assert plan.implementations == ("numpy-cached", "numpy-cached (control)")
    assert plan.trainings[0].epochs == 35
    assert plan_for(*SMALL, *metric, "--epochs", "5").trainings[0].epochs == 5
    assert plan_for(*SMALL, "--metric", "epoch-time").target is None


def test_a_target_accuracy_needs_whole_epochs() -> None:
    options = options_of("--profile", "quick", "--metric", "time-to-accuracy", "--target", "0.9")
    assert examples_wanted(options, 60000) == 60000


def test_a_swept_thread_variable_is_not_overruled_by_the_profile(
    plan_for: Callable[..., Plan],
) -> None:
    sweep = ("--env", "OPENBLAS_NUM_THREADS=1,2")
    assert plan_for(*SMALL, *sweep).threads == (None,)
    assert plan_for(*SMALL, *sweep, "--threads", "2").threads == (2,)


def test_a_network_is_a_preset_or_sizes(plan_for: Callable[..., Plan]) -> None:
    plan = plan_for("--network", "36-9-5-3", "--batch-size", "20")
    assert (plan.network.name, plan.network.layers) == ("36-9-5-3", (36, 9, 5, 3))
    assert (plan.network.activation, plan.network.loss) == ("sigmoid", "logloss")


@pytest.mark.parametrize(
    ("option", "value", "name"),
    [
        ("--activation", "relu", "36-8-3/relu/logloss"),
        ("--activation", "tanh", "36-8-3/tanh/logloss"),
        ("--loss", "mse", "36-8-3/sigmoid/mse"),
        ("--loss", "cross-entropy", "36-8-3/sigmoid/cross-entropy"),
    ],
)
def test_activation_and_loss_change_the_network_and_its_name(
    plan_for: Callable[..., Plan], option: str, value: str, name: str
) -> None:
    network = plan_for(*SMALL, option, value).network
    assert getattr(network, option.removeprefix("--")) == value
    assert network.name == name


def test_batch_sizes_have_trainings_of_their_own(plan_for: Callable[..., Plan]) -> None:
    plan = plan_for("--network", "36-8-3", "--batch-size", "30,7,90")
    assert [training.batch_size for training in plan.trainings] == [30, 7, 90]


def test_threads_may_be_numbers_and_unset(plan_for: Callable[..., Plan]) -> None:
    assert plan_for(*SMALL, "--threads", "2,unset,1").threads == (2, None, 1)


def test_settings_are_all_combinations(plan_for: Callable[..., Plan]) -> None:
    plan = plan_for(*SMALL, "--env", "B=1,2", "--env", "A=x=y,unset,")
    assert plan.settings == (
        (("A", "x=y"), ("B", "1")),
        (("A", None), ("B", "1")),
        (("A", ""), ("B", "1")),
        (("A", "x=y"), ("B", "2")),
        (("A", None), ("B", "2")),
        (("A", ""), ("B", "2")),
    )


@pytest.mark.parametrize("profile", list(PROFILES))
def test_a_profile_brings_its_effort_and_threads(
    plan_for: Callable[..., Plan], profile: str
) -> None:
    plan = plan_for(*SMALL, "--profile", profile)
    assert (plan.profile, plan.effort) == (profile, PROFILES[profile].effort)
    assert plan.threads == PROFILES[profile].threads(machine.available_cpus(machine.usable_cpus()))


def test_workers_are_held_to_the_processors_asked_for(plan_for: Callable[..., Plan]) -> None:
    one = min(os.sched_getaffinity(0))
    assert plan_for(*SMALL).cpus == ()
    plan = plan_for(*SMALL, "--cpus", str(one))
    assert (plan.cpus, plan.threads) == ((one,), (1,))
    assert plan_for(*SMALL, "--cpus", str(one), "--threads", "2").threads == (2,)


@pytest.mark.parametrize(("quota", "threads"), [(1.0, (1,)), (2.5, (1, 2)), (None, (1, 4))])
def test_a_quota_of_fewer_processors_sets_the_threads(
    plan_for: Callable[..., Plan],
    monkeypatch: pytest.MonkeyPatch,
    quota: float | None,
    threads: tuple[int, ...],
) -> None:
    monkeypatch.setattr(affinity, "AT_START", frozenset(range(4)))
    monkeypatch.setattr(machine, "quota_cpus", lambda: quota)
    assert plan_for(*SMALL).threads == threads
    assert plan_for(*SMALL, "--threads", "4").threads == (4,)


def test_examples_limit_the_epoch(plan_for: Callable[..., Plan]) -> None:
    assert plan_for(*SMALL, "--examples", "50").examples == 50
    with pytest.raises(DatasetError, match="91"):
        plan_for(*SMALL, "--examples", "91")


def test_a_profile_limits_the_examples_unless_a_larger_batch_is_asked_for() -> None:
    def wanted(*arguments: str) -> int:
        return examples_wanted(options_of("--profile", "quick", *arguments), 60000)

    assert wanted() == 20000
    assert wanted("--batch-size", "500,30000") == 30000
    assert wanted("--batch-size", "70000") == 60000
    assert wanted("--examples", "100", "--batch-size", "500") == 100


@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_a_device_leaves_the_implementations_that_run_on_it(
    plan_for: Callable[..., Plan], device: str
) -> None:
    rows = registry.known().values()
    wanted = tuple(row.name for row in rows if row.device == device and not row.by_name_only)
    beside = (CONTROL,) if device == "cpu" else ()
    assert plan_for(*SMALL, "--device", device).implementations == wanted + beside


def test_a_named_implementation_of_another_device_is_refused(
    plan_for: Callable[..., Plan],
) -> None:
    with pytest.raises(UsageError, match="runs on cpu, but --device is gpu"):
        plan_for(*SMALL, "--impl", "numpy-naive", "--device", "gpu")


def test_the_seed_is_the_plans(plan_for: Callable[..., Plan]) -> None:
    assert plan_for(*SMALL).seed == 1
    assert plan_for(*SMALL, "--seed", "77").seed == 77


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (("--impl", "floor,floor"), UsageError, "--impl lists floor more than once"),
        (("--impl", "floor", "--impl", "floor"), UsageError, "--impl lists floor more than once"),
        (("--threads", "1", "--threads", "2,1"), UsageError, "--threads lists 1 more than once"),
        (("--batch-size", "5,5"), UsageError, "--batch-size lists 5 more than once"),
        (("--threads", "1,1"), UsageError, "--threads lists 1 more than once"),
        (("--env", "A=1,1"), UsageError, "holds a value twice"),
        (("--env", "A=1", "--env", "A=2"), UsageError, "names A twice"),
        (("--env", "A"), UsageError, "'A' is not NAME=VALUE"),
        (("--env", "=1"), UsageError, "'=1' is not NAME=VALUE"),
        (("--batch-size", "91"), UsageError, "batch size 91 is more than the 90 training examples"),
        (("--examples", "10"), UsageError, "batch size 20 is more than the 10 training examples"),
        (("--network", "blog"), UsageError, "36 features and 3 classes: .* such as 36-70-30-3"),
        (("--network", "36-8-4"), UsageError, "4 outputs"),
        (("--network", "36"), UsageError, "at least an input and an output"),
        (("--network", "36-0-3"), UsageError, "all positive"),
        (("--network", "blogg"), UnknownNameError, "Did you mean 'blog'"),
        (("--impl", "numpy-optimised"), UnknownNameError, "Did you mean 'numpy-optimized'"),
        (
            ("--impl", "none.py:Trainer"),
            ImplementationError,
            r"cannot read .*none\.py: No such file",
        ),
        (("--threads", "0"), click.BadParameter, "0 threads are not possible"),
        (("--threads", "two"), click.BadParameter, "'two' is not a number of threads"),
        (("--cpus", "two"), click.BadParameter, "'two' is not a list of processors"),
        (("--cpus", "9999"), UsageError, "this process may not run on 9999"),
        (("--batch-size", "0"), click.BadParameter, "0 is not in the range"),
        (("--batch-size", "5,,6"), click.BadParameter, "empty place"),
        (("--impl", ""), click.BadParameter, "empty place"),
        (("--examples", "0"), click.BadParameter, "range"),
        (("--seed", "-1"), click.BadParameter, "range"),
        (("--timeout", "0"), click.BadParameter, "range"),
        (("--profile", "slow"), click.BadParameter, "quick"),
        (("--device", "tpu"), click.BadParameter, "gpu"),
        (("--activation", "gelu"), click.BadParameter, "relu"),
        (("--loss", "hinge"), click.BadParameter, "mse"),
        (("--target", "0.9"), UsageError, "go together"),
        (("--metric", "time-to-accuracy"), UsageError, "go together"),
        (("--epochs", "3"), UsageError, "--epochs belongs to"),
        (("--metric", "speed"), click.BadParameter, "epoch-time"),
        (("--blocks", "0"), click.BadParameter, "range"),
        (("--precision", "0%"), click.BadParameter, "more than 0"),
        (("--precision", "two"), click.BadParameter, "'two' is not a share: use 3% or 0.03"),
        (("--margin", "150%"), click.BadParameter, "less than 100%"),
        (("--budget", "-3min"), click.BadParameter, "use more than 0"),
        (("--budget", "nan"), click.BadParameter, "use more than 0"),
        (("--budget", "3 weeks"), click.BadParameter, "'3 weeks' is not a duration: use 90s"),
    ],
)
def test_what_makes_no_plan_is_refused(
    plan_for: Callable[..., Plan], arguments: tuple[str, ...], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        plan_for(*SMALL, *arguments)


def test_a_file_named_in_two_ways_is_one_implementation(
    plan_for: Callable[..., Plan], tmp_path: Path
) -> None:
    (tmp_path / "a").mkdir()
    file = tmp_path / "mine.py"
    file.write_text("class T: pass")
    with pytest.raises(UsageError, match="more than once"):
        plan_for(*SMALL, "--impl", f"{file}:T,{tmp_path}/a/../mine.py:T")


def test_two_files_that_would_share_a_name_in_the_report_are_refused(
    plan_for: Callable[..., Plan], tmp_path: Path
) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text("class T: pass")
    with pytest.raises(UsageError, match="mine:T more than once"):
        plan_for(*SMALL, "--impl", f"{tmp_path}/a/mine.py:T,{tmp_path}/b/mine.py:T")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("class Other: pass", r"mine\.py has no class 'T' \(it has Other\)"),
        ("", "it binds nothing"),
        ("class T(:", "not valid Python: invalid syntax"),
    ],
)
def test_a_file_that_cannot_hold_the_class_is_refused_without_running_it(
    plan_for: Callable[..., Plan], tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "mine.py").write_text(f"{text}\nraise SystemExit('it was run')")
    with pytest.raises(ImplementationError, match=said):
        plan_for(*SMALL, "--impl", f"{tmp_path}/mine.py:T")


def test_what_runs_on_a_gpu_is_measured_with_the_most_threads_alone(
    plan_for: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "missing", lambda _row: None)
    plan = plan_for(*SMALL, "--impl", "numpy-naive,torch-gpu,jax-gpu", "--threads", "1,2", "--bare")
    assert plan.on_devices == ("torch-gpu", "jax-gpu")
    found = {(job.implementation, job.threads) for job in jobs(plan)}
    assert {threads for name, threads in found if name == "numpy-naive"} == {1, 2}
    assert {threads for name, threads in found if name != "numpy-naive"} == {2}
