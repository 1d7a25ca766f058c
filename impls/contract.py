"""The one interface through which every implementation is trained, checked and timed.

Arrays cross this border in canonical form: examples in rows, C order, weights ``(n_in, n_out)``,
biases ``(n_out,)``, in the network's dtype.  Inside, an implementation keeps any layout it likes.
What training needs at every step belongs into the phases; what happens once belongs into
``__init__`` or ``bind``, outside every clock.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, Literal, NamedTuple, SupportsFloat, get_args

import msgspec
import numpy as np
import numpy.typing as npt

from impls.networks import Network, Training
from impls.parameters import Floats, Indices, Parameters, batches

Phase = Literal["prepare", "forward", "loss", "backward", "update"]
PHASES: tuple[Phase, ...] = ("prepare", "forward", "loss", "backward", "update")

Feature = Literal["dropout", "adam", "rmsprop", "mean", "convolution"]
FEATURES: frozenset[Feature] = frozenset(get_args(Feature))
"""What an implementation may lack; "mean" is the cost averaged over the batch."""
DENSE_FEATURES = FEATURES - {"convolution"}
"""All that a network without convolutions may ask for."""


def features_of(network: Network, training: Training) -> frozenset[Feature]:
    """Return what an implementation must have to train ``network`` by ``training``."""
    asked: set[str] = {training.optimiser, training.reduction}
    if any(network.dropout):
        asked.add("dropout")
    if network.convolutions:
        asked.add("convolution")
    return FEATURES & asked


class Loss(NamedTuple):
    """The three numbers that every implementation tracks for each batch.

    ``data`` is summed over output nodes and summed or averaged over examples as the training's
    ``reduction`` says, ``penalty`` is the L1 and L2 share, and ``mean_error`` is the mean of
    ``|target - output|``.  With dropout, outputs are those after it.

    Outputs are rounded, so losses have a limit.  Log loss takes the probability of the truth as at
    least ``PROBABILITY_FLOOR``, which costs 16.1 per output.  Cross-entropy takes it as at least
    ``SMALLEST_PROBABILITY``, 87.3 per example; both are in :mod:`impls.mathematics.functions`.  An
    implementation that computes from the inputs of the last layer may count beyond the limit, but
    never less.  A NaN weight or example gives a NaN loss or raises an error, except where a
    library's own function loses it, as TensorFlow's relu does.
    """

    data: SupportsFloat
    penalty: SupportsFloat
    mean_error: SupportsFloat

    @property
    def cost(self) -> float:
        """Data and penalty together."""
        return float(self.data) + float(self.penalty)

    @classmethod
    def lazy(cls, read: Callable[[], Sequence[float]]) -> Loss:
        """Return a loss that stays on a device until one of its numbers is read.

        ``read`` then fetches all three, once.
        """
        numbers: list[float] = []

        def number(place: int) -> float:
            if not numbers:
                numbers.extend(read())
            return float(numbers[place])

        return cls(*(_LazyNumber(number, place) for place in range(len(cls._fields))))


class _LazyNumber:
    def __init__(self, number: Callable[[int], float], place: int) -> None:
        self.number, self.place = number, place

    def __float__(self) -> float:
        return self.number(self.place)


class State(NamedTuple):
    """All that training needs to go on, beside the order of the examples.

    ``parameters`` and ``memory`` are canonical, in the precision in which they are kept.
    ``memory`` holds what ``impls.mathematics.optimisers`` remembers, each array set in the shape of
    the parameters; None where the implementation does not hand it out.  ``updates`` counts the
    updates since parameters were loaded.
    """

    parameters: Parameters
    memory: tuple[Parameters, ...] | None
    updates: int


class Pool(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A thread pool found in a worker: which library, and how many threads it says it has.

    ``threads`` is None where the library does not report them.  ``used`` is false for a pool that
    is loaded beside the one that the implementation works with.
    """

    library: str
    version: str
    threads: int | None
    detail: str = ""
    used: bool = True


class Trainer(ABC):
    """An implementation: subclass it.

    Only the methods marked abstract must be written.  ``phases`` names those that can be timed
    apart; leave out what cannot (a fused graph has no separate backward) rather than invent a
    number.  ``features`` names what it can do beyond plain descent on a summed cost.

    A phase may be called repeatedly, each call doing the same work.  The number of the step, on
    which dropout masks and Adam's corrections depend, is that of the updates since ``load``:
    ``update`` alone advances it, at its end, so ``forward`` drops the same outputs until then.
    """

    phases: ClassVar[frozenset[Phase]] = frozenset(PHASES)
    features: ClassVar[frozenset[Feature]] = frozenset()
    whole_epochs: ClassVar[bool] = False
    """Whether an epoch is compiled for its length: a whole one then belongs off the clock."""
    network: Network
    training: Training
    learning_rate: float

    @classmethod
    def supports(cls, network: Network, training: Training) -> str | None:
        """Return why this network or training cannot be run here, or None where it can."""
        lacking = features_of(network, training) - cls.features
        if not lacking:
            return None
        names = {"mean": "a cost averaged over the batch", "convolution": "convolutions"}
        return f"it does not have {', '.join(names.get(name, name) for name in sorted(lacking))}"

    @classmethod
    def unavailable(cls) -> str | None:
        """Return why this machine cannot run it, such as a missing device, or None."""
        return None

    @classmethod
    def pools(cls) -> tuple[Pool, ...]:
        """Return the pools it works with, where those are not the BLAS that NumPy calls.

        Each must have the threads that were asked for, any other loaded pool no more than that.
        """
        return ()

    @classmethod
    def declared(cls) -> dict[str, str]:
        """Return settings of its libraries on which its numbers depend, each by a readable name.

        An example is the number of steps between two looks at the loss.  They are recorded with
        every measurement.  ``TF32`` as ``on`` (:mod:`impls.precision`) widens the gate's bounds by
        what that rounding explains, and such numbers are ranked by themselves.
        """
        return {}

    def __init__(self, network: Network, training: Training, parameters: Parameters) -> None:
        """Take the settings and copy the canonical start ``parameters`` in."""
        self.network = network
        self.training = training
        self.learning_rate = training.learning_rate
        self.load(parameters)

    @abstractmethod
    def load(self, parameters: Parameters) -> None:
        """Copy canonical ``parameters`` in, forget what the optimiser remembered, count from 0."""

    @abstractmethod
    def bind(self, X: Floats, Y: Floats) -> None:
        """Take the data set, once and outside every clock.

        ``X`` has shape ``(examples, n_0)``, ``Y`` is one-hot of shape ``(examples, n_E)``.  The
        arrays stay unchanged and alive, and cannot be written to.  Augmenting, uploading or
        re-laying them happens here.
        """

    @abstractmethod
    def prepare(self, rows: Indices) -> None:
        """Gather the examples ``rows``, shape ``(batch,)``, of the bound data into a batch.

        There is one at least, and at most the training's ``batch_size``.
        """

    @abstractmethod
    def forward(self) -> None:
        """Compute and keep the activations of the prepared batch, dropout included."""

    @abstractmethod
    def loss(self) -> Loss:
        """Cost and mean error of the last forward pass, left on a device as :meth:`step` says."""

    @abstractmethod
    def backward(self) -> None:
        """Compute and keep the gradients of the last forward pass, penalty included."""

    @abstractmethod
    def update(self) -> None:
        """Move the weights by the kept gradients at the current ``learning_rate``."""

    @abstractmethod
    def predict(self, X: Floats) -> Floats:
        """Outputs of the last layer for any examples, shape ``(examples, n_E)``; no dropout."""

    @abstractmethod
    def parameters(self) -> Parameters:
        """Return a canonical copy of the current weights and biases."""

    @abstractmethod
    def gradients(self) -> Parameters:
        """Return a canonical copy of the last gradients of the cost, penalty included."""

    def state(self) -> State:
        """Return a copy of the trainer's state; the default has the parameters alone."""
        return State(self.parameters(), None, 0)

    def resume(self, state: State) -> None:
        """Go on from ``state``, which this or another implementation returned.

        The default begins with an empty memory and counts updates from 0: right for descent
        without momentum and dropout, an approximation for anything else.
        """
        self.load(state.parameters)

    def step(self, rows: Indices) -> Loss:
        """Return one whole training step, written as the author would write it for speed.

        ``rows`` are those of one batch, as for :meth:`prepare`; of more an implementation may make
        several batches.

        On a device its loss stays there: computed at every step, fetched when it is read
        (:meth:`Loss.lazy`), so no clock around steps has a copy to the host in it.  Where a library
        fetches it, as ``Model.fit`` does, that is part of the step.  An epoch returns
        numbers, so its clock has the fetch in it.
        """
        self.prepare(rows)
        self.forward()
        loss = self.loss()
        self.backward()
        self.update()
        return loss

    def epoch(self, order: Indices) -> npt.NDArray[np.float64]:
        """Train on all rows of ``order`` in batches; the last batch may be shorter.

        ``order`` has at least one row.  Returns the :class:`Loss` of each batch, shape
        ``(batches, 3)``.
        """
        losses = [self.step(rows) for rows in batches(order, self.training.batch_size)]
        return np.array([[float(value) for value in loss] for loss in losses])

    def synchronize(self) -> None:
        """Wait until all work handed to a device is done; nothing to wait for on a CPU."""
        return None

    def device_memory_bytes(self) -> int | None:
        """Return the most bytes that were held on a device so far; None where there is none."""
        return None

    def forget_device_peak(self) -> bool:
        """Reset :meth:`device_memory_bytes`; False where it counts for the whole process."""
        return False


class WholeStepTrainer(Trainer):
    """An implementation whose step is one piece, so that no phase can be timed apart.

    Subclasses write :meth:`step`, :meth:`state` and :meth:`resume`.  Phases that are called one by
    one take a step and go back, so that loss and gradients can be checked.
    """

    phases: ClassVar[frozenset[Phase]] = frozenset()
    current: Parameters | None = None
    """Gradients of the last forward pass, for a library that forgets them when it goes back."""

    def prepare(self, rows: Indices) -> None:
        """Keep the rows for the step."""
        self.rows = rows

    def forward(self) -> None:
        """Take the step, keep its loss and its gradients, and go back."""
        state = self.state()
        self.last = self.step(self.rows)
        gradients = self.gradients()
        self.resume(state)
        self.current = gradients

    def loss(self) -> Loss:
        """Return the loss of the step."""
        return self.last

    def backward(self) -> None:
        """Nothing: the gradients came with the outputs."""

    def update(self) -> None:
        """Take the step."""
        self.step(self.rows)
