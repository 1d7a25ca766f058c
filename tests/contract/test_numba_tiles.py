"""Tiles of any size, and the product that adds, compute the same."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from bench.correctness import gate
from impls.contract import Trainer
from impls.networks import Network, Training
from impls.numba import sparse as numba_sparse
from impls.numba import trainer as numba_trainer
from impls.numba.blas import gradient_product
from impls.numba.state import LEAST_ROWS, MOST_ROWS, SMALL_PRODUCT, least_rows, tile_rows
from impls.numba.update import SHARED_PARAMETERS
from impls.parameters import start_parameters
from impls.presets import PRESETS
from tests.stand_ins import fakes

BLOG = PRESETS["blog"]


@pytest.mark.parametrize("share", [0, 1])
def test_gradients_are_added_to_what_was_there_or_replace_it(share: int) -> None:
    rng = np.random.default_rng(3)
    A, D, G = (rng.normal(size=size).astype(np.float32) for size in [(6, 5), (6, 4), (5, 4)])
    expected = A.T @ D + share * G
    gradient_product(A, D, G, np.float32(share))
    np.testing.assert_allclose(G, expected, rtol=1e-5, atol=1e-6)


def test_nothing_is_left_of_what_is_replaced() -> None:
    A, D = np.ones((2, 3), np.float32), np.ones((2, 2), np.float32)
    G = np.full((3, 2), np.nan, np.float32)
    gradient_product(A, D, G, np.float32(0))
    assert np.array_equal(G, np.full((3, 2), 2, np.float32))


def test_a_tile_is_as_large_as_small_kernels_take_it() -> None:
    rows = tile_rows(BLOG.network, small_kernels=True)
    assert LEAST_ROWS <= rows <= SMALL_PRODUCT / (784 * 70) < rows + 1
    assert tile_rows(BLOG.network, small_kernels=False) == MOST_ROWS


@pytest.mark.parametrize("layers", [(784, 256, 10), (4, 3, 2)])
def test_networks_too_wide_or_too_narrow_for_them_have_large_tiles(layers: tuple[int, ...]) -> None:
    assert tile_rows(Network(name="n", layers=layers), small_kernels=True) == MOST_ROWS


@pytest.mark.parametrize(
    "trainer_class", [numba_trainer.Trainer, numba_sparse.Trainer], ids=["numba", "numba-sparse"]
)
@pytest.mark.parametrize("small_kernels", [False, True])
def test_many_tiles_are_as_good_as_one(
    monkeypatch: pytest.MonkeyPatch, trainer_class: type[Trainer], *, small_kernels: bool
) -> None:
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
    assert least_rows(BLOG.network.parameter_count) == 32
    assert least_rows(PRESETS["islr"].network.parameter_count) == 8
    assert least_rows(5) == 32


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
