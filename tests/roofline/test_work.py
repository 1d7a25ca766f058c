"""The work model against operations and bytes that are counted while a step runs."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.roofline import (
    Product,
    delta_products,
    forward_products,
    gradient_products,
    step_operations,
    work_of,
)
from impls import contract
from impls.contract import PHASES, Phase, Trainer
from impls.mathematics import functions, reference
from impls.networks import Dtype, Network, Optimiser, Training
from impls.numpy import float32 as numpy_float32
from impls.numpy import floor
from impls.numpy import naive as numpy_naive
from impls.parameters import start_parameters
from impls.presets import PRESETS

NETWORKS = [
    Network(name="two hidden", layers=(7, 5, 4, 3)),
    Network(name="no hidden", layers=(6, 2), loss="mse"),
    Network(name="wide", layers=(3, 11, 2), activation="relu", loss="cross-entropy"),
    Network(name="tanh", layers=(5, 4, 4), activation="tanh", loss="mse"),
    Network(name="thinned", layers=(5, 6, 4, 2), dropout=(0.0, 0.5), loss="cross-entropy"),
]
PENALISED = Training(batch_size=9, l1=0.1, l2=0.2, momentum=0.3, reduction="mean")
ROWS = np.arange(2, 11)


@dataclass
class Tally:
    """Operations and bytes of products, and element-wise operations, since it was emptied."""

    operations: int = 0
    bytes: int = 0
    elementwise: int = 0
    shapes: list[tuple[int, ...]] = field(default_factory=list)


TALLY = Tally()


class Counted(np.ndarray):
    """An array that counts what is done with it; whatever comes out of it counts as well."""

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = (), **options: Any
    ) -> Any:
        plain = [bare(one) for one in inputs]
        if out:
            options["out"] = tuple(bare(one) for one in out)
        result = getattr(ufunc, method)(*plain, **options)
        if ufunc is np.matmul:
            (rows, inner), (_, columns) = plain[0].shape, plain[1].shape
            TALLY.operations += 2 * rows * inner * columns
            TALLY.bytes += plain[0].nbytes + plain[1].nbytes + result.nbytes
        elif method == "reduce":
            TALLY.elementwise += plain[0].size
        elif np.ndim(result):
            TALLY.elementwise += np.size(result)
        return result.view(Counted) if isinstance(result, np.ndarray) else result


def bare(value: Any) -> Any:
    return value.view(np.ndarray) if isinstance(value, Counted) else value


def counted(arrays: Iterable[np.ndarray]) -> list[Any]:
    return [array.view(Counted) for array in arrays]


def trainer_of(kind: type[Trainer], network: Network, training: Training = PENALISED) -> Any:
    """A bound trainer whose data and weights count."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(20, network.layers[0])).astype(network.dtype)
    Y = rng.uniform(size=(20, network.layers[-1])).astype(network.dtype)
    trainer: Any = kind(network, training, start_parameters(network, training, 1))
    trainer.bind(X, Y)
    trainer.W, trainer.X = counted(trainer.W), trainer.X.view(Counted)
    if kind is reference.Trainer:
        trainer.b, trainer.Y = counted(trainer.b), trainer.Y.view(Counted)
    if kind is floor.Trainer:
        trainer.prepare(ROWS)
        trainer.buffers = {size: tuple(map(counted, one)) for size, one in trainer.buffers.items()}
    return trainer


def counts(trainer: contract.Trainer) -> dict[Phase, Tally]:
    """One step, phase by phase, after one that makes what the optimiser remembers count."""
    trainer.step(ROWS)
    found: dict[Phase, Tally] = {}
    for phase in PHASES:
        TALLY.operations = TALLY.bytes = TALLY.elementwise = 0
        trainer.prepare(ROWS) if phase == "prepare" else getattr(trainer, phase)()
        found[phase] = Tally(TALLY.operations, TALLY.bytes, TALLY.elementwise)
    return found


def bytes_of(products: Iterable[Product], dtype: str) -> int:
    return sum(product.elements for product in products) * np.dtype(dtype).itemsize


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
@pytest.mark.parametrize("kind", [floor.Trainer, reference.Trainer], ids=["floor", "reference"])
def test_products_of_the_model_are_those_that_run(kind: type[Trainer], network: Network) -> None:
    dtype: Dtype = "float64" if kind is reference.Trainer else "float32"
    found = counts(trainer_of(kind, network))
    backward = gradient_products(network, 9) + delta_products(network, 9)
    model = work_of(network, PENALISED, 9)
    for phase in PHASES:
        assert found[phase].operations == model[phase].products, phase
    assert found["forward"].bytes == bytes_of(forward_products(network, 9), dtype)
    assert found["backward"].bytes == bytes_of(backward, dtype)


def with_bias_rows(network: Network) -> list[tuple[int, int]]:
    """Shapes of the weights where a row of ones makes the bias a weight."""
    return [(n_in + 1, n_out) for n_in, n_out in network.shapes]


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
@pytest.mark.parametrize(
    ("kind", "lowest_delta"),
    [(numpy_float32.Trainer, 1), (numpy_naive.Trainer, 0)],
    ids=["float32", "naive"],
)
def test_rungs_multiply_their_bias_rows_as_well_and_the_lowest_goes_back_to_the_input(
    kind: type[Trainer], lowest_delta: int, network: Network
) -> None:
    found = counts(trainer_of(kind, network))
    shapes, model = with_bias_rows(network), work_of(network, PENALISED, 9)
    forward = [Product(n_out, n_in, 9) for n_in, n_out in shapes]
    gradients = [Product(n_out, 9, n_in) for n_in, n_out in shapes]
    deltas = [Product(n_in, n_out, 9) for n_in, n_out in shapes[lowest_delta:]]
    dtype = kind.dtype  # type: ignore[attr-defined]
    for phase, products in (("forward", forward), ("backward", gradients + deltas)):
        assert found[phase].operations == sum(p.operations for p in products)
        assert found[phase].bytes == bytes_of(products, dtype)
        assert found[phase].operations > model[phase].products


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
@pytest.mark.parametrize("optimiser", ["sgd", "adam", "rmsprop"])
def test_elementwise_operations_are_those_of_the_formulas(
    network: Network, optimiser: Optimiser, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The reference takes slopes from inputs, which needs the activation again.
    monkeypatch.setattr(reference, "SLOPES_FROM_INPUT", functions.SLOPES_FROM_OUTPUT)
    training = msgspec.structs.replace(PENALISED, optimiser=optimiser)
    found = counts(trainer_of(reference.Trainer, network, training))
    model = work_of(network, training, 9)
    assert {phase: found[phase].elementwise for phase in PHASES} == {
        phase: model[phase].elementwise for phase in PHASES
    }


def test_the_blog_network_has_the_work_that_paper_gives() -> None:
    work = work_of(PRESETS["blog"].network, Training(), 500)
    weights = 784 * 70 + 70 * 30 + 30 * 10
    assert work["forward"].products == 2 * 500 * weights
    assert work["backward"].products == 2 * 500 * (weights + 70 * 30 + 30 * 10)
    assert work["step"].products == 500 * 233920
    assert step_operations(PRESETS["blog"].network, 500) == 500 * 233920


def test_bytes_are_what_goes_in_and_comes_out() -> None:
    network = Network(name="n", layers=(7, 5, 3))
    weights, parameters, m = 7 * 5 + 5 * 3, 8 * 5 + 6 * 3, 9
    work = work_of(network, Training(l1=0, l2=0, momentum=0), m)
    numbers = {
        "prepare": 2 * m * (7 + 3),
        "forward": m * 7 + parameters + m * (5 + 3),
        "loss": 2 * m * 3,
        "backward": m * (7 + 5 + 3) + m * 3 + 5 * 3 + parameters,
        "update": 3 * parameters,
        "step": m * (7 + 3) + 2 * parameters,
    }
    assert {phase: one.bytes for phase, one in work.items()} == {
        phase: 4 * number for phase, number in numbers.items()
    }
    adam = work_of(network, Training(l2=0, optimiser="adam"), m)
    assert adam["update"].bytes == 4 * 7 * parameters
    assert adam["step"].bytes == 4 * (m * (7 + 3) + 6 * parameters)
    rmsprop = work_of(network, Training(l2=0, optimiser="rmsprop"), m)
    assert rmsprop["update"].bytes == 4 * 5 * parameters
    more = work_of(network, Training(l2=0.1, momentum=0.1), m)
    assert more["loss"].bytes == 4 * (2 * m * 3 + weights)
    assert more["backward"].bytes == work["backward"].bytes + 4 * 7 * 5
    assert more["update"].bytes == 4 * 5 * parameters
    assert more["step"].bytes == 4 * (m * (7 + 3) + 4 * parameters)


def test_momentum_and_each_penalty_add_their_operations() -> None:
    network = Network(name="n", layers=(7, 5, 3))
    weights, parameters = 7 * 5 + 5 * 3, 8 * 5 + 6 * 3
    none, l1, l2, momentum = (
        work_of(network, Training(**{"l1": 0, "l2": 0, "momentum": 0, **one}), 9)
        for one in ({}, {"l1": 0.1}, {"l2": 0.1}, {"momentum": 0.1})
    )
    for phase, penalised, extra in (
        ("loss", l1, 2), ("loss", l2, 2), ("backward", l1, 3), ("backward", l2, 2),
    ):  # fmt: skip
        assert penalised[phase].elementwise == none[phase].elementwise + extra * weights
    assert none["update"].elementwise == 2 * parameters
    assert momentum["update"].elementwise == 4 * parameters


layers = st.lists(st.integers(1, 50), min_size=2, max_size=5).map(tuple)


@given(layers, st.integers(1, 300), st.sampled_from([0.0, 0.1]), st.sampled_from([0.0, 0.1]))
def test_a_step_does_the_work_of_its_phases_on_fewer_bytes(
    layers: tuple[int, ...], examples: int, l2: float, momentum: float
) -> None:
    training = Training(l2=l2, momentum=momentum)
    work = work_of(Network(name="n", layers=layers), training, examples)
    phases = [work[phase] for phase in PHASES]
    assert work["step"].products == sum(one.products for one in phases)
    assert work["step"].elementwise == sum(one.elementwise for one in phases)
    assert work["step"].bytes < sum(one.bytes for one in phases)
    double = work_of(Network(name="n", layers=layers, dtype="float64"), training, examples)
    assert all(double[phase].bytes == 2 * work[phase].bytes for phase in work)
    larger = work_of(Network(name="n", layers=layers), training, examples + 1)
    assert larger["step"].intensity > work["step"].intensity
    assert all(b > a for a, b in itertools.pairwise([work["step"].bytes, larger["step"].bytes]))
