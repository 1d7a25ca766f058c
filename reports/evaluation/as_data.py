"""An evaluation as plain data, for JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec

from impls.data import TrainingData
from impls.training.evaluation import Predictions, Trained
from impls.training.history import Epoch
from impls.training.metrics import class_scores

VERSION = 1


def as_data(trained: Sequence[Trained], data: TrainingData, command: str) -> dict[str, Any]:
    """Return every number of the page but the pixels, None where it is undefined or not finite."""
    return {
        "schema_version": VERSION,
        "command": command,
        "dataset": {
            "name": data.name,
            "source": data.source,
            "sha256": data.sha256,
            "examples": len(data.X),
            "test_examples": len(data.X_test),
            "normalisation": data.normaliser.name,
            "class_names": list(data.class_names),
            "note": data.note,
        },
        "networks": [_network(network) for network in trained],
    }


def _network(trained: Trained) -> dict[str, Any]:
    model, evaluation = trained.model, trained.evaluation
    return {
        "name": trained.name,
        "implementation": model.implementation,
        "checked": trained.checked or None,
        "network": msgspec.to_builtins(model.network),
        "parameters": model.network.parameter_count,
        "training": msgspec.to_builtins(model.training),
        "order": msgspec.to_builtins(model.order),
        "epochs": model.epochs,
        "converged_at_epoch": model.history.converged,
        "seconds": model.history.seconds,
        "learning_rate": model.learning_rate,
        **_numbers(evaluation, "penalty", "penalty_share", "squared_weights"),
        "train": _part(evaluation.train),
        "test": _part(evaluation.test),
        "history": [_epoch(epoch) for epoch in model.history.epochs],
    }


def _part(part: Predictions) -> dict[str, Any]:
    return {
        **_numbers(part, "accuracy", "loss", "mean_error"),
        "confusion_matrix": part.matrix.tolist(),
        "classes": [
            _numbers(
                score, "precision", "recall", "f1", "true_positives", "false_positives",
                "false_negatives", "support",
            )
            for score in class_scores(part.matrix)
        ],
    }  # fmt: skip


def _epoch(epoch: Epoch) -> dict[str, Any]:
    standing = epoch.standing
    return {
        "epoch": epoch.number,
        **_numbers(epoch, "cost", "penalty_share", "mean_error", "learning_rate", "seconds"),
        "standing": _numbers(standing, *standing.__dataclass_fields__) if standing else None,
    }


def _numbers(source: object, *names: str) -> dict[str, float | None]:
    """Return attributes of ``source``, None for those that are not finite."""
    values = {name: getattr(source, name) for name in names}
    return {
        name: None if value is None or not math.isfinite(value) else value
        for name, value in values.items()
    }
