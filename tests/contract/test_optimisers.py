"""The optimisers by their formulas, and the same on buffers."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from impls.mathematics.optimisers import MEMORIES, OPTIMISERS, InPlace, new_memory
from impls.networks import Network, Training
from impls.parameters import start_parameters

TRAINING = Training(momentum=0.3, beta1=0.8, beta2=0.9, rho=0.7, epsilon=1e-3)
GRADIENTS = np.random.default_rng(4).normal(size=(5, 50)) * np.geomspace(1e-4, 10, 50)


def lost(optimiser: str, g: list[float]) -> list[float]:
    """What one weight loses at each of some updates at a rate of 0.1."""
    memory = new_memory(optimiser, np.zeros(1))
    move = OPTIMISERS[optimiser]
    return [float(move(np.array([x]), memory, 0.1, t, TRAINING)[0]) for t, x in enumerate(g, 1)]


def test_adam_is_that_of_keras() -> None:
    # m = 0.2 * 3 = 0.6, v = 0.1 * 9 = 0.9; corrections 1 - 0.8 and 1 - 0.9.
    first = 0.1 * math.sqrt(0.1) / 0.2 * 0.6 / (math.sqrt(0.9) + 1e-3)
    # m = 0.8 * 0.6 - 0.2 = 0.28, v = 0.9 * 0.9 + 0.1 = 0.91; corrections 0.36 and 0.19.
    second = 0.1 * math.sqrt(0.19) / 0.36 * 0.28 / (math.sqrt(0.91) + 1e-3)
    assert lost("adam", [3.0, -1.0]) == pytest.approx([first, second], rel=1e-12)


def test_rmsprop_is_that_of_keras() -> None:
    # v = 0.3 * 9 = 2.7, then 0.7 * 2.7 + 0.3 = 2.19.
    expected = [0.1 * 3 / math.sqrt(2.701), -0.1 / math.sqrt(2.191)]
    assert lost("rmsprop", [3.0, -1.0]) == pytest.approx(expected, rel=1e-12)


def test_descent_remembers_the_move_without_its_momentum() -> None:
    assert lost("sgd", [1.0, 0.0, 0.0]) == pytest.approx([0.1, 0.03, 0.0], rel=1e-12, abs=1e-18)


def test_adams_first_step_is_the_rate_whatever_the_gradient() -> None:
    defaults = Training()
    for g in (1e-3, 1.0, 1e6):
        memory = new_memory("adam", np.zeros(1))
        moved = OPTIMISERS["adam"](np.array([-g]), memory, 0.1, 1, defaults)
        assert moved[0] == pytest.approx(-0.1, rel=0.01)


@pytest.mark.parametrize("optimiser", list(OPTIMISERS))
@pytest.mark.parametrize("momentum", [0.0, 0.3])
def test_on_buffers_it_is_the_same(optimiser: str, momentum: float) -> None:
    training = msgspec.structs.replace(TRAINING, optimiser=optimiser, momentum=momentum)
    values = np.linspace(-1, 1, 50)
    exact, memory = values.copy(), new_memory(optimiser, values)
    ours = InPlace(training, values)
    for _ in range(2):
        for t, g in enumerate(GRADIENTS, 1):
            exact = exact - OPTIMISERS[optimiser](g, memory, 0.1, t, training)
            ours.update(g, 0.1, t)
            np.testing.assert_allclose(values, exact, rtol=1e-12, atol=1e-12)
        # Once more from the beginning.
        ours.forget()
        memory = new_memory(optimiser, values)


def test_each_optimiser_has_its_formula_and_its_memories() -> None:
    assert MEMORIES.keys() == OPTIMISERS.keys()


def test_glorot_draws_weights_within_its_bound_and_no_biases() -> None:
    network = Network(name="start", layers=(784, 256, 10))
    start = start_parameters(network, Training(start="glorot"), seed=1)
    for W, b, (n_in, n_out) in zip(start.weights, start.biases, network.shapes, strict=True):
        bound = math.sqrt(6 / (n_in + n_out))
        assert 0.99 * bound < np.abs(W).max() <= bound
        assert W.std() == pytest.approx(bound / math.sqrt(3), rel=0.05)
        assert not b.any()
