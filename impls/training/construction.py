"""Estimators made of what there is already: a preset, or a saved model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from impls.networks import Network, Training
from impls.presets import find_preset
from impls.training import model_files, sessions
from impls.training.estimator import TRAINING_PARAMETERS, NetworkClassifier


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
    found = NetworkClassifier(
        implementation or sessions.address_of(sessions.row_of(model)),
        **_settings(model.network, model.training),
        shuffle=model.order.shuffle,
        random_state=model.order.seed,
    )
    names = model.source.class_names
    numbered = names == tuple(map(str, range(len(names))))
    found.classes_ = np.arange(len(names)) if numbered else np.array(names)
    found.n_features_in_ = model.network.layers[0]
    found.network_, found.training_ = model.network, model.training
    found.normaliser_ = model.normaliser
    found.history_, found.n_iter_ = model.history, model.epochs
    found.parameters_ = model.state.parameters
    # What cannot predict says so now, and not when it is first asked.
    found.ready()
    return found


def _settings(network: Network, training: Training) -> dict[str, Any]:
    """Parameters of an estimator that trains this network in this way."""
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
