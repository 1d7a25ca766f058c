from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.planning.plan import orders

NUMBERS = st.integers(1, 9)


def made(items: int, blocks: int, seed: int = 3) -> list[list[int]]:
    return orders(range(items), blocks, random.Random(seed))


@given(items=NUMBERS, blocks=NUMBERS, seed=st.integers(0, 99))
def test_every_block_holds_each_item_once(items: int, blocks: int, seed: int) -> None:
    found = made(items, blocks, seed)
    assert len(found) == blocks
    assert all(sorted(order) == list(range(items)) for order in found)


@given(items=NUMBERS, blocks=st.integers(2, 9), seed=st.integers(0, 99))
def test_the_places_of_every_item_add_up_to_the_same(items: int, blocks: int, seed: int) -> None:
    found = made(items, blocks, seed)
    sums = [sum(order.index(item) for order in found) for item in range(items)]
    inexact = blocks % 2 and items % 2 == 0
    assert max(sums) - min(sums) == (1 if inexact else 0)


def test_the_second_of_a_pair_runs_the_first_backwards_and_the_next_is_shuffled_anew() -> None:
    one, two, three, four = made(6, 4)
    assert two == one[::-1]
    assert four == three[::-1]
    assert three not in (one, two)


def test_three_arrangements_by_hand() -> None:
    first, second, third, *pair = made(5, 5)
    a, b, c, d, e = first
    assert second == [e, c, a, d, b]
    assert third == [d, b, e, c, a]
    assert pair[1] == pair[0][::-1]


@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_the_order_comes_from_the_generator_alone(blocks: int) -> None:
    assert made(9, blocks, seed=4) == made(9, blocks, seed=4)
    assert made(9, blocks, seed=4) != made(9, blocks, seed=5)
