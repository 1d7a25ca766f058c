"""What is particular to JAX: threads that only the system can count, compilation, devices."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from bench.measuring.cell_timer import CellTimer
from bench.measuring.clock import SYSTEM_CLOCK
from bench.measuring.disturbance import Monitor
from impls.networks import Network, Training
from impls.parameters import epoch_order, start_parameters
from tests.stand_ins.fakes import REAL_EFFORT

from .conftest import made_up_data

jax = pytest.importorskip("jax", reason="JAX is not installed")

from impls import registry  # noqa: E402  # needs JAX
from impls.jax import device as jax_device  # noqa: E402  # needs JAX
from impls.jax import mlp as jax_mlp  # noqa: E402  # needs JAX

NETWORK = Network(name="n", layers=(6, 5, 3))
TRAINING = Training(batch_size=8)


def bound(examples: int) -> jax_mlp.Trainer:
    trainer = jax_mlp.Trainer(NETWORK, TRAINING, start_parameters(NETWORK, TRAINING, seed=1))
    trainer.bind(*made_up_data(NETWORK, examples))
    return trainer


def _threads(folder: Path, names: list[str], monkeypatch: pytest.MonkeyPatch) -> int | None:
    for number, name in enumerate(names):
        (folder / str(number)).mkdir()
        (folder / str(number) / "comm").write_text(f"{name}\n")
    monkeypatch.setattr(jax_device, "TASKS", folder)
    (pool,) = jax_mlp.Trainer.pools()
    return pool.threads


def test_threads_are_counted_by_their_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["python", "tf_XLAEigen", "llvm-worker-0", "tf_XLAEigen"]
    assert _threads(tmp_path, names, monkeypatch) == 2


def test_where_no_thread_has_the_name_the_library_does_not_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _threads(tmp_path, ["python"], monkeypatch) is None


@pytest.mark.skipif(not jax_device.TASKS.exists(), reason="this system does not show its threads")
def test_the_threads_of_this_process_have_that_name() -> None:
    bound(8).step(np.arange(8))
    (pool,) = jax_mlp.Trainer.pools()
    assert pool.threads is not None
    assert pool.threads > 0


def test_epochs_of_any_length_share_one_compilation() -> None:
    trainer = bound(50)
    trainer.epoch(epoch_order(50, 1, 0))
    compiled = trainer.run.epoch._cache_size()  # noqa: SLF001  # there is no public way
    for batches in (1, 2, 5):
        trainer.epoch(epoch_order(50, 1, 0)[: 8 * batches])
    assert trainer.run.epoch._cache_size() == compiled  # noqa: SLF001


def test_donated_parameters_are_not_those_that_were_handed_out() -> None:
    trainer = bound(50)
    X = np.array(trainer.data[0])
    before, state = trainer.parameters(), trainer.state()
    kept = before.astype(np.float64)
    trainer.epoch(epoch_order(50, 1, 0))
    for copies in (before, state.parameters):
        for (name, now), (_, then) in zip(copies.arrays(), kept.arrays(), strict=True):
            np.testing.assert_array_equal(now, then, err_msg=name)
    np.testing.assert_array_equal(trainer.data[0], X)


def test_double_precision_is_declined() -> None:
    double = Network(name="n", layers=(6, 5, 3), dtype="float64")
    assert jax_mlp.Trainer.supports(double, TRAINING) == (
        "JAX has its 64-bit types switched off, and with them float64"
    )


def test_everything_lies_on_the_device_after_every_update() -> None:
    trainer = bound(50)
    trainer.epoch(epoch_order(50, 1, 0))
    trainer.resume(trainer.state())
    arrays = jax.tree.leaves((trainer.P, trainer.memory, trainer.data, trainer.dropout[1]))
    assert all(array.committed and array.devices() == {trainer.place} for array in arrays)


def test_waiting_reaches_what_was_asked_for_last(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = bound(50)
    waited: list[object] = []
    monkeypatch.setattr(jax, "block_until_ready", waited.append)
    rows = np.arange(8)
    calls = {
        "batch": lambda: trainer.prepare(rows),
        "outputs": trainer.forward,
        "G": trainer.backward,
        "P": lambda: trainer.step(rows),
    }
    for name, call in calls.items():
        call()
        trainer.synchronize()
        assert waited[-1] is getattr(trainer, name)
    trainer.prepare(rows)
    trainer.forward()
    trainer.loss()
    trainer.synchronize()
    found, penalty = waited[-1]  # type: ignore[misc]
    assert [part.shape for part in found] == [(2,)]
    assert penalty.shape == ()
    trainer.bind(*made_up_data(NETWORK, 8))
    trainer.synchronize()
    assert waited[-1] is trainer.data


@pytest.mark.parametrize("phase", ["step", "loss"])
def test_losses_stay_on_the_device_until_somebody_reads_them(
    monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    trainer = bound(50)
    trainer.prepare(np.arange(8))
    trainer.forward()
    expected = [float(value) for value in trainer.loss()]
    read = []
    asarray = np.asarray
    monkeypatch.setattr(np, "asarray", lambda *given: read.append(given) or asarray(*given))
    loss = trainer.step(np.arange(8)) if phase == "step" else trainer.loss()
    assert not [one for one in read if isinstance(one[0], jax.Array)]
    assert [float(value) for value in (*loss, *loss)] == pytest.approx(2 * expected, rel=1e-6)
    assert len([one for one in read if isinstance(one[0], jax.Array)]) == 1


def test_memory_is_the_peak_that_the_device_has_counted_if_it_does() -> None:
    counted = SimpleNamespace(memory_stats=lambda: {"bytes_in_use": 1, "peak_bytes_in_use": 7})
    assert jax_device.peak_bytes(counted) == 7
    assert bound(8).device_memory_bytes() is None


def test_precision_and_platform_are_declared() -> None:
    bound(8).synchronize()
    said = {"precision of products": "float32", "platform": "cpu", **jax_device.kernels()}
    assert jax_mlp.Trainer.declared() == said
    assert jax_mlp.Trainer.unavailable() is None


def test_the_processor_that_xla_compiles_for_is_declared_once_it_has_computed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bound(8).synchronize()
    assert jax_mlp.Trainer.declared()["XLA compiles for"] != "not told"
    monkeypatch.setattr(jax_device, "thread_count", lambda: None)
    assert "XLA compiles for" not in jax_mlp.Trainer.declared()


@pytest.mark.parametrize(
    ("features", "vectors"), [("+64bit,+avx,+avx2,-avx512f", "AVX2"), ("+64bit", "unknown")]
)
def test_the_processor_is_read_from_a_program(features: str, vectors: str) -> None:
    program = f"\x12x86_64-unknown-linux-gnu\x1a\x06znver4\x22\x20{features}\n".encode()
    assert jax_device.target_in(program) == f"znver4, vectors {vectors}"
    assert jax_device.target_in(b"nothing") == "not told"


class AsOnGpu(jax_mlp.GpuTrainer):
    device = jax_device.GPU._replace(platform="cpu")


def test_tf32_is_declared_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLPBENCH_TF32", raising=False)
    bound(8).synchronize()
    on_cpu = {"precision of products": "float32", "platform": "cpu", **jax_device.kernels()}
    in_full = {**on_cpu, "TF32": "off"}
    assert AsOnGpu.declared() == in_full
    monkeypatch.setenv("MLPBENCH_TF32", "1")
    assert AsOnGpu.unavailable() is None
    asked = {**in_full, "precision of products": "tensorfloat32", "TF32": "on"}
    assert AsOnGpu.declared() == asked
    assert jax_mlp.Trainer.declared() == on_cpu
    monkeypatch.setenv("MLPBENCH_TF32", "2")
    assert str(AsOnGpu.unavailable()).startswith("MLPBENCH_TF32=2 is not possible: use 0 or 1")


def test_what_is_compiled_for_its_length_is_compiled_before_epochs_are_timed() -> None:
    start = start_parameters(NETWORK, TRAINING, seed=1)
    trainer = AsOnGpu(NETWORK, TRAINING, start)
    trainer.bind(*made_up_data(NETWORK, 50))
    timer = CellTimer(
        trainer, start, examples=50, seed=1, effort=REAL_EFFORT, clock=SYSTEM_CLOCK,
        monitor=Monitor(),
    )  # fmt: skip
    compiled: list[int] = []
    timer.first_call()
    timer.warm_up()
    for number, kind in enumerate(("epoch", "parts", "epoch")):
        before = trainer.run.epoch._cache_size()  # noqa: SLF001  # there is no public way
        timer.take_turn(kind, number)  # type: ignore[arg-type]
        compiled.append(trainer.run.epoch._cache_size() - before)  # noqa: SLF001
    assert compiled == [0, 0, 0]


def test_a_platform_that_this_process_does_not_have_is_no_device() -> None:
    absence = jax_device.GPU._replace(platform="absent").absence()
    assert absence is not None
    assert absence.startswith("no device: JAX has no platform absent here (Unknown backend absent")


def test_without_cuda_the_row_for_a_gpu_says_so() -> None:
    code = "from impls.jax.mlp import GpuTrainer; print(GpuTrainer.unavailable())"
    row = registry.find("jax-gpu")
    environment = {**os.environ, **row.environment, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("no device: JAX has no platform cuda here (")
