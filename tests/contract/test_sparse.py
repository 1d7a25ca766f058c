"""Background pixels left out: nothing is lost, whatever the background is after normalisation."""

from __future__ import annotations

import numpy as np
import pytest

from bench.correctness import gate
from impls.data import TrainingData
from impls.data.raw import RawData
from impls.data.training_data import from_raw
from impls.mathematics.reference import Trainer as Reference
from impls.networks import LossName, Network, Training
from impls.numba.sparse import Trainer, split
from impls.parameters import start_parameters

NORMALISATIONS = ("standard", "range", "unit", "none")
SIDE = 8


def pictures(normalisation: str) -> TrainingData:
    """Strokes on a background that nothing ever touches near the edge and little elsewhere."""
    rng = np.random.default_rng(4)

    def draw(count: int) -> np.ndarray:
        images = np.zeros((count, SIDE, SIDE), np.uint8)
        images[:, 3:5, 3:5] = rng.integers(1, 256, (count, 2, 2))
        rare = rng.random(images.shape) < 0.05
        rare[:, 0] = False
        images[rare] = rng.integers(1, 256, int(rare.sum()))
        return images

    labels = np.arange(150, dtype=np.uint8) % 3
    raw = RawData("strokes", "made up", draw(150), labels, draw(9), labels[:9])
    return from_raw(raw, normalisation)


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
def test_columns_and_differences_are_the_whole(normalisation: str) -> None:
    X = pictures(normalisation).X
    order, dense, rest = split(X)
    sparse = np.tile(rest.background, (len(X), 1))
    for row in range(len(X)):
        own = slice(rest.starts[row], rest.starts[row + 1])
        sparse[row, rest.columns[own]] += rest.values[own]
    whole = np.empty_like(X)
    whole[:, order] = np.hstack([sparse, dense])
    np.testing.assert_allclose(whole, X, atol=1e-6)
    assert dense.shape == (len(X), 4)


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
def test_as_much_is_left_out_whatever_the_background_is(normalisation: str) -> None:
    _, _, rest = split(pictures(normalisation).X)
    _, _, stored = split(pictures("none").X)
    assert np.array_equal(rest.starts, stored.starts)
    assert np.array_equal(rest.columns, stored.columns)
    # Only standardised, pixels have a background of their own, but for those that never change.
    assert np.count_nonzero(rest.background) == (52 if normalisation == "standard" else 0)


@pytest.mark.parametrize("loss", ["logloss", "cross-entropy"])
@pytest.mark.parametrize("normalisation", NORMALISATIONS[:3])
def test_the_step_is_exact_whatever_the_background_is(normalisation: str, loss: LossName) -> None:
    data = pictures(normalisation)
    network = Network(name="n", layers=(SIDE**2, 9, 5, 3), activation="tanh", loss=loss)
    training = Training(batch_size=40, l1=0.01, momentum=0.5)
    order = np.random.default_rng(1).permutation(150)[: gate.rows_needed(40, 150)]
    start = start_parameters(network, training, seed=1)
    checks = gate.inspect(Trainer, network, training, start, (data.X, data.one_hot()), order)
    assert gate.refusal(checks) == ""
    assert len(checks) > 20


def test_other_data_are_taken_up_where_training_stands() -> None:
    first, second = pictures("standard"), pictures("unit")
    network = Network(name="n", layers=(SIDE**2, 9, 3), loss="cross-entropy")
    training = Training(batch_size=50, optimiser="adam", learning_rate=0.01, reduction="mean")
    start = start_parameters(network, training, seed=1)
    ours, exact = Trainer(network, training, start), Reference(network, training, start)
    for trainer in (ours, exact):
        trainer.bind(first.X, first.one_hot())
        trainer.epoch(np.arange(150))
        # The columns that count as sparse are others now.
        trainer.bind(second.X[:, ::-1], second.one_hot())
        trainer.epoch(np.arange(150))
    assert ours.state().updates == exact.state().updates == 6
    for (name, mine), (_, theirs) in zip(
        ours.parameters().arrays(), exact.parameters().arrays(), strict=True
    ):
        np.testing.assert_allclose(mine, theirs, atol=1e-5, err_msg=name)
