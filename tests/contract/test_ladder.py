"""Each rung of the ladder has the trick it is named for, and the rungs below do not."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from impls import registry
from impls.networks import Network, Training
from impls.numpy.naive import Trainer
from impls.parameters import start_parameters

from .conftest import made_up_data

NETWORK = Network(name="ladder", layers=(30, 8, 4))
TRAINING = Training(batch_size=20)
RUNGS = sorted(
    (row for row in registry.ROWS if row.rung is not None), key=lambda row: row.rung or 0
)


def trainer_at(rung: int) -> Trainer:
    """The trainer of a rung that keeps columns, after a forward pass."""
    trainer = registry.load(RUNGS[rung])(NETWORK, TRAINING, start_parameters(NETWORK, TRAINING, 1))
    assert isinstance(trainer, Trainer)
    trainer.bind(*made_up_data(NETWORK, 60))
    trainer.prepare(np.arange(10, 30))
    trainer.forward()
    return trainer


def test_rungs_are_numbered_from_the_baseline_up() -> None:
    assert [row.rung for row in RUNGS] == list(range(len(RUNGS)))


@pytest.mark.parametrize("rung", [0, 1])
def test_below_the_layout_rung_the_batch_is_copied_against_its_order(rung: int) -> None:
    trainer = trainer_at(rung)
    assert trainer.input.flags.f_contiguous
    assert trainer.A[0].flags.c_contiguous
    assert not np.shares_memory(trainer.A[0], trainer.input)


@pytest.mark.parametrize("rung", [2, 3])
def test_from_the_layout_rung_on_the_batch_is_used_as_it_was_gathered(rung: int) -> None:
    trainer = trainer_at(rung)
    assert np.shares_memory(trainer.A[0], trainer.input)
    assert trainer.A[0].flags.f_contiguous
    np.testing.assert_array_equal(trainer.A[0][0], 1)


def test_only_the_baseline_computes_in_double_precision() -> None:
    assert [trainer_at(rung).A[-1].dtype for rung in range(4)] == [np.float64] + [np.float32] * 3


def test_single_precision_is_offered_for_what_it_is() -> None:
    double = msgspec.structs.replace(NETWORK, dtype="float64")
    for rung in (1, 2, 3):
        trainer_class = registry.load(RUNGS[rung])
        assert trainer_class.supports(NETWORK, TRAINING) is None
        declined = trainer_class.supports(double, TRAINING)
        assert declined == "this rung computes in float32, not float64"
    for rung in (0, 4):
        assert registry.load(RUNGS[rung]).supports(double, TRAINING) is None


def deltas_computed(rung: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    trainer = trainer_at(rung)
    seen: list[int] = []
    original = trainer.delta_below

    def spy(layer: int, delta: np.ndarray) -> np.ndarray:
        seen.append(layer)
        return original(layer, delta)

    monkeypatch.setattr(trainer, "delta_below", spy)
    trainer.backward()
    return seen


def test_only_the_baseline_goes_back_to_the_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    assert deltas_computed(0, monkeypatch) == [1, 0]
    assert [deltas_computed(rung, monkeypatch) for rung in (1, 2, 3)] == [[1]] * 3


@pytest.mark.parametrize(("rung", "needs_input"), [(2, True), (3, False)])
def test_the_cached_rung_takes_slopes_from_outputs(rung: int, *, needs_input: bool) -> None:
    trainer = trainer_at(rung)
    trainer.backward()
    before = trainer.gradients()
    # Whoever recomputes the activation from Z is misled by a spoilt Z.
    trainer.Z = [Z + 1 for Z in trainer.Z]
    trainer.backward()
    changed = not np.array_equal(trainer.gradients().weights[0], before.weights[0])
    assert changed is needs_input
