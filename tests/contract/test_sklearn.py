"""What scikit-learn can do and what it cannot, and that its own loops do the work."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier

from impls.networks import Network, Training
from impls.parameters import epoch_order, start_parameters
from impls.presets import PRESETS
from impls.sklearn.mlp import Trainer

from .conftest import made_up_data

NETWORK = Network(name="n", layers=(6, 5, 3))


def test_the_articles_networks_are_supported() -> None:
    for name in ("blog", "blog-wide"):
        assert Trainer.supports(PRESETS[name].network, PRESETS[name].training) is None


def test_islr_is_supported_without_its_dropout() -> None:
    preset = PRESETS["islr"]
    assert Trainer.supports(preset.network, preset.training) == "it does not have dropout"
    plain = msgspec.structs.replace(preset.network, dropout=())
    assert Trainer.supports(plain, preset.training) is None


@pytest.mark.parametrize(
    ("network", "training", "reason"),
    [
        ({"loss": "mse"}, {}, "no squared error"),
        ({"layers": (6, 2), "loss": "cross-entropy"}, {}, "log loss on two classes"),
        ({}, {"l1": 0.1}, "no L1 penalty"),
        ({}, {"optimiser": "adam"}, "averaged over the batch, not their sums"),
        ({}, {"optimiser": "rmsprop"}, "does not have rmsprop"),
    ],
)
def test_what_it_lacks_is_declined_with_the_reason(
    network: dict[str, Any], training: dict[str, Any], reason: str
) -> None:
    asked = msgspec.structs.replace(NETWORK, **network)
    declined = Trainer.supports(asked, Training(**training))
    assert declined is not None
    assert reason in declined


def test_another_signature_of_the_watched_method_makes_it_unavailable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert Trainer.unavailable() is None

    def other(self: Any, y: Any, X: Any) -> None:
        """Not what is watched."""

    monkeypatch.setattr(MLPClassifier, "_backprop", other)
    assert "computes gradients in another way" in str(Trainer.unavailable())


def test_an_epoch_is_one_call_of_partial_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    training = Training(batch_size=20, l2=0.0)
    trainer = Trainer(NETWORK, training, start_parameters(NETWORK, training, seed=1))
    trainer.bind(*made_up_data(NETWORK, 70))
    calls: list[int] = []
    original = MLPClassifier.partial_fit

    def counted(self: Any, X: Any, y: Any) -> Any:
        calls.append(len(X))
        return original(self, X, y)

    monkeypatch.setattr(MLPClassifier, "partial_fit", counted)
    losses = trainer.epoch(epoch_order(70, 1, 0))
    assert calls == [70]
    assert losses.shape == (4, 3)
    assert trainer.state().updates == 4


def test_its_loss_and_outputs_are_those_of_the_classifier() -> None:
    training = Training(batch_size=20, l2=0.3)
    trainer = Trainer(NETWORK, training, start_parameters(NETWORK, training, seed=1))
    X, Y = made_up_data(NETWORK, 20)
    trainer.bind(X, Y)
    np.testing.assert_array_equal(trainer.predict(X), trainer.estimator.predict_proba(X))
    loss = trainer.step(np.arange(20))
    assert loss.cost / 20 == pytest.approx(float(trainer.estimator.loss_), rel=1e-6)


def test_a_step_is_one_update_whatever_its_rows() -> None:
    training = Training(batch_size=4, learning_rate=0.01)
    start = start_parameters(NETWORK, training, seed=1)
    trainer, other = (Trainer(NETWORK, one, start) for one in (training, Training(batch_size=10)))
    other.learning_rate = training.learning_rate
    for each in (trainer, other):
        each.bind(*made_up_data(NETWORK, 10))
        each.step(np.arange(10))
    assert trainer.updates == other.updates == 1
    for (name, ours), (_, theirs) in zip(
        trainer.parameters().arrays(), other.parameters().arrays(), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs, err_msg=name)
