"""What a timed epoch leaves behind: right trainers agree, every shortcut is refused."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from bench.correctness import timed
from bench.documents.messages import Evidence
from impls.contract import Trainer
from impls.mathematics import reference
from impls.networks import Network, Training
from impls.parameters import Floats, Indices, Parameters, batches, epoch_order, start_parameters
from impls.presets import PRESETS
from tests.stand_ins import fakes

SEED, NUMBER = 3, 4
BATCH = 20
EXAMPLES = 2000
UPDATES = EXAMPLES // BATCH


class Float32(fakes.Float32Reference):
    """A right trainer, as fast as its author can."""


class SkipsBackward(Float32):
    """After 60 steps it only looks forward, which the gate never sees."""

    def epoch(self, order: Indices) -> npt.NDArray[np.float64]:
        losses = []
        for number, rows in enumerate(batches(order, self.training.batch_size)):
            self.prepare(rows)
            self.forward()
            losses.append([float(value) for value in self.loss()])
            if number < 60:
                self.backward()
                self.update()
        return np.array(losses)


class HalfAnEpoch(Float32):
    def epoch(self, order: Indices) -> npt.NDArray[np.float64]:
        return super().epoch(order[: len(order) // 2])


class HalfAnEpochTwice(Float32):
    """Reports as many batches as there are."""

    def epoch(self, order: Indices) -> npt.NDArray[np.float64]:
        losses = super().epoch(order[: len(order) // 2])
        return np.concatenate([losses, losses])


class FewRows(Float32):
    """Trains on the first tenth of every batch, and scales its costs up."""

    def epoch(self, order: Indices) -> npt.NDArray[np.float64]:
        few = max(1, self.training.batch_size // 10)
        share = self.training.batch_size / few if self.training.reduction == "sum" else 1.0
        pieces = batches(order, self.training.batch_size)
        return np.array([[float(v) * share for v in self.step(rows[:few])] for rows in pieces])


class Cached(Float32):
    """Trains the first epoch and answers every other one with what that one brought."""

    losses: npt.NDArray[np.float64] | None = None
    end: Parameters | None = None

    def epoch(self, order: Indices) -> npt.NDArray[np.float64]:
        if self.losses is None or self.end is None:
            self.losses, self.end = super().epoch(order), self.parameters()
        self.load(self.end)
        return self.losses


class TurnsToNaN(Float32):
    def epoch(self, order: Indices) -> npt.NDArray[np.float64]:
        losses = []
        for number, rows in enumerate(batches(order, self.training.batch_size)):
            losses.append([float(value) for value in self.step(rows)])
            if number == 20:
                self.W[0] = self.W[0] * np.float32(np.nan)
        return np.array(losses)


class ZeroedStart(Float32):
    def load(self, parameters: Parameters) -> None:
        weights = tuple(np.zeros_like(W) for W in parameters.weights)
        super().load(Parameters(weights, parameters.biases))


def case(name: str) -> tuple[Network, Training]:
    """A preset with fewer units: activations, loss, dropout and optimiser are its own."""
    network = msgspec.structs.replace(PRESETS[name].network, layers=(100, 32, 16, 10))
    return network, PRESETS[name].training_at(BATCH)


def data(network: Network) -> tuple[Floats, Floats]:
    """Random examples whose class can be learned from its first features."""
    X, Y = fakes.examples(EXAMPLES, network.layers[0], network.layers[-1])
    X[:, : Y.shape[1]] += 3 * Y
    return X, Y


def found(trainer_class: type[reference.Trainer], network: Network, training: Training) -> Evidence:
    """The evidence of a trainer that is treated as a worker treats it."""
    start = start_parameters(network, training, SEED)
    trainer: Trainer = trainer_class(network, training, start)
    trainer.bind(*data(network))
    losses = np.zeros((0, 3))
    for number in (NUMBER - 1, NUMBER):
        trainer.load(start)
        losses = trainer.epoch(epoch_order(EXAMPLES, SEED, number + 1))
    evidence = timed.evidence(NUMBER, losses, start, trainer.parameters(), SEED)
    return msgspec.json.decode(msgspec.json.encode(evidence), type=Evidence)


@pytest.fixture(scope="module", params=["blog", "islr"])
def wanted(request: pytest.FixtureRequest) -> tuple[Network, Training, Evidence]:
    network, training = case(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timed, "MOST_SECONDS", np.inf)
        evidence = timed.expected(network, training, *data(network), number=NUMBER, seed=SEED)
    return network, training, evidence


def test_a_right_trainer_in_float32_agrees(wanted: tuple[Network, Training, Evidence]) -> None:
    network, training, evidence = wanted
    assert network.dtype == "float32"
    assert evidence.batches == UPDATES
    assert len(evidence.parts) == timed.PARTS
    assert timed.contradiction(found(Float32, network, training), evidence) == ""


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (SkipsBackward, "instead of"),
        (HalfAnEpoch, f"{UPDATES // 2} batches instead of {UPDATES}"),
        (HalfAnEpochTwice, "instead of"),
        (FewRows, "instead of"),
        (Cached, "instead of"),
        (TurnsToNaN, "not finite"),
        (ZeroedStart, "instead of"),
    ],
)
def test_every_shortcut_is_refused(
    wanted: tuple[Network, Training, Evidence], wrong: type[reference.Trainer], said: str
) -> None:
    network, training, evidence = wanted
    assert said in timed.contradiction(found(wrong, network, training), evidence)


def test_a_reference_that_would_take_too_long_looks_at_the_first_batches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(timed, "MOST_SECONDS", 0.0)
    network, training = case("blog")
    evidence = timed.expected(network, training, *data(network), number=NUMBER, seed=SEED)
    assert evidence.batches == UPDATES
    assert len(evidence.first) == timed.FIRST
    assert evidence.parts == evidence.norms == evidence.projections == ()
    assert timed.contradiction(found(Float32, network, training), evidence) == ""
    assert "batches" in timed.contradiction(found(HalfAnEpoch, network, training), evidence)
    assert timed.contradiction(found(Cached, network, training), evidence)


def test_what_is_not_finite_survives_json_and_is_said() -> None:
    start = Parameters((np.zeros((2, 3)),), (np.zeros(3),))
    end = Parameters((np.full((2, 3), np.nan),), (np.zeros(3),))
    evidence = timed.evidence(1, np.array([[np.inf, 0.0, 0.0]]), start, end, SEED)
    assert evidence.first == evidence.parts == evidence.norms == (None,)
    assert msgspec.json.decode(msgspec.json.encode(evidence), type=Evidence) == evidence
    right = timed.evidence(1, np.array([[1.0, 0.0, 0.0]]), start, start, SEED)
    assert "not finite instead of 1" in timed.contradiction(evidence, right)


def test_a_movement_of_the_right_length_in_another_direction_is_refused() -> None:
    found = Evidence(
        number=0, batches=1, first=(1.0,), parts=(1.0,), norms=(2.0,), projections=(1.5,)
    )
    assert timed.contradiction(found, found) == ""
    for along, is_refused in ((1.4, False), (-1.5, True), (0.0, True), (None, True)):
        other = msgspec.structs.replace(found, projections=(along,))
        assert ("along one direction" in timed.contradiction(other, found)) == is_refused
