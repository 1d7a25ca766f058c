"""scikit-learn's ``MLPClassifier``, trained through ``partial_fit``.

- *An epoch is one call*: ``partial_fit`` goes once through what it is given, in batches of its own
  and in the order given.  A call per batch would check its arguments each time, which at small
  batches is more work than to train.
- *A sigmoid output is a matter of labels*: where an example may have any number of them,
  ``MLPClassifier`` puts a sigmoid and log loss on each output; where it has one of several
  classes, a softmax and cross-entropy.
- *Its cost is averaged over the batch, and so is its penalty*: ``alpha`` is ``l2`` where ours is
  summed, and ``l2`` times the examples where it is averaged.
- *The articles' descent is not among its optimisers*, whose momentum accumulates all earlier steps.
  As with Keras, a subclass of them computes it; Adam is scikit-learn's own.
- *Its losses have a limit of their own*: the probability of what is true is taken as at least the
  distance of 1 from the next number, 1.2e-7 in single precision, and costs 15.9 at most.
- *Outputs and gradients of a batch are read* where the method that computes them returns them.
  That method and the optimiser have private names.

This method runs forward and backward in one, so no phase can be timed apart.
"""

from __future__ import annotations

import inspect
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import sklearn
from sklearn.neural_network import MLPClassifier
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, BaseOptimizer

from impls.contract import Feature, Loss, State, WholeStepTrainer
from impls.mathematics.functions import penalty
from impls.networks import Network, Training
from impls.parameters import Floats, Indices, Parameters

LAST_ARGUMENTS = ["activations", "deltas", "coef_grads", "intercept_grads"]
"""Of the watched method; those before differ between releases."""
ACTIVATIONS = {"sigmoid": "logistic", "tanh": "tanh", "relu": "relu"}


class OneStepMomentum(BaseOptimizer):  # type: ignore[misc]  # scikit-learn ships no types
    """Descent as in the articles, by averaged gradients times ``factor``."""

    def __init__(self, params: list[Floats], training: Training) -> None:
        super().__init__(training.learning_rate)
        self.momentum = training.momentum
        self.factor = 1
        self.previous = [np.zeros_like(param) for param in params]

    def _get_updates(self, grads: list[Floats]) -> list[Floats]:
        """Return what is added to the parameters."""
        rate = self.learning_rate_init * self.factor
        moves = [rate * grad for grad in grads]
        pairs = zip(moves, self.previous, strict=True)
        self.previous = moves
        return [-(move + self.momentum * last) for move, last in pairs]


class Classifier(MLPClassifier):  # type: ignore[misc]  # as above
    """``MLPClassifier`` that reports each batch to ``trainer``, before and after."""

    trainer: Trainer

    def _backprop(self, X: Floats, *arguments: Any) -> Any:
        self.trainer.begin(len(X))
        cost, weights, biases = super()._backprop(X, *arguments)
        *_, deltas, _, _ = arguments
        self.trainer.end(cost, [*weights, *biases], deltas[-1])
        return cost, weights, biases


class Trainer(WholeStepTrainer):
    """``partial_fit`` on whole epochs."""

    features: ClassVar[frozenset[Feature]] = frozenset({"adam", "mean"})

    @classmethod
    def supports(cls, network: Network, training: Training) -> str | None:
        outputs = network.layers[-1]
        if network.loss == "mse":
            return "scikit-learn's classifier has no squared error"
        if network.loss == "cross-entropy" and outputs < 3:
            return "scikit-learn puts a sigmoid and log loss on two classes, not a softmax"
        if training.l1:
            return "scikit-learn's classifier has no L1 penalty"
        if training.optimiser == "adam" and training.reduction == "sum":
            return "scikit-learn's Adam takes gradients averaged over the batch, not their sums"
        return super().supports(network, training)

    @classmethod
    def unavailable(cls) -> str | None:
        watched = getattr(MLPClassifier, "_backprop", None)
        names = list(inspect.signature(watched).parameters) if watched else []
        if names[1:2] + names[-4:] == ["X", *LAST_ARGUMENTS]:
            return None
        return f"scikit-learn {sklearn.__version__} computes gradients in another way"

    def __init__(self, network: Network, training: Training, parameters: Parameters) -> None:
        self.network, self.training = network, training
        self.estimator = Classifier(
            network.layers[1:-1],
            activation=ACTIVATIONS[network.activation],
            solver=training.optimiser,
            batch_size=1,
            shuffle=False,
        )
        self.estimator.trainer = self
        self.optimiser = self._optimiser([])
        self.seen: list[Loss] = []
        self.updates = 0
        # The first call makes the attributes; what it learns is replaced.
        some = np.eye(2, network.layers[-1], dtype=network.dtype)
        classes = np.arange(max(2, network.layers[-1]))
        nothing = np.zeros((2, network.layers[0]), network.dtype)
        self.estimator.partial_fit(nothing, self._labels(some), classes=classes)
        super().__init__(network, training, parameters)

    def load(self, parameters: Parameters) -> None:
        exact = parameters.astype(self.network.dtype)
        self.estimator.coefs_ = list(exact.weights)
        self.estimator.intercepts_ = list(exact.biases)
        self.optimiser = self._optimiser([*exact.weights, *exact.biases])
        self.estimator._optimizer = self.optimiser  # noqa: SLF001  # there is no public way
        self.updates = 0

    def _optimiser(self, params: list[Floats]) -> Any:
        training = self.training
        if training.optimiser == "sgd":
            return OneStepMomentum(params, training)
        betas = (training.beta1, training.beta2)
        return AdamOptimizer(params, training.learning_rate, *betas, training.epsilon)

    def _labels(self, Y: Floats) -> npt.NDArray[Any]:
        """Return labels that make the classifier choose the output of the network."""
        if self.network.loss == "cross-entropy":
            classes: npt.NDArray[np.integer] = Y.argmax(axis=1)
            return classes
        return Y[:, 0].astype(int) if Y.shape[1] == 1 else Y.astype(bool)

    def bind(self, X: Floats, Y: Floats) -> None:
        self.X, self.labels = X, self._labels(Y)

    def begin(self, examples: int) -> None:
        """Set the classifier to batches of ``examples``."""
        self.factor = examples if self.training.reduction == "sum" else 1
        self.optimiser.factor = self.factor
        self.estimator.alpha = self.training.l2 * examples / self.factor
        self.penalty = penalty(self.estimator.coefs_, 0.0, self.training.l2)

    def end(self, cost: float, gradients: list[Floats], deviation: Floats) -> None:
        """Keep what the classifier has found for the batch, with its averages made sums again.

        ``deviation`` is that of the outputs from their targets.
        """
        data = float(cost) * self.factor - self.penalty
        self.seen.append(Loss(data, self.penalty, float(np.mean(np.abs(deviation)))))
        self.averaged = gradients
        self.updates += 1

    def _fit(self, rows: Indices, batch_size: int) -> list[Loss]:
        """Train on ``rows`` in batches of ``batch_size``."""
        self.seen = []
        self.estimator.batch_size = min(batch_size, len(rows))
        self.optimiser.learning_rate_init = self.learning_rate
        # Leaves out the checks that anyone can leave out; those of labels remain.
        with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
            self.estimator.partial_fit(self.X[rows], self.labels[rows])
        return self.seen

    def step(self, rows: Indices) -> Loss:
        return self._fit(rows, len(rows))[0]

    def epoch(self, order: Indices) -> npt.NDArray[np.float64]:
        return np.array(self._fit(order, self.training.batch_size), np.float64)

    def predict(self, X: Floats) -> Floats:
        outputs: Floats = self.estimator.predict_proba(X)
        return outputs[:, -self.network.layers[-1] :]

    def parameters(self) -> Parameters:
        return self._canonical([*self.estimator.coefs_, *self.estimator.intercepts_])

    def gradients(self) -> Parameters:
        return self._canonical([gradient * self.factor for gradient in self.averaged])

    def _canonical(self, arrays: list[Floats]) -> Parameters:
        layers = len(self.network.shapes)
        weights, biases = tuple(arrays[:layers]), tuple(arrays[layers:])
        return Parameters(weights, biases).astype(self.network.dtype)

    def _remembered(self) -> list[str]:
        """Return where the optimiser keeps its memories."""
        return ["previous"] if self.training.optimiser == "sgd" else ["ms", "vs"]

    def state(self) -> State:
        memory = [getattr(self.optimiser, name) for name in self._remembered()]
        return State(self.parameters(), tuple(map(self._canonical, memory)), self.updates)

    def resume(self, state: State) -> None:
        super().resume(state)
        self.updates = self.optimiser.t = state.updates
        for name, given in zip(self._remembered(), state.memory or (), strict=False):
            exact = given.astype(self.network.dtype)
            setattr(self.optimiser, name, [*exact.weights, *exact.biases])
