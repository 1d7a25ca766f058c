from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from bench.correctness import gate, reference_run
from bench.correctness.tolerance import Rounding, Tolerances, tolerances
from bench.documents.timings import Check
from impls.networks import Network, Training
from impls.parameters import Floats, Indices, epoch_order, start_parameters
from tests.stand_ins import fakes


def refusal(net: Network, training: Training, seed: int, data: tuple[Floats, Floats]) -> str:
    """What the gate says of the reference's formulas in float32."""
    count = len(data[0])
    order = epoch_order(count, seed, 0)[: gate.rows_needed(training.batch_size, count)]
    start = start_parameters(net, training, seed)
    return gate.refusal(gate.inspect(fakes.Float32Reference, net, training, start, data, order))


def random_case(seed: int, **changes: object) -> tuple[Network, Training, int]:
    """A network, a training and a number of examples."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 80))
    layers = tuple(map(int, rng.integers(1, 40, rng.integers(2, 5))))
    net = Network(
        name="random",
        layers=layers,
        activation=str(rng.choice(["sigmoid", "tanh", "relu"])),  # type: ignore[arg-type]
        loss=str(rng.choice(["logloss", "mse", "cross-entropy"])),  # type: ignore[arg-type]
        dropout=tuple(float(rng.choice([0, 0.2, 0.5, 0.9])) for _ in layers[1:-1]),
    )
    training = Training(
        batch_size=int(rng.integers(1, count + 1)),
        momentum=float(rng.choice([0, 5e-5])),
        l1=float(rng.choice([0, 1e-4])),
        l2=float(rng.choice([0, 0.01])),
        optimiser=str(rng.choice(["sgd", "adam", "rmsprop"])),  # type: ignore[arg-type]
        beta1=float(rng.choice([0, 0.9])),
        reduction=str(rng.choice(["sum", "mean"])),  # type: ignore[arg-type]
        start=str(rng.choice(["uniform", "glorot"])),  # type: ignore[arg-type]
        dropout_seed=seed,
    )
    return net, msgspec.structs.replace(training, **changes), count


def refused(seeds: range, **changes: object) -> dict[int, object]:
    """The cases that the gate refuses, with their reasons."""
    found: dict[int, object] = {}
    for seed in seeds:
        net, training, count = random_case(seed, **changes)
        reason = refusal(net, training, seed, fakes.examples(count, net.layers[0], net.layers[-1]))
        if reason:
            found[seed] = (net, training, reason)
    return found


def test_two_hundred_random_networks_in_float32_are_accepted() -> None:
    assert refused(range(200)) == {}


@pytest.mark.parametrize("optimiser", ["adam", "rmsprop"])
def test_random_networks_in_float32_are_accepted_under_each_optimiser(optimiser: str) -> None:
    assert refused(range(1000, 1100), optimiser=optimiser) == {}


@pytest.mark.parametrize(
    ("layers", "activation", "loss"),
    [
        ((784, 10), "sigmoid", "logloss"),
        ((784, 10), "sigmoid", "mse"),
        ((784, 10), "sigmoid", "cross-entropy"),
        ((784, 64, 10), "sigmoid", "logloss"),
        ((784, 64, 10), "tanh", "logloss"),
        ((784, 64, 10), "relu", "mse"),
        ((784, 64, 10), "relu", "cross-entropy"),
    ],
)
def test_networks_as_wide_as_mnist_in_float32_are_accepted(
    layers: tuple[int, ...], activation: str, loss: str
) -> None:
    net = Network(name="wide", layers=layers, activation=activation, loss=loss)  # type: ignore[arg-type]
    refused = {}
    for batch_size in (1, 4):
        for seed in (1, 2, 3):
            data = fakes.examples(16, 784, 10, seed)
            reason = refusal(net, Training(batch_size=batch_size), seed, data)
            if reason:
                refused[batch_size, seed] = reason[reason.index("worst") :]
    assert refused == {}


def test_pixels_that_are_nearly_always_black_saturate_outputs_and_are_accepted() -> None:
    # Standardised, a pixel that is white once in many images is far from all others.
    net = Network(name="wide", layers=(784, 10))
    refused = {}
    for seed in range(8):
        X, Y = fakes.examples(500, 784, 10, seed)
        rare = np.random.default_rng(seed).random(X.shape) < 0.01
        reason = refusal(net, Training(batch_size=100), seed, (np.where(rare, 40 * X, X / 2), Y))
        if reason:
            refused[seed] = reason[reason.index("worst") :]
    assert refused == {}


def test_the_tolerance_grows_with_the_root_of_the_longest_sum_and_shrinks_with_precision() -> None:
    def bound(layers: tuple[int, ...], batch_size: int, dtype: str = "float32") -> Tolerances:
        net = Network(name="any", layers=layers, dtype=dtype)  # type: ignore[arg-type]
        return tolerances(net, batch_size, Rounding.of(net, {}))

    small, wide = bound((196, 70, 10), 1), bound((784, 70, 10), 1)
    assert wide.outputs == pytest.approx(2 * small.outputs)
    assert wide.layers == pytest.approx([2 * one for one in small.layers])
    large = bound((784, 70, 10), 4 * 784)
    assert large.outputs == wide.outputs, "the batch is summed over on the way back"
    assert (large.losses, *large.layers) == pytest.approx((2 * wide.losses,) * 3)
    assert bound((784, 70, 100000), 1) == bound((784, 70, 1), 1), "nothing is summed over outputs"
    assert bound((784, 10), 1, "float64").outputs < 1e-6 * bound((784, 10), 1).outputs


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_workers_share_what_the_reference_computed(
    optimiser: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = Network(name="shared", layers=(20, 8, 3), activation="relu", loss="cross-entropy")
    training = Training(batch_size=16, l2=0.01, optimiser=optimiser)  # type: ignore[arg-type]
    data = fakes.examples(60, 20, 3)
    order = epoch_order(60, 1, 0)[: gate.rows_needed(16, 60)]
    start = start_parameters(net, training, 1)

    def inspect(shared: Path | None) -> list[Check]:
        kind = fakes.Float32Reference
        return gate.inspect(kind, net, training, start, data, order, shared)

    alone, first = inspect(None), inspect(tmp_path)
    assert gate.refusal(alone) == ""
    monkeypatch.setattr(reference_run, "train", None)
    assert alone == first == inspect(tmp_path)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("batch_size", "examples"), [(7, 100), (50, 100), (100, 100), (5000, 9000)]
)
def test_the_number_of_examples_that_the_gate_trains_on_is_known(
    batch_size: int, examples: int
) -> None:
    net, training = Network(name="counted", layers=(2, 2)), Training(batch_size=batch_size)
    data = fakes.examples(examples, 2, 2)
    order = epoch_order(examples, 1, 0)[: gate.rows_needed(batch_size, examples)]
    taken: list[int] = []

    class Counted(fakes.Float32Reference):
        def prepare(self, rows: Indices) -> None:
            taken.append(len(rows))
            super().prepare(rows)

    start = start_parameters(net, training, 1)
    assert gate.refusal(gate.inspect(Counted, net, training, start, data, order)) == ""
    path, ours = gate.examples_trained(batch_size, examples)
    assert sum(taken) == ours
    assert ours == min(batch_size, len(order)) + 2 * path
