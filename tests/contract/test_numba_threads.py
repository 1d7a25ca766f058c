"""BLAS has one thread while a kernel multiplies, and its own before and after."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

from threadpoolctl import ThreadpoolController

from impls.networks import Network, Training
from impls.numba import epoch
from impls.numba import trainer as numba_trainer
from impls.parameters import read_only, start_parameters

from .conftest import made_up_data

IN_A_POOL = """
from concurrent.futures import ThreadPoolExecutor
import numba
import numpy as np
from impls.networks import Network, Training
from impls.numba.trainer import Trainer
from impls.parameters import start_parameters

network, training = Network(name="n", layers=(6, 5, 3)), Training(batch_size=64)
rng = np.random.default_rng(3)
X = rng.standard_normal((512, 6)).astype(np.float32)
Y = np.eye(3, dtype=np.float32)[np.arange(512) % 3]

def trained(_number):
    trainer = Trainer(network, training, start_parameters(network, training, seed=1))
    trainer.bind(X, Y)
    for _ in range(40):
        trainer.epoch(np.arange(512))
    return np.concatenate([W.ravel() for W in trainer.parameters().weights])

alone = trained(0)
with ThreadPoolExecutor(4) as pool:
    for other in pool.map(trained, range(8)):
        assert np.array_equal(alone, other)
print(numba.threading_layer())
"""

NETWORK, TRAINING = Network(name="n", layers=(6, 5, 3)), Training(batch_size=8)
ROWS = np.arange(8)


@pytest.fixture
def trainer() -> numba_trainer.Trainer:
    made = numba_trainer.Trainer(NETWORK, TRAINING, start_parameters(NETWORK, TRAINING, seed=1))
    made.bind(*made_up_data(NETWORK, 8))
    return made


def test_a_pool_of_threads_trains_what_one_thread_does() -> None:
    """The layer that is always there ends the process where two kernels start at once."""
    done = subprocess.run(
        [sys.executable, "-c", IN_A_POOL],
        env=os.environ | {"NUMBA_THREADING_LAYER": "workqueue", "NUMBA_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "workqueue"


def threads_of_blas() -> list[int]:
    return [
        pool.num_threads for pool in ThreadpoolController().select(user_api="blas").lib_controllers
    ]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[int]]]:
    """The threads of every BLAS during each call of the kernels."""
    found: list[list[int]] = []
    run = epoch.run

    def spy(*arguments: Any) -> None:
        found.append(threads_of_blas())
        run(*arguments)

    monkeypatch.setattr(epoch, "run", spy)
    with ThreadpoolController().limit(limits=2, user_api="blas"):
        yield found


def test_a_step_multiplies_with_one_thread_and_gives_back_the_others(
    trainer: numba_trainer.Trainer, seen: list[list[int]]
) -> None:
    before = threads_of_blas()
    assert max(before) == 2
    trainer.step(ROWS)
    trainer.epoch(ROWS)
    trainer.forward()
    trainer.backward()
    assert len(seen) == 4
    assert all(set(threads) == {1} for threads in seen)
    assert threads_of_blas() == before


def test_threads_changed_between_calls_are_noticed(
    trainer: numba_trainer.Trainer, seen: list[list[int]]
) -> None:
    blas = ThreadpoolController().select(user_api="blas")
    with blas.limit(limits=1):
        trainer.step(ROWS)
    trainer.step(ROWS)
    assert len(seen) == 2
    assert all(set(threads) == {1} for threads in seen)
    assert max(threads_of_blas()) == 2


def test_where_there_is_one_thread_no_limit_is_set(
    trainer: numba_trainer.Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> None:
        raise AssertionError

    with ThreadpoolController().limit(limits=1, user_api="blas"):
        monkeypatch.setattr(trainer.blas, "limit", refuse)
        trainer.step(ROWS)
    # Nothing is multiplied here.
    trainer.prepare(ROWS)
    trainer.loss()
    trainer.update()


def test_a_changed_rate_reaches_the_kernels(trainer: numba_trainer.Trainer) -> None:
    before = trainer.parameters().biases[0]
    trainer.learning_rate = 0.0
    trainer.step(ROWS)
    np.testing.assert_array_equal(trainer.parameters().biases[0], before)
    trainer.learning_rate = 0.5
    trainer.step(ROWS)
    assert not np.array_equal(trainer.parameters().biases[0], before)


def test_arrays_that_can_be_written_to_are_not_compiled_for_again(
    trainer: numba_trainer.Trainer,
) -> None:
    X, Y = made_up_data(NETWORK, 8)
    trainer.bind(read_only(X), read_only(Y))
    trainer.epoch(read_only(ROWS))
    compiled = len(epoch.run.signatures)
    trainer.bind(X.copy(), Y.copy())
    trainer.epoch(ROWS.copy())
    trainer.predict(X.copy())
    assert len(epoch.run.signatures) == compiled
