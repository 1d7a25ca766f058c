"""A training as one thing that can be begun, resumed, looked at and saved."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from impls import contract, loading, registry
from impls.contract import Trainer
from impls.data import TrainingData
from impls.errors import ImplementationError, ModelError, UnknownNameError, UsageError
from impls.files import shown
from impls.networks import Network, Training
from impls.parameters import Parameters, read_only, start_parameters
from impls.row import Row
from impls.training.evaluation import evaluate
from impls.training.fit import fit
from impls.training.history import Epoch, History, Standing
from impls.training.model import Model, Order, Source


@dataclass(eq=False)
class Session:
    """One implementation in training on one data set; ``history`` is what happened so far."""

    row: Row
    trainer: Trainer
    data: TrainingData
    order: Order
    history: History

    def train(
        self,
        epochs: int,
        *,
        look_every: int = 0,
        on_epoch: Callable[[Epoch], None] | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> None:
        """Train until ``epochs`` are done, looking at all examples every ``look_every`` epochs.

        The last epoch is looked at as well, unless ``look_every`` is 0.  For ``on_epoch``, ``stop``
        and interruptions see :func:`impls.training.fit.fit`.
        """

        def look(number: int) -> Standing | None:
            if not look_every or (number % look_every and number != epochs):
                return None
            return evaluate(self.trainer, self.data).standing

        fit(
            self.trainer,
            len(self.data.X),
            epochs=epochs,
            seed=self.order.seed,
            shuffle=self.order.shuffle,
            max_batches=self.order.max_batches,
            history=self.history,
            look=look,
            on_epoch=on_epoch,
            stop=stop,
        )

    def model(self) -> Model:
        """Return the network as it is now; only between epochs can it be resumed exactly."""
        return Model(
            implementation=address_of(self.row),
            network=self.trainer.network,
            training=self.trainer.training,
            order=self.order,
            source=source_of(self.data),
            normaliser=self.data.normaliser,
            state=self.trainer.state(),
            learning_rate=self.trainer.learning_rate,
            history=History(list(self.history.epochs)),
        )


def begin(
    row: Row,
    network: Network,
    training: Training,
    order: Order,
    data: TrainingData,
    start: Parameters | None = None,
) -> Session:
    """Return a training before its first epoch; ``start`` takes the place of drawn start weights.

    Raises:
        UsageError: the implementation or the network does not fit.
    """
    require_fit(network, data)
    parameters = start or start_parameters(network, training, order.seed)
    trainer = build(row, network, training, parameters.read_only())
    X = data.X.astype(network.dtype, copy=False)
    trainer.bind(read_only(X), read_only(data.one_hot(network.dtype)))
    return Session(row, trainer, data, order, History())


def go_on(row: Row, model: Model, data: TrainingData) -> Session:
    """Return a training where ``model`` left it, by the same or another implementation.

    Raises:
        ModelError: it was trained on other data.
        UsageError: the implementation does not fit.
    """
    now = source_of(data)
    if (model.source.sha256, model.source.examples) != (now.sha256, now.examples):
        raise ModelError(
            f"the model was trained on {model.source.examples} examples of {model.source.name}, "
            f"and these {now.examples} of {now.name} are not the same: give its data with "
            "--dataset, or begin a new training from its weights with --weights"
        )
    session = begin(row, model.network, model.training, model.order, data, model.state.parameters)
    session.trainer.resume(model.state)
    session.trainer.learning_rate = model.learning_rate
    session.history = History(list(model.history.epochs))
    return session


def forgotten(session: Session, model: Model) -> str:
    """Return why a resumed training does not remember the one before; empty where it does.

    Descent without momentum and dropout has nothing to remember.
    """
    training = model.training
    if training.optimiser == "sgd" and not training.momentum and not any(model.network.dropout):
        return ""
    if model.state.memory is None:
        return f"{model.implementation} did not return the state of its optimiser"
    if type(session.trainer).resume is contract.Trainer.resume:
        return f"{session.row.name} cannot use the state of another optimiser"
    return ""


def address_of(row: Row) -> str:
    """Return what :func:`impls.registry.find` finds ``row`` by, in another process as well.

    For a row of the registry that is its name, for any other one where its file lies.
    """
    path, _, class_name = row.target.rpartition(":")
    return f"{shown(Path(path))}:{class_name}" if path.endswith(".py") else row.name


def row_of(model: Model) -> Row:
    """Return the implementation that trained the network, if the registry has it.

    A model comes from anywhere, so that it may name an installed implementation, but no file of
    code: to run one, name it.

    Raises:
        ModelError: it is in the registry no more, or a class in a file.
    """
    if loading.is_in_file(model.implementation):
        raise ModelError(
            f"the network was trained by {model.implementation}, and a model never decides which "
            "file is run: if you trust that file, name it with --impl FILE.py:CLASS or as the "
            "second argument of load_model; or name another implementation there"
        )
    try:
        return registry.find(model.implementation)
    except (ImplementationError, UnknownNameError) as error:
        raise ModelError(
            f"the network was trained by {model.implementation}, which is not available here: name "
            "another implementation, with --impl NAME or as the second argument of load_model. "
            f"({error})"
        ) from error


def build(row: Row, network: Network, training: Training, parameters: Parameters) -> Trainer:
    """Import the implementation and give it its weights.

    Raises:
        UsageError: it declines the network or the training, or its device is missing.
        ImplementationError: it cannot be imported.
    """
    trainer_class = registry.load(row)
    declined = trainer_class.unavailable() or trainer_class.supports(network, training)
    if declined:
        raise UsageError(f"{row.name}: {declined}")
    return trainer_class(network, training, parameters)


def require_fit(network: Network, data: TrainingData) -> None:
    """Refuse a network with other inputs or outputs than the data.

    Raises:
        UsageError: see above.
    """
    features = data.X.shape[1]
    if (network.layers[0], network.layers[-1]) != (features, data.classes):
        raise UsageError(
            f"network {network.name} has {network.layers[0]} inputs and {network.layers[-1]} "
            f"outputs, {data.name} has {features} features and {data.classes} classes: give a "
            f"network such as {features}-70-30-{data.classes}"
        )


def source_of(data: TrainingData) -> Source:
    """Return what is remembered of the data."""
    return Source(
        name=data.name,
        sha256=data.sha256,
        examples=len(data.X),
        class_names=data.class_names,
    )


def with_epochs(model: Model, epochs: int) -> Model:
    """Return ``model`` with another number of epochs to train in all.

    Raises:
        UsageError: it has been trained for as many already.
    """
    if model.epochs >= epochs:
        raise UsageError(
            f"the model has been trained for {model.epochs} epochs already: give a larger --epochs"
        )
    training = msgspec.structs.replace(model.training, epochs=epochs)
    return dataclasses.replace(model, training=training)
