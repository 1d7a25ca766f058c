"""Tiles of any size, and the product that adds, compute the same."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from bench.correctness import gate
from impls.contract import Trainer
from impls.networks import Network, Training
from impls.numba import sparse as numba_sparse
from impls.numba import state
from impls.numba import trainer as numba_trainer
from impls.numba.intrinsics import gradient_product
from impls.numba.state import (
    LEAST_TILE_ROWS,
    MOST_TILE_ROWS,
    REGISTER_TILE_ROWS,
    SMALL_PRODUCT,
    in_registers,
    least_rows,
    tile_rows,
)
from impls.numba.update import SHARED_PARAMETERS
from impls.parameters import start_parameters
from impls.presets import PRESETS
from tests.stand_ins import fakes

BLOG = PRESETS["blog"]


@pytest.mark.parametrize("beta", [0, 1])
def test_gradients_are_added_to_what_was_there_or_replace_it(beta: int) -> None:
    rng = np.random.default_rng(3)
    A, D, G = (rng.normal(size=size).astype(np.float32) for size in [(6, 5), (6, 4), (5, 4)])
    expected = A.T @ D + beta * G
    gradient_product(A, D, G, np.float32(beta))
    np.testing.assert_allclose(G, expected, rtol=1e-5, atol=1e-6)


def test_nothing_is_left_of_what_is_replaced() -> None:
    A, D = np.ones((2, 3), np.float32), np.ones((2, 2), np.float32)
    G = np.full((3, 2), np.nan, np.float32)
    gradient_product(A, D, G, np.float32(0))
    assert np.array_equal(G, np.full((3, 2), 2, np.float32))


@pytest.fixture
def no_registers(monkeypatch: pytest.MonkeyPatch) -> None:
    """BLAS multiplies, as on a processor without the instructions of our own products."""
    monkeypatch.setattr(state, "LANES", 0)


@pytest.mark.usefixtures("no_registers")
def test_a_tile_is_as_large_as_small_kernels_take_it() -> None:
    rows = tile_rows(BLOG.network, 500, small_kernels=True)
    assert LEAST_TILE_ROWS <= rows <= SMALL_PRODUCT / (784 * 70) < rows + 1
    assert tile_rows(BLOG.network, 500, small_kernels=False) == MOST_TILE_ROWS


def test_layers_with_few_nodes_and_small_batches_stay_in_registers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(state, "LANES", 16)
    monkeypatch.setattr(state, "VECTORS", 5)
    assert in_registers(BLOG.network, 500) == [True] * 3
    islr = PRESETS["islr"].network
    assert in_registers(islr, 500) == [False, False, True]
    assert in_registers(islr, REGISTER_TILE_ROWS) == [True] * 3
    assert in_registers(Network(name="wide", layers=(784, 1000, 10)), 1) == [False, True]
    assert tile_rows(BLOG.network, 500, small_kernels=True) == REGISTER_TILE_ROWS
    monkeypatch.setattr(state, "LANES", 0)
    assert in_registers(BLOG.network, 500) == [False] * 3


@pytest.mark.usefixtures("no_registers")
@pytest.mark.parametrize("layers", [(784, 256, 10), (4, 3, 2)])
def test_networks_too_wide_or_too_narrow_for_them_have_large_tiles(layers: tuple[int, ...]) -> None:
    network = Network(name="n", layers=layers)
    assert tile_rows(network, 500, small_kernels=True) == MOST_TILE_ROWS


@pytest.mark.parametrize(
    "trainer_class", [numba_trainer.Trainer, numba_sparse.Trainer], ids=["numba", "numba-sparse"]
)
@pytest.mark.parametrize(
    ("registers", "small_kernels"), [(False, False), (False, True), (True, False)]
)
def test_many_tiles_are_as_good_as_one(
    monkeypatch: pytest.MonkeyPatch,
    trainer_class: type[Trainer],
    *,
    registers: bool,
    small_kernels: bool,
) -> None:
    if not registers:
        monkeypatch.setattr(state, "LANES", 0)
    kernels = {"Haswell", "Zen", *numba_trainer.WITH_SMALL_KERNELS} if small_kernels else set()
    monkeypatch.setattr(numba_trainer, "WITH_SMALL_KERNELS", kernels)
    batch_size = 100
    examples = gate.rows_needed(batch_size, 1000)
    X, Y = fakes.examples(examples, 784, 10)
    X[:, 100:] *= np.random.default_rng(1).random((examples, 684)) < 0.1
    training = BLOG.training_at(batch_size)
    start = start_parameters(BLOG.network, training, seed=1)
    checks = gate.inspect(trainer_class, BLOG.network, training, start, (X, Y), np.arange(examples))
    assert gate.refusal(checks) == ""


def test_a_thread_is_woken_for_work_and_not_for_rows() -> None:
    assert least_rows(BLOG.network.parameter_count) == 16
    assert least_rows(PRESETS["islr"].network.parameter_count) == 4
    assert least_rows(5) == 16


@pytest.mark.parametrize(
    "trainer_class", [numba_trainer.Trainer, numba_sparse.Trainer], ids=["numba", "numba-sparse"]
)
@pytest.mark.parametrize("penalty", [{"l1": 0.01, "l2": 0.0}, {"l2": 0.02}], ids=["l1", "l2"])
def test_threads_that_share_the_parameters_pass_the_gate(
    monkeypatch: pytest.MonkeyPatch, trainer_class: type[Trainer], penalty: dict[str, float]
) -> None:
    # Parts of a team of two are the same work on a machine with one processor.
    monkeypatch.setattr(numba_trainer.numba, "get_num_threads", lambda: 2)
    network = Network(name="shared", layers=(280, 250, 4))
    assert network.parameter_count >= SHARED_PARAMETERS
    training = Training(batch_size=70, **penalty)
    examples = gate.rows_needed(70, 1000)
    X, Y = fakes.examples(examples, 280, 4)
    X[:, 100:] *= np.random.default_rng(1).random((examples, 180)) < 0.1
    start = start_parameters(network, training, seed=1)
    checks = gate.inspect(trainer_class, network, training, start, (X, Y), np.arange(examples))
    assert gate.refusal(checks) == ""
