"""Trainers as scikit-learn knows them: in a Pipeline, in GridSearchCV, with fit and predict.

An estimator is made of its parameters, of a preset, or of a saved model.
"""

from __future__ import annotations

import warnings
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from impls import environment, registry
from impls.contract import Trainer
from impls.convolution import Convolution
from impls.data.normalise import Normaliser
from impls.errors import UsageError
from impls.networks import Network, Training
from impls.parameters import Floats, read_only, start_parameters
from impls.presets import find_preset
from impls.training import model_files, sessions
from impls.training.fit import fit

_Described = TypeVar("_Described", Network, Training)

TRAINING_PARAMETERS = (
    "epochs", "learning_rate", "decay", "momentum", "l1", "l2", "optimiser", "beta1", "beta2",
    "rho", "epsilon", "reduction", "start", "start_scale",
)  # fmt: skip
"""Parameters that are handed to :class:`Training` as they are."""


@dataclass(eq=False, repr=False)
class NetworkClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """A multi-layer perceptron trained by any implementation of the registry.

    ``implementation`` is a name from ``mlpbench list`` or ``path/to/file.py:ClassName``.
    ``hidden_layers`` counts the nodes of each hidden layer, ``dropout`` is one rate for all of them
    or one for each.  ``convolutions`` come before them and need an ``image``: the height, width and
    channels of the features, in this order.  The other parameters are those of
    :class:`impls.networks.Network` and :class:`impls.networks.Training`, with defaults that suit
    small data as well.  ``batch_size`` is at most the number of examples.  Features are not scaled:
    put a ``StandardScaler`` before it.  An implementation on other libraries sets the environment
    variables that they need, where these are not set and the libraries not imported.

    After ``fit``, ``classes_`` holds the labels, ``history_`` the losses of every epoch,
    ``n_iter_`` the number of epochs, ``network_`` and ``training_`` what was trained,
    ``parameters_`` the weights.

    Raises:
        UsageError: in ``fit``, where parameters make no network or the implementation declines it.
        ImplementationError: there too, where it cannot be imported, or its libraries have been
            set up for another one.
    """

    implementation: str = "numpy-optimized"
    _: KW_ONLY
    hidden_layers: tuple[int, ...] = (100,)
    activation: str = "relu"
    loss: str = "cross-entropy"
    dropout: float | tuple[float, ...] = 0.0
    image: tuple[int, int, int] | None = None
    convolutions: tuple[Convolution, ...] = ()
    dtype: str = "float32"
    batch_size: int = 200
    epochs: int = 200
    learning_rate: float = 1e-3
    decay: float = 0.0
    momentum: float = 0.0
    l1: float = 0.0
    l2: float = 1e-4
    optimiser: str = "adam"
    beta1: float = 0.9
    beta2: float = 0.999
    rho: float = 0.9
    epsilon: float = 1e-7
    reduction: str = "mean"
    start: str = "glorot"
    start_scale: float = 2.0
    shuffle: bool = True
    random_state: Any = None

    def fit(self, X: Any, y: Any) -> Self:
        """Train on examples ``X``, shape ``(examples, features)``, with labels ``y``."""
        X, y = validate_data(self, X, y, dtype=self.dtype, order="C")
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self.network_ = self._network(X.shape[1])
        self.training_ = self._training(len(X), seed)
        self.normaliser_: Normaliser | None = None
        trainer = self._build(start_parameters(self.network_, self.training_, seed))
        Y: Floats = np.eye(len(self.classes_), dtype=self.dtype)[labels]
        trainer.bind(read_only(X), read_only(Y))
        self.history_ = fit(trainer, len(X), epochs=self.epochs, seed=seed, shuffle=self.shuffle)
        self.n_iter_ = len(self.history_.epochs)
        if self.n_iter_ < self.epochs:
            warnings.warn(f"training interrupted after epoch {self.n_iter_}", stacklevel=2)
        self.parameters_ = trainer.parameters()
        if not all(np.isfinite(array).all() for _, array in self.parameters_.arrays()):
            warnings.warn(
                f"the training diverged, so that weights are not finite: try a learning_rate "
                f"smaller than {self.learning_rate:g}, or scale the features",
                stacklevel=2,
            )
        self._trainer = trainer
        return self

    def predict_proba(self, X: Any) -> Floats:
        """Return outputs of the network, each row scaled to a sum of 1; ``(examples, classes)``."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=self.network_.dtype, order="C", reset=False)
        if self.normaliser_ is not None:
            X = self.normaliser_.apply(X).astype(self.network_.dtype, copy=False)
        outputs = self.ready().predict(read_only(X)).astype(np.float64)
        sums = outputs.sum(axis=1, keepdims=True)
        # Sigmoid outputs may all be 0 in float32: then nothing speaks for any class.
        even: Floats = np.full_like(outputs, 1 / outputs.shape[1])
        np.divide(outputs, sums, out=even, where=sums > 0)
        return even

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the label of the largest output for each example, shape ``(examples,)``."""
        places = self.predict_proba(X).argmax(axis=1)
        labels: npt.NDArray[Any] = self.classes_[places]
        return labels

    def _network(self, features: int) -> Network:
        rates = (self.dropout,) if isinstance(self.dropout, int | float) else tuple(self.dropout)
        if len(rates) == 1:
            rates *= len(self.hidden_layers)
        fields = {
            "name": "estimator",
            "layers": (features, *self.hidden_layers, len(self.classes_)),
            "activation": self.activation,
            "loss": self.loss,
            "dtype": self.dtype,
            "dropout": rates if any(rates) else (),
            "image": self.image,
            "convolutions": tuple(self.convolutions),
        }
        return _checked(fields, Network)

    def _training(self, examples: int, seed: int) -> Training:
        fields = {name: getattr(self, name) for name in TRAINING_PARAMETERS}
        size = min(self.batch_size, examples)
        return _checked({**fields, "batch_size": size, "dropout_seed": seed}, Training)

    def _build(self, parameters: Any) -> Trainer:
        row = registry.find(self.implementation)
        environment.set_variables(row)
        return sessions.build(row, self.network_, self.training_, parameters)

    def ready(self) -> Trainer:
        """Return the trainer of a fitted estimator, rebuilt after a pickle or a file.

        Raises:
            UsageError, ImplementationError: as in ``fit``.
        """
        if "_trainer" not in self.__dict__:
            self._trainer = self._build(self.parameters_.read_only())
        return self._trainer

    def __getstate__(self) -> dict[str, Any]:
        state = {**super().__getstate__()}
        # It may hold compiled functions and device memory.
        state.pop("_trainer", None)
        return state


def from_preset(implementation: str, network: str, **settings: Any) -> NetworkClassifier:
    """Return an estimator with the hidden layers and the training of a preset, or of layer sizes.

    ``settings`` take the place of the preset's.

    Raises:
        UnknownNameError: there is no such preset.
    """
    preset = find_preset(network, activation=None, loss=None)
    training = preset.training_at(settings.get("batch_size", preset.training.batch_size))
    return NetworkClassifier(implementation, **(_settings(preset.network, training) | settings))


def from_model(path: str | Path, implementation: str | None = None) -> NetworkClassifier:
    """Return a fitted estimator from a saved model; it predicts from features as they were stored.

    ``implementation`` predicts, by default the one that trained the network.

    Raises:
        ModelError: see :func:`impls.training.model_files.load`; or the implementation that trained
            the network is not to be had here.
        ImplementationError, UsageError: the implementation cannot be imported, or declines.
    """
    model = model_files.load(Path(path))
    estimator = NetworkClassifier(
        implementation or sessions.address_of(sessions.row_of(model)),
        **_settings(model.network, model.training),
        shuffle=model.order.shuffle,
        random_state=model.order.seed,
    )
    names = model.source.class_names
    numbered = names == tuple(map(str, range(len(names))))
    estimator.classes_ = np.arange(len(names)) if numbered else np.array(names)
    estimator.n_features_in_ = model.network.layers[0]
    estimator.network_, estimator.training_ = model.network, model.training
    estimator.normaliser_ = model.normaliser
    estimator.history_, estimator.n_iter_ = model.history, model.epochs
    estimator.parameters_ = model.state.parameters
    # What cannot predict says so now, and not when it is first asked.
    estimator.ready()
    return estimator


def _settings(network: Network, training: Training) -> dict[str, Any]:
    """Return parameters of an estimator that trains this network in this way."""
    return {
        "hidden_layers": network.layers[1:-1],
        "activation": network.activation,
        "loss": network.loss,
        "dropout": network.dropout or 0.0,
        "image": network.image,
        "convolutions": network.convolutions,
        "dtype": network.dtype,
        "batch_size": training.batch_size,
        **{name: getattr(training, name) for name in TRAINING_PARAMETERS},
    }


def _checked(fields: dict[str, Any], kind: type[_Described]) -> _Described:
    """Return the description with these fields, each of a type and a value that it may have.

    Raises:
        UsageError: one of them is not.
    """
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        raise UsageError(f"no {kind.__name__.lower()} can be made of {fields}: {error}") from error
