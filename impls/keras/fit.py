"""``Model.fit`` as it is, on any engine, made to return the losses of each batch.

``fit`` reports means over an epoch.  Here the model's ``compute_loss`` writes data loss, penalty
and mean error of each batch into a table among the model's variables, which is read once per call.
The caller chooses order and batches; a step is ``train_on_batch``.

*Batches are gathered in the resident data*, when Keras asks a ``PyDataset`` for them.  Whole arrays
would have to be put in the order of the epoch first, which takes longer, and PyTorch's own loader
would ask for examples one by one.  TensorFlow has a way of its own, in :mod:`impls.keras.tf`.

``fit`` is one piece, so no phase can be timed apart.  Gradients do not leave it; for a single step
the optimiser is asked to keep them, for an epoch it is not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from impls.contract import Loss, State, WholeStepTrainer
from impls.keras import trainer
from impls.keras.engine import Tensor, steps_per_execution
from impls.keras.model import Parts, assembled, costs
from impls.networks import Network, Training
from impls.parameters import Floats, Indices, Parameters, batches

Kind = Literal["step", "epoch"]

TABLE_ROWS = 4096
"""Batches of one call of ``fit``; some engines copy the table at each of them, so it is small."""


class Recording(keras.Model):  # type: ignore[misc]  # Keras ships no types
    """A functional model that keeps the losses of its batches, and gradients where asked."""

    def prepare(self, network: Network, training: Training, parts: Parts) -> None:
        """Say what is trained, and by what optimiser."""
        self.network, self.settings, self.updates = network, training, parts.updates
        self.table = keras.Variable(
            np.zeros((TABLE_ROWS, 3), network.dtype), trainable=False, name="losses"
        )
        self.keeping = False
        keep_gradients(parts.optimizer, self.trainable_variables, lambda: self.keeping)
        self.step_of: dict[Kind, Callable[..., Any]] = {
            "step": self.keeping_step,
            "epoch": self.train_step,
        }
        self.forget()

    def forget(self) -> None:
        """Forget what was made of the steps."""
        self.function_of: dict[Kind, Callable[..., Any] | None] = {"step": None, "epoch": None}

    def keeping_step(self, *arguments: Any) -> Any:
        """Return a step whose gradients are kept; what is decided here is traced into graphs."""
        self.keeping = True
        try:
            return self.step_of["epoch"](*arguments)
        finally:
            self.keeping = False

    def turn_to(self, kind: Kind) -> None:
        """Let the function of this kind of step be the one that Keras calls, made at first use."""
        self.train_step = self.step_of[kind]
        self.train_function = self.function_of[kind]
        self.make_train_function()
        self.function_of[kind] = self.train_function

    def compute_loss(
        self,
        x: Tensor = None,
        y: Tensor = None,
        y_pred: Tensor = None,
        sample_weight: Tensor = None,
        training: bool = True,  # noqa: FBT001, FBT002  # Keras' signature
    ) -> Tensor:
        """Return the cost of a batch, from what goes into the last activation."""
        cost, losses = costs(self.network, self.settings, self.losses, y_pred, y)
        row = ops.reshape(ops.mod(ops.convert_to_tensor(self.updates), TABLE_ROWS), (1, 1))
        self.table.assign(ops.scatter_update(self.table, row, losses[None]))
        self.updates.assign_add(1)
        return cost


def keep_gradients(
    optimizer: keras.optimizers.Optimizer, variables: list[Any], asked: Callable[[], bool]
) -> None:
    """Have ``optimizer`` keep the gradients that it is given, where ``asked``.

    They are variables of its own, so that functions without state are handed them, too.  A subclass
    would not do: with PyTorch, Keras replaces its own optimisers by faster ones, and only these.
    """
    kept = [
        optimizer.add_variable_from_reference(variable, name="gradient") for variable in variables
    ]
    apply = optimizer.apply

    def keeping(gradients: list[Tensor], trainable_variables: list[Any] | None = None) -> None:
        if asked():
            for variable, gradient in zip(kept, gradients, strict=True):
                variable.assign(gradient)
        apply(gradients, trainable_variables)

    optimizer.apply = keeping


class Batches(keras.utils.PyDataset):  # type: ignore[misc]  # as above
    """The batches of ``order``, each gathered when it is asked for, by the thread that asks."""

    def __init__(
        self, order: Indices, batch_size: int, gather: Callable[[Indices], tuple[Tensor, ...]]
    ) -> None:
        super().__init__()
        self.parts = list(batches(order, batch_size))
        self.gather = gather

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return self.gather(self.parts[index])


class Trainer(trainer.Trainer, WholeStepTrainer):
    """``fit`` and ``train_on_batch``."""

    model_class: ClassVar[type[Recording]] = Recording

    @classmethod
    def compiled_unasked(cls) -> bool:
        return cls.device.fit_compiles()

    @classmethod
    def declared(cls) -> dict[str, str]:
        return {**super().declared(), "steps_per_execution": str(steps_per_execution())}

    @classmethod
    def assembled(cls, network: Network, training: Training) -> Parts:
        parts = assembled(network, training, cls.model_class)
        parts.model.prepare(network, training, parts)
        parts.model.compile(
            parts.optimizer,
            jit_compile=cls.compiled(),
            steps_per_execution=steps_per_execution(),
        )
        return parts

    def load(self, parameters: Parameters) -> None:
        super().load(parameters)
        self.done = 0
        self.current = None

    def bind(self, X: Floats, Y: Floats) -> None:
        super().bind(X, Y)
        # An upload may go on when it returns, and the barrier of training is that of the weights.
        self.device.wait(lambda: self.data)

    def batch(self, rows: Indices) -> tuple[Tensor, ...]:
        """Return what ``train_on_batch`` takes for the examples ``rows``."""
        return self.device.gather(self.place, self.data, rows)

    def feed(self, order: Indices) -> Any:
        """Return what ``fit`` takes for batches of the examples ``order``."""
        return Batches(order, self.training.batch_size, self.batch)

    def _recorded(self, count: int) -> npt.NDArray[np.float64]:
        """Return losses of the last ``count`` batches, at most as many as the table has rows."""
        places = np.arange(self.done - count, self.done) % TABLE_ROWS
        return self.device.array_of(self.model.table)[places].astype(np.float64)

    def step(self, rows: Indices) -> Loss:
        self.model.turn_to("step")
        self.model.train_on_batch(*self.batch(rows))
        self.done += 1
        self.current = None
        return Loss(*self._recorded(1)[0].tolist())

    def epoch(self, order: Indices) -> npt.NDArray[np.float64]:
        self.model.turn_to("epoch")
        losses = []
        for part in batches(order, TABLE_ROWS * self.training.batch_size):
            self.model.fit(self.feed(part), verbose=0, shuffle=False)
            count = -(-len(part) // self.training.batch_size)
            self.done += count
            losses.append(self._recorded(count))
        return np.concatenate(losses)

    def gradients(self) -> Parameters:
        if self.current is not None:
            return self.current
        kept = [
            variable for variable in self.optimizer.variables if variable.path.endswith("_gradient")
        ]
        return self.canonical(kept)

    def resume(self, state: State) -> None:
        super().resume(state)
        self.done = state.updates
