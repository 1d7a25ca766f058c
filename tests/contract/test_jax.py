"""What is particular to JAX: threads that only the system can count, and compilation by shape."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from impls.networks import Network, Training
from impls.parameters import epoch_order, start_parameters

from .conftest import made_up_data

jax = pytest.importorskip("jax", reason="JAX is not installed")

from impls import jax_mlp  # noqa: E402  # needs JAX

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
    monkeypatch.setattr(jax_mlp, "TASKS", folder)
    (pool,) = jax_mlp.Trainer.pools()
    return pool.threads


def test_threads_are_counted_by_their_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["python", "tf_XLAEigen", "llvm-worker-0", "tf_XLAEigen"]
    assert _threads(tmp_path, names, monkeypatch) == 2


def test_where_no_thread_has_the_name_the_library_does_not_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _threads(tmp_path, ["python"], monkeypatch) is None


@pytest.mark.skipif(not jax_mlp.TASKS.exists(), reason="this system does not show its threads")
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
