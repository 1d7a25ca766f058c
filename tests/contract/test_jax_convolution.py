"""Convolution and pooling in both orders of a map, and a device whose other settings run here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from bench.correctness import gate
from impls.convolution import ConvLayer, Convolution
from impls.networks import Formulas, Network, Training
from impls.parameters import Floats, epoch_order, start_parameters

from .conftest import made_up_data

jax = pytest.importorskip("jax", reason="JAX is not installed")

from impls.jax import compiled as jax_compiled  # noqa: E402  # needs JAX
from impls.jax import convolution as jax_convolution  # noqa: E402  # needs JAX
from impls.jax import mlp as jax_mlp  # noqa: E402  # needs JAX
from impls.jax.device import CPU, GPU  # noqa: E402  # needs JAX

CONV = ConvLayer(height=5, width=6, channels=2, filters=3, kernel=2, pool=1)
NETWORK = Network(
    name="convolutions", layers=(72, 11, 5), activation="relu", loss="cross-entropy",
    dropout=(0.2,), image=(9, 8, 1),
    convolutions=(Convolution(filters=3, pool=2), Convolution(filters=4, kernel=2)),
)  # fmt: skip
DENSE = Network(name="dense", layers=(6, 5, 3))
UNOPTIMISED = "jax_disable_most_optimizations"
ASKED = {
    "float32": "precision=(Precision.HIGHEST, Precision.HIGHEST)",
    "tensorfloat32": "precision=(Precision.HIGH, Precision.HIGH)",
}
TRAINING = Training(batch_size=8, optimiser="adam", reduction="mean")


@pytest.fixture(autouse=True)
def _compiled_in_a_hurry() -> Iterator[None]:
    """XLA is not what is tested here, and takes most of the time."""
    jax.config.update(UNOPTIMISED, True)  # noqa: FBT003  # JAX signature
    yield
    jax.config.update(UNOPTIMISED, False)  # noqa: FBT003  # as above


class OnCpu(jax_mlp.Trainer):
    """More than one tile to a batch."""

    device = CPU._replace(image_rows=4)


class AsOnGpu(jax_mlp.GpuTrainer):
    """All that differs on a GPU but the GPU."""

    device = GPU._replace(platform="cpu")


def _by_loops(maps: Floats, W: Floats) -> Floats:
    """The definition: ``maps`` are ``(examples, height, width, channels)``, ``W`` is canonical."""
    height, width = CONV.filtered
    Z = np.zeros((len(maps), height, width, CONV.filters))
    for i in range(height):
        for j in range(width):
            patch = maps[:, i : i + CONV.kernel, j : j + CONV.kernel]
            Z[:, i, j] = patch.reshape(len(maps), -1) @ W
    return Z


@pytest.mark.parametrize("patches", [True, False])
def test_both_convolutions_are_that_of_the_definition(*, patches: bool) -> None:
    rng = np.random.default_rng(3)
    # Small whole numbers, so that no sum is rounded.
    maps = rng.integers(-4, 5, (7, 5, 6, 2)).astype(np.float32)
    W = rng.integers(-4, 5, CONV.shape).astype(np.float32)
    found = (
        np.transpose(jax_convolution.convolved(maps.transpose(3, 1, 2, 0), W.T, CONV), (3, 1, 2, 0))
        if patches
        else jax_convolution.convolved_by_library(maps, W.T, CONV)
    )
    np.testing.assert_array_equal(found, _by_loops(maps, W))


def _pooled(maps: list[list[float]], delta: list[list[float]]) -> tuple[Any, Any]:
    shaped, deltas = (np.array(part, np.float32)[None, :, :, None] for part in (maps, delta))
    largest, back = jax.vjp(lambda maps: jax_convolution.pooled(maps, 2), shaped)
    return largest[0, :, :, 0].tolist(), back(deltas)[0][0, :, :, 0].tolist()


def test_pooling_sends_the_delta_to_the_largest_and_drops_what_is_left_over() -> None:
    largest, back = _pooled(
        [[1, 2, 5, 6, 9], [4, 3, 8, 7, 9], [9, 9, 9, 9, 9]],
        [[10, 20]],
    )
    assert largest == [[4, 8]]
    assert back == [[0, 0, 0, 0, 0], [10, 0, 20, 0, 0], [0, 0, 0, 0, 0]]


def test_of_equal_values_the_first_has_all_of_the_delta() -> None:
    largest, back = _pooled([[1, 7, 0, 0], [7, 7, 0, 0]], [[10, 20]])
    assert largest == [[7, 0]]
    assert back == [[0, 10, 20, 0], [0, 0, 0, 0]]


def test_a_network_with_convolutions_passes_the_gate() -> None:
    examples = gate.rows_needed(TRAINING.batch_size, 10**9)
    data, order = made_up_data(NETWORK, examples), epoch_order(examples, 1, 0)
    start = start_parameters(NETWORK, TRAINING, seed=1)
    checks = gate.inspect(OnCpu, NETWORK, TRAINING, start, data, order)
    assert gate.refusal(checks) == ""
    assert len(checks) > 4 * len(NETWORK.shapes)


def test_as_on_a_gpu_a_batch_is_one_tile_that_gives_the_same() -> None:
    start = start_parameters(NETWORK, TRAINING, seed=1)
    here, there = OnCpu(NETWORK, TRAINING, start), AsOnGpu(NETWORK, TRAINING, start)
    order = epoch_order(16, 1, 0)
    for trainer in (here, there):
        trainer.bind(*made_up_data(NETWORK, 16))
        trainer.prepare(order[:8])
    assert (len(here.batch), len(there.batch)) == (2, 1)
    np.testing.assert_allclose(there.epoch(order), here.epoch(order), rtol=1e-4)
    for (name, ours), (_, theirs) in zip(
        there.parameters().arrays(), here.parameters().arrays(), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5, err_msg=name)


def test_as_on_a_gpu_an_epoch_is_compiled_for_its_number_of_batches() -> None:
    trainer = AsOnGpu(DENSE, TRAINING, start_parameters(DENSE, TRAINING, seed=1))
    trainer.bind(*made_up_data(DENSE, 24))
    for batches in (3, 2, 3):
        trainer.epoch(np.arange(8 * batches))
    assert trainer.run.epoch._cache_size() == 2  # noqa: SLF001  # there is no public way


def test_predictions_tile_by_tile_are_those_at_once() -> None:
    start = start_parameters(NETWORK, TRAINING, seed=1)
    X, _ = made_up_data(NETWORK, 10)
    whole = AsOnGpu(NETWORK, TRAINING, start).predict(X)
    for examples in (3, 8, 10):
        found = OnCpu(NETWORK, TRAINING, start).predict(X[:examples])
        np.testing.assert_allclose(found, whole[:examples], rtol=1e-5)


@pytest.mark.parametrize(
    ("trainer_class", "precision"),
    [(OnCpu, "float32"), (AsOnGpu, "float32"), (AsOnGpu, "tensorfloat32")],
)
def test_every_product_asks_for_its_precision(
    trainer_class: type[jax_mlp.Trainer], precision: str
) -> None:
    formulas = Formulas.of(NETWORK, TRAINING)
    P = [
        (np.zeros((n_out, n_in), np.float32), np.zeros(n_out, np.float32))
        for n_in, n_out in NETWORK.shapes
    ]
    compiled = jax_compiled.compiled(formulas, trainer_class.device, precision)
    X = np.zeros((9, 72), np.float32)
    program = str(compiled.predict.trace(P, X).jaxpr)
    assert program.count("precision=") >= len(P)
    assert program.count("precision=") == program.count(ASKED[precision])
    columns = [np.zeros(6, np.uint32)]
    _, A, back = compiled.forward(P, X, columns, np.uint32(1))
    program = str(compiled.backward.trace(back, A, A, np.float32(1)).jaxpr)
    assert program.count("precision=") >= 2 * len(P) - 1
    assert program.count("precision=") == program.count(ASKED[precision])
