"""What a trained network does on data: predictions, loss, confusion matrices, feature maps."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from impls.contract import Trainer
from impls.convolution import ConvLayer
from impls.data import TrainingData
from impls.errors import ImplementationError
from impls.mathematics.functions import ACTIVATIONS, data_loss, penalty
from impls.mathematics.patches import convolved, pooled
from impls.networks import Network
from impls.parameters import Floats, Parameters
from impls.training.history import Standing
from impls.training.metrics import Counts, accuracy_of, confusion_matrix
from impls.training.model import Model

Predicted = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Predictions:
    """What the network does on training or test examples.

    ``predicted`` has the class of the largest output, shape ``(examples,)``; ``matrix`` counts
    pairs of true and predicted classes.  ``loss`` is per example, without the penalty.
    """

    predicted: Predicted
    matrix: Counts
    loss: float
    mean_error: float

    @property
    def accuracy(self) -> float:
        """Share of examples recognised."""
        return accuracy_of(self.matrix)

    @property
    def uncertainty(self) -> float:
        """Standard error of the accuracy, ``sqrt(p (1 - p) / n)`` for ``n`` examples."""
        p = self.accuracy
        return math.sqrt(p * (1 - p) / int(self.matrix.sum()))


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What the network does on training and test examples, and the size of its weights.

    ``penalty_share`` is the share of the penalty in the cost of all training examples taken as
    one batch; ``squared_weights`` is the sum of all squared weights, biases left out.
    """

    train: Predictions
    test: Predictions
    penalty: float
    penalty_share: float
    squared_weights: float

    @property
    def standing(self) -> Standing:
        """The numbers that are followed from epoch to epoch."""
        return Standing(
            loss=self.train.loss,
            penalty_share=self.penalty_share,
            mean_error=self.train.mean_error,
            train_accuracy=self.train.accuracy,
            test_accuracy=self.test.accuracy,
        )


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network and what it does; ``name`` is that of the implementation that trained it.

    Several of one implementation have different names.  ``checked`` says what came of
    the comparison with the reference before the training; nothing where that is not known.
    """

    name: str
    model: Model
    evaluation: Evaluation
    checked: str = ""


def evaluate(trainer: Trainer, data: TrainingData) -> Evaluation:
    """Let the network predict all examples of ``data``; its weights stay as they are.

    Raises:
        ImplementationError: what it predicts is no array of one row of floats for each example.
    """
    weights = [W.astype(np.float64) for W in trainer.parameters().weights]
    share_of_weights = penalty(weights, trainer.training.l1, trainer.training.l2)
    train = _predictions(trainer, data, data.X, data.labels)
    # The cost of one batch that holds everything; a sum or a mean, as the training has it.
    examples = len(data.labels)
    cost = train.loss * examples * trainer.training.data_scale(examples) + share_of_weights
    return Evaluation(
        train=train,
        test=_predictions(trainer, data, data.X_test, data.labels_test),
        penalty=share_of_weights,
        penalty_share=share_of_weights / cost if cost else 0.0,
        squared_weights=float(sum(np.sum(W * W) for W in weights)),
    )


def _predictions(
    trainer: Trainer, data: TrainingData, X: Floats, labels: npt.NDArray[np.int32]
) -> Predictions:
    outputs: object = trainer.predict(X)
    shape = (len(X), data.classes)
    if not isinstance(outputs, np.ndarray):
        returned = type(outputs).__name__
    elif outputs.shape != shape or outputs.dtype.kind not in "fiu":
        returned = f"an array of {outputs.dtype} of shape {outputs.shape}"
    else:
        outputs = outputs.astype(np.float64)
        predicted = outputs.argmax(axis=1)
        targets = np.eye(data.classes)[labels]
        return Predictions(
            predicted=predicted,
            matrix=confusion_matrix(labels, predicted, data.classes),
            loss=data_loss(trainer.network.loss, outputs, targets) / len(labels),
            mean_error=float(np.abs(outputs - targets).mean()),
        )
    raise ImplementationError(
        f"predict of {type(trainer).__module__}.{type(trainer).__name__} returned {returned}, and "
        f"it must be an array of floats of shape {shape}: one row for each example"
    )


def kernels(conv: ConvLayer, W: Floats) -> Floats:
    """Return the weights of each filter as pictures, shape ``(filters, kernel, kernel, channels)``.

    ``W`` has the canonical shape, see :class:`~impls.convolution.ConvLayer`.
    """
    squares = W.reshape(conv.kernel, conv.kernel, conv.channels, conv.filters)
    return np.moveaxis(squares, 3, 0)


def feature_maps(network: Network, parameters: Parameters, example: Floats) -> tuple[Floats, ...]:
    """Return what each convolution makes of ``example``, which has shape ``(features,)``.

    One array per convolution, shape ``(filters, height, width)``: its activations, before they are
    pooled.  None for a network without convolutions.
    """
    activations_of_convs = []
    # Sequences stop with the convolutions: the dense layers come after them.
    layers = zip(network.conv_layers, parameters.weights, parameters.biases, strict=False)
    maps = example.reshape(1, *(network.image or (len(example),)))
    for conv, W, b in layers:
        activations = ACTIVATIONS[network.activation](convolved(maps, W, conv.kernel) + b)
        activations_of_convs.append(np.moveaxis(activations[0], 2, 0))
        maps, _ = pooled(activations, conv.pool)
    return tuple(activations_of_convs)
