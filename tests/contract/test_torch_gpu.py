"""PyTorch's GPU rows on the CPU: all but the device, whose graphs are a tape here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import pytest

from bench.correctness import gate
from bench.measuring.cell_timer import CellTimer
from bench.measuring.clock import SYSTEM_CLOCK
from bench.measuring.disturbance import Monitor
from impls.contract import Trainer
from impls.networks import Network, Training
from impls.parameters import Parameters, epoch_order, start_parameters
from impls.training.fit import fit
from tests.stand_ins.fakes import REAL_EFFORT

from .conftest import made_up_data
from .test_state import (
    test_a_training_taken_up_again_ends_at_the_very_same_weights,
    test_another_implementation_takes_a_training_up,
)
from .test_trainers import (
    test_dropout_and_other_optimisers_pass_the_gate,
    test_every_activation_and_loss_passes_the_gate,
    test_load_forgets_what_training_left,
    test_odd_shapes_pass_the_gate,
    test_penalties_and_momentum_can_be_on_or_off,
    test_what_is_dropped_changes_with_the_update_and_not_in_predict,
)

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from impls.torch import autograd as torch_autograd  # noqa: E402
from impls.torch import cuda_graph as torch_cuda_graph  # noqa: E402
from impls.torch import device as torch_device  # noqa: E402

from .tape import Tape  # noqa: E402
from .test_torch_autograd import CNN, EXACT  # noqa: E402

__all__ = [
    "test_a_training_taken_up_again_ends_at_the_very_same_weights",
    "test_another_implementation_takes_a_training_up",
    "test_dropout_and_other_optimisers_pass_the_gate",
    "test_every_activation_and_loss_passes_the_gate",
    "test_load_forgets_what_training_left",
    "test_odd_shapes_pass_the_gate",
    "test_penalties_and_momentum_can_be_on_or_off",
    "test_what_is_dropped_changes_with_the_update_and_not_in_predict",
]

DROPPED = Network(
    name="dropped", layers=(20, 9, 7, 5), activation="relu", loss="cross-entropy",
    dropout=(0.5, 0.2),
)  # fmt: skip
CASES = {
    "momentum": (DROPPED, Training(batch_size=20, momentum=0.4, l1=0.1, decay=0.5)),
    "adam": (DROPPED, Training(batch_size=20, optimiser="adam", reduction="mean", decay=0.5)),
    "rmsprop": (CNN, Training(batch_size=20, optimiser="rmsprop", l2=0.0, decay=0.5)),
    "exact": (EXACT, Training(batch_size=20, l1=0.1)),
}


class Taped(torch_cuda_graph.Trainer):
    device = "cpu"
    record = Tape


@pytest.fixture
def trainer_class() -> type[Trainer]:
    return Taped


@pytest.fixture(autouse=True)
def _one_thread_and_no_device(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def bound(trainer_class: type[Trainer], case: str, examples: int = 70) -> Any:
    network, training = CASES[case]
    trainer = trainer_class(network, training, start_parameters(network, training, seed=1))
    trainer.bind(*made_up_data(network, examples))
    return trainer


def assert_close(one: Parameters, other: Parameters, tolerance: float) -> None:
    for (name, ours), (_, theirs) in zip(one.arrays(), other.arrays(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("case", ["rmsprop", "exact"])
def test_convolutions_pass_the_gate(case: str) -> None:
    network, training = CASES[case]
    examples = gate.rows_needed(20, 10**9)
    data, order = made_up_data(network, examples), epoch_order(examples, 1, 0)
    start = start_parameters(network, training, seed=1)
    assert gate.refusal(gate.inspect(Taped, network, training, start, data, order)) == ""


@pytest.mark.parametrize("case", CASES)
def test_replays_follow_rates_masks_and_orders_as_the_eager_loop_does(case: str) -> None:
    taped, eager = bound(Taped, case), bound(torch_autograd.Trainer, case)
    for trainer in (taped, eager):
        fit(trainer, 70, epochs=3, seed=3)
    assert len(taped.stretches) == 1
    tolerance = 1e-10 if case == "exact" else 2e-5
    assert_close(taped.parameters(), eager.parameters(), tolerance)
    assert_close(taped.gradients(), eager.gradients(), 100 * tolerance)
    assert taped.updates == eager.updates == 12
    assert taped.learning_rate == eager.learning_rate < CASES[case][1].learning_rate


@pytest.mark.parametrize("case", CASES)
def test_recording_leaves_parameters_and_memory_alone(case: str) -> None:
    trainer = bound(Taped, case)
    trainer.step(np.arange(20))
    before = trainer.state()
    trainer._stretch(70)  # noqa: SLF001  # recorded, not replayed
    after = trainer.state()
    assert after.updates == before.updates
    for one, other in zip(
        (before.parameters, *before.memory), (after.parameters, *after.memory), strict=True
    ):
        assert_close(one, other, 0)


def test_a_graph_is_recorded_once_for_each_number_of_examples() -> None:
    trainer = bound(Taped, "momentum")
    for examples in (45, 70):
        trainer.epoch(np.arange(examples))
    assert set(trainer.stretches) == {45, 70}
    known = dict(trainer.stretches)
    trainer.load(trainer.parameters())
    trainer.epoch(epoch_order(70, 1, 0))
    trainer.epoch(epoch_order(45, 1, 0))
    assert trainer.stretches == known
    trainer.bind(*made_up_data(DROPPED, 70, seed=6))
    assert trainer.stretches == {}


def test_nothing_is_recorded_in_an_epoch_that_is_timed() -> None:
    trainer = bound(Taped, "momentum")
    timer = CellTimer(
        trainer, trainer.parameters(), examples=70, seed=1, effort=REAL_EFFORT,
        clock=SYSTEM_CLOCK, monitor=Monitor(),
    )  # fmt: skip
    recorded: list[int] = []
    timer.first_call()
    timer.warm_up()
    for number, kind in enumerate(("epoch", "parts", "epoch")):
        before = len(trainer.stretches)
        timer.take_turn(kind, number)  # type: ignore[arg-type]
        recorded.append(len(trainer.stretches) - before)
    assert recorded == [0, 0, 0]


def test_a_long_epoch_is_replayed_in_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, parts = bound(Taped, "adam", 150), bound(Taped, "adam", 150)
    order = epoch_order(150, 1, 0)
    expected = whole.epoch(order)
    monkeypatch.setattr(torch_cuda_graph, "GRAPH_BATCHES", 3)
    monkeypatch.setattr(torch_cuda_graph, "TOGETHER_ROWS", 40)
    found = parts.epoch(order)
    assert set(parts.stretches) == {60, 30}
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert_close(parts.parameters(), whole.parameters(), 1e-5)


def test_the_warm_up_has_all_shapes_of_the_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, set[tuple[int, int]]] = {"warm up": set(), "work": set()}

    class Worked:
        def __init__(self, warm_up: Any, work: Any) -> None:
            for name, part in (("warm up", warm_up), ("work", work)):
                monkeypatch.setattr(Noting, "now", seen[name])
                part()

    class Noting(torch_cuda_graph.Trainer):
        device = "cpu"
        record = Worked
        now: ClassVar[set[tuple[int, int]]] = set()

        def _train_together(self, stretch: Any, numbers: range) -> None:
            rows = stretch.rows_of(numbers)
            self.now.add((len(numbers), rows.stop - rows.start))
            super()._train_together(stretch, numbers)

    monkeypatch.setattr(torch_cuda_graph, "TOGETHER_ROWS", 40)
    trainer = bound(Noting, "momentum", 110)
    trainer._stretch(110)  # noqa: SLF001
    assert seen["work"] == seen["warm up"] == {(2, 40), (1, 20), (1, 10)}


def test_losses_of_a_step_outlive_the_next_one() -> None:
    trainer = bound(Taped, "momentum")
    first = trainer.step(np.arange(20))
    kept = [float(value) for value in first]
    trainer.step(np.arange(20, 40))
    assert [float(value) for value in first] == kept


@pytest.mark.parametrize("case", ["momentum", "rmsprop", "exact"])
def test_what_is_recorded_needs_no_value_and_nothing_from_the_host(case: str) -> None:
    # Tensors of this device have no values: whoever reads one, or brings one from elsewhere, fails.
    class Worked:
        def __init__(self, warm_up: Any, work: Any) -> None:
            warm_up()
            work()

    class Meta(torch_cuda_graph.Trainer):
        device = "meta"
        record = Worked

    trainer = bound(Meta, case)
    stretch = trainer._stretch(70)  # noqa: SLF001
    assert stretch.losses.shape == (4, 3)
    assert {part.device.type for part in stretch.G} == {"meta"}


@pytest.mark.parametrize("case", CASES)
def test_an_eager_step_needs_no_value_either(case: str) -> None:
    class Meta(torch_autograd.GpuTrainer):
        device = "meta"

    loss = bound(Meta, case).step(np.arange(20))
    with pytest.raises(RuntimeError, match="meta"):
        float(loss.data)


def test_adam_on_rates_in_single_precision_is_declined_for_double() -> None:
    training = Training(optimiser="adam")
    assert "fused Adam" in str(torch_cuda_graph.Trainer.supports(EXACT, training))
    assert torch_cuda_graph.Trainer.supports(CNN, training) is None
    assert torch_autograd.GpuTrainer.supports(EXACT, training) is None


def test_without_a_gpu_they_say_so() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    for one in (torch_autograd.GpuTrainer, torch_cuda_graph.Trainer):
        reason = str(one.unavailable())
        assert reason.startswith("no device: PyTorch finds no CUDA GPU on this machine")


@pytest.fixture
def _in_full_afterwards() -> Iterator[None]:
    yield
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLPBENCH_TF32", raising=False)
        torch_device.set_precision()


@pytest.mark.usefixtures("_in_full_afterwards")
def test_tf32_is_off_unless_it_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.delenv("MLPBENCH_TF32", raising=False)
    assert torch_autograd.GpuTrainer.declared() == {"TF32": "off", "cudnn.benchmark": "off"}
    assert torch_cuda_graph.Trainer.declared()["batches per CUDA graph"] == "at most 1000"
    monkeypatch.setenv("MLPBENCH_TF32", "1")
    assert torch_autograd.GpuTrainer.unavailable() is None
    assert torch_autograd.GpuTrainer.declared()["TF32"] == "on"
    monkeypatch.setenv("MLPBENCH_TF32", "yes")
    assert "MLPBENCH_TF32=yes is not possible" in str(torch_autograd.GpuTrainer.unavailable())


@pytest.mark.usefixtures("_in_full_afterwards")
@pytest.mark.parametrize("allowed", [False, True])
def test_all_of_pytorchs_getters_answer(monkeypatch: pytest.MonkeyPatch, *, allowed: bool) -> None:
    # The compiler reads some of them, and they raise where switches are mixed.
    monkeypatch.setenv("MLPBENCH_TF32", str(int(allowed)))
    torch_device.set_precision()
    assert torch.backends.cuda.matmul.allow_tf32 is allowed
    assert torch.backends.cudnn.allow_tf32 is allowed
    assert torch.get_float32_matmul_precision() == ("high" if allowed else "highest")
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, allow_tf32=allowed):
        pass
    used = {torch.backends.cudnn.conv.fp32_precision, torch.backends.cuda.matmul.fp32_precision}
    assert ("tf32" in used) is allowed


class Cuda:
    """Notes what is asked of ``torch.cuda``; entered as a stream or as the recording."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        def note(*_: object) -> Cuda:
            self.calls.append(name)
            return self

        return note

    def __enter__(self) -> None:
        self.calls.append("enter")

    def __exit__(self, *_: object) -> None:
        self.calls.append("exit")


def test_a_cuda_graph_is_warmed_up_aside_then_recorded_then_replayed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cuda = Cuda()
    monkeypatch.setattr(torch, "cuda", cuda)
    done = cuda.calls.append
    recorded = torch_cuda_graph.CudaGraph(lambda: done("warm up"), lambda: done("work"))
    assert cuda.calls == [
        *("Stream", "current_stream", "wait_stream"),
        *("stream", "enter", *["warm up"] * torch_cuda_graph.WARM_UPS, "exit"),
        *("current_stream", "wait_stream"),
        *("CUDAGraph", "current_stream", "graph", "enter", "work", "exit"),
    ]
    cuda.calls.clear()
    recorded.replay()
    assert cuda.calls == ["replay"]


def test_a_recording_that_fails_leaves_pytorch_on_the_stream_where_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Failing(Cuda):
        def __exit__(self, *_: object) -> None:
            super().__exit__()
            if self.calls[-2] == "work":
                raise RuntimeError("an error during the recording")

    def work() -> None:
        cuda.calls.append("work")
        raise MemoryError

    cuda = Failing()
    monkeypatch.setattr(torch, "cuda", cuda)
    with pytest.raises(RuntimeError, match="during the recording"):
        torch_cuda_graph.CudaGraph(lambda: None, work)
    assert cuda.calls[-3:] == ["work", "exit", "set_stream"]


class Stages:
    """A recording that only says where its work stands: before, in the warm-up, in the work."""

    now: ClassVar[str] = "eager"

    def __init__(self, warm_up: Any, work: Any) -> None:
        for Stages.now, part in (("warm up", warm_up), ("work", work)):
            part()
        Stages.now = "eager"

    def replay(self) -> None:
        """Nothing: the weights stay."""


@pytest.mark.parametrize("case", ["momentum", "adam", "rmsprop"])
def test_no_node_of_autograd_lives_from_one_stage_into_the_recording(case: str) -> None:
    # It would run on the stream of the stage that made it, which a recording cannot wait for.
    found: set[tuple[str, str]] = set()

    class Noting(torch_cuda_graph.Trainer):
        device = "cpu"
        record = Stages

        def gradients_of(self, *arguments: Any, **options: Any) -> Any:
            for value in self.values:
                metadata = value.view_as(value).grad_fn.next_functions[0][0].metadata
                found.add((metadata.setdefault("made in", Stages.now), Stages.now))
            return super().gradients_of(*arguments, **options)

    trainer = bound(Noting, case)
    for phase in (lambda: trainer.prepare(np.arange(20)), trainer.forward, trainer.backward):
        phase()
    trainer.step(np.arange(20))
    trainer.epoch(epoch_order(70, 1, 0))
    assert found == {(stage, stage) for stage in ("eager", "warm up", "work")}


def test_the_barrier_and_the_memory_are_those_of_the_device(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trainer = bound(Taped, "momentum")
    waited = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: waited.append(1))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 12345)
    trainer.synchronize()
    assert waited == [1]
    assert trainer.device_memory_bytes() == 12345
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: waited.append(2))
    assert trainer.forget_device_peak()
    assert waited == [1, 2]
