"""Who declares TF32 is granted the rounding of factors, and no bug beside it."""

from __future__ import annotations

import numpy as np
import pytest

from bench.correctness import gate
from bench.correctness.tolerance import Rounding, tolerances
from impls.mathematics import reference
from impls.networks import Network, Training
from impls.parameters import epoch_order, start_parameters
from impls.precision import TF32_EPS
from impls.presets import PRESETS
from tests.correctness import mutants, mutants_of_convolutions, mutants_of_epochs, tf32
from tests.correctness.test_gate_convolutions import NETWORK, TRAINING, refusal
from tests.correctness.test_gate_refuses import checks, network
from tests.stand_ins import fakes

ON = {"TF32": "on"}
AS_COARSE = {
    # Numbers of 10 bits are what TF32 is; the third one is off by a thousandth.
    mutants.Float16Leak,
    mutants.Float16Weights,
    mutants.WrongStartWeights,
}
BUGS = [one for one in mutants.ALL + mutants_of_epochs.ALL if one not in AS_COARSE]


def said(kind: type[reference.Trainer], net: Network, training: Training) -> str:
    examples = gate.rows_needed(training.batch_size, 2000)
    data = fakes.examples(examples, net.layers[0], net.layers[-1])
    start, order = start_parameters(net, training, 1), epoch_order(examples, 1, 0)
    return gate.refusal(gate.inspect(kind, net, training, start, data, order))


RELU = Network(name="relu", layers=(784, 64, 10), activation="relu", loss="cross-entropy")


@pytest.mark.parametrize("net", [PRESETS["blog"].network, RELU], ids=lambda net: net.name)
def test_rounded_factors_pass_where_they_are_declared_and_only_there(net: Network) -> None:
    training = Training(batch_size=100)
    assert [said(kind, net, training) for kind in (tf32.Trainer, tf32.Cut)] == ["", ""]
    assert "checks against the float64 reference failed" in said(tf32.Undeclared, net, training)


def test_convolutions_with_rounded_factors_pass() -> None:
    assert [refusal(kind, NETWORK, TRAINING) for kind in (tf32.Trainer, tf32.Cut)] == ["", ""]
    assert refusal(tf32.Undeclared, NETWORK, TRAINING)


@pytest.mark.parametrize("activation", ["sigmoid", "relu"])
def test_a_planted_bug_is_refused_beside_rounded_factors(activation: str) -> None:
    accepted = set()
    for mutant in BUGS:
        loss = "cross-entropy" if mutant is mutants_of_epochs.SoftmaxOverExamples else "logloss"
        net = network(activation=activation, loss=loss)
        if not gate.refusal(checks(tf32.in_tf32(mutant), net)):
            accepted.add(mutant)
    assert accepted == set()


def test_a_planted_bug_in_convolutions_is_refused_beside_rounded_factors() -> None:
    bugs = set(mutants_of_convolutions.ALL) - {mutants_of_convolutions.HalfPrecisionProducts}
    accepted = {bug for bug in bugs if not refusal(tf32.in_tf32(bug), NETWORK, TRAINING)}
    assert accepted == set()


def test_the_bound_has_one_rounding_of_factors_however_long_the_sum() -> None:
    net, double = (
        Network(name="any", layers=(784, 10), dtype=dtype) for dtype in ("float32", "float64")
    )
    assert Rounding.of(net, ON) == (2**-23, TF32_EPS)
    assert Rounding.of(net, {"TF32": "off"}) == Rounding.of(net, {}) == (2**-23, 0.0)
    assert Rounding.of(double, ON) == (2**-52, 0.0), "there is no TF32 for float64"
    found = tolerances(net, 4 * 784, Rounding.of(net, ON))
    assert found.outputs == pytest.approx(8 * (2**-11 + 28 * 2**-23))
    assert found.losses == pytest.approx(8 * (2**-11 + 56 * 2**-23))


def test_the_stand_in_keeps_ten_bits() -> None:
    A = np.array([1 + 2**-10, 1 + 2**-11 + 2**-20, -3.0, 0.0], np.float32)
    assert tf32.rounded(A).tolist() == [1 + 2**-10, 1 + 2**-10, -3.0, 0.0]
    assert tf32.cut(A).tolist() == [1 + 2**-10, 1.0, -3.0, 0.0]
