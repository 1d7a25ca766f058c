"""What Numba's implementations declare of the library below them."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from impls.networks import Network, Training
from impls.numba import trainer as numba_trainer
from impls.parameters import start_parameters

from .conftest import made_up_data


def test_the_threading_layer_is_declared_once_a_kernel_has_chosen_it() -> None:
    network, training = Network(name="n", layers=(20, 15, 5)), Training(batch_size=33)
    trainer = numba_trainer.Trainer(network, training, start_parameters(network, training, seed=1))
    trainer.bind(*made_up_data(network, 33))
    trainer.step(np.arange(33))
    assert trainer.declared()["threading layer"] == numba.threading_layer()


def test_before_that_what_was_asked_for_is_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_yet() -> str:
        raise ValueError("Threading layer is not initialized.")

    monkeypatch.setattr(numba_trainer, "threading_layer", none_yet)
    monkeypatch.setattr(numba.config, "THREADING_LAYER", "omp")
    layer = numba_trainer.Trainer.declared()["threading layer"]
    assert layer == "not chosen yet, omp asked for"


@pytest.mark.parametrize(("used", "told"), [(True, "on"), (False, "off")])
def test_intels_vector_library_is_declared(
    monkeypatch: pytest.MonkeyPatch, *, used: bool, told: str
) -> None:
    monkeypatch.setattr(numba.config, "USING_SVML", used)
    assert numba_trainer.Trainer.declared()["SVML"] == told


def test_numba_that_compiles_nothing_is_not_available(monkeypatch: pytest.MonkeyPatch) -> None:
    assert numba_trainer.Trainer.unavailable() is None
    monkeypatch.setattr(numba_trainer.config, "DISABLE_JIT", 1)
    assert numba_trainer.Trainer.unavailable() == (
        "NUMBA_DISABLE_JIT is set, so that Numba compiles nothing: unset it"
    )
