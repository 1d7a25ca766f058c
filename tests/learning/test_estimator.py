"""Trainers in the hands of scikit-learn."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import impls
from impls.data import TrainingData
from impls.errors import ModelError, UnknownNameError, UsageError
from impls.mathematics import reference
from impls.parameters import Parameters
from impls.presets import PRESETS
from impls.training.estimator import NetworkClassifier
from tests.stand_ins.command import Said


@parametrize_with_checks([NetworkClassifier(epochs=60, batch_size=50, random_state=1)])
def test_scikit_learn_has_no_complaint(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


@pytest.fixture(scope="module")
def digits() -> Any:
    X, y = load_digits(return_X_y=True)
    return train_test_split(X[:900], y[:900], random_state=3, stratify=y[:900])


def small(implementation: str = "numpy-optimized", **settings: Any) -> NetworkClassifier:
    usual = {"hidden_layers": (30,), "epochs": 30, "batch_size": 50, "random_state": 1}
    return NetworkClassifier(implementation, **(usual | settings))


PLAIN = {"loss": "logloss", "optimiser": "sgd", "reduction": "sum", "learning_rate": 0.003}
"""What every implementation can train."""


@pytest.mark.parametrize("name", ["numpy-naive", "numpy-cached", "numpy-optimized", "numba"])
def test_every_implementation_learns_the_same_digits(name: str, digits: Any) -> None:
    X, X_test, y, y_test = digits
    network = make_pipeline(StandardScaler(), small(name, **PLAIN)).fit(X, y)
    assert network.score(X_test, y_test) > 0.93
    reference = make_pipeline(StandardScaler(), small("numpy-naive", **PLAIN)).fit(X, y)
    assert np.array_equal(network.predict(X_test), reference.predict(X_test))


def test_a_grid_search_finds_that_learning_helps(digits: Any) -> None:
    X, _, y, _ = digits
    pipeline = make_pipeline(StandardScaler(), small())
    grid = {"networkclassifier__epochs": [1, 15], "networkclassifier__optimiser": ["adam", "sgd"]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    assert search.best_params_["networkclassifier__epochs"] == 15
    assert search.best_params_["networkclassifier__optimiser"] == "adam"


def test_labels_of_any_kind_come_back(digits: Any) -> None:
    X, X_test, y, y_test = digits
    names = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "9"])
    numbers = small().fit(X, y).predict(X_test)
    words = small().fit(X, names[y])
    assert words.classes_.tolist() == sorted(names)
    assert np.mean(words.predict(X_test) == names[y_test]) > 0.9
    assert np.mean(numbers == y_test) > 0.9


def test_every_parameter_reaches_the_training(digits: Any) -> None:
    X, _, y, _ = digits
    network = small(
        hidden_layers=(12, 7), dropout=0.25, activation="tanh", loss="logloss", optimiser="sgd",
        momentum=0.5, decay=0.1, l1=0.1, l2=0.2, reduction="sum", start="uniform", start_scale=0.5,
        learning_rate=1e-4, epochs=2, beta1=0.8, beta2=0.9, rho=0.7, epsilon=1e-3,
    ).fit(X, y)  # fmt: skip
    assert network.network_.layers == (64, 12, 7, 10)
    assert network.network_.dropout == (0.25, 0.25)
    assert (network.network_.activation, network.network_.loss) == ("tanh", "logloss")
    for name in (
        "optimiser",
        "momentum",
        "decay",
        "l1",
        "l2",
        "reduction",
        "start",
        "start_scale",
        "learning_rate",
        "epochs",
        "beta1",
        "beta2",
        "rho",
        "epsilon",
        "batch_size",
    ):
        assert getattr(network.training_, name) == getattr(network, name), name


def test_one_seed_gives_one_network_and_another_another(digits: Any) -> None:
    X, _, y, _ = digits
    one, same, other = (small(epochs=2, random_state=s).fit(X, y) for s in (1, 1, 2))
    assert np.array_equal(one.parameters_.weights[0], same.parameters_.weights[0])
    assert not np.array_equal(one.parameters_.weights[0], other.parameters_.weights[0])
    unshuffled = small(epochs=2, shuffle=False).fit(X, y)
    assert not np.array_equal(one.parameters_.weights[0], unshuffled.parameters_.weights[0])


def test_probabilities_of_sigmoid_outputs_sum_to_one(digits: Any) -> None:
    X, X_test, y, _ = digits
    network = small(loss="logloss").fit(X, y)
    found = network.predict_proba(X_test)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    zeros = [np.zeros_like(W) for W in network.parameters_.weights]
    silent = [np.full_like(b, -200) for b in network.parameters_.biases]
    network.parameters_ = Parameters(tuple(zeros), tuple(silent))
    network = pickle.loads(pickle.dumps(network))  # noqa: S301 - so that the weights are taken
    np.testing.assert_allclose(network.predict_proba(X_test), 0.1)


def test_a_pickle_predicts_the_same(digits: Any) -> None:
    X, X_test, y, _ = digits
    network = small("numba").fit(X, y)
    back = pickle.loads(pickle.dumps(network))  # noqa: S301 - our own, a moment ago
    assert np.array_equal(back.predict_proba(X_test), network.predict_proba(X_test))
    assert clone(network).get_params() == network.get_params()


def test_what_is_not_fitted_does_not_predict(digits: Any) -> None:
    with pytest.raises(NotFittedError):
        small().predict(digits[1])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"hidden_layers": (0,)}, "all positive"),
        ({"dropout": (0.1, 0.2)}, "give one rate"),
        ({"l2": -1}, "use a finite number, 0 or more"),
        ({"activation": "soft"}, "Invalid enum value 'soft'"),
        ({"epochs": "many"}, "Expected `int`, got `str`"),
        ({"implementation": "none"}, "unknown implementation 'none'"),
        ({"implementation": "numba", "dtype": "float64"}, "float32"),
    ],
)
def test_parameters_that_make_no_training_are_refused(
    digits: Any, settings: dict[str, Any], said: str
) -> None:
    X, _, y, _ = digits
    with pytest.raises((UsageError, UnknownNameError), match=said):
        small(**settings).fit(X, y)


def test_a_preset_gives_its_network_and_its_training() -> None:
    network = impls.load("numba", network="blog", epochs=3)
    assert network.hidden_layers == (70, 30)
    assert (network.loss, network.optimiser, network.reduction) == ("logloss", "sgd", "sum")
    assert (network.epochs, network.batch_size, network.learning_rate) == (3, 500, 1e-3)
    assert impls.load(network="blog", batch_size=20000).learning_rate == 1e-4
    assert impls.load(network="64-20-10").hidden_layers == (20,)
    assert impls.load("numpy-naive").get_params()["implementation"] == "numpy-naive"


def test_a_saved_network_predicts_from_stored_features(
    mlpbench: Callable[..., Said], npz: Path, data: TrainingData, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("bench.cli.train.conclude", lambda *_: None)
    said = mlpbench(
        "train", "--network", "36-8-3", "--learning-rate", 0.02, "--epochs", 9, "--dataset", npz,
        "--batch-size", 20, "--out", tmp_path / "out",
    )  # fmt: skip
    assert said.code == 0, said.err
    X = data.pixels_test.reshape(30, -1)
    for name in (None, "numpy-naive", "numba"):
        network = impls.load_model(tmp_path / "out" / "numpy-optimized.npz", name)
        assert network.n_iter_ == 9
        assert network.score(X, data.labels_test) > 0.95
    with pytest.raises(ModelError, match="no header"):
        impls.load_model(npz)


def test_an_interrupted_fit_says_so(digits: Any, tmp_path: Path) -> None:
    (tmp_path / "tired.py").write_text(
        "from impls.numpy import optimized as numpy_optimized\n"
        "class Trainer(numpy_optimized.Trainer):\n"
        "    def epoch(self, order):\n"
        "        if self.updates > 30:\n"
        "            raise KeyboardInterrupt\n"
        "        return super().epoch(order)\n"
    )
    X, _, y, _ = digits
    network = small(f"{tmp_path / 'tired.py'}:Trainer")
    with pytest.warns(UserWarning, match="training interrupted after epoch 3"):
        network.fit(X, y)
    assert network.n_iter_ == 3


def test_a_fit_that_diverges_says_so(digits: Any) -> None:
    X, _, y, _ = digits
    network = small(learning_rate=1e30, optimiser="sgd", epochs=2)
    with (
        np.errstate(all="ignore"),
        pytest.warns(UserWarning, match=r"try a learning_rate smaller than 1e\+30"),
    ):
        network.fit(X, y)


def test_an_estimator_of_a_preset_has_its_convolutions() -> None:
    X = np.random.default_rng(1).normal(size=(20, 784)).astype(np.float32)
    made = impls.load(f"{reference.__file__}:Trainer", network="cnn-small", epochs=1, batch_size=20)
    fitted = clone(made).fit(X, np.arange(20) % 10)
    small = PRESETS["cnn-small"].network
    assert fitted.network_.convolutions == small.convolutions
    assert fitted.network_.shapes == small.shapes
    assert fitted.predict_proba(X).shape == (20, 10)
    with pytest.raises(UsageError, match="does not have convolutions"):
        impls.load("numpy-optimized", network="cnn-small").fit(X, np.arange(20) % 10)
