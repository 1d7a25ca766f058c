from __future__ import annotations

import re
from typing import Any, ClassVar

import msgspec
import numpy as np
import pytest

from bench.correctness import gate, gate_settings
from bench.documents.timings import Check
from impls.contract import Loss, Phase, Trainer
from impls.mathematics import reference
from impls.networks import Network, Training
from impls.parameters import Floats, Parameters, epoch_order, start_parameters
from tests.correctness import mutants, mutants_of_epochs
from tests.stand_ins import fakes

BATCH = 12
ARTICLES = Training(batch_size=BATCH, l1=1e-4)
"""The articles' coefficients, too small for their absence to show without probing."""


def network(**changes: object) -> Network:
    return msgspec.structs.replace(Network(name="small", layers=(9, 7, 5, 4)), **changes)


def checks(
    kind: type[Trainer],
    net: Network | None = None,
    training: Training = ARTICLES,
    examples: int = 100,
) -> list[Check]:
    net = net or network()
    X, Y = fakes.examples(examples, net.layers[0], net.layers[-1])
    order = epoch_order(examples, 1, 0)[: gate.rows_needed(training.batch_size, examples)]
    start = start_parameters(net, training, 1)
    with np.errstate(invalid="ignore"):
        return gate.inspect(kind, net, training, start, (X, Y), order)


def test_the_reference_and_its_float32_twin_pass() -> None:
    for kind in (reference.Trainer, fakes.Float32Reference):
        found = checks(kind)
        assert gate.refusal(found) == ""
        assert all(check.passed for check in found)


@pytest.mark.parametrize(
    "mutant", mutants.ALL + mutants_of_epochs.ALL, ids=lambda mutant: mutant.__name__
)
def test_a_planted_bug_is_refused(mutant: type[Trainer]) -> None:
    loss = "cross-entropy" if mutant is mutants_of_epochs.SoftmaxOverExamples else "logloss"
    reason = gate.refusal(checks(mutant, network(loss=loss)))
    assert re.search(r"^\d+ of \d+ checks against the float64 reference failed; worst is ", reason)
    assert re.search(
        r"relative error \S+ \(tolerance \S+\), at \[\d+(, \d+)?\]: \S+ instead of \S+$"
        r"|not comparable .*(not finite at \[\d+(, \d+)?\]|shape \(.*\) instead of \(.*\))$",
        reason,
    ), reason


@pytest.mark.parametrize(
    ("mutant", "first"),
    [
        (mutants.BiasSumOverWrongAxis, "gradient of biases[0]"),
        (mutants.NoBiasGradient, "gradient of biases[2]"),
        (mutants.SwappedOperands, "gradient of weights[0]"),
        (mutants.RegularisedBias, "gradient of biases[0]"),
        (mutants.AveragedGradient, "gradient of weights[0]"),
        (mutants.NoHiddenSlope, "gradient of weights[1]"),
        (mutants.NoL1Gradient, "gradient of weights[0]"),
        (mutants.UphillRate, "updated weights[0]"),
        (mutants.NoMomentum, "step losses: data"),
        (mutants.MomentumAccumulates, "step losses: data"),
        (mutants.StaleTargets, "step losses: data"),
        (mutants.PhasesRightStepWrong, "step losses: data"),
        (mutants.UpdateBeforeBackward, "step 1 gradient of weights[0]"),
        (mutants.NoPenaltyInLoss, "loss: penalty"),
        (mutants.AveragedLoss, "loss: data"),
        (mutants.SquaredMeanError, "loss: mean_error"),
        (mutants_of_epochs.EpochDropsLastBatch, "epoch losses"),
        (mutants_of_epochs.EpochReportsButDoesNotTrainLastBatch, "epoch weights[0]"),
        (mutants_of_epochs.EpochIgnoresOrder, "epoch losses: data"),
        (mutants_of_epochs.EpochReportsOneLoss, "epoch losses"),
        (mutants_of_epochs.NaNOutput, "outputs"),
        (mutants_of_epochs.GradientOfOneLayerLess, "gradient of all"),
    ],
)
def test_a_planted_bug_is_seen_where_it_is(mutant: type[Trainer], first: str) -> None:
    failed = [check.name for check in checks(mutant) if not check.passed]
    assert failed[0] == first


def test_the_place_of_an_error_is_where_it_was_planted() -> None:
    class OneWrong(reference.Trainer):
        def backward(self) -> None:
            super().backward()
            self.G[1][3, 2] += 100

    check = next(check for check in checks(OneWrong) if not check.passed)
    assert check.name == "gradient of weights[1]"
    assert check.place.startswith("at [3, 2]: ")


@pytest.mark.parametrize(
    ("mutant", "place"),
    [
        (mutants_of_epochs.NaNOutput, "not finite at [2, 1]"),
        (mutants_of_epochs.NaNGradient, "not finite at [1]"),
        (mutants_of_epochs.InfiniteLoss, "not finite at [0]"),
        (mutants_of_epochs.TransposedOutputs, "shape (4, 12) instead of (12, 4)"),
    ],
)
def test_what_cannot_be_compared_has_no_error_but_a_place(
    mutant: type[Trainer], place: str
) -> None:
    failed = next(check for check in checks(mutant) if not check.passed)
    assert (failed.error, failed.place) == (None, place)


def test_the_refusal_names_the_worst_check() -> None:
    small = Check(name="small", error=1e-3, tolerance=1e-5, place="at [0]: 1 instead of 2")
    large = Check(name="large", error=0.125, tolerance=1e-5, place="at [7]: 3 instead of 4")
    fine = Check(name="fine", error=1e-9, tolerance=1e-5)
    assert gate.refusal([small, fine, large]) == (
        "2 of 3 checks against the float64 reference failed; worst is large: relative error 0.125 "
        "(tolerance 1e-05), at [7]: 3 instead of 4"
    )
    unfit = Check(name="unfit", error=None, tolerance=1e-5, place="not finite at [1, 2]")
    assert "worst is unfit: not comparable" in gate.refusal([small, unfit, large])


def test_phases_that_cannot_be_run_apart_are_not_asked_for() -> None:
    class WholeSteps(reference.Trainer):
        phases: ClassVar[frozenset[Phase]] = frozenset()

    found = checks(WholeSteps)
    assert gate.refusal(found) == ""
    assert not {check.name for check in found} & {"loss: data", "gradient of weights[0]"}
    assert {"outputs", "step losses: data", "epoch biases[2]"} <= {check.name for check in found}


@pytest.mark.parametrize("batch_size", [1, 2, 33, 100])
@pytest.mark.parametrize("mutant", [mutants.NoBiasGradient, mutants.UphillRate])
def test_a_bug_is_refused_at_every_batch_size(mutant: type[Trainer], batch_size: int) -> None:
    assert gate.refusal(checks(mutant, training=Training(batch_size=batch_size)))


def test_a_forgotten_momentum_is_refused_where_one_batch_holds_all_examples() -> None:
    assert gate.refusal(checks(mutants.NoMomentum, training=Training(batch_size=100)))


def test_one_batch_that_holds_all_examples_is_taken_twice_by_an_epoch_and_once_more() -> None:
    names = [check.name for check in checks(reference.Trainer, training=Training(batch_size=100))]
    assert "step 3 weights[0]" in names


def test_probing_raises_what_is_there_and_nothing_else() -> None:
    given = Training(batch_size=4, momentum=5e-5, l1=0.0, l2=0.01)
    raised = gate_settings.gate_training(network(), given)
    assert (raised.momentum, raised.l1, raised.l2) == (0.5, 0.0, 4 * gate_settings.PENALTY)
    plain = gate_settings.gate_training(
        network(), Training(batch_size=4, momentum=0.0, l1=1e-6, l2=0.0)
    )
    assert (plain.momentum, plain.l1, plain.l2) == (0.0, 4 * gate_settings.PENALTY, 0.0)
    assert raised.batch_size == 4


@pytest.mark.parametrize(
    ("batch_size", "examples", "expected"),
    [(500, 60000, 1666), (1, 60000, 4), (20000, 60000, 26666), (500, 600, 600), (500, 500, 500)],
)
def test_the_gate_asks_for_some_batches_and_a_shorter_one(
    batch_size: int, examples: int, expected: int
) -> None:
    assert gate.rows_needed(batch_size, examples) == expected


def test_arrays_are_compared_by_their_largest_value() -> None:
    exact = np.array([[1.0, -200.0], [3.0, 4.0]])
    ours = exact + np.array([[0, 0], [0, 0.5]])
    check = gate.compare("name", ours.astype(np.float32), exact, 1e-3)
    assert check.error == 0.5 / 200
    assert check.place == "at [1, 1]: 4.5 instead of 4"
    assert not check.passed


def test_the_place_of_an_error_shows_the_digits_that_differ() -> None:
    exact = np.array([280.375, 1.0])
    check = gate.compare("loss", exact + np.array([2.0**-15, 0.0]), exact, 1e-3)
    assert check.place == "at [0]: 280.37503 instead of 280.375"
    assert gate.compare("loss", exact, exact, 1e-3).place == "exact"


@pytest.mark.parametrize("part", ["penalty", "mean_error"])
def test_outputs_near_zero_widen_the_bound_of_the_data_loss_alone(part: str) -> None:
    class Off(fakes.Float32Reference):
        def loss(self) -> Loss:
            found = super().loss()
            return found._replace(**{part: 1.001 * float(getattr(found, part))})

    net = Network(name="saturated", layers=(9, 4), loss="logloss")
    start = start_parameters(net, ARTICLES, 1)
    # Every output is so close to 0 or 1 that its logarithm has few digits.
    start = Parameters((40 * start.weights[0],), start.biases)
    X, Y = fakes.examples(100, 9, 4)
    order = epoch_order(100, 1, 0)[: gate.rows_needed(BATCH, 100)]

    def found(kind: type[Trainer]) -> dict[str, Check]:
        checked = gate.inspect(kind, net, ARTICLES, start, (X, Y), order)
        return {check.name: check for check in checked}

    assert gate.refusal(list(found(fakes.Float32Reference).values())) == ""
    off = found(Off)
    assert off["epoch losses: data"].tolerance > 0.01, "otherwise nothing is tested"
    assert not off[f"epoch losses: {part}"].passed


@pytest.mark.parametrize("part", ["predict", "parameters", "gradients"])
def test_numbers_that_are_not_real_are_refused(part: str) -> None:
    class Complex(fakes.Float32Reference):
        def predict(self, X: Floats) -> Any:
            found = super().predict(X)
            return found + 0j if part == "predict" else found

        def parameters(self) -> Parameters:
            found = super().parameters()
            return found.astype(np.complex64) if part == "parameters" else found

        def gradients(self) -> Parameters:
            found = super().gradients()
            return found.astype(np.complex64) if part == "gradients" else found

    assert re.search(r"not comparable .*, complex64 numbers$", gate.refusal(checks(Complex)))
