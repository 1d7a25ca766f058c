"""Each rung of the ladder has the trick it is named for, and the rungs below do not."""

from __future__ import annotations

import inspect
import itertools
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from impls import registry
from impls.networks import LossName, Network, Optimiser, Training
from impls.numpy import naive as numpy_naive
from impls.numpy import tiles as numpy_tiles
from impls.parameters import start_parameters
from impls.row import Row

from .conftest import made_up_data

NETWORK = Network(name="ladder", layers=(30, 8, 4))
TRAINING = Training(batch_size=20)
RUNGS = sorted(
    (row for row in registry.ROWS if row.rung is not None), key=lambda row: row.rung or 0
)
TOP = RUNGS[-1]
COLUMNS = ["numpy-naive", "numpy-no-input-delta", "numpy-float32", "numpy-layout", "numpy-slices",
           "numpy-cached"]  # fmt: skip
SHORT = range(15, 81)
"""Lines of a rung's file."""


def trainer_of(name: str, network: Network = NETWORK, training: Training = TRAINING) -> Any:
    """The trainer of a rung after a forward pass."""
    start = start_parameters(network, training, 1)
    trainer = registry.load(registry.find(name))(network, training, start)
    trainer.bind(*made_up_data(network, 60))
    trainer.prepare(np.arange(10, 30))
    trainer.forward()
    return trainer


def source(row: Row) -> Path:
    """The file with the trick of a rung; the top's lies apart from what else it can do."""
    module = numpy_tiles if row is TOP else sys.modules[registry.load(row).__module__]
    return Path(module.__file__ or "")


def test_rungs_are_numbered_from_the_baseline_up() -> None:
    assert [row.rung for row in RUNGS] == list(range(len(RUNGS)))


def test_a_rung_is_the_one_below_with_a_change() -> None:
    classes = [registry.load(row) for row in RUNGS]
    assert classes[0] is numpy_naive.Trainer
    for below, above in itertools.pairwise(classes[:-1]):
        assert above.__bases__ == (below,)
    assert numpy_tiles.Trainer.__bases__ == (classes[-2],)
    assert classes[-1].__bases__ == (numpy_tiles.Trainer,)


@pytest.mark.parametrize("row", RUNGS, ids=lambda row: row.name)
def test_a_rung_is_one_short_file_that_says_its_number_and_what_its_trick_buys(row: Row) -> None:
    text = source(row).read_text(encoding="utf-8")
    assert len(text.splitlines()) in SHORT
    assert text.startswith(f'"""Rung {row.rung}')
    said = (inspect.getdoc(sys.modules[registry.load(row).__module__]) or "").count("\n\n")
    assert said >= 1


def test_rungs_between_the_published_ones_are_measured_by_name_only() -> None:
    usual = [row.name for row in RUNGS if not row.by_name_only]
    assert usual == [
        "numpy-naive", "numpy-float32", "numpy-layout", "numpy-cached", "numpy-optimized",
    ]  # fmt: skip


@pytest.mark.parametrize("row", RUNGS, ids=lambda row: row.name)
@pytest.mark.parametrize("loss", ["logloss", "mse"])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
def test_every_rung_trains_what_the_articles_could(
    row: Row, loss: LossName, activation: Any
) -> None:
    network = msgspec.structs.replace(NETWORK, loss=loss, activation=activation)
    training = Training(momentum=0.5, l1=0.1, l2=0.1)
    assert registry.load(row).supports(network, training) is None


@pytest.mark.parametrize(
    ("loss", "dropout", "optimiser", "reduction", "reason"),
    [
        ("cross-entropy", (), "sgd", "sum", "articles' losses only: log loss and squared error"),
        ("logloss", (0.5,), "sgd", "sum", "it does not have dropout"),
        ("logloss", (), "adam", "sum", "it does not have adam"),
        ("logloss", (), "rmsprop", "sum", "it does not have rmsprop"),
        ("logloss", (), "sgd", "mean", "it does not have a cost averaged over the batch"),
    ],
)
def test_only_the_top_has_what_the_articles_had_not(
    loss: LossName, dropout: tuple[float, ...], optimiser: Optimiser, reduction: Any, reason: str
) -> None:
    network = msgspec.structs.replace(NETWORK, loss=loss, dropout=dropout)
    training = Training(optimiser=optimiser, reduction=reduction)
    for row in RUNGS[:-1]:
        assert reason in (registry.load(row).supports(network, training) or "")
    assert registry.load(TOP).supports(network, training) is None


def test_single_precision_is_offered_for_what_it_is() -> None:
    double = msgspec.structs.replace(NETWORK, dtype="float64")
    for row in RUNGS[2:-1]:
        declined = registry.load(row).supports(double, TRAINING)
        assert declined == "this rung computes in float32, not float64"
    for row in (*RUNGS[:2], TOP):
        assert registry.load(row).supports(double, TRAINING) is None


def test_from_the_float32_rung_on_precision_is_single() -> None:
    dtypes = [trainer_of(row.name).A[-1].dtype for row in RUNGS]
    assert dtypes == [np.float64] * 2 + [np.float32] * 9


def deltas_computed(name: str, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    trainer = trainer_of(name)
    seen: list[int] = []
    original = trainer.delta_below

    def spy(layer: int, delta: np.ndarray) -> np.ndarray:
        seen.append(layer)
        found: np.ndarray = original(layer, delta)
        return found

    monkeypatch.setattr(trainer, "delta_below", spy)
    trainer.backward()
    return seen


def test_only_the_baseline_goes_back_to_the_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    assert deltas_computed("numpy-naive", monkeypatch) == [1, 0]
    assert [deltas_computed(row.name, monkeypatch) for row in RUNGS[1:]] == [[1]] * 10


@pytest.mark.parametrize("name", COLUMNS[:3])
def test_below_the_layout_rung_the_batch_is_copied_against_its_order(name: str) -> None:
    trainer = trainer_of(name)
    assert trainer.input.flags.f_contiguous
    assert trainer.A[0].flags.c_contiguous
    assert not np.shares_memory(trainer.A[0], trainer.input)


@pytest.mark.parametrize("name", COLUMNS[3:])
def test_from_the_layout_rung_on_the_batch_is_used_as_it_was_gathered(name: str) -> None:
    trainer = trainer_of(name)
    assert np.shares_memory(trainer.A[0], trainer.input)
    assert trainer.A[0].flags.f_contiguous
    np.testing.assert_array_equal(trainer.A[0][0], 1)


@pytest.mark.parametrize(("name", "copies"), [("numpy-layout", True), ("numpy-slices", False)])
def test_from_the_slices_rung_on_no_row_of_ones_is_put_on_in_the_backward_pass(
    monkeypatch: pytest.MonkeyPatch, name: str, *, copies: bool
) -> None:
    trainer = trainer_of(name)
    seen: list[int] = []
    original = numpy_naive.with_ones
    monkeypatch.setattr(numpy_naive, "with_ones", lambda A: seen.append(len(A)) or original(A))
    trainer.backward()
    assert bool(seen) is copies


@pytest.mark.parametrize(("name", "needs_input"), [("numpy-slices", True), ("numpy-cached", False)])
def test_the_cached_rung_takes_slopes_from_outputs(name: str, *, needs_input: bool) -> None:
    trainer = trainer_of(name)
    trainer.backward()
    before = trainer.gradients()
    # Whoever recomputes the activation from Z is misled by a spoilt Z.
    trainer.Z = [Z + 1 for Z in trainer.Z]
    trainer.backward()
    changed = not np.array_equal(trainer.gradients().weights[0], before.weights[0])
    assert changed is needs_input


def test_from_the_rows_rung_on_examples_are_rows_and_ones_the_last_column() -> None:
    for row in RUNGS:
        trainer = trainer_of(row.name)
        in_rows = row.name not in COLUMNS
        assert trainer.A[0].shape == ((20, 31) if in_rows else (31, 20))
        if in_rows:
            np.testing.assert_array_equal(trainer.A[0][:, -1], 1)
            assert trainer.A[0].flags.c_contiguous


def test_from_the_buffers_rung_on_results_go_where_they_went_before() -> None:
    for row in RUNGS:
        trainer = trainer_of(row.name)
        trainer.backward()
        before = [*trainer.A, *trainer.G]
        trainer.prepare(np.arange(20))
        trainer.forward()
        trainer.backward()
        same = [new is old for new, old in zip([*trainer.A, *trainer.G], before, strict=True)]
        assert set(same) == {(row.rung or 0) >= 7}, row.name


def test_from_the_formulas_rung_on_the_sigmoid_needs_no_exponential(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError

    trainers = {row.rung or 0: trainer_of(row.name) for row in RUNGS}
    monkeypatch.setattr(np, "exp", refuse)
    for rung, trainer in trainers.items():
        if rung >= 8:
            trainer.forward()
        else:
            with pytest.raises(AssertionError):
                trainer.forward()


def test_from_the_flat_rung_on_all_weights_are_views_of_one_vector() -> None:
    for row in RUNGS:
        W = trainer_of(row.name).W
        shared = W[0].base is not None and W[0].base is W[1].base
        assert shared is ((row.rung or 0) >= 9), row.name


def test_only_the_top_takes_a_large_batch_in_tiles() -> None:
    rows = numpy_tiles.TILE_ROWS + 7
    training = Training(batch_size=rows)
    for row in RUNGS:
        found = registry.load(row)(NETWORK, training, start_parameters(NETWORK, training, 1))
        found.bind(*made_up_data(NETWORK, rows))
        found.step(np.arange(rows))
        longest = max(found.A[-1].shape)  # type: ignore[attr-defined]
        assert longest == (7 if row is TOP else rows), row.name
