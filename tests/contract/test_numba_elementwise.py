"""The kernels' own functions are as exact as they say."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from impls.numba.elementwise import ACTIVATION_CODES, activate, exp32
from impls.parameters import Floats


def activation(name: str, z: Floats) -> Floats:
    Z = z.reshape(1, -1).copy()
    activate(ACTIVATION_CODES[name], Z, np.zeros(z.size, np.float32))
    return Z[0]


def sizes(smallest: float, largest: float) -> Floats:
    """Numbers of all sizes and both signs."""
    found = np.geomspace(smallest, largest, 50_001)
    return np.concatenate([-found[::-1], found]).astype(np.float32)


def test_tanh_keeps_its_digits_near_0() -> None:
    z = sizes(1e-30, 50)
    np.testing.assert_allclose(activation("tanh", z), np.tanh(z.astype(np.float64)), rtol=4e-7)


def test_tanh_stays_within_its_limits() -> None:
    limits = activation("tanh", np.array([-np.inf, -1e30, 0, 1e30, np.inf], np.float32))
    np.testing.assert_allclose(limits, [-1, -1, 0, 1, 1], atol=4e-7)
    assert np.abs(limits).max() <= 1


def test_a_sigmoid_that_changes_no_sum_is_0() -> None:
    z = sizes(1e-6, 40)
    exact = 1 / (1 + np.exp(-z.astype(np.float64)))
    np.testing.assert_allclose(activation("sigmoid", z), exact, rtol=1e-6, atol=2.0**-24)


def test_exponentials_are_within_two_units_in_the_last_place() -> None:
    @numba.njit
    def exponentials(x: Floats, out: Floats) -> None:
        for k in range(x.size):
            out[k] = exp32(x[k])

    x = np.concatenate([np.linspace(-87.3, 88, 100_001, dtype=np.float32), sizes(1e-9, 80)])
    found = np.empty_like(x)
    exponentials(x, found)
    exact = np.exp(x.astype(np.float64))
    assert np.max(np.abs(found - exact) / np.spacing(exact.astype(np.float32))) < 2


@pytest.mark.parametrize("nodes", [1, 3, 17, 64])
def test_softmax_is_that_of_each_row(nodes: int) -> None:
    Z = np.random.default_rng(2).normal(scale=30, size=(9, nodes)).astype(np.float32)
    E = np.exp(Z.astype(np.float64) - Z.max(axis=1, keepdims=True))
    activate(ACTIVATION_CODES["softmax"], Z, np.zeros(nodes, np.float32))
    np.testing.assert_allclose(Z, E / E.sum(axis=1, keepdims=True), rtol=1e-5, atol=1e-37)
