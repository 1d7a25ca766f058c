"""Masks are what their definition says, look random, and are the same however they are drawn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from impls.mathematics import dropout
from impls.networks import Network

NETWORK = Network(name="odd", layers=(5, 7, 4, 3), dropout=(0.25, 0.5))
WIDE = Network(name="wide", layers=(5, 64, 33, 3), dropout=(0.2, 0.5))


def kept(network: Network, *, seed: int = 1, step: int = 0, rows: int = 400) -> list[np.ndarray]:
    """Per hidden layer, 1.0 where an output is kept."""
    masks = dropout.masks(network, seed, step, rows, np.float64)
    return [np.sign(mask) for mask in masks if mask is not None]


def test_a_mask_is_worked_out_by_hand() -> None:
    def h(x: int) -> int:
        x ^= x >> 16
        x = x * 0x7FEB352D % 2**32
        x ^= x >> 15
        x = x * 0x846CA68B % 2**32
        return x ^ x >> 16

    seed, step, row = 7, 3, 2
    key = h((h(seed) + step) % 2**32)
    for layer, nodes, rate in ((1, 7, 0.25), (2, 4, 0.5)):
        mask = dropout.masks(NETWORK, seed, step, 5, np.float64)[layer]
        words = (nodes + 1) // 2
        for node in range(nodes):
            word = h(h((key + row) % 2**32) ^ h((h(layer) + node % words) % 2**32))
            half = word % 2**16 if node < words else word // 2**16
            expected = 1 / (1 - rate) if half >= rate * 2**16 else 0.0
            assert mask is not None
            assert mask[row, node] == expected


def test_the_bits_stay_what_they_are() -> None:
    # Whoever changes these changes what every network trained with dropout comes to.
    assert [dropout.hash_of(x) for x in (0, 1, 2**32 - 1)] == [0, 0x688990C0, 0x6768824A]
    rows = [["".join(map(str, row)) for row in mask.astype(int)] for mask in kept(NETWORK, rows=4)]
    assert rows == [
        ["1011010", "1111011", "1111111", "1101101"],
        ["0101", "0110", "1001", "0110"],
    ]


def test_the_share_that_is_kept_is_the_rates() -> None:
    steps = [kept(WIDE, step=step) for step in range(40)]
    for layer, rate in enumerate(WIDE.dropout):
        values = np.concatenate([masks[layer] for masks in steps])
        deviation = abs(values.mean() - (1 - rate))
        assert deviation < 4 * np.sqrt(rate * (1 - rate) / values.size)


@pytest.mark.parametrize("along", ["nodes", "rows", "steps"])
def test_what_is_dropped_in_one_place_tells_nothing_of_another(along: str) -> None:
    values = np.array([kept(WIDE, step=step, rows=64)[0] for step in range(64)]) - 0.8
    axis = {"steps": 0, "rows": 1, "nodes": 2}[along]
    table = np.moveaxis(values, axis, 0).reshape(64, -1)
    correlations = np.corrcoef(table)[np.triu_indices(64, 1)] * np.sqrt(table.shape[1])
    # Of two thousand standard normal values the largest is about 3.5.
    assert np.abs(correlations).max() < 5
    assert correlations.std() == pytest.approx(1, abs=0.1)


def test_a_network_without_dropout_draws_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(dropout, "hash_of", refuse)
    plain = Network(name="plain", layers=(5, 64, 33, 3))
    assert dropout.masks(plain, 1, 0, 20, np.float64) == [None, None, None]


def test_layers_and_seeds_have_masks_of_their_own() -> None:
    twins = Network(name="twins", layers=(5, 64, 64, 3), dropout=(0.5, 0.5))
    first, second = kept(twins)
    other, _ = kept(twins, seed=2)
    for one, another in ((first, second), (first, other)):
        assert np.mean(one == another) == pytest.approx(0.5, abs=0.02)


@given(
    nodes=st.integers(1, 9),
    rate=st.sampled_from([0.1, 0.5, 0.999999]),
    rows=st.integers(1, 9),
    first=st.integers(0, 9),
    seed=st.integers(0, 2**40),
    step=st.integers(0, 2**33),
)
def test_masks_drawn_in_place_from_any_row_on_are_the_same(
    nodes: int, rate: float, rows: int, first: int, seed: int, step: int
) -> None:
    network = Network(name="any", layers=(2, 3, nodes, 2), dropout=(0.0, rate))
    whole = dropout.masks(network, seed, step, first + rows, np.float32)
    assert whole[:2] == [None, None]
    drawer = dropout.MaskDrawer(network, rows)
    drawer.draw(dropout.step_key(seed, step), first)
    written = np.full((rows, nodes), np.nan, np.float32)
    drawer.write(2, written)
    assert whole[2] is not None
    np.testing.assert_array_equal(written, whole[2][first:] > 0)


def test_the_input_and_layers_without_a_rate_have_no_mask() -> None:
    assert dropout.masks(Network(name="none", layers=(5, 4, 3)), 1, 0, 2, float) == [None, None]
